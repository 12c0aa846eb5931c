"""Pixels without data: NaN, and the numbers that cameras and GIS programs write for them."""

import numpy as np

from imfuse.errors import BadValues
from imfuse.types import Mask, Pixels

_MARKS = (-9999.0, -32768.0)
_ABSOLUTE_ZERO = -273.15
_LEAST = -1e30
"""Floats below this are a program's smallest number, not a measurement."""


def without_gaps(
    pixels: Pixels, alpha: Pixels | None, declared: float | None, name: str
) -> tuple[Pixels, Mask | None]:
    """Find the pixels that have no value, and give them a harmless one.

    In floats these are NaN and infinities; in gray floats also -9999, -32768, absolute zero in
    degrees Celsius, and numbers below -1e30; in gray integers with a sign -9999 and -32768.

    Args:
        pixels: `(H, W)` or `(H, W, 3)`.
        alpha: `(H, W)`, or None.
        declared: Value that the file names as standing for no data; None: it names none.
        name: Name of the picture, for messages.

    Returns:
        The pixels, and `(H, W)` True where there was no value, or None where there was one
        everywhere. Missing ones have the least value of the others.

    Raises:
        BadValues: No pixel has a value, or alpha is not a number somewhere.
    """
    if alpha is not None and not _all_finite(alpha):
        raise BadValues(
            "there are NaN or infinite values in the transparency",
            file=name,
            expected="finite values",
            remedy="Replace them, for instance by numpy.nan_to_num.",
        )
    missing = _missing(pixels, declared)
    if missing is None or not missing.any():
        return pixels, None
    if missing.all():
        raise BadValues(
            "no pixel has a value: all are NaN, infinite, or marked as no data",
            file=name,
            expected="a picture with data",
            remedy="Export it again, or leave it out.",
        )
    filled = pixels.copy()
    filled[missing] = pixels[~missing].min()
    return filled, missing


def _missing(pixels: Pixels, declared: float | None) -> Mask | None:
    missing: Mask | None = None
    floats, gray = pixels.dtype.kind == "f", pixels.ndim == 2
    if floats and not _all_finite(pixels):
        bad: Mask = ~np.isfinite(pixels)
        missing = bad if gray else np.asarray(bad.any(axis=2))
    if not gray:
        return missing
    marks = set() if declared is None else {declared}
    if (
        pixels.dtype.kind in "fi" and np.fmin.reduce(pixels, axis=None) < 0
    ):  # most pictures end here
        marks |= set(_MARKS) | ({_ABSOLUTE_ZERO} if floats else set())
        if floats:
            missing = _either(missing, pixels < _LEAST)
    for mark in marks:
        if floats:
            missing = _either(missing, pixels == np.float32(mark))
        elif mark == int(mark) and np.iinfo(pixels.dtype).min <= mark <= np.iinfo(pixels.dtype).max:
            missing = _either(missing, pixels == pixels.dtype.type(int(mark)))
    return missing


def _either(one: Mask | None, other: Mask) -> Mask:
    return other if one is None else one | other


def _all_finite(plane: Pixels) -> bool:
    # A sum is finite only if every value is (infinities of both signs give NaN), and needs no
    # mask as large as the picture. Large values could overflow float32, hence float64.
    if plane.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(np.sum(plane, dtype=np.float64)))
