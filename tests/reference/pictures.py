"""Pictures for tests: texture of all scales with hard-edged shapes, as 8-bit cameras would give."""

import cv2
import numpy as np


def textured(height, width, seed):
    """Return `(height, width)` float32 in [0, 1] with values k/255."""
    rng = np.random.default_rng(seed)
    big = np.zeros((height + 64, width + 64))
    for octave in range(6):
        side = 2**octave
        noise = rng.random((big.shape[0] // side + 2, big.shape[1] // side + 2))
        noise = np.kron(noise, np.ones((side, side)))[: big.shape[0], : big.shape[1]]
        big += cv2.blur(noise, (side, side)) * side**0.8
    for _ in range(12):
        y, x = rng.integers(0, big.shape[0]), rng.integers(0, big.shape[1])
        h, w = rng.integers(4, 60, 2)
        big[y : y + h, x : x + w] += rng.normal(0, 8)
    big -= big.min()
    picture = np.rint(255 * big[:height, :width] / big.max())
    return (picture / 255).astype(np.float32)


def pair(height, width, seed=0):
    """Return two unlike pictures of one size."""
    return textured(height, width, 2 * seed), textured(height, width, 2 * seed + 1)


def hot_spot(height=96, width=128):
    """Return an infrared picture with one hot disc and a visible one with stripes and no disc."""
    y, x = np.mgrid[:height, :width]
    disc = (y - height // 2) ** 2 + (x - width // 2) ** 2 < 12**2
    ir = np.where(disc, 0.9, 0.2).astype(np.float32)
    vis = (0.4 + 0.15 * np.sin(2 * np.pi * x / 6)).astype(np.float32)
    return ir, vis, disc
