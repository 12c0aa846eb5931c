"""Fractal noise and leaf clusters, which make drawn surfaces look natural."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.scenes.camera import Box
from imfuse.scenes.raster import shrink, stretch
from imfuse.types import Float

TILE = 256


@lru_cache(maxsize=64)
def fractal_tile(seed: int, slope: float = 1.0) -> Float:
    """Return a `(TILE, TILE)` periodic noise with power spectrum f^(-2 slope), unit variance."""
    rng = np.random.default_rng([seed, 77])
    f = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None])
    f[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / f**slope
    spectrum[0, 0] = 0
    tile = np.fft.irfft2(spectrum, (TILE, TILE))
    result: Float = (tile / tile.std()).astype(np.float32)
    result.setflags(write=False)
    return result


def sample(tile: Float, x: NDArray[np.floating], y: NDArray[np.floating]) -> Float:
    """Read a periodic tile at fractional positions, in tile cells."""
    # remap stores positions in 16 bits; anything farther is below pixel size and may repeat.
    limit = 30000
    found = cv2.remap(
        tile,
        np.clip(x, -limit, limit).astype(np.float32),
        np.clip(y, -limit, limit).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(found, np.float32)


def patch(
    seed: int, box: Box, anchor: NDArray[np.float64], cell: float, slope: float = 1.0
) -> Float:
    """Return noise over a box of the picture, with tile cells `cell` pixels wide.

    It is anchored at a pixel position, so that cropping by the frame does not change it.
    """
    start = np.float32(seed * 37 % TILE)
    x = (np.arange(box[0], box[2]) + 0.5 - anchor[0]) / cell + start
    y = (np.arange(box[1], box[3]) + 0.5 - anchor[1]) / cell + start / 3
    shape = (box[3] - box[1], box[2] - box[0])
    tile = fractal_tile(seed % 7, slope)
    return sample(tile, np.broadcast_to(x[None], shape), np.broadcast_to(y[:, None], shape))


def wave(seed: int, position: Float, octaves: int = 5) -> Float:
    """Return fractal noise along a line, about unit spread, with features of length 1 and below."""
    tile = fractal_tile(seed % 7, 1.0)
    row = np.float32(seed * 13 % TILE)
    result = np.zeros_like(position)
    for octave in range(octaves):
        x = position * np.float32(2**octave)
        line = sample(tile, x[None], np.full_like(x, row + 31 * octave)[None])[0]
        result += line / np.float32(1.6**octave)
    return result * np.float32(0.6)


@lru_cache(maxsize=32)
def leaf_cluster(variant: int, *, size: int = 512, clumps: int = 50, leaves: int = 110) -> Float:
    """Draw a rounded mass of leaves, as `(size, size, 4)`: light, hue, depth cue, coverage.

    Clumps of dabs are drawn from back to front; dabs are lighter on the upper side of their clump,
    like leaves that face the sky.
    """
    rng = np.random.default_rng([variant, 4711])
    image = np.zeros((size, size, 4), np.float32)
    angle = rng.uniform(0, 2 * np.pi, clumps)
    radius = np.sqrt(rng.uniform(0, 1, clumps)) * 0.38
    centres = 0.5 + np.stack([np.cos(angle) * radius * 1.02, np.sin(angle) * radius], 1)
    for i, (cx, cy) in enumerate(centres):
        spread = rng.uniform(0.05, 0.1)
        nearness = i / clumps
        where = rng.normal(0, 1, (leaves, 2)) * (spread, spread * 0.8)
        where = where[np.argsort(-where[:, 1])]
        for dx, dy in where:
            light = 0.55 + 0.35 * nearness - 3.0 * dy - 0.5 * (cy - 0.5) + rng.normal(0, 0.13)
            value = (float(np.clip(light, 0.15, 1.5)), float(rng.normal()), nearness, 1.0)
            at = (int((cx + dx) * size), int((cy + dy) * size))
            axes = (int(rng.integers(3, 7)), int(rng.integers(1, 4)))
            cv2.ellipse(image, at, axes, float(rng.uniform(0, 180)), 0, 360, value, -1)
    image.setflags(write=False)
    return image


@lru_cache(maxsize=64)
def _shrunk(variant: int, level: int) -> Float:
    """Return a cluster, weighted by its coverage, at 1/2, 1/4, ... of its size."""
    if level == 0:
        whole = leaf_cluster(variant).copy()
        whole[..., :3] *= whole[..., 3:]
        return whole
    larger = _shrunk(variant, level - 1)
    return shrink(larger, larger.shape[0] // 2, larger.shape[1] // 2)


def fit_cluster(variant: int, height: int, width: int, *, flip: bool = False) -> Float:
    """Return a leaf cluster at a given size; its rim keeps its own colour."""
    source = leaf_cluster(variant).shape[0]
    level = int(np.clip(np.log2(source / max(height, width, 1)), 0, 5))
    image = _shrunk(variant, level)
    image = image[:, ::-1] if flip else image
    resize = shrink if max(height, width) < image.shape[0] else stretch
    result = resize(np.ascontiguousarray(image), height, width)
    result[..., :3] /= np.maximum(result[..., 3:], 1e-3)
    return result
