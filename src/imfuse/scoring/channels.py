"""The planes of a picture that metrics compare, on a scale of 0 to 255."""

from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.infrared import check_scale
from imfuse.metrics.planes import WHITE, Plane, Trio
from imfuse.metrics.protocols import Channel, Rounding
from imfuse.ops import color
from imfuse.types import SCALES, Float, Picture, Pixels

Planes: TypeAlias = tuple[Plane, ...]

_T = TypeVar("_T", np.float32, np.float64)

_MATLAB_ROW = np.array([[0.298936021293775, 0.587043074451121, 0.114020904255103, 0.5]])
_PILLOW_ROW = np.array([[w / (1 << 16) for w in (19595, 38470, 7471, 1 << 15)]], np.float32)
"""Weights of R, G and B, and a half, which turns rounding down into rounding to the nearest level.
Pillow's are integers over 2^16; in 8-bit pictures, all sums fit into the 24 bits of a float32."""


class Looks:
    """Planes of a picture for each channel and rounding; each one is computed once.

    Pictures of 16 bits and floats are scaled by the range of their type.

    Raises:
        BadValues: Float values are outside [0, 1], or the type has no white, as int16.
    """

    def __init__(self, picture: Picture) -> None:
        remedy = "Scale them first; a range is never guessed from the values."
        check_scale(picture.name, picture.pixels, remedy=remedy)
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
            return tuple(_plane(self._pixels[..., index]) for index in range(3))
        if channel == "gray":
            return (Plane(_gray_levels(self._pixels, rounding)),)
        if self._pixels.ndim == 3:
            return (Plane(color.luma(_scaled(self._pixels))),)
        return (_plane(self._pixels),)


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


def _plane(pixels: Pixels) -> Plane:
    if pixels.dtype == np.uint8:
        return Plane.of_levels(np.ascontiguousarray(pixels))
    return Plane(_scaled(pixels))


def _gray_levels(pixels: Pixels, rounding: Rounding) -> Float:
    """Return luma rounded to 256 levels as in one of the kits, which differ at ties."""
    if pixels.ndim == 2:
        rounded: Float = np.rint(_scaled(pixels))
        return rounded
    eight = pixels if pixels.dtype == np.uint8 else np.rint(_scaled(pixels)).astype(np.uint8)
    if rounding == "pillow":
        return _floor_of(eight.astype(np.float32), _PILLOW_ROW)
    if rounding == "matlab":
        return _floor_of(eight.astype(np.float64), _MATLAB_ROW)
    gray = cv2.cvtColor(eight.astype(np.float32), cv2.COLOR_RGB2GRAY)
    return np.rint(gray).astype(np.float32)


def _floor_of(values: NDArray[_T], row: NDArray[_T]) -> Float:
    """Return the weighted sum of the channels plus a constant, rounded down."""
    sums = np.asarray(cv2.transform(values, row)).reshape(values.shape[:2])
    return np.floor(sums, out=sums).astype(np.float32, copy=False)
