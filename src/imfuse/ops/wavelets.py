"""Dual-tree complex wavelet transform with the filters `legall` (level 1) and `qshift_06`.

References:
    N. G. Kingsbury, "A dual-tree complex wavelet transform with improved orthogonality and
    symmetry properties", ICIP 2000 (the transform, the q-shift filter with six taps).
    D. Le Gall, A. Tabatabai, "Sub-band coding of digital images using symmetric short kernel
    filters and arithmetic coding techniques", ICASSP 1988 (the filters of level 1).

Storage: the low-pass picture between levels holds both trees, tree A in the even samples and tree B
in the odd ones, along rows and along columns. The filters of tree B are those of tree A reversed in
time. A picture mirrored at its edges (`cba|abc|cba`) therefore has mirrored coefficients too, and
pictures are always extended in this way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

Complex = NDArray[np.complex64]

_LOW = np.array([-0.125, 0.25, 0.75, 0.25, -0.125], np.float32)
_HIGH = np.array([-0.25, 0.5, -0.25], np.float32)
_LOW_BACK = np.array([0.25, 0.5, 0.25], np.float32)
_HIGH_BACK = np.array([-0.125, -0.25, 0.75, -0.25, -0.125], np.float32)

_A0 = 0.03516383657149474
_A2 = -0.08832942445107285
_A3 = 0.23389032060723564
_A4 = 0.7602723690661257
_A5 = 0.5875182977235605
_A7 = -0.11430183714424873
_TAPS = 10


@dataclass(frozen=True)
class _Filter:
    """A q-shift filter for both trees.

    Attributes:
        taps: The filter that reads tree A, from tap number to value; tree B uses it reversed.
        a_first: True if the output of tree A goes to the even samples (otherwise to the odd ones,
            which keeps the high-pass bands of both trees symmetric about the same points).
    """

    taps: dict[int, float]
    a_first: bool

    def tree(self, b: int) -> dict[int, float]:
        """Return the taps that read tree A (0) or tree B (1)."""
        return {_TAPS - 1 - n: v for n, v in self.taps.items()} if b else self.taps


_Q_LOW = _Filter({9: _A0, 7: _A2, 6: _A3, 5: _A4, 4: _A5, 2: _A7}, a_first=True)
_Q_HIGH = _Filter({0: -_A0, 2: -_A2, 3: _A3, 4: -_A4, 5: _A5, 7: _A7}, a_first=False)
"""High-pass filter: the low-pass reversed, with the sign of every second tap changed."""


@dataclass(frozen=True)
class DualTree:
    """Coefficients of one picture.

    Attributes:
        low: The coarsest low-pass picture, both trees interleaved.
        bands: For each level from fine to coarse, `(6, h, w)` complex coefficients: two
            orientations each of the horizontal, the diagonal, and the vertical detail.
        size: Height and width of the picture.
    """

    low: Float
    bands: list[Complex]
    size: tuple[int, int]


def analyse(picture: Float, levels: int) -> DualTree:
    """Return the dual-tree complex wavelet transform of a picture.

    Args:
        picture: Any size. Height and width are first padded to a multiple of `2 ** levels` by
            mirroring at the lower and the right edge, so that samples keep their place relative to
            the upper left corner at any size.
        levels: Number of levels, at least 1.
    """
    height, width = picture.shape
    below, right = -height % 2**levels, -width % 2**levels
    low = np.asarray(
        cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REFLECT), np.float32
    )
    bands = []
    for level in range(levels):
        parts = _split_first(low) if level == 0 else _split(low)
        low = next(parts)
        band = np.empty((6, height + below >> level + 1, width + right >> level + 1), np.complex64)
        for k, detail in enumerate(parts):
            _to_complex(detail, band[2 * k : 2 * k + 2])
        bands.append(band)
    return DualTree(low, bands, (height, width))


def synthesise(tree: DualTree) -> Float:
    """Return the picture whose `analyse` gives these coefficients."""
    low = tree.low
    for level in reversed(range(len(tree.bands))):
        bands = tree.bands[level]
        details = [_to_real(bands[2 * k : 2 * k + 2]) for k in range(3)]
        low = _merge_first(low, *details) if level == 0 else _merge(low, *details)
    return low[: tree.size[0], : tree.size[1]]


def _separable(picture: Float, along_rows: Float, along_columns: Float) -> Float:
    result = cv2.sepFilter2D(
        picture, cv2.CV_32F, along_rows, along_columns, borderType=cv2.BORDER_REFLECT
    )
    return np.asarray(result, np.float32)


def _split_first(picture: Float) -> Iterator[Float]:
    """Yield low-pass, horizontal, diagonal, and vertical detail of level 1, not decimated."""
    yield _separable(picture, _LOW, _LOW)
    yield _separable(picture, _LOW, _HIGH)
    yield _separable(picture, _HIGH, _HIGH)
    yield _separable(picture, _HIGH, _LOW)


def _merge_first(low: Float, horizontal: Float, diagonal: Float, vertical: Float) -> Float:
    result = _separable(low, _LOW_BACK, _LOW_BACK)
    result += _separable(horizontal, _LOW_BACK, _HIGH_BACK)
    result += _separable(diagonal, _HIGH_BACK, _HIGH_BACK)
    result += _separable(vertical, _HIGH_BACK, _LOW_BACK)
    return result


def _split(low: Float) -> Iterator[Float]:
    """Yield low-pass, horizontal, diagonal, and vertical detail, at half the size each."""
    above = _mirrored(low, _TAPS + 2)
    smooth, rough = _decimate(above, _Q_LOW), _decimate(above, _Q_HIGH)
    smooth, rough = (_mirrored(_turned(half), _TAPS + 2) for half in (smooth, rough))
    yield _turned(_decimate(smooth, _Q_LOW))
    yield _turned(_decimate(rough, _Q_LOW))
    yield _turned(_decimate(rough, _Q_HIGH))
    yield _turned(_decimate(smooth, _Q_HIGH))


def _merge(low: Float, horizontal: Float, diagonal: Float, vertical: Float) -> Float:
    smooth = _interpolate(_turned(low), _turned(vertical))
    rough = _interpolate(_turned(horizontal), _turned(diagonal))
    return _interpolate(_turned(smooth), _turned(rough))


def _turned(picture: Float) -> Float:
    """Return a contiguous transpose, since filtering down the columns of long rows is fast."""
    return np.asarray(cv2.transpose(picture), np.float32)


def _mirrored(picture: Float, rows: int) -> Float:
    bordered = cv2.copyMakeBorder(picture, rows, rows, 0, 0, cv2.BORDER_REFLECT)
    return np.asarray(bordered, np.float32)


def _decimate(above: Float, filter_: _Filter) -> Float:
    """Filter both trees down the columns and keep every second sample of each.

    With x the interleaved trees, tree A gives y[k] = sum h[n] x[4k + 10 - 2n], and tree B
    y[k] = sum h[9 - n] x[4k + 11 - 2n]. Separate NumPy multiplications and additions are used
    because they round the same way wherever a sample lies, which makes tiles exact.

    Args:
        above: The picture with 12 mirrored rows at each end.
        filter_: Low-pass or high-pass.
    """
    count = (len(above) - 2 * (_TAPS + 2)) // 4
    result = np.empty((2 * count, above.shape[1]), np.float32)
    term = np.empty((count, above.shape[1]), np.float32)
    for b in (0, 1):
        out = result[b if filter_.a_first else 1 - b :: 2]
        for number, (n, value) in enumerate(filter_.tree(b).items()):
            start = _TAPS + 2 + _TAPS + b - 2 * n
            samples = above[start : start + 4 * count : 4]
            np.multiply(samples, np.float32(value), out=term if number else out)
            if number:
                out += term
    return result


def _interpolate(low: Float, high: Float) -> Float:
    """Undo `_decimate` by its transpose, since the filters are orthonormal.

    Tree A gives x[4q] = sum over odd n of h[n] y[q + (n - 5) / 2] and x[4q + 2] = sum over even n
    of h[n] y[q + (n - 4) / 2]; tree B likewise the samples 4q + 1 and 4q + 3.
    """
    count = len(low) // 2
    result = np.zeros((4 * count, low.shape[1]), np.float32)
    term = np.empty((count, low.shape[1]), np.float32)
    for coefficients, filter_ in ((low, _Q_LOW), (high, _Q_HIGH)):
        above = _mirrored(coefficients, 4)
        for b in (0, 1):
            tree = above[b if filter_.a_first else 1 - b :: 2]
            for n, value in filter_.tree(b).items():
                start = 2 + (n - (5 if n % 2 else 4)) // 2
                np.multiply(tree[start : start + count], np.float32(value), out=term)
                result[b + (0 if n % 2 else 2) :: 4] += term
    return result


def _to_complex(detail: Float, pair: Complex) -> None:
    """Write the complex coefficients of a real band.

    A block of 2x2 samples [[a, b], [c, d]], one of each pair of trees, gives the coefficients
    (a - d + i(b + c)) / sqrt 2 and (a + d + i(b - c)) / sqrt 2: one responds to edges that rise,
    the other to edges that fall.
    """
    scaled = detail * np.float32(np.sqrt(0.5))
    a, b, c, d = scaled[::2, ::2], scaled[::2, 1::2], scaled[1::2, ::2], scaled[1::2, 1::2]
    np.subtract(a, d, out=pair[0].real)
    np.add(b, c, out=pair[0].imag)
    np.add(a, d, out=pair[1].real)
    np.subtract(b, c, out=pair[1].imag)


def _to_real(pair: Complex) -> Float:
    """Undo `_to_complex`."""
    (first, second), (_, height, width) = pair * np.float32(np.sqrt(0.5)), pair.shape
    result = np.empty((2 * height, 2 * width), np.float32)
    np.add(first.real, second.real, out=result[::2, ::2])
    np.subtract(second.real, first.real, out=result[1::2, 1::2])
    np.add(first.imag, second.imag, out=result[::2, 1::2])
    np.subtract(first.imag, second.imag, out=result[1::2, ::2])
    return result
