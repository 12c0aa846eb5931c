"""Warping of one picture onto the pixels of another, without inventing new extremes.

Coordinates are `(x, y)` with their origin at the centre of the upper left pixel.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float, Mask

Matrix = NDArray[np.float64]
"""A `(3, 3)` matrix of homogeneous pixel coordinates."""
NOWHERE = -1e6
"""Coordinate of what no pixel of a picture shows."""


def scaling(old: tuple[int, int], new: tuple[int, int]) -> Matrix:
    """Return the matrix that maps pixels of one size to those of another, edge onto edge.

    Args:
        old: Height and width in pixels.
        new: Height and width in pixels.

    Examples:
        >>> (scaling((2, 2), (4, 4)) @ [0, 0, 1]).tolist()
        [0.5, 0.5, 1.0]
    """
    y, x = new[0] / old[0], new[1] / old[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def resample(values: Float, height: int, width: int) -> Float:
    """Resample float values to another size; each result lies between the values around it.

    Area averaging where the picture shrinks in both directions (no aliasing), linear otherwise.
    """
    shrinks = height <= values.shape[0] and width <= values.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (width, height), interpolation=method), np.float32)


def positions(matrix: Matrix, window: tuple[slice, slice]) -> Float:
    """Return the source position of each pixel of a window.

    Args:
        matrix: Maps a pixel of the source to a pixel of the result, up to scale.
        window: Rows and columns of the result.

    Returns:
        `(H, W, 2)`: the `(x, y)` in the source of each pixel of the window.
    """
    rows, columns = (np.arange(side.start, side.stop, dtype=np.float64) for side in window)
    x, y = np.meshgrid(columns, rows)
    back = np.linalg.inv(matrix)
    # Behind the camera's horizon the denominator is 0 or negative: such pixels show nothing.
    scale = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    scale = np.where(scale > 1e-9 * abs(back[2, 2]), scale, np.nan)
    found = [(row[0] * x + row[1] * y + row[2]) / scale for row in back[:2]]
    return np.asarray(np.nan_to_num(np.stack(found, axis=-1), nan=NOWHERE), np.float32)


def warp(values: Float, at: Float) -> Float:
    """Return the values at given positions, interpolated linearly; outside, those of the edge."""
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    warped = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def beyond(at: Float, size: tuple[int, int]) -> Mask:
    """Return True for positions outside a picture of this height and width."""
    height, width = size
    x, y = at[..., 0], at[..., 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return np.asarray(~inside)
