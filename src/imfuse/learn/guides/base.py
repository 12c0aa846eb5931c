"""What every segmenter promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from imfuse.errors import PairMismatch


class Logits(NamedTuple):
    """What a segmenter says of each pixel.

    Attributes:
        main: `(b, classes, h, w)`: what counts.
        auxiliary: Likewise, of a head that only takes part in training; None where there is none.
    """

    main: Tensor
    auxiliary: Tensor | None


class Segmenter(nn.Module, ABC):
    """A network from pictures in colour to classes per pixel.

    Subclasses set the class attributes below, take the number of classes as a keyword, and write
    `segment`.
    """

    name: ClassVar[str]
    """Name on the command line."""
    title: ClassVar[str]
    """One-line description."""
    paper: ClassVar[str]
    """Authors, title, venue, year, DOI."""
    heads: ClassVar[tuple[str, ...]]
    """Prefixes of the parameters that end in logits, for which papers have a higher rate."""

    @abstractmethod
    def segment(self, pictures: Tensor) -> Logits:
        """Segment a checked batch; what `forward` calls."""

    def forward(self, pictures: Tensor) -> Logits:
        """Segment a batch.

        Args:
            pictures: `(b, 3, h, w)` in [0, 1].

        Returns:
            Logits of the pictures' size.

        Raises:
            PairMismatch: The batch has not three channels.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise PairMismatch(f"pictures {tuple(pictures.shape)}", expected="(b, 3, h, w)")
        return self.segment(pictures)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights of a file, by the names of this network or of a published one.

        Raises:
            RuntimeError: They are of another network.
        """
        self.load_state_dict(weights)

    def parameter_groups(self, head_rate: float, rate: float = 1.0) -> list[dict[str, object]]:
        """Return the parameters that train, for an optimiser: those of the heads, and the others.

        Args:
            head_rate: What the learning rate of the heads is multiplied by, as `scale`.
            rate: What all rates are multiplied by.
        """
        heads: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for key, parameter in self.named_parameters():
            if parameter.requires_grad:
                (heads if key.startswith(self.heads) else others).append(parameter)
        return [{"params": others, "scale": rate}, {"params": heads, "scale": rate * head_rate}]
