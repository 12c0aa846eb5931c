"""Pixels without a value: recognised by special values, filled, and marked in a mask."""

import numpy as np

from imfuse.errors import BadValues
from imfuse.types import RAW_TYPES, Mask, Pixels

_ABSOLUTE_ZERO = np.float32(-273.15)
_MARKS = (-9999.0, -32768.0)
_ABSURD = -1e5  # below any measurement in any unit; float32's lowest number is a usual mark
_FEW = 3  # different values below absolute zero; a CT in Hounsfield units has hundreds


def fill_holes(
    pixels: Pixels, alpha: Pixels | None, name: str, declared: float | None = None
) -> tuple[Pixels, Pixels | None, Mask | None]:
    """Return a picture with finite values, and a mask of its pixels without a value.

    Pixels without a value are NaN and infinities, in any channel; in a gray picture also the
    `declared` value; and in one of floats or measurements the marks -9999, -32768, absolute zero in
    degrees Celsius and everything below it. They get the smallest of the other values; alpha that
    is not finite becomes 0.

    Args:
        pixels: `(H, W)` or `(H, W, 3)`; copied before it is changed.
        alpha: `(H, W)` or None.
        name: Name of the picture in messages.
        declared: The value that marks pixels without a value, as declared by the file.

    Returns:
        Pixels, alpha, and a mask that is True for pixels without a value; None: there are none.

    Raises:
        BadValues: There is no value at all.
    """
    with np.errstate(invalid="ignore"):  # comparisons with signalling NaN
        found = [_not_finite(pixels)]
        if pixels.ndim == 2:
            found += [_equal(pixels, declared), _marked(pixels)]
    if alpha is not None and (not_finite := _not_finite(alpha)) is not None:
        found.append(not_finite)
        alpha = np.where(not_finite, 0, alpha).astype(alpha.dtype)
    masks = [mask for mask in found if mask is not None and mask.any()]
    if not masks:
        return pixels, alpha, None
    holes: Mask = np.logical_or.reduce(masks)
    if holes.all():
        raise BadValues(
            "no pixel has a value: all are NaN or infinite, or marked as empty",
            file=name,
            expected="at least one value",
            remedy="Check the export that made the picture.",
        )
    filled = pixels.copy()
    filled[holes] = pixels[~holes].min()
    return filled, alpha, holes


def _not_finite(plane: Pixels) -> Mask | None:
    # A sum is finite only if every value is (infinities of both signs give NaN), and needs no
    # mask as large as the picture. Large values could overflow float32, hence float64.
    with np.errstate(invalid="ignore"):
        if plane.dtype.kind != "f" or np.isfinite(np.sum(plane, dtype=np.float64)):
            return None
    mask = ~np.isfinite(plane)
    return np.asarray(mask if mask.ndim == 2 else mask.any(axis=2))


def _equal(pixels: Pixels, value: float | None) -> Mask | None:
    if value is None or not np.isfinite(value):
        return None
    with np.errstate(over="ignore"):
        same: Mask = pixels == (np.float32(value) if pixels.dtype.kind == "f" else value)
    return same


def _marked(pixels: Pixels) -> Mask | None:
    """Return the mask of pixels of a gray picture that hold one of the usual marks."""
    if pixels.dtype in RAW_TYPES:
        if pixels.dtype.kind == "u" or pixels.min() > max(_MARKS):
            return None
        return np.asarray(np.isin(pixels, _MARKS))
    if pixels.dtype.kind != "f":
        return None
    rounding = np.spacing(-_ABSOLUTE_ZERO)
    if pixels.min() > _ABSOLUTE_ZERO + rounding:  # False if there is a NaN
        return None
    low: Mask = pixels < _ABSOLUTE_ZERO
    if low.any():
        values = np.unique(pixels[low & np.isfinite(pixels)])
        sure = bool(np.isin(values, _MARKS).any()) or bool((values < _ABSURD).any())
        if not sure and len(values) > _FEW:
            low[...] = False
    near = (pixels >= _ABSOLUTE_ZERO - rounding) & (pixels <= _ABSOLUTE_ZERO + rounding)
    return np.asarray(low | near)
