"""Trios of pictures on 0..255 for tests of metrics."""

import numpy as np

from imfuse.metrics.planes import Plane, Trio
from reference.pictures import pair


def arrays(height, width, seed=0, *, whole=True):
    """Return a fused picture and its two sources, of whole or of fractional gray levels."""
    ir, vis = (255 * x.astype(np.float64) for x in pair(height, width, seed))
    rng = np.random.default_rng(seed)
    fused = 0.6 * np.maximum(ir, vis) + 0.4 * vis + rng.normal(0, 3, ir.shape)
    pictures = [np.clip(x, 0, 255) for x in (fused, ir, vis)]
    if not whole:
        pictures = [np.clip(x + rng.uniform(-0.4, 0.4, x.shape), 0, 255) for x in pictures]
    return [np.rint(x).astype(np.float32) if whole else x.astype(np.float32) for x in pictures]


def of(fused, ir, vis):
    return Trio(*(Plane(np.asarray(x, np.float32)) for x in (fused, ir, vis)))


def alike(picture):
    return of(picture, picture, picture)


def trio(height, width, seed=0, *, whole=True):
    return of(*arrays(height, width, seed, whole=whole))


def examples():
    """Yield trios of odd and even sizes, of whole and of fractional gray levels."""
    yield trio(24, 31, 0)
    yield trio(33, 40, 1)
    yield trio(25, 27, 2, whole=False)


def doubles(three):
    """Return fused, infrared and visible of a trio in float64."""
    return [plane.values.astype(np.float64) for plane in (three.fused, *three.sources)]


def metric(module, symbol):
    return next(m for m in module.METRICS if m.info.symbol == symbol)
