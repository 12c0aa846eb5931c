"""Luma of RGB pictures (ITU-R BT.601, full range), and its replacement by fused luma."""

import cv2
import numpy as np

from imfuse.types import Float

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of R, G and B in luma; they sum to 1, so gray keeps its value."""

_LUMA_ROW = np.array([LUMA_WEIGHTS], np.float32)


def luma(rgb: Float) -> Float:
    """Return the BT.601 luma of an RGB picture, `(H, W, 3)` to `(H, W)`, in [0, 1]."""
    return np.asarray(cv2.transform(rgb, _LUMA_ROW), np.float32).reshape(rgb.shape[:2])


def with_luma(rgb: Float, old: Float, new: Float) -> Float:
    """Give an RGB picture a new luma and keep its chroma.

    In YCbCr with any fixed pair of luma weights, exchanging Y and keeping Cb and Cr adds the same
    number to R, G and B: R = Y + 2(1 - Kr)(Cr - 1/2) and so on. Adding `new - old` is therefore
    the round trip through YCbCr without the rounding of printed matrices: the same luma gives
    exactly the same picture.

    Args:
        rgb: `(H, W, 3)` in [0, 1].
        old: Its luma, `(H, W)`.
        new: The luma to give it, `(H, W)`.

    Returns:
        `(H, W, 3)`; values may leave [0, 1] where the chroma does not fit the new luma.
    """
    result = np.asarray(cv2.cvtColor(new - old, cv2.COLOR_GRAY2RGB), np.float32)
    result += rgb
    return result
