"""Refinement of a registration: each patch says where it fits, and one homography explains most.

A patch gives no point but a probability for each offset, which along an edge stays wide. The
homography that all patches support is found by expectation maximisation over a mixture of it and of
patches that fit nowhere, while the tolerance shrinks; so nothing is decided early, and patches
without structure say nothing. Several pairs of one rig add up to one system.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from imfuse.align.evidence import Level, Numbers, look
from imfuse.align.features import CELL
from imfuse.align.mixture import basis, maximise, normalised_cells
from imfuse.align.views import View, area, canvas, corners, transform
from imfuse.ops.warps import Matrix

COARSE = Level(256, 6, 11, 0.8)
FINE = (Level(400, 4, 13, 0.7), Level(720, 3, 15, 0.6))

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
        found = look(gray, wide, scale @ guess, level)
        if found is not None:
            evidence.append(found)
    if not evidence:
        return None
    chance, cells = (
        np.concatenate([getattr(one, name) for one in evidence]) for name in ("chance", "cells")
    )
    terms = basis(*normalised_cells(cells, evidence[0].shape))
    places = CELL * cells + (CELL - 1) / 2
    best = maximise(chance, terms, level, max(shape), len(evidence))
    at = corners(shape)
    of_corners = basis(*_cells_of(at, shape))
    moved = CELL * of_corners @ best.theta
    if not np.isfinite(moved).all() or np.abs(moved).max() > _MOST_MOVED * max(shape):
        return None
    correction = cv2.getPerspectiveTransform((at + moved).astype(np.float32), at.astype(np.float32))
    back = np.linalg.inv(scale) @ correction @ scale @ guess
    refined = np.linalg.inv(back) if ir_is_narrow else back
    per_cell = CELL * 640 / max(shape)
    spread = np.einsum("nia,ab,njb->nij", of_corners, best.covariance, of_corners)
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


def _cells_of(pixels: Numbers, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
    cells = (pixels - (CELL - 1) / 2) / CELL
    return normalised_cells(cells, (shape[0] // CELL, shape[1] // CELL))


def _cover(places: Numbers, gain: Numbers, shape: tuple[int, int]) -> float:
    """Return the share of sixteen parts of the picture whose patches gain on average."""
    size = np.array([shape[1], shape[0]])
    part = np.minimum(4 * places // size, 3).astype(int)
    index = 4 * part[:, 1] + part[:, 0]
    total, number = (np.bincount(index, one, 16) for one in (gain, np.ones_like(gain)))
    there = number > 0
    return float((total[there] / number[there] > 0.15).mean())
