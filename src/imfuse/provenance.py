"""Where the pixels of a fused picture come from: infrared, the visible picture, or neither.

Networks that decide per band know it (`imfuse.engines.bands`). For any other method it is estimated
from the three pictures: in each band of a Laplacian pyramid, and in a window around each pixel, the
fused band is explained as well as possible by a mean of both sources' bands, with two weights that
add up to 1, times a gain; what is left comes from neither.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.ops.pyramid import analyse, synthesise
from imfuse.types import Float, Shares

_SIGMAS = (2.0, 1.0, 1.0)
"""Standard deviation of the window in pixels of each level of the pyramid, the finest first. More
levels would mix what lies far apart: methods decide by pixels, not by regions."""
_RIDGE = 1e-6
"""Mean square below which bands count as alike, and each gets half, or as nothing."""
_MOST_GAIN = 2.0
_COLOURS = np.array([[1.0, 0.2, 0.1], [0.15, 0.45, 1.0], [0.2, 1.0, 0.2]], np.float32)
"""Colours of infrared, visible and neither."""
_PALE = np.float32(0.25)
"""Gray that is mixed into them, which keeps bright places bright."""
_LEAST = 1e-6


def as_map(parts: Shares) -> Float:
    """Return the shares of infrared, the visible picture and neither, `(H, W, 3)`, which sum to 1.

    The share of a part is its magnitude among those of all three.

    Args:
        parts: What comes from where; each `(H, W)`.
    """
    sizes = np.stack([np.abs(part) for part in parts], axis=-1)
    total = sizes.sum(axis=-1, keepdims=True)
    # A black pixel comes from both sources alike, as nothing shows where else it might come from.
    even = np.array([0.5, 0.5, 0.0], np.float32)
    return np.asarray(np.where(total > _LEAST, sizes / np.maximum(total, _LEAST), even), np.float32)


def overlay(gray: Float, shares: Float) -> Float:
    """Return a picture in the colours of its origin: red infrared, blue visible, green neither.

    Args:
        gray: `(H, W)` fused luma in [0, 1].
        shares: `(H, W, 3)`, see `as_map`.
    """
    lit = np.clip(gray[..., None] * (_PALE + shares @ _COLOURS), 0, 1)
    return np.asarray(lit, np.float32)


def blended(parts: Shares, ir: Float, vis: Float, lean: float) -> Shares:
    """Return the parts of a result that was blended with one of the sources.

    Args:
        parts: Those of the result before.
        ir: `(H, W)` infrared picture.
        vis: `(H, W)` visible luma.
        lean: Weight of the source: above 0 of infrared, below 0 of the visible picture.
    """
    share = np.float32(lean)
    own, none = 1 - abs(share), np.float32(0)
    return Shares(
        ir=own * parts.ir + max(share, none) * ir,
        vis=own * parts.vis + max(-share, none) * vis,
        neither=own * parts.neither,
    )


def estimated(fused: Float, ir: Float, vis: Float) -> Shares:
    """Return what of a fused picture probably comes from where; the three add up to it.

    Args:
        fused: `(H, W)` fused luma.
        ir: `(H, W)` infrared picture.
        vis: `(H, W)` visible luma.
    """
    parts: tuple[list[Float], list[Float], list[Float]] = ([], [], [])
    bands = (analyse(np.asarray(one, np.float32), len(_SIGMAS) - 1) for one in (ir, vis, fused))
    for level, (a, b, f) in enumerate(zip(*bands, strict=True)):
        of_ir, of_vis = _explained(a, b, f, level)
        for part, one in zip(parts, (of_ir, of_vis, f - of_ir - of_vis), strict=True):
            part.append(one)
    return Shares(*map(synthesise, parts))


def _explained(a: Float, b: Float, f: Float, level: int) -> tuple[Float, Float]:
    """Return the parts of a band that the bands of both sources explain.

    Both numbers solve least squares in a Gaussian window around each pixel: first the share m of a
    in f = m a + (1 - m) b, from 0 to 1, then the gain of that mean. Two free weights instead would
    not be determined where both bands are flat. The coarsest level has no gain, as it holds
    brightness, not contrast.
    """
    apart, sigma = a - b, _SIGMAS[level]
    top, below = (_mean(one, sigma) for one in ((f - b) * apart, apart * apart))
    share = np.clip((top + _RIDGE / 2) / (below + _RIDGE), 0, 1)
    if level < len(_SIGMAS) - 1:
        mean = share * a + (1 - share) * b
        fit = (_mean(f * mean, sigma) + _RIDGE) / (_mean(mean * mean, sigma) + _RIDGE)
        a, b = (one * np.clip(fit, 0, _MOST_GAIN) for one in (a, b))
    return np.asarray(share * a, np.float32), np.asarray((1 - share) * b, np.float32)


def _mean(values: NDArray[Any], sigma: float) -> Float:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)
