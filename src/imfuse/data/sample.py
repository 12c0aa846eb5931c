"""One registered pair as arrays, with its labels and boxes, and conversions of its values."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.data.boxes import Boxes
from imfuse.errors import PairMismatch
from imfuse.infrared import check_scale
from imfuse.types import SCALES, Float, Picture, Pixels

IGNORED = 255
"""Label of pixels whose class is unknown; losses and scores leave them out."""


class Annotations(NamedTuple):
    """Labels and boxes of a pair.

    Attributes:
        labels: `(H, W)` classes of the pixels, 255 for unknown; None: not labelled.
        boxes: Boxes around objects; None: not annotated.
    """

    labels: NDArray[np.uint8] | None = None
    boxes: Boxes | None = None


@dataclass(frozen=True)
class Sample:
    """A registered pair, with the class of every pixel if it is labelled.

    Attributes:
        name: Name of the pair within its source.
        ir: `(H, W)` infrared picture; float32 in [0, 1], or as stored (see `as_float`).
        vis: `(H, W, 3)` visible picture in RGB order, of the same type; gray ones have three equal
            channels.
        labels: `(H, W)` classes by the ids of the source's layout, 255 for unknown; or None.
        boxes: Boxes around its objects; None if it is not annotated with boxes.
    """

    name: str
    ir: Pixels
    vis: Pixels
    labels: NDArray[np.uint8] | None = None
    boxes: Boxes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.ir.shape[0], self.ir.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the arrays take."""
        labels = 0 if self.labels is None else self.labels.nbytes
        return self.ir.nbytes + self.vis.nbytes + labels

    def as_float(self) -> "Sample":
        """Return the same sample with float32 values in [0, 1]."""
        return replace(self, ir=_as_float(self.ir), vis=_as_float(self.vis))


def make_sample(name: str, ir: Pixels, vis: Pixels, labels: Pixels | None, file: object) -> Sample:
    """Make a sample: one infrared channel, three visible ones, the same size for all.

    Args:
        name: Name of the pair.
        ir: `(H, W)` or `(H, W, 3)`; colour becomes its BT.601 luma.
        vis: `(H, W)` or `(H, W, 3)`.
        labels: `(H, W)` classes, or None.
        file: File to name in an error.

    Raises:
        PairMismatch: The sizes differ.
    """
    sizes = {"infrared": ir.shape[:2], "visible": vis.shape[:2]}
    if labels is not None:
        sizes["labels"] = labels.shape[:2]
    if len(set(sizes.values())) > 1:
        raise PairMismatch(
            ", ".join(f"{what} {shape[1]}x{shape[0]}" for what, shape in sizes.items()),
            file=file,
            expected="one size (width x height), pixel on pixel",
            remedy="Register and resize the pictures first, or leave the pair out.",
        )
    return Sample(
        name=name,
        ir=gray(ir),
        vis=vis if vis.ndim == 3 else np.repeat(vis[..., None], 3, axis=2),
        labels=None if labels is None else np.ascontiguousarray(labels, np.uint8),
    )


def gray(pixels: Pixels) -> Pixels:
    """Return a gray or colour picture as `(H, W)` (BT.601 luma), in its own type.

    Three equal channels give exactly that channel.
    """
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), pixels.dtype)


def quantised(values: Float) -> NDArray[np.uint8]:
    """Return values in [0, 1] as 8 bits, as a file would store them."""
    return np.rint(values * 255).astype(np.uint8)


def pixels_of(picture: Picture) -> Pixels:
    """Return the pixels of a picture whose black and white are known.

    Raises:
        BadValues: Float values are outside [0, 1], or the type has no white, as int16.
    """
    check_scale(
        picture.name,
        picture.pixels,
        remedy="For training, scale these pictures to 8 bits or to 0..1, all by one range; fuse, "
        "evaluate and bench take infrared as it is, with --ir-range (ir_range=).",
    )
    return picture.pixels


def _as_float(pixels: Pixels) -> Float:
    if pixels.dtype == np.float32:
        return pixels
    return pixels.astype(np.float32) * np.float32(1 / SCALES[pixels.dtype])
