"""Lifting of dark pictures by one curve, which darkens nothing and leaves no halos."""

import math

import numpy as np

from imfuse.ops.color import luma
from imfuse.types import Float, Tone

TONES: dict[Tone, tuple[float, float]] = {"off": (0, 0), "auto": (0.25, 3.0), "night": (0.4, 8.0)}
"""Brightness that a darker picture is lifted to, and the largest lift."""

_BLACK = 0.02
"""Brightness that is added before logarithms are taken: darker means black all the same."""
_CHROMA = 2.0
"""Largest factor of chroma: in the dark, it is noise more than colour."""


def log_brightness(ir: Float, vis: Float) -> float:
    """Return how bright a fused picture looks on the whole, from both sources, as a logarithm.

    It is the log-average of the brighter source (E. Reinhard et al., Photographic tone
    reproduction for digital images, ACM Transactions on Graphics 21(3), 2002, eq. 1), which a few
    lamps hardly change. As a logarithm, so that a session can smooth what the eye sees.

    Args:
        ir: Infrared in [0, 1], at any resolution.
        vis: Luma of the visible picture, of the same shape.
    """
    return float(np.log(np.maximum(ir, vis) + np.float32(_BLACK)).mean())


def lift_for(found: float, tone: Tone) -> float:
    """Return the lift, from 0 (none) on, of a picture with this `log_brightness`.

    It brings this brightness to the wanted one, unless the picture is bright enough or the lift
    would be too large.
    """
    wanted, most = TONES[tone]
    bright = max(math.exp(found) - _BLACK, 1e-4)
    return min(most, max(0.0, (wanted - bright) / (bright * (1 - wanted))))


def lifted(values: Float, lift: float) -> Float:
    """Return brighter values: (1 + c) x / (1 + c x) for a lift c; 0 stays 0, and 1 stays 1.

    Args:
        values: In [0, 1]; others are clamped first.
        lift: See `lift_for`.
    """
    x = np.clip(values, 0, 1)
    return np.asarray(np.float32(1 + lift) * x / (1 + np.float32(lift) * x), np.float32)


def with_lift(rgb: Float, lift: float) -> Float:
    """Return a brighter colour picture, whose chroma grows with it, to twice its strength.

    Args:
        rgb: `(H, W, 3)` in [0, 1]; others are clamped first.
        lift: See `lift_for`.
    """
    rgb = np.clip(rgb, 0, 1)
    before = luma(rgb)
    after = lifted(before, lift)
    factor = np.minimum(after / np.maximum(before, np.float32(1e-4)), np.float32(_CHROMA))
    chroma = rgb - before[..., None]
    return np.asarray(after[..., None] + factor[..., None] * chroma, np.float32)
