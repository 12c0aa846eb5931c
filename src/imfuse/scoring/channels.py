"""The planes of a picture that metrics compare, on a scale of 0 to 255."""

from typing import TypeAlias

import cv2
import numpy as np

from imfuse.errors import BadValues
from imfuse.metrics.planes import WHITE, Plane, Trio
from imfuse.metrics.protocols import Channel, Rounding
from imfuse.ops import color
from imfuse.types import SCALES, Float, Picture, Pixels

Planes: TypeAlias = tuple[Plane, ...]

_MATLAB_WEIGHTS = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
_PILLOW_WEIGHTS = np.array([19595, 38470, 7471], np.uint32)


class Looks:
    """Planes of a picture for each channel and rounding; each one is computed once.

    Pictures of 16 bits and floats are scaled by the range of their type.

    Raises:
        BadValues: Float values are outside [0, 1].
    """

    def __init__(self, picture: Picture) -> None:
        if picture.pixels.dtype == np.float32:
            _check_unit_range(picture)
        self._pixels = _gray_if_equal(picture.pixels)
        self._all_alike = self._pixels.ndim == 2 and self._pixels.dtype == np.uint8
        self._known: dict[tuple[Channel, Rounding | None], Planes] = {}

    def planes(self, channel: Channel, rounding: Rounding) -> Planes:
        """Return the plane to compare, or for `rgb-mean` the planes of R, G, B.

        A gray picture has one plane for every channel.

        Args:
            channel: Channel of a colour picture to compare.
            rounding: Rounding of `gray`.
        """
        key = (channel, rounding if channel == "gray" else None)
        if self._all_alike:
            key = ("y", None)
        if key not in self._known:
            self._known[key] = self._make(key[0], rounding)
        return self._known[key]

    def _make(self, channel: Channel, rounding: Rounding) -> Planes:
        if channel == "rgb-mean" and self._pixels.ndim == 3:
            return tuple(Plane(_scaled(self._pixels[..., index])) for index in range(3))
        if channel == "gray":
            return (Plane(_gray_levels(self._pixels, rounding)),)
        return (Plane(_luma(_scaled(self._pixels))),)


def trios(
    fused: Looks, ir: Looks, vis: Looks, channel: Channel, rounding: Rounding
) -> tuple[Trio, ...]:
    """Return one trio per channel; a gray picture's only plane is used in all of them."""
    sides = [look.planes(channel, rounding) for look in (fused, ir, vis)]
    return tuple(
        Trio(*(side[index % len(side)] for side in sides)) for index in range(max(map(len, sides)))
    )


def _gray_if_equal(pixels: Pixels) -> Pixels:
    """Return one channel if all three are equal, as in formats without gray (WebP)."""
    if pixels.ndim == 3:
        first = pixels[..., 0]
        if all(np.array_equal(first, pixels[..., index]) for index in (1, 2)):
            return first
    return pixels


def _scaled(pixels: Pixels) -> Float:
    values: Float = pixels.astype(np.float32)
    if pixels.dtype != np.uint8:
        values *= np.float32(WHITE / SCALES[pixels.dtype])
    return values


def _luma(values: Float) -> Float:
    return color.luma(values) if values.ndim == 3 else values


def _gray_levels(pixels: Pixels, rounding: Rounding) -> Float:
    """Return luma rounded to 256 levels as in one of the kits, which differ at ties."""
    if pixels.ndim == 2:
        rounded: Float = np.rint(_scaled(pixels))
        return rounded
    eight = pixels if pixels.dtype == np.uint8 else np.rint(_scaled(pixels)).astype(np.uint8)
    if rounding == "pillow":
        sums = eight.astype(np.uint32) @ _PILLOW_WEIGHTS
        levels: Float = ((sums + 0x8000) >> 16).astype(np.float32)
        return levels
    if rounding == "matlab":
        nearest: Float = np.floor(eight @ _MATLAB_WEIGHTS + 0.5).astype(np.float32)
        return nearest
    gray = cv2.cvtColor(eight.astype(np.float32), cv2.COLOR_RGB2GRAY)
    return np.rint(gray).astype(np.float32)


def _check_unit_range(picture: Picture) -> None:
    least, most = float(picture.pixels.min()), float(picture.pixels.max())
    if not (least >= 0 and most <= 1):  # also true for NaN, which compares false
        raise BadValues(
            f"float values from {least:g} to {most:g}",
            file=picture.name,
            expected="values in 0..1",
            remedy="Scale them first; a range is never guessed from the values.",
        )
