"""Values that represent a picture: its range without dead pixels and rows of telemetry."""

import cv2
import numpy as np

from imfuse.ops import color
from imfuse.types import RAW_TYPES, Float, Mask, Pixels

_TAIL = 0.001
"""Fraction of pixels at either end that is ignored when judging a picture's range."""

_EDGE_ROWS = 4
"""Number of rows at the upper and lower edge where cameras store telemetry."""

_LEAST_ROWS = 48
"""Minimum rows of a picture with telemetry: 80x60 sensors store it, 32x24 ones don't."""

_SAMPLED = 1 << 14
"""Number of pixels that is enough to find a picture's percentiles."""


def sample_values(pixels: Pixels, missing: Mask | None) -> Float:
    """Return up to 16,384 gray values, without isolated odd pixels and rows of telemetry."""
    height, width = pixels.shape[:2]
    if height >= _LEAST_ROWS:
        inner = slice(_EDGE_ROWS, height - _EDGE_ROWS)
        inside = missing is None or not missing[inner].all()
        if inside:
            pixels, missing = pixels[inner], None if missing is None else missing[inner]
    step = max(1, int(np.sqrt(height * width / (4 * _SAMPLED))))  # the median filter takes time
    gray = np.ascontiguousarray(pixels[::step, ::step])
    if gray.dtype in RAW_TYPES:
        gray = gray.astype(np.float32)
    gray = cv2.medianBlur(gray, 3)  # dead pixels are isolated
    if gray.ndim == 3:
        gray = color.luma(gray.astype(np.float32))
    known = None if missing is None else ~missing[::step, ::step]
    flat = gray[known] if known is not None and known.any() else gray.ravel()
    return np.asarray(flat[:: max(1, -(-flat.size // _SAMPLED))], np.float32)


def spread(values: Float, *, whole_bytes: bool = False) -> tuple[float, float]:
    """Return the smallest and the largest value, ignoring 0.1 % at either end.

    With `whole_bytes`, all values are whole numbers from 0 to 255 and are counted, which is faster.
    """
    low = min(int(_TAIL * values.size), (values.size - 1) // 2)
    high = values.size - 1 - low
    if whole_bytes:
        up_to = np.cumsum(np.bincount(values.astype(np.uint8), minlength=256))
        least, most = np.searchsorted(up_to, (low, high), side="right")
        return float(least), float(most)
    placed = np.partition(values, (low, high))
    return float(placed[low]), float(placed[high])


def is_constant(pixels: Pixels) -> bool:
    """Return True if all pixels hold the same value, or the same colour."""
    first = pixels[0, 0]
    # A few rows settle it for nearly all pictures.
    return bool((pixels[::64] == first).all() and (pixels == first).all())
