"""Refinement of a registration: each patch says where it fits, and one homography explains most.

A patch gives no point but a probability for each offset, which along an edge stays wide. The
homography that all patches support is found by expectation maximisation over a mixture of it and of
patches that fit nowhere, while the tolerance shrinks; so nothing is decided early, and patches
without structure say nothing. Several pairs of one rig add up to one system.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.align.features import CELL, directions
from imfuse.align.views import View, area, canvas, corners, transform
from imfuse.ops.warps import Matrix, resample, scaling
from imfuse.types import Float

Numbers = NDArray[np.float64]


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


COARSE = Level(256, 6, 11, 0.8)
FINE = (Level(400, 4, 13, 0.7), Level(720, 3, 15, 0.6))

_SHARPNESS = 0.3
"""How decided an agreement of 1, summed over the cells of a patch, is."""
_BETWEEN = 3
"""Steps between offsets of whole cells."""
_ROUNDS = 12
_STRAY = 0.15
"""Share of patches that are taken to fit nowhere."""
_ACROSS = 22
"""Patches along the longer side."""
_LEAST_SEEN = 0.45
"""Least share of a patch that the other picture must see."""
_FEWEST = 8
_LARGEST_ZOOM = 50.0
_PERSPECTIVE = 4.0
"""Typical bend of a homography in pixels at 640; more needs evidence."""
_SHEAR = 3.0
"""Typical difference of a homography from a similarity in pixels at 640, likewise."""
_MOST_MOVED = 0.6
"""Largest correction of a level, in sides of the canvas."""


@dataclass(frozen=True)
class Fit:
    """A refined registration, and how well the pictures bear it out.

    Attributes:
        matrix: Maps pixels of the infrared picture to those of the visible one.
        evidence: Mean logarithm of how much likelier offsets are with the homography than without.
        fitting: Share of patches that follow the homography.
        cover: Share of sixteen parts of the picture in which patches support it.
        deviation: Standard deviation of the corners in pixels at 640, if the patches' own
            uncertainty is all there is.
        moved: Mean correction of the corners by the last level, in pixels at 640.
        patches: Number of patches.
        places: `(N, 2)` pixels of the visible picture at which patches should lie.
        found: `(N, 2)` pixels where they fit best near there.
        follows: `(N,)` probability of each patch that it follows the homography.
    """

    matrix: Matrix
    evidence: float
    fitting: float
    cover: float
    deviation: float
    moved: float
    patches: int
    places: Numbers
    found: Numbers
    follows: Numbers

    @property
    def rms(self) -> float:
        """Root mean square distance of what was found from where it should lie, in pixels."""
        squares = np.square(self.found - self.places).sum(axis=1)
        return float(np.sqrt(np.average(squares, weights=self.follows + 1e-9)))


@dataclass(frozen=True)
class _Solution:
    """The parameters of the homography, and what patches say of it.

    Attributes:
        theta: `(8,)` parameters.
        covariance: `(8, 8)` of the parameters.
        follows: `(N,)` probabilities that patches follow the homography.
        gain: `(N,)` logarithms of how much likelier their offsets are with it.
        mean: `(N, 2)` offsets in cells where they fit best near it.
    """

    theta: Numbers
    covariance: Numbers
    follows: Numbers
    gain: Numbers
    mean: Numbers


@dataclass(frozen=True)
class _Evidence:
    """Probabilities of all offsets, for the patches of one pair."""

    chance: Numbers
    terms: Numbers
    places: Numbers


def refine(views: Sequence[View], matrix: Matrix, levels: Sequence[Level]) -> Fit | None:
    """Return the registration near a first guess that the pictures bear out best.

    Args:
        views: Pairs of one rig, all of one size.
        matrix: First guess.
        levels: Resolutions, coarse ones first.

    Returns:
        The fit; None if the pictures hardly overlap, or no homography comes of it.
    """
    fit = None
    for level in levels:
        fit = _refine_once(views, matrix, level)
        if fit is None:
            return None
        matrix = fit.matrix
    return fit


def _refine_once(views: Sequence[View], matrix: Matrix, level: Level) -> Fit | None:
    ir_shape, vis_shape = views[0].ir.shape, views[0].vis.shape
    shown = area(transform(matrix, corners(ir_shape)))
    if not np.isfinite(shown) or shown <= 0:
        return None
    ir_is_narrow = shown < vis_shape[0] * vis_shape[1]
    guess = np.linalg.inv(matrix) if ir_is_narrow else matrix
    evidence, scale, shape = [], np.eye(3), (0, 0)
    for view in views:
        narrow, wide = (view.ir, view.vis) if ir_is_narrow else (view.vis, view.ir)
        gray, scale = canvas(narrow, min(level.side, 1.25 * max(narrow.shape)))
        shape = gray.shape
        found = _look(gray, wide, scale @ guess, level)
        if found is not None:
            evidence.append(found)
    if not evidence:
        return None
    chance, terms, places = (
        np.concatenate([getattr(one, name) for one in evidence])
        for name in ("chance", "terms", "places")
    )
    best = _maximise(chance, terms, level, max(shape), len(evidence))
    at = corners(shape)
    basis = _basis(*_cells_of(at, shape))
    moved = CELL * basis @ best.theta
    if not np.isfinite(moved).all() or np.abs(moved).max() > _MOST_MOVED * max(shape):
        return None
    correction = cv2.getPerspectiveTransform((at + moved).astype(np.float32), at.astype(np.float32))
    back = np.linalg.inv(scale) @ correction @ scale @ guess
    refined = np.linalg.inv(back) if ir_is_narrow else back
    per_cell = CELL * 640 / max(shape)
    spread = np.einsum("nia,ab,njb->nij", basis, best.covariance, basis)
    here = transform(np.linalg.inv(scale), places)
    there = transform(np.linalg.inv(scale @ guess), places + CELL * best.mean)
    return Fit(
        matrix=refined / refined[2, 2],
        evidence=float(best.gain.mean()),
        fitting=float(best.follows.mean()),
        cover=_cover(places, best.gain, shape),
        deviation=float(per_cell * np.sqrt(np.trace(spread, axis1=1, axis2=2).mean())),
        moved=float(np.hypot(*moved.T).mean() * 640 / max(shape)),
        patches=len(best.gain),
        places=transform(refined, here if ir_is_narrow else there),
        found=there if ir_is_narrow else here,
        follows=best.follows,
    )


def _look(gray: Float, wide: Float, matrix: Matrix, level: Level) -> _Evidence | None:
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
    middle = np.stack([x, y], axis=1)
    terms = _basis(*_normalised(middle, (height, width)))
    return _Evidence(chance.astype(np.float64), terms, middle * CELL + (CELL - 1) / 2)


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


def _maximise(chance: Numbers, terms: Numbers, level: Level, side: int, views: int) -> _Solution:
    """Return the homography that most patches follow.

    With the offsets of a patch distributed as `p`, and `N(o; d, s)` around the offset `d` that the
    parameters ask for, `Z = sum p N` is the patch's likelihood, and the gradient of its logarithm
    is `(m - d) / s^2`, where `m` is the mean of `p N / Z`. If `p` were normal with precision L, its
    curvature would be `L / (1 + s^2 L)`; L follows from the covariance of `p N / Z`.
    """
    offsets = _offsets(level.reach)
    squares = (offsets**2).sum(axis=1)
    theta = np.zeros(8)
    bend = CELL * 640 / side
    prior = 30 * (bend / _PERSPECTIVE) ** 2 * np.diag([0, 0, 0, 0, 0, 0, 1.0, 1.0])
    for row in ([0, 1, 0, 0, 0, -1, 0, 0], [0, 0, 1, 0, 1, 0, 0, 0]):
        prior += 30 * (bend / _SHEAR) ** 2 * np.outer(row, row)
    prior = np.sqrt(views) * prior + 1e-6 * np.eye(8)
    information = prior
    for spread in np.geomspace(level.reach / 1.5, level.spread, _ROUNDS):
        wanted = terms @ theta
        near = _normal(offsets, squares, wanted, spread)
        joint = chance * near
        likelihood = joint.sum(axis=1)
        usual = near.mean(axis=1)
        follows = (1 - _STRAY) * likelihood
        follows /= follows + _STRAY * usual + 1e-12
        joint /= likelihood[:, None] + 1e-12
        mean = joint @ offsets
        xx = joint @ offsets[:, 0] ** 2 - mean[:, 0] ** 2 + 0.05
        yy = joint @ offsets[:, 1] ** 2 - mean[:, 1] ** 2 + 0.05
        xy = joint @ (offsets[:, 0] * offsets[:, 1]) - mean[:, 0] * mean[:, 1]
        covariance = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
        precise, ways = np.linalg.eigh(np.linalg.inv(covariance) - np.eye(2) / spread**2)
        precise = np.clip(precise, 0, 6)
        curvature = np.einsum(
            "nij,nj,nkj->nik", ways, precise / (1 + spread**2 * precise), ways
        ) + 1e-4 * np.eye(2)
        slope = np.einsum("n,nia,ni->a", follows, terms, (mean - wanted) / spread**2)
        weighted = (terms * follows[:, None, None]).reshape(-1, 8)
        information = weighted.T @ (curvature @ terms).reshape(-1, 8) + prior
        change = np.linalg.solve(information, slope - prior @ theta)
        longest = np.abs(terms @ change).max()
        theta = theta + change * min(1.0, 2 * spread / (longest + 1e-9))
    near = _normal(offsets, squares, terms @ theta, level.spread)
    joint = chance * near
    likelihood, usual = joint.sum(axis=1), near.mean(axis=1) + 1e-12
    return _Solution(
        theta=theta,
        covariance=np.linalg.inv(information + 1e-3 * np.eye(8)),
        follows=follows,
        gain=np.log(((1 - _STRAY) * likelihood + _STRAY * usual) / usual),
        mean=joint @ offsets / (likelihood[:, None] + 1e-12),
    )


def _normal(offsets: Numbers, squares: Numbers, wanted: Numbers, spread: float) -> Numbers:
    """Return `(N, offsets)`: unnormalised normal densities around the wanted offsets."""
    distances = squares - 2 * wanted @ offsets.T + (wanted**2).sum(axis=1, keepdims=True)
    return np.asarray(np.exp(distances / (-2 * spread**2)))


def _basis(x: Numbers, y: Numbers) -> Numbers:
    """Return `(N, 2, 8)`: the offset at each place by parameter, a homography to second order."""
    none, one = np.zeros_like(x), np.ones_like(x)
    across = [one, x, y, none, none, none, x * x, x * y]
    down = [none, none, none, one, x, y, x * y, y * y]
    return np.stack([np.stack(across, -1), np.stack(down, -1)], -2)


def _normalised(cells: Numbers, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """Return places in half widths from the middle."""
    height, width = shape
    half = width / 2
    return (cells[:, 0] - (width - 1) / 2) / half, (cells[:, 1] - (height - 1) / 2) / half


def _cells_of(pixels: Numbers, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
    cells = (pixels - (CELL - 1) / 2) / CELL
    return _normalised(cells, (shape[0] // CELL, shape[1] // CELL))


@lru_cache
def _offsets(reach: int) -> Numbers:
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


def _cover(places: Numbers, gain: Numbers, shape: tuple[int, int]) -> float:
    """Return the share of sixteen parts of the picture whose patches gain on average."""
    size = np.array([shape[1], shape[0]])
    part = np.minimum(4 * places // size, 3).astype(int)
    index = 4 * part[:, 1] + part[:, 0]
    total, number = (np.bincount(index, one, 16) for one in (gain, np.ones_like(gain)))
    there = number > 0
    return float((total[there] / number[there] > 0.15).mean())
