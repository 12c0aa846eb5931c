"""The contract of every fusion network."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from imfuse.errors import PairMismatch, UsageError
from imfuse.types import FusionSpec, SizeRule, TileRule


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a network's weights come from.

    Attributes:
        licence: Their licence: an SPDX identifier, or the authors' own words.
        training_data: Data they were trained on.
        training_terms: Terms of that data.
        steps: Number of training steps behind them; None if unknown.
    """

    licence: str = "Apache-2.0"
    training_data: str = ""
    training_terms: str = ""
    steps: int | None = None


class FusionNetwork(nn.Module, ABC):
    """A network from registered infrared and visible batches to a fused batch.

    Subclasses set the class attributes below, build their layers in the constructor, and implement
    `fuse`. Constructor settings are keyword-only and default to the paper's values; where paper and
    published code compute different functions, `variant` chooses.

    All tensors are float, `(b, c, h, w)`, with values in [0, 1]; infrared has one channel, and
    visible has one (luma) or three (RGB), depending on `visible`. Height and width must be at least
    `size.minimum` and multiples of `size.multiple`; `imfuse.Fuser` pads pictures of other sizes.
    """

    name: ClassVar[str]
    """Name on the command line."""
    title: ClassVar[str]
    """One-line description."""
    good_for: ClassVar[str]
    """Strengths and weaknesses, in one or two sentences."""
    paper: ClassVar[str]
    """Authors, title, venue, year, DOI."""
    year: ClassVar[int]
    visible: ClassVar[Literal["luma", "rgb"]] = "luma"
    output: ClassVar[Literal["luma", "rgb"]] = "luma"
    activation: ClassVar[Literal["none", "tanh", "sigmoid", "clamp"]]
    """Function that bounds the output."""
    size: ClassVar[SizeRule] = SizeRule()
    stride: ClassVar[int] = 1
    """Tiles must start at multiples of this many pixels, if there is a `halo`."""
    bytes_per_pixel: ClassVar[int] = 4096
    """Working memory per pixel, rounded up; measured with ONNX Runtime at 640x480."""
    symmetric: bool = False
    """True if swapping infrared and visible leaves the output unchanged."""

    @abstractmethod
    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two checked batches. `forward` calls this."""

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse a batch.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 1, h, w)` luma, or `(b, 3, h, w)` RGB where `visible` is `rgb`; in [0, 1].

        Returns:
            `(b, 1, h, w)`, or `(b, 3, h, w)` where `output` is `rgb`; bounded by `activation`.

        Raises:
            PairMismatch: The batches do not match each other or the network's channels.
        """
        channels = 3 if self.visible == "rgb" else 1
        fitting = ir.shape == (*vis.shape[:1], 1, *vis.shape[2:]) and vis.shape[1] == channels
        if not fitting:
            raise PairMismatch(
                f"infrared {tuple(ir.shape)} and visible {tuple(vis.shape)}",
                expected=f"(b, 1, h, w) and (b, {channels}, h, w)",
            )
        return self.fuse(ir, vis)

    def fuse_for_machines(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse a batch for detectors and segmenters; see `forward`.

        Networks without a preference for machines fuse as usual.
        """
        fused: Tensor = self(ir, vis)
        return fused

    @property
    def halo(self) -> int | None:
        """Pixels around an output pixel that can influence it; None if the whole picture does."""
        return None

    @property
    def parameters_count(self) -> int:
        """Number of parameters, frozen ones included, as the field counts them."""
        return sum(p.numel() for p in self.parameters())

    def spec(self, origin: Origin | None = None) -> FusionSpec:
        """Return the network's description for an exported file.

        Args:
            origin: Where the weights come from; None: they are random.
        """
        origin = origin or Origin()
        tile = None if self.halo is None else TileRule(halo=self.halo, stride=self.stride)
        return FusionSpec(
            name=self.name,
            title=self.title,
            kind="network",
            paper=self.paper,
            year=self.year,
            licence=origin.licence,
            visible=self.visible,
            output=self.output,
            activation=self.activation,
            size=self.size,
            tile=tile,
            symmetric=self.symmetric,
            bytes_per_pixel=self.bytes_per_pixel,
            parameters=self.parameters_count,
            training_data=origin.training_data,
            training_terms=origin.training_terms,
            training_steps=origin.steps,
        )


def check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a setting whose value is not among the known ones.

    Raises:
        UsageError: It is unknown.
    """
    if value not in known:
        raise UsageError(f"{what}={value!r}", expected=f"one of {', '.join(known)}")
