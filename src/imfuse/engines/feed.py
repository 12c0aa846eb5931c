"""Inputs and output of any fusion network: how pictures go in and the result comes out."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from imfuse.engines.onnx_file import brief
from imfuse.errors import WeightsError
from imfuse.ops.geometry import pad_to
from imfuse.types import Float

FEED_KEY = "imfuse.feed"
"""Metadata key that holds a `Feed` as JSON; files without it follow `ours`."""

KINDS = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
"""NumPy's types by ONNX type, for all types that networks may take pictures in."""

Layout: TypeAlias = Literal["nchw", "nhwc"]
Run: TypeAlias = Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]
"""Function that runs a network on its inputs by name, and returns its result."""


def _two_ends(ends: tuple[float, float]) -> tuple[float, float]:
    if not all(abs(end) <= _FARTHEST for end in ends) or abs(ends[1] - ends[0]) < _NEAREST:
        raise ValueError("a range has two different finite ends")
    return ends


_FARTHEST, _NEAREST = 1e6, 1e-6
Side: TypeAlias = Annotated[int, Field(ge=1, le=8192)]
ValueRange: TypeAlias = Annotated[tuple[float, float], AfterValidator(_two_ends)]


class Plane(BaseModel):
    """One picture in the channels of an input."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    of: Literal["ir", "vis"]
    channels: Literal[1, 3]


class FeedInput(BaseModel):
    """One input of a network.

    Attributes:
        name: Name in the file.
        planes: Pictures in the channels, in order.
        layout: Order of the axes.
        kind: ONNX type of the values.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    planes: Annotated[tuple[Plane, ...], Field(min_length=1, max_length=2)]
    layout: Layout = "nchw"
    kind: Literal["tensor(float)", "tensor(float16)", "tensor(double)"] = "tensor(float)"

    def __str__(self) -> str:
        """Return the input's description for messages."""
        shown = "+".join(f"{one.of} ({one.channels})" for one in self.planes)
        return f"{shown} in {brief(self.name, 40)}"

    def values(self, ir: Float, vis: Float, low: float, high: float) -> NDArray[Any]:
        """Return the input's values for two pictures: `(H, W)`, and `(H, W)` or `(H, W, 3)`."""
        shown = [_channels(ir if p.of == "ir" else vis, p.channels) for p in self.planes]
        stack = np.concatenate(shown, axis=2) if len(shown) > 1 else shown[0]
        if (low, high) != (0, 1):
            stack = stack * np.float32(high - low) + np.float32(low)
        axes = stack if self.layout == "nhwc" else stack.transpose(2, 0, 1)
        values: NDArray[Any] = np.ascontiguousarray(axes[None], KINDS[self.kind])
        return values


class Feed(BaseModel):
    """Description of a network's inputs and output.

    Attributes:
        inputs: Inputs of the network.
        output: Name of the output that is the fused picture.
        layout: Order of the output's axes.
        range: Values of the inputs that stand for black and white.
        output_range: Values of the output that stand for black and white.
        size: Height and width of the inputs if the file fixes them; larger pictures are fused in
            tiles of this size. None: any size.
        overlap: Pixels of a tile's border that are not used, if the size is fixed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    inputs: Annotated[tuple[FeedInput, ...], Field(min_length=1, max_length=2)]
    output: str
    layout: Layout = "nchw"
    range: ValueRange = (0.0, 1.0)
    output_range: ValueRange = (0.0, 1.0)
    size: tuple[Side, Side] | None = None
    overlap: Annotated[int, Field(ge=0)] = 0

    @property
    def step(self) -> int:
        """Pixels from one tile of a fixed size to the next, in both directions."""
        return max(1, min(self.size or (1, 1)) - 2 * self.overlap)

    @property
    def sees_colour(self) -> bool:
        """True if the network takes the visible picture in colour."""
        planes = [plane for one in self.inputs for plane in one.planes]
        return any(plane.of == "vis" and plane.channels == 3 for plane in planes)

    def fuse(self, run: Run, ir: Float, vis: Float, file: object) -> Float:
        """Fuse two pictures.

        Args:
            run: Function that runs the network.
            ir: `(H, W)` in [0, 1].
            vis: `(H, W)` or `(H, W, 3)` in [0, 1].
            file: The model file, for messages.

        Returns:
            `(H, W)` or `(H, W, 3)`; black is 0 and white 1.

        Raises:
            WeightsError: The network's result is not a picture of that size.
        """
        if self.size is None or self.size == ir.shape:
            return self._fuse_one(run, ir, vis, file)
        height, width = ir.shape
        counts = [
            max(0, -(-(length - side) // self.step)) + 1
            for length, side in zip((height, width), self.size, strict=True)
        ]
        padded = [(n - 1) * self.step + side for n, side in zip(counts, self.size, strict=True)]
        ir, vis = (pad_to(one, padded[0], padded[1]) for one in (ir, vis))
        corners = [(self.step * row, self.step * column) for row, column in np.ndindex(*counts)]
        windows = [np.s_[y : y + self.size[0], x : x + self.size[1]] for y, x in corners]
        parts = [self._fuse_one(run, ir[one], vis[one], file) for one in windows]
        fused = np.empty((*ir.shape, *parts[0].shape[2:]), np.float32)
        for (y, x), window, part in zip(corners, windows, parts, strict=True):
            # All tiles but the first leave out their border, and overwrite the previous tile's.
            inner = np.s_[self.overlap if y else 0 :, self.overlap if x else 0 :]
            fused[window][inner] = part[inner]
        return np.ascontiguousarray(fused[:height, :width])

    def _fuse_one(self, run: Run, ir: Float, vis: Float, file: object) -> Float:
        low, high = self.range
        fused = np.asarray(run({one.name: one.values(ir, vis, low, high) for one in self.inputs}))
        moved = fused.transpose(0, 3, 1, 2) if self.layout == "nhwc" and fused.ndim == 4 else fused
        wanted = [(1, channels, *ir.shape) for channels in (1, 3)]
        if moved.shape not in wanted or moved.dtype.kind != "f":
            raise WeightsError(
                f"an output of {fused.dtype} {fused.shape} for a picture of "
                f"{ir.shape[1]}x{ir.shape[0]}",
                file=file,
                expected="one fused picture of the same size, gray or RGB",
                remedy="A network whose output has another size can't be used.",
            )
        first = moved[0, 0] if moved.shape[1] == 1 else moved[0].transpose(1, 2, 0)
        picture: Float = np.ascontiguousarray(first, np.float32)
        low, high = self.output_range
        if (low, high) != (0, 1):
            picture = (picture - np.float32(low)) * np.float32(1 / (high - low))
        return picture


def _channels(picture: Float, channels: int) -> Float:
    shown = picture[..., None] if picture.ndim == 2 else picture
    return np.repeat(shown, channels, axis=2) if shown.shape[2] < channels else shown


def ours(visible: Literal["luma", "rgb"]) -> Feed:
    """Return the inputs and output of networks that imfuse exports."""
    return Feed(
        inputs=(
            FeedInput(name="ir", planes=(Plane(of="ir", channels=1),)),
            FeedInput(name="vis", planes=(Plane(of="vis", channels=3 if visible == "rgb" else 1),)),
        ),
        output="fused",
    )
