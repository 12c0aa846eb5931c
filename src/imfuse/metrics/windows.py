"""Weighted means, variances and covariances in a window that slides over a picture."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.planes import Plane

Map: TypeAlias = NDArray[Any]
"""One value per window position, float32 or float64."""

Border: TypeAlias = Literal["valid", "zero", "replicate"]
"""Windows inside the picture only, or one per pixel, with zeros or edge pixels outside."""

OddSizes: TypeAlias = Literal["mirror", "zero"]
"""Tiling of an odd size by 2x2 blocks: the last line is repeated, or zeros precede the first."""

_OPENCV_BORDERS = {"zero": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE}


@dataclass(frozen=True)
class Window:
    """A square window of weights, with its border rule and precision.

    Attributes:
        taps: Weights along a side, an odd number of them that sum to 1; a pixel's weight is the
            product of those of its row and its column.
        border: Treatment of windows at the edge of the picture.
        precise: True to filter in float64 rather than float32, at four times the cost. Needed where
            the divisor of a variance may be near zero.
    """

    taps: tuple[float, ...]
    border: Border = "valid"
    precise: bool = False

    @property
    def radius(self) -> int:
        """Number of pixels on each side of the centre."""
        return len(self.taps) // 2

    def inside(self, values: Map) -> Map:
        """Return the part of a full map that `border` asks for.

        Full maps are contiguous in memory, so that arithmetic on them takes half the time.
        """
        return values[self.radius : -self.radius, self.radius : -self.radius]


class Moments(NamedTuple):
    """Mean minus `shift`, and variance, in the window centred on each pixel. Read-only."""

    mean: Map
    variance: Map
    shift: float


def gaussian_taps(size: int, sigma: float) -> tuple[float, ...]:
    """Return a sampled Gaussian of `size` weights (an odd number) that sum to 1."""
    return _normalised(np.arange(size) - size // 2, sigma)


def lopsided_taps(size: int, sigma: float) -> tuple[float, ...]:
    """Return a Gaussian sampled at `size` even steps from -(size + 1) / 2 to (size - 1) / 2.

    None of our definitions uses it; a public kit filters with it, half a pixel off centre.
    """
    return _normalised(np.linspace(-(size + 1) / 2, (size - 1) / 2, size), sigma)


def uniform_taps(size: int) -> tuple[float, ...]:
    """Return `size` equal weights that sum to 1."""
    return (1 / size,) * size


def _normalised(position: NDArray[Any], sigma: float) -> tuple[float, ...]:
    weight = np.exp(-(position**2) / (2 * sigma**2))
    return tuple(float(w) for w in weight / weight.sum())


def moments(plane: Plane, window: Window) -> Moments:
    """Return mean and variance of a picture around every pixel; computed once per picture."""
    return plane.once(_moments, window)


def covariance(one: Plane, other: Plane, window: Window) -> Map:
    """Return the covariance of two pictures around every pixel, as a new array."""
    result = _filtered(_near_zero(one, window) * _near_zero(other, window), window)
    result -= moments(one, window).mean * moments(other, window).mean
    return result


def halved(plane: Plane, window: Window) -> Plane:
    """Return the mean of a picture in every second window along both sides."""
    means = window.inside(_filtered(_near_zero(plane, window), window))[::2, ::2]
    return Plane((means + _shift(plane)).astype(np.float32, copy=False))


def block_means(plane: Plane, odd_sizes: OddSizes) -> Plane:
    """Return the means of blocks of 2x2 pixels."""
    values: Map = plane.values
    below, right = values.shape[0] % 2, values.shape[1] % 2
    if odd_sizes == "mirror":
        values = np.pad(values, ((0, below), (0, right)), "edge")
    else:
        values = np.pad(values, ((below, 0), (right, 0)))
    size = values.shape[1] // 2, values.shape[0] // 2
    return Plane(np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA)))


def _moments(plane: Plane, window: Window) -> Moments:
    values = _near_zero(plane, window)
    mean = _filtered(values, window)
    variance = _filtered(values * values, window)
    variance -= mean * mean
    return Moments(mean, without_negatives(variance), _shift(plane))


def without_negatives(values: Map) -> Map:
    """Replace negative values by 0, in place; twice as fast as `np.maximum` with a scalar."""
    return np.asarray(np.clip(values, 0, np.inf, out=values))


def _filtered(values: Map, window: Window) -> Map:
    size = len(window.taps)
    if len(set(window.taps)) == 1:
        result = cv2.boxFilter(values, -1, (size, size), borderType=cv2.BORDER_CONSTANT)
        return np.asarray(result)
    taps = np.array(window.taps, values.dtype)
    if window.taps == window.taps[::-1]:
        result = cv2.sepFilter2D(values, -1, taps, taps, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(result)
    # For lopsided taps, sepFilter2D takes almost twice as long as two filters of one dimension.
    along = cv2.filter2D(values, -1, taps[:, None], borderType=cv2.BORDER_CONSTANT)
    return np.asarray(cv2.filter2D(along, -1, taps[None], borderType=cv2.BORDER_CONSTANT))


def _near_zero(plane: Plane, window: Window) -> Map:
    """Return the picture minus a constant, with its border, ready for filtering.

    Variances are differences of mean squares, and in float32 their error grows with the square of
    the values; most values are much closer to the picture's mean than to zero.
    """
    dtype = np.dtype(np.float64 if window.precise else np.float32)
    if window.border == "valid":
        return plane.once(_shifted, dtype)
    return plane.once(_extended, dtype, window.border, window.radius)


def _shift(plane: Plane) -> float:
    return float(
        round(plane.mean)
    )  # a whole number, so that squares of whole gray levels stay exact


def _shifted(plane: Plane, dtype: np.dtype[Any]) -> Map:
    return np.asarray(np.subtract(plane.values, _shift(plane), dtype=dtype))


def _extended(plane: Plane, dtype: np.dtype[Any], border: Border, margin: int) -> Map:
    sides, outside = (margin,) * 4, -_shift(plane)
    values = plane.once(_shifted, dtype)
    return np.asarray(cv2.copyMakeBorder(values, *sides, _OPENCV_BORDERS[border], value=outside))
