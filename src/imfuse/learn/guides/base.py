"""The contract of every segmenter."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from imfuse.errors import PairMismatch


class Logits(NamedTuple):
    """Class logits per pixel from a segmenter.

    Attributes:
        main: `(b, classes, h, w)`, the prediction.
        auxiliary: Likewise, from a head that only training uses; None if there is none.
    """

    main: Tensor
    auxiliary: Tensor | None


class Segmenter(nn.Module, ABC):
    """A network from colour pictures, or from unfused pairs, to classes per pixel.

    Subclasses set the class attributes below, take the number of classes as a keyword, and
    implement `segment`.
    """

    name: ClassVar[str]
    """Name on the command line."""
    title: ClassVar[str]
    """One-line description."""
    paper: ClassVar[str]
    """Authors, title, venue, year, DOI."""
    channels: ClassVar[int] = 3
    """3 for a network of colour pictures; 4 for one of pairs, infrared last."""
    heads: ClassVar[tuple[str, ...]]
    """Prefixes of the heads' parameters, which papers train with a higher learning rate."""

    @abstractmethod
    def segment(self, pictures: Tensor) -> Logits:
        """Segment a checked batch. `forward` calls this."""

    def forward(self, pictures: Tensor) -> Logits:
        """Segment a batch.

        Args:
            pictures: `(b, channels, h, w)` in [0, 1].

        Returns:
            Logits in the size of the pictures.

        Raises:
            PairMismatch: The batch has another number of channels.
        """
        if pictures.ndim != 4 or pictures.shape[1] != self.channels:
            expected = f"(b, {self.channels}, h, w)"
            raise PairMismatch(f"pictures {tuple(pictures.shape)}", expected=expected)
        return self.segment(pictures)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights with the parameter names of this network or of a published one.

        Raises:
            RuntimeError: They belong to another network.
        """
        self.load_state_dict(weights)

    def parameter_groups(self, head_rate: float, rate: float = 1.0) -> list[dict[str, object]]:
        """Return the trainable parameters in two groups for an optimiser: the heads, and the rest.

        Args:
            head_rate: Factor of the heads' learning rate, stored as `scale`.
            rate: Factor of all learning rates.
        """
        heads: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for key, parameter in self.named_parameters():
            if parameter.requires_grad:
                (heads if key.startswith(self.heads) else others).append(parameter)
        return [{"params": others, "scale": rate}, {"params": heads, "scale": rate * head_rate}]
