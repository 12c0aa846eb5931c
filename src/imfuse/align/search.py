"""The search over fields of view, turns and shifts, where nothing is known of how a pair lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from imfuse.align.features import CELL, directions
from imfuse.align.views import View, canvas, corners, transform
from imfuse.ops.warps import Matrix
from imfuse.types import Float

_SIDE = 320
"""Longest side in pixels of the picture with the larger field of view."""
_PEAKS = 3
"""Shifts to keep of each field of view and turn."""
_APART = 0.03
"""Mean distance of corners, in sides of the visible picture, from which candidates are two."""
_AROUND = 3
_LEAST_ROOT = 1e-6


@dataclass(frozen=True)
class Range:
    """Fields of view, turns and shifts to search.

    Attributes:
        ratios: Widths of the infrared picture's field of view, in that of the visible one.
        turns: Turns of the infrared picture, in degrees.
        overlap: Least share of the smaller field of view that both must see.
        shift: Largest distance of the middles of both, in widths of the visible picture; None: as
            the overlap allows.
    """

    ratios: tuple[float, ...]
    turns: tuple[float, ...]
    overlap: float = 0.6
    shift: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A place where the pictures agree.

    Attributes:
        matrix: Maps pixels of the infrared picture to those of the visible one.
        score: Correlation times the root of the number of cells that both see.
        correlation: Correlation of the features, -1 to 1.
        ratio: Field of view that it was found at.
    """

    matrix: Matrix
    score: float
    correlation: float
    ratio: float


def search(view: View, ranges: Sequence[Range], most: int) -> list[Candidate]:
    """Return the best places, best first, no two alike.

    Args:
        view: The pair.
        ranges: What to search.
        most: Number of places.
    """
    found: list[Candidate] = []
    seen: dict[int, tuple[Float, Matrix]] = {}
    for one in ranges:
        for ratio in one.ratios:
            vis_side = _SIDE * min(1.0, 1 / ratio)
            key = round(vis_side)
            if key not in seen:
                gray, scale = canvas(view.vis, vis_side)
                seen[key] = directions(gray), scale
            # In width: both pictures at one number of pixels per degree.
            wide = vis_side * view.vis.shape[1] / max(view.vis.shape) * ratio
            gray, scale = canvas(view.ir, wide * max(view.ir.shape) / view.ir.shape[1])
            for turn in one.turns:
                found += _of_one(seen[key], (gray, scale), one, ratio, turn)
    found.sort(key=lambda candidate: -candidate.score)
    return _distinct(found, view, most)


def _of_one(
    vis: tuple[Float, Matrix], ir: tuple[Float, Matrix], one: Range, ratio: float, turn: float
) -> list[Candidate]:
    features, vis_scale = vis
    gray, ir_scale = ir
    turned, mask, around = _turned(gray, turn)
    template = directions(turned)
    score, correlation = _correlations(features, template, mask, one.overlap)
    rows, columns = score.shape
    shift = np.meshgrid(_signed(columns, features.shape[1]), _signed(rows, features.shape[0]))
    if one.shift is not None:
        height, width = features.shape[:2]
        x = shift[0] + (template.shape[1] - width) / 2
        y = shift[1] + (template.shape[0] - height) / 2
        score[np.hypot(x, y) > one.shift * width] = -np.inf
    found = []
    for _ in range(_PEAKS):
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if not score[row, column] > 0:
            break
        move = np.eye(3)
        move[:2, 2] = CELL * shift[0][row, column], CELL * shift[1][row, column]
        matrix = np.linalg.inv(vis_scale) @ move @ around @ ir_scale
        best = float(score[row, column]), float(correlation[row, column])
        found.append(Candidate(matrix / matrix[2, 2], *best, ratio))
        near = np.arange(-_AROUND, _AROUND + 1)
        score[np.ix_((row + near) % rows, (column + near) % columns)] = -np.inf
    return found


def _turned(gray: Float, degrees: float) -> tuple[Float, Float, Matrix]:
    """Return a picture turned about its middle, the cells it fills, and its matrix."""
    height, width = gray.shape
    if degrees == 0:
        return gray, np.ones((height // CELL, width // CELL), np.float32), np.eye(3)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    new_width = CELL * int(np.ceil((width * abs(cos) + height * abs(sin)) / CELL))
    new_height = CELL * int(np.ceil((height * abs(cos) + width * abs(sin)) / CELL))
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    back, forth = np.eye(3), np.eye(3)
    back[:2, 2] = -(width - 1) / 2, -(height - 1) / 2
    forth[:2, 2] = (new_width - 1) / 2, (new_height - 1) / 2
    matrix = forth @ turn @ back
    size = new_width, new_height
    shown = cv2.warpAffine(gray, matrix[:2], size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(gray), matrix[:2], size)
    cells = (new_width // CELL, new_height // CELL)
    filled = cv2.resize(inside, cells, interpolation=cv2.INTER_AREA) > 0.9
    return np.asarray(shown, np.float32), filled.astype(np.float32), matrix


def _correlations(
    features: Float, template: Float, mask: Float, overlap: float
) -> tuple[Float, Float]:
    """Return the score and the correlation at all shifts, by Fourier transforms.

    Both are normalised by what lies in the overlap, not by all of the two pictures.
    """
    fixed = features - features.mean(axis=(0, 1))
    moving = (template - _mean(template, mask)) * mask[..., None]
    sides = [a + b - 1 for a, b in zip(fixed.shape[:2], moving.shape[:2], strict=True)]
    size = [cv2.getOptimalDFTSize(side + side % 2) for side in sides]
    ones = np.ones(fixed.shape[:2], np.float32)
    first = _spectra([*np.moveaxis(fixed, -1, 0), np.square(fixed).sum(-1), ones], size)
    second = _spectra([*np.moveaxis(moving, -1, 0), np.square(moving).sum(-1), mask], size).conj()
    products = np.stack(
        [
            (first[:-2] * second[:-2]).sum(0),
            first[-2] * second[-1],
            first[-1] * second[-2],
            first[-1] * second[-1],
        ]
    )
    together, of_fixed, of_moving, seen = np.fft.irfft2(products, size)
    enough = seen >= overlap * min(fixed.shape[0] * fixed.shape[1], float(mask.sum()))
    energy = np.sqrt(np.maximum(of_fixed * of_moving, _LEAST_ROOT))
    correlation = np.where(enough, together / energy, -1)
    score = np.where(enough, correlation * np.sqrt(np.maximum(seen, 0)), -np.inf)
    return np.asarray(score, np.float32), np.asarray(correlation, np.float32)


def _spectra(planes: Sequence[Float], size: Sequence[int]) -> np.ndarray:
    return np.fft.rfft2(np.stack(planes), size)


def _mean(template: Float, mask: Float) -> Float:
    return np.asarray((template * mask[..., None]).sum((0, 1)) / mask.sum(), np.float32)


def _signed(length: int, fixed: int) -> np.ndarray:
    """Return the shift that each place of a correlation stands for."""
    places = np.arange(length)
    return np.where(places >= fixed, places - length, places)


def _distinct(found: Sequence[Candidate], view: View, most: int) -> list[Candidate]:
    kept: list[Candidate] = []
    at = corners(view.ir.shape)
    for candidate in found:
        places = transform(candidate.matrix, at)
        apart = _APART * view.vis.shape[1] * max(1.0, candidate.ratio)
        if all(np.abs(places - transform(other.matrix, at)).mean() > apart for other in kept):
            kept.append(candidate)
        if len(kept) == most:
            break
    return kept
