"""Pictures as the search for a registration sees them: gray, small, on a canvas of cells."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.align.features import CELL
from imfuse.infrared import prepare_infrared
from imfuse.ops import color
from imfuse.ops.warps import Matrix, resample, scaling
from imfuse.options import AUTO_RANGE
from imfuse.types import SCALES, Float, ImagePair, Picture

_LARGEST = 1440
"""Longest side in pixels of the pictures that are searched: no level looks at finer ones."""
_LEAST_CANVAS = 24


@dataclass(frozen=True)
class View:
    """The two pictures of a pair, gray with values from 0 to 255.

    Attributes:
        ir: `(H, W)`.
        vis: `(H, W)`.
        ir_scale: `(3, 3)` that maps pixels of the infrared picture to those of `ir`.
        vis_scale: `(3, 3)` that maps pixels of the visible picture to those of `vis`.
    """

    ir: Float
    vis: Float
    ir_scale: Matrix
    vis_scale: Matrix

    @classmethod
    def of(cls, pair: ImagePair) -> "View":
        """Return what the search looks at.

        Raises:
            BadValues: The infrared picture can't be made gray.
        """
        infrared = prepare_infrared(pair.ir, AUTO_RANGE, [])
        whole = slice(0, pair.ir.size[0]), slice(0, pair.ir.size[1])
        ir, ir_scale = _small(infrared.read(whole))
        vis, vis_scale = _small(_luma(pair.vis))
        return cls(255 * ir, 255 * vis, ir_scale, vis_scale)

    def whole(self, found: Matrix) -> Matrix:
        """Return a matrix between the small pictures as one between the whole ones."""
        matrix = np.linalg.inv(self.vis_scale) @ found @ self.ir_scale
        return np.asarray(matrix / matrix[2, 2])

    def small(self, known: Matrix) -> Matrix:
        """Return a matrix between the whole pictures as one between the small ones."""
        matrix = self.vis_scale @ known @ np.linalg.inv(self.ir_scale)
        return np.asarray(matrix / matrix[2, 2])

    @cached_property
    def same_view(self) -> Matrix:
        """The matrix where both show the same field of view."""
        return scaling(self.ir.shape, self.vis.shape)


def canvas(gray: Float, side: float) -> tuple[Float, Matrix]:
    """Return a picture with a longest side of about `side` pixels, in whole cells; its matrix."""
    factor = side / max(gray.shape)
    height, width = (
        max(_LEAST_CANVAS, CELL * round(factor * length / CELL)) for length in gray.shape
    )
    return resample(gray, height, width), scaling(gray.shape, (height, width))


def transform(matrix: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float64]:
    """Return where `(N, 2)` points `(x, y)` go."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:])


def corners(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the centres of the corner pixels, clockwise from the upper left one, as `(x, y)`."""
    height, width = shape[:2]
    right, bottom = width - 1.0, height - 1.0
    return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])


def area(points: NDArray[np.float64]) -> float:
    """Return the area of a polygon, negative where its corners run anticlockwise."""
    x, y = points.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def _small(gray: Float) -> tuple[Float, Matrix]:
    factor = min(1.0, _LARGEST / max(gray.shape))
    size = tuple(max(1, round(factor * side)) for side in gray.shape)
    if size == gray.shape:
        return gray, np.eye(3)
    return resample(gray, *size), scaling(gray.shape, size)


def _luma(vis: Picture) -> Float:
    values = vis.pixels.astype(np.float32)
    if vis.pixels.dtype != np.float32:
        values *= np.float32(1 / SCALES[vis.pixels.dtype])
    return color.luma(values) if values.ndim == 3 else values
