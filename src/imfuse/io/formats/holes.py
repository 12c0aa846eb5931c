"""Pixels without a value: recognised by special values, filled, and marked in a mask."""

import numpy as np

from imfuse.errors import BadValues
from imfuse.types import RAW_TYPES, Mask, Pixels

_ABSOLUTE_ZERO = np.float32(-273.15)
_LOW_MARKS = (-9999.0, -32768.0, -2147483648.0)
_HIGH_MARKS = frozenset(  # where no other value comes near; the third is netCDF's
    {9999, float(np.float32(1e20)), float(np.float32(9.96921e36)), float(np.finfo("f4").max)}
    | {2**31 - 1, 2**32 - 1}
)
_ABSURD = -1e5  # below any measurement in any unit; float32's lowest number is a usual mark
_FEW = 3  # different values below absolute zero; a CT in Hounsfield units has hundreds
_KELVIN = (150.0, 5000.0)  # where all other values are if 0 is to mean nothing


def fill_holes(
    pixels: Pixels,
    alpha: Pixels | None,
    name: str,
    declared: float | None = None,
    *,
    masked: Mask | None = None,
) -> tuple[Pixels, Pixels | None, Mask | None]:
    """Return a picture with finite values, and a mask of its pixels without a value.

    Pixels without a value are those `masked`; NaN and infinities, in any channel; in a gray
    picture also the `declared` value; and in one of floats, int16, int32 or uint32

    - -9999, -32768 and -2147483648;
    - 9999, 1e20, netCDF's 9.96921e36, and the largest float32, int32 or uint32, if all other
      values are less than half of it;
    - 0, if all others can be temperatures in Kelvin (150 to 5000);
    - among floats, absolute zero in degrees Celsius; everything below it, if that is up to three
      different values, or one of them is -9999, -32768 or below -100000.

    They get the smallest of the other values; alpha that is not finite becomes 0.

    Args:
        pixels: `(H, W)` or `(H, W, 3)`; copied before it is changed.
        alpha: `(H, W)` or None.
        name: Name of the picture in messages.
        declared: The value that marks pixels without a value, as declared by the file.
        masked: `(H, W)`, True for pixels that are known to have no value.

    Returns:
        Pixels, alpha, and a mask that is True for pixels without a value; None: there are none.

    Raises:
        BadValues: There is no value at all.
    """
    with np.errstate(invalid="ignore"):  # comparisons with signalling NaN
        found = [masked, _not_finite(pixels)]
        if pixels.ndim == 2:
            found.append(_equal(pixels, declared))
    if alpha is not None and (not_finite := _not_finite(alpha)) is not None:
        found.append(not_finite)
        alpha = np.where(not_finite, 0, alpha).astype(alpha.dtype)
    holes = _union(found)
    filled = _filled(pixels, holes, name)
    if pixels.ndim == 2 and (pixels.dtype.kind == "f" or pixels.dtype in RAW_TYPES):
        for find in (_low_marks, _high_marks, _zero_kelvin):  # each among what the others left
            marked = find(filled)
            if marked is not None:
                holes = _union([holes, marked])
                filled = _filled(filled, holes, name)
    return filled, alpha, holes


def _union(masks: list[Mask | None]) -> Mask | None:
    found = [mask for mask in masks if mask is not None and mask.any()]
    return np.asarray(np.logical_or.reduce(found)) if found else None


def _filled(pixels: Pixels, holes: Mask | None, name: str) -> Pixels:
    """Return a copy whose holes hold the smallest of the other values."""
    if holes is None:
        return pixels
    if holes.all():
        raise BadValues(
            "no pixel has a value: all are NaN or infinite, masked, or marked as empty",
            file=name,
            expected="at least one value",
            remedy="Check the export that made the picture.",
        )
    filled = pixels.copy()
    filled[holes] = pixels[~holes].min()
    return filled


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


def _low_marks(pixels: Pixels) -> Mask | None:
    """Return where there are marks below all measurements."""
    if pixels.dtype.kind == "u" or pixels.min() > _ABSOLUTE_ZERO + np.spacing(-_ABSOLUTE_ZERO):
        return None
    if pixels.dtype.kind == "i":
        return np.asarray(np.isin(pixels, _LOW_MARKS))
    rounding = np.spacing(-_ABSOLUTE_ZERO)
    low: Mask = pixels < _ABSOLUTE_ZERO
    if low.any():
        values = np.unique(pixels[low])
        sure = bool(np.isin(values, _LOW_MARKS).any()) or bool((values < _ABSURD).any())
        if not sure and len(values) > _FEW:
            low[...] = False
    near = (pixels >= _ABSOLUTE_ZERO - rounding) & (pixels <= _ABSOLUTE_ZERO + rounding)
    return np.asarray(low | near)


def _high_marks(pixels: Pixels) -> Mask | None:
    """Return where there are marks above all measurements."""
    most = pixels.max()
    if most.item() not in _HIGH_MARKS:
        return None
    marked: Mask = pixels == most
    others = pixels[~marked]
    return marked if others.size and others.max() < most / 2 else None


def _zero_kelvin(pixels: Pixels) -> Mask | None:
    """Return where there is 0 among temperatures in Kelvin."""
    least, most = _KELVIN
    if pixels.min() != 0 or not least < pixels.max() < most:
        return None
    marked: Mask = pixels == 0
    return marked if pixels[~marked].min() > least else None
