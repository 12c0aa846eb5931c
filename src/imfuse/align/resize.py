"""The simplest aligners: pictures that lie pixel on pixel, or show the same field of view."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from imfuse.errors import PairMismatch
from imfuse.ops import geometry
from imfuse.ops.warps import resample, scaling
from imfuse.types import ImagePair, Picture, Registration

_TOLERANCE = 0.02
"""Difference of proportions up to which two sensors are taken to see the same field of view."""


class PixelOnPixel:
    """Takes pictures of one size to be registered, and refuses others."""

    def register(self, pair: ImagePair) -> Registration:
        """Return the identity.

        Raises:
            PairMismatch: The sizes differ.
        """
        if pair.ir.size == pair.vis.size:
            return Registration(matrix=np.eye(3))
        raise PairMismatch(
            f"infrared is {pair.ir.extent}, visible ({pair.vis.name}) is {pair.vis.extent}",
            file=pair.ir.name,
            expected="two pictures of one size, registered to each other",
            remedy="Where both show the same field of view, --resize ir (resize='ir') brings "
            "the infrared picture to the size of the visible one; otherwise, --align auto "
            "(align='auto') finds how they lie upon each other.",
        )


@dataclass(frozen=True)
class SameView:
    """Takes both pictures to show the same field of view, whatever their sizes.

    Attributes:
        stretch: Whether their proportions may differ by more than 2 %.
    """

    stretch: bool = False

    def register(self, pair: ImagePair) -> Registration:
        """Return the scaling from one size to the other.

        Raises:
            PairMismatch: The proportions differ by more than 2 %, and `stretch` is False.
        """
        ir, vis = pair.ir, pair.vis
        if ir.size == vis.size:
            return Registration(matrix=np.eye(3))
        change = (ir.size[1] * vis.size[0]) / (ir.size[0] * vis.size[1])
        # Sides are whole pixels: half of one is no difference, however small the picture.
        rounding = max(0.5 / side for side in (*ir.size, *vis.size))
        if not self.stretch and max(change, 1 / change) - 1 > _TOLERANCE + rounding:
            raise _misshapen(ir, vis)
        return Registration(matrix=scaling(ir.size, vis.size), estimator="resize")


def same_grid(pair: ImagePair, resize: Literal["ir", "vis"] | None, *, stretch: bool) -> ImagePair:
    """Return a pair whose pictures have one size: both sources as a fusion with `resize` saw them.

    Args:
        pair: Two pictures, of any sizes.
        resize: The picture to bring to the other's size; None: they are returned as they are.
        stretch: Whether their proportions may differ by more than 2 %.

    Raises:
        PairMismatch: They differ, and `stretch` is False.
    """
    if resize is None or pair.ir.size == pair.vis.size:
        return pair
    SameView(stretch=stretch).register(pair)
    if resize == "ir":
        return ImagePair(ir=_resampled(pair.ir, pair.vis.size), vis=pair.vis)
    return ImagePair(ir=pair.ir, vis=resized(pair.vis, pair.ir.size))


def resized(vis: Picture, size: tuple[int, int]) -> Picture:
    """Return a visible picture of another height and width, in its own depth."""
    alpha = None if vis.alpha is None else geometry.resize(vis.alpha, *size)
    return replace(vis, pixels=geometry.resize(vis.pixels, *size), alpha=alpha)


def _resampled(ir: Picture, size: tuple[int, int]) -> Picture:
    values = resample(ir.pixels.astype(np.float32), *size)
    pixels = values if ir.pixels.dtype.kind == "f" else np.rint(values)
    return replace(ir, pixels=pixels.astype(ir.pixels.dtype), alpha=None, nodata=None)


def _misshapen(ir: Picture, vis: Picture) -> PairMismatch:
    return PairMismatch(
        f"infrared is {ir.extent}, visible ({vis.name}) is {vis.extent}: the proportions differ, "
        "so they don't show the same field of view",
        file=ir.name,
        expected="proportions that agree within 2 %",
        remedy=f"Crop the {_wider(ir, vis)} to what both cameras see, or stretch it all the same "
        "by --resize ... --stretch (resize=..., stretch=True).",
    )


def _wider(ir: Picture, vis: Picture) -> str:
    """Return the picture to crop, and the size that would fit it to the other's proportions."""
    role, (height, width), other = "visible picture", vis.size, ir.size
    if width * other[0] < other[1] * height:
        role, (height, width), other = "infrared picture", ir.size, vis.size
    return f"{role} (for instance to {round(height * other[1] / other[0])}x{height})"
