"""Pixel-wise fusion by the average and the maximum, the trivial baselines."""

import cv2
import numpy as np

from imfuse.engines.base import FunctionEngine
from imfuse.types import Float, FusionSpec, TileRule


def average(ir: Float, vis: Float) -> Float:
    """Return the mean of the two pictures."""
    return np.asarray(cv2.addWeighted(ir, 0.5, vis, 0.5, 0), np.float32)


def maximum(ir: Float, vis: Float) -> Float:
    """Return the larger of the two values at each pixel."""
    return np.maximum(ir, vis)


AVERAGE = FunctionEngine(
    FusionSpec(
        name="average",
        title="Mean of both pictures, pixel by pixel",
        kind="classical",
        tile=TileRule(halo=0),
        symmetric=True,
        bytes_per_pixel=1,
    ),
    average,
)

MAX = FunctionEngine(
    FusionSpec(
        name="max",
        title="Larger value of both pictures, pixel by pixel",
        kind="classical",
        tile=TileRule(halo=0),
        symmetric=True,
        bytes_per_pixel=1,
    ),
    maximum,
)
