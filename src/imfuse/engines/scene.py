"""Numbers that describe the whole of a pair: how much of it is dark, middling or bright.

Networks that decide by the surroundings of a place can't tell a shadow by day from the night. These
numbers tell them, and as they are few, they can be kept steady over the frames of a video, and be
the same for all parts of a picture that is fused in parts.
"""

import cv2
import numpy as np

from imfuse.types import Float

BLOCK = 16
"""Side in pixels of the blocks whose means are looked at."""
TONES = ((0.0, 0.05), (0.1, 0.1), (0.25, 0.15), (0.5, 0.2), (0.75, 0.2), (1.0, 0.2))
"""Brightness and width of the tones whose shares are measured."""
SCENE = 2 * len(TONES) + 2
"""Count of the numbers: shares of tones in infrared and in visible, correlation, difference."""
EVEN = 1e-3
"""Variance below which the correlation of both pictures fades: they are nearly even."""


def in_blocks(picture: Float) -> Float:
    """Return the means of blocks.

    Args:
        picture: `(H, W)` in [0, 1], both multiples of `BLOCK`.
    """
    size = picture.shape[1] // BLOCK, picture.shape[0] // BLOCK
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def describe(ir: Float, vis: Float) -> Float:
    """Return the numbers that describe a pair, `(SCENE,)`.

    Args:
        ir: Means of blocks of the infrared picture, of any shape.
        vis: Those of the visible picture, of the same shape.
    """
    tones = np.array(TONES, np.float32)[:, :, None]
    shares = [
        np.exp(-np.square((values.reshape(1, -1) - tones[:, 0]) / tones[:, 1])).mean(1)
        for values in (ir, vis)
    ]
    a, b = ir - ir.mean(), vis - vis.mean()
    spread = np.sqrt(np.square(a).mean() * np.square(b).mean() + EVEN**2)
    more = [(a * b).mean() / spread, np.abs(ir - vis).mean()]
    return np.concatenate([*shares, more]).astype(np.float32)
