"""Telling transparency from a picture that was stored in its place."""

import cv2
import numpy as np

from imfuse.types import SCALES, Pixels

_SIDE = 512
"""Largest side of what is looked at."""

_LEAST = 1024
"""Pixels below which nothing can be told."""

_BETWEEN = 0.5
"""Share of pixels that are neither clear nor solid, from which alpha may be a picture."""

_LEVELS = 24
_DETAIL = 0.15 / 255
"""Mean difference from the median of the neighbours: sensor noise has it, gradients do not."""


def is_picture(alpha: Pixels) -> bool:
    """Return True if an alpha channel looks like a picture, such as the thermal one of an RGBT set.

    Masks are mostly clear or solid, soft edges are narrow, and gradients have no detail; pictures
    have many levels and detail everywhere.

    Args:
        alpha: `(H, W)` uint8, uint16 or float32.
    """
    white = SCALES.get(alpha.dtype)
    if white is None or alpha.size < _LEAST:
        return False
    # A piece at full resolution: shrinking would take the detail away.
    height, width = alpha.shape
    top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
    piece = np.ascontiguousarray(alpha[top : top + _SIDE, left : left + _SIDE])
    values = (piece / np.float32(white)).astype(np.float32)
    between = np.mean((values > 0.02) & (values < 0.98))
    if between < _BETWEEN or len(np.unique(np.rint(values * 255))) < _LEVELS:
        return False
    detail = np.abs(values - cv2.medianBlur(values, 3)).mean()
    return bool(detail > _DETAIL)
