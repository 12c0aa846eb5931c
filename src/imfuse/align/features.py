"""Descriptions of pictures that are alike in infrared and visible light: directions of edges.

What is bright in one picture may be dark in the other, so edges count by their direction modulo
half a turn, and each place by what it has of each direction, not by how strong its edges are. The
idea is that of channel features of orientated gradients (Ye et al. 2019, CFOG).
"""

import cv2
import numpy as np

from imfuse.types import Float

CELL = 4
"""Pixels along a side of a cell; each cell has one vector of features."""

CHANNELS = 8
"""Numbers of a cell."""

_NEIGHBOURHOOD = 12.0
_FLOOR = 4.0
"""Standard deviation that is added to the local one, in levels of 255: flat places stay flat."""
_STRONGEST = 3.0
_SMOOTH = 3.0
_COMMON = 0.8
"""Share of the mean over all directions that is taken off: that is no direction."""
_FAINT = 0.06


def normalised(gray: Float) -> Float:
    """Return local contrast: the difference from the mean around, in local standard deviations.

    Args:
        gray: `(H, W)` with values from 0 to 255.

    Returns:
        `(H, W)` from -3 to 3.
    """
    mean = cv2.GaussianBlur(gray, (0, 0), _NEIGHBOURHOOD)
    from_mean = gray - mean
    spread = np.sqrt(cv2.GaussianBlur(np.square(from_mean), (0, 0), _NEIGHBOURHOOD))
    return np.asarray(np.clip(from_mean / (spread + _FLOOR), -_STRONGEST, _STRONGEST), np.float32)


def directions(gray: Float) -> Float:
    """Return what each cell has of edges in eight directions.

    Args:
        gray: `(H, W)` with values from 0 to 255, both sides multiples of `CELL`.

    Returns:
        `(H / CELL, W / CELL, CHANNELS)`; vectors of length at most 1, shorter where edges are
        faint or have no common direction.
    """
    height, width = gray.shape[0] // CELL, gray.shape[1] // CELL
    smooth = cv2.GaussianBlur(normalised(gray), (0, 0), 1.0)
    dx, dy = (cv2.Scharr(smooth, cv2.CV_32F, *order) / 16 for order in ((1, 0), (0, 1)))
    # The square of an edge's share of a direction t is (1 + cos 2t) dx^2 / 2 + ..., so three
    # blurred pictures hold all directions: xx, yy and xy.
    parts = [
        cv2.resize(
            cv2.GaussianBlur(part, (0, 0), _SMOOTH), (width, height), interpolation=cv2.INTER_AREA
        )
        for part in (dx * dx, dy * dy, dx * dy)
    ]
    angles = np.arange(CHANNELS) * (np.pi / CHANNELS)
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.stack([cos * cos, sin * sin, 2 * cos * sin]).astype(np.float32)
    strength = np.sqrt(np.maximum(np.stack(parts, axis=-1) @ turns, 0))
    strength -= _COMMON * strength.mean(axis=-1, keepdims=True)
    length = np.sqrt(np.square(strength).sum(axis=-1, keepdims=True))
    return np.ascontiguousarray(strength / (length + _FAINT), np.float32)
