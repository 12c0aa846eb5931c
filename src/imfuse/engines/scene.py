"""Numbers that describe the whole of a pair: how dark, middling, bright and noisy it is.

Networks that decide by the surroundings of a place can't tell a shadow by day from the night, nor
fine texture from noise. These numbers tell them, and as they are few, they can be kept steady over
the frames of a video, and be the same for all parts of a picture that is fused in parts.
"""

import cv2
import numpy as np

from imfuse.types import Float

BLOCK = 16
"""Side in pixels of the blocks whose means are looked at."""
TONES = ((0.0, 0.05), (0.1, 0.1), (0.25, 0.15), (0.5, 0.2), (0.75, 0.2), (1.0, 0.2))
"""Brightness and width of the tones whose shares are measured."""
SCENE = 2 * len(TONES) + 6
"""Count of the numbers: shares of tones in infrared and in visible, correlation, difference, grain
and stripes in infrared, grain and stripes in visible."""
ROWS = (5, 11)
"""Rows of a block in which grain is measured; all of them would take five times as long."""
CALM = 0.3
"""Share of the blocks that are calmer than the one whose noise counts: others have texture."""
GRAIN, STRIPES = 0.2089, 0.5116
"""Standard deviation of noise, in the mean magnitudes of what `in_blocks` returns for it:
sqrt(pi / 2) / 6 (J. Immerkaer, Fast noise variance estimation, Computer Vision and Image
Understanding 64(2), 1996), and sqrt(pi / 2) / sqrt(6)."""
NOISY, NOISIEST = 0.05, 2.0
"""Noise that counts as 1, and the largest number for it."""
EVEN = 1e-3
"""Variance below which the correlation of both pictures fades: they are nearly even."""


def in_blocks(picture: Float) -> Float:
    """Return what blocks are like, `(3, h, w)`: their means, and how rough they are in two ways.

    The second number is the mean magnitude of second differences across and down, which answers to
    grain but not to edges along rows or columns. The third one is that of second differences along
    the means of columns, which answers to stripes.

    Args:
        picture: `(H, W)` in [0, 1], both multiples of `BLOCK`.
    """
    height, width = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    columns = cv2.resize(picture, (picture.shape[1], height), interpolation=cv2.INTER_AREA)
    columns = columns.reshape(height, width, BLOCK)
    rows = picture.reshape(height, BLOCK, -1)
    down = np.stack([rows[:, row - 1] - 2 * rows[:, row] + rows[:, row + 1] for row in ROWS], 1)
    down = down.reshape(height, len(ROWS), width, BLOCK)
    grain = np.abs(np.diff(down, 2)).mean((1, 3))
    return np.stack([columns.mean(2), grain, np.abs(np.diff(columns, 2)).mean(2)])


def describe(ir: Float, vis: Float) -> Float:
    """Return the numbers that describe a pair, `(SCENE,)`.

    Args:
        ir: Blocks of the infrared picture, `(3, ...)`; see `in_blocks`.
        vis: Those of the visible picture, of the same shape.
    """
    noise = [_calm(values) for one in (ir, vis) for values in one[1:]]
    ir, vis = ir[0], vis[0]
    tones = np.array(TONES, np.float32)[:, :, None]
    shares = [
        np.exp(-np.square((values.reshape(1, -1) - tones[:, 0]) / tones[:, 1])).mean(1)
        for values in (ir, vis)
    ]
    a, b = ir - ir.mean(), vis - vis.mean()
    spread = np.sqrt(np.square(a).mean() * np.square(b).mean() + EVEN**2)
    more = [(a * b).mean() / spread, np.abs(ir - vis).mean()]
    levels = np.minimum(np.multiply(noise, 2 * (GRAIN, STRIPES)) / NOISY, NOISIEST)
    return np.concatenate([*shares, more, levels]).astype(np.float32)


def _calm(roughness: Float) -> float:
    """Return the roughness of a rather calm block."""
    place = int(CALM * (roughness.size - 1))
    return float(np.partition(roughness, place, axis=None)[place])
