"""Evidence: how likely each offset is for patches of one picture in the other."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.align.features import CELL, directions
from imfuse.align.views import area, corners, transform
from imfuse.ops.warps import Matrix, resample, scaling
from imfuse.types import Float

Numbers = NDArray[np.float64]

_SHARPNESS = 0.3
"""How decided an agreement of 1, summed over the cells of a patch, is."""
_BETWEEN = 3
"""Steps between offsets of whole cells."""
_ACROSS = 22
"""Patches along the longer side."""
_LEAST_SEEN = 0.45
"""Least share of a patch that the other picture must see."""
_FEWEST = 8
_LARGEST_ZOOM = 50.0


@dataclass(frozen=True)
class Level:
    """One resolution of the refinement.

    Attributes:
        side: Longest side in pixels of the picture with the smaller field of view.
        reach: Largest offset in cells.
        patch: Cells along a side of a patch.
        spread: Tolerance in cells at the end.
    """

    side: int
    reach: int
    patch: int
    spread: float


@dataclass(frozen=True)
class Evidence:
    """Probabilities of all offsets, for the patches of one pair.

    Attributes:
        chance: `(N, offsets)`, each row with a sum of 1; see `offsets`.
        cells: `(N, 2)` middles `(x, y)` of the patches, in cells of the canvas.
        shape: Rows and columns of cells of the canvas.
    """

    chance: Numbers
    cells: Numbers
    shape: tuple[int, int]


def look(gray: Float, wide: Float, matrix: Matrix, level: Level) -> Evidence | None:
    """Return how likely all offsets are for patches of a picture in another one.

    Args:
        gray: Picture with the smaller field of view, on its canvas.
        wide: The other one.
        matrix: Maps pixels of `wide` to those of the canvas.
        level: Resolution.
    """
    pad = level.reach + 2
    warped, seen = _warped(wide, matrix, gray.shape, CELL * pad)
    if warped is None:
        return None
    template, other = directions(gray), directions(warped)
    height, width = template.shape[:2]
    cells = other.shape[1], other.shape[0]
    valid = cv2.erode(
        (cv2.resize(seen, cells, interpolation=cv2.INTER_AREA) > 0.95).astype(np.float32),
        np.ones((3, 3)),
    )
    step = max(2, round(max(height, width) / _ACROSS))
    y, x = (
        one.ravel()
        for one in np.meshgrid(
            np.arange(2, height - 2, step), np.arange(2, width - 2, step), indexing="ij"
        )
    )
    inner = valid[pad:-pad, pad:-pad]
    cover = cv2.boxFilter(inner, -1, (level.patch,) * 2, borderType=cv2.BORDER_CONSTANT)
    enough = cover[y, x] > _LEAST_SEEN
    y, x = y[enough], x[enough]
    if len(y) < _FEWEST:
        return None
    agreement = _agreement(template, other, valid, level, (y, x))
    weights = _between(2 * level.reach + 1)
    side = 2 * level.reach + 1
    fine = weights @ agreement.reshape(-1, side, side) @ weights.T
    fine = fine.reshape(len(y), -1)
    chance = np.exp(fine - fine.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    cells_at = np.stack([x, y], axis=1).astype(np.float64)
    return Evidence(chance.astype(np.float64), cells_at, (height, width))


def _warped(
    wide: Float, matrix: Matrix, shape: tuple[int, int], pad: int
) -> tuple[Float | None, Float]:
    """Return a picture warped onto a canvas with a border, and where it has pixels."""
    move = np.eye(3)
    move[:2, 2] = pad
    onto = move @ matrix
    size = shape[1] + 2 * pad, shape[0] + 2 * pad
    covered = area(transform(np.linalg.inv(onto), corners(size[::-1])))
    zoom = np.sqrt(abs(covered) / (size[0] * size[1])) if np.isfinite(covered) else np.inf
    if not 1 / _LARGEST_ZOOM < zoom < _LARGEST_ZOOM:
        return None, wide
    if zoom > 1.3:  # otherwise pixels between those that are read would be lost
        less = [max(16, round(1.1 * side / zoom)) for side in wide.shape]
        onto = onto @ np.linalg.inv(scaling(wide.shape, (less[0], less[1])))
        wide = resample(wide, *less)
    warped = cv2.warpPerspective(wide, onto, size, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpPerspective(np.ones_like(wide), onto, size)
    return np.asarray(warped, np.float32), np.asarray(seen, np.float32)


def _agreement(
    template: Float,
    other: Float,
    valid: NDArray[Any],
    level: Level,
    at: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> Float:
    """Return `(N, offsets)`: how well patches agree at all offsets.

    `a . b - |b|^2 / 2` instead of the product alone: strong features don't win everywhere. Cells
    that one of the two doesn't see don't count, and the mean goes over the others.
    """
    height, width = template.shape[:2]
    pad, patch = level.reach + 2, level.patch
    box = (patch, patch)
    weight = np.zeros((height, width), np.float32)
    weight[2:-2, 2:-2] = 1
    full = cv2.boxFilter(weight, -1, box, normalize=False, borderType=cv2.BORDER_CONSTANT)
    energy = 0.5 * np.square(other).sum(axis=-1)
    least = 0.2 * patch * patch
    found = []
    for row in range(pad - level.reach, pad + level.reach + 1):
        for column in range(pad - level.reach, pad + level.reach + 1):
            window = (slice(row, row + height), slice(column, column + width))
            counts = weight * valid[window]
            alike = np.einsum("ijc,ijc->ij", template, other[window]) - energy[window]
            total, number = (
                cv2.boxFilter(one, -1, box, normalize=False, borderType=cv2.BORDER_CONSTANT)
                for one in (alike * counts, counts)
            )
            found.append((total / np.maximum(number, least) * full)[at])
    sharpness = _SHARPNESS * 121 / patch**2
    return np.asarray(sharpness * np.stack(found, axis=1), np.float32)


@lru_cache
def offsets(reach: int) -> Numbers:
    """Return `(N, 2)` offsets `(x, y)` in cells, row by row."""
    line = np.linspace(-reach, reach, 2 * reach * _BETWEEN + 1)
    y, x = np.meshgrid(line, line, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)


@lru_cache
def _between(number: int) -> Float:
    """Return the matrix that interpolates between whole cells by cubic convolution (Keys 1981)."""
    fine = (number - 1) * _BETWEEN + 1
    weights = np.zeros((fine, number), np.float32)
    for row in range(fine):
        start, part = divmod(row, _BETWEEN)
        t = part / _BETWEEN
        around = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (t**3 - t**2) / 2,
        )
        for place, weight in enumerate(around, start - 1):
            weights[row, min(max(place, 0), number - 1)] += weight
    return weights
