"""The estimate of a registration: nearby first, then wider searches, until one can be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imfuse.align.refine import COARSE, FINE, Fit, refine
from imfuse.align.search import Range, search
from imfuse.align.views import View, corners, transform
from imfuse.ops.warps import Matrix

_SAME_SHAPE = 0.02
"""Difference of proportions up to which both pictures may show the same field of view."""

RIG = Range(
    ratios=(0.7, 0.77, 0.85, 0.93, 1.02, 1.12, 1.23, 1.36),
    turns=(-6.0, -2.0, 2.0, 6.0),
    overlap=0.6,
)
"""Two cameras side by side with lenses of about the same field of view."""
WIDE = Range(
    ratios=tuple(np.geomspace(0.28, 0.72, 11).tolist() + np.geomspace(1.4, 3.5, 11).tolist()),
    turns=(-3.0, 0.0, 3.0),
    overlap=0.75,
)
"""One camera sees only a part of what the other sees."""

_RIG_CANDIDATES, _WIDE_CANDIDATES = 4, 8

_UNIT = 640.0
"""Longer side of the visible picture in which distances are told."""
_HOPELESS = 0.82
"""Share of patches that follow below which a fit is not looked at again: of 374 right ones among
calibration pairs, none had less than .83; of wrong ones, most had."""
_DISTURBANCES = ((0.02, 0.012, 0.8), (-0.012, -0.02, -0.8))
"""Shifts in sides of the visible picture, and turns in degrees, to begin again from."""


@dataclass(frozen=True)
class Estimate:
    """An estimated registration, and what speaks for and against it.

    Attributes:
        fit: What was found.
        again: Distances of the corners, in pixels at 640, between what was found and what is found
            from guesses a little beside it.
        by_chance: Evidence that the mirrored infrared picture gives, which shows nothing of what
            the visible one does.
        bend: Largest displacement of the corners, in pixels at 640, that no similarity explains.
        scale: Width of the infrared picture's field of view, in that of the visible one.
        stage: The search that found it: `near`, `rig` or `wide`.
    """

    fit: Fit
    again: float
    by_chance: float
    bend: float
    scale: float
    stage: str


def estimates(view: View) -> Iterator[Estimate]:
    """Yield estimates of a pair's registration, those of cheap searches first.

    Args:
        view: The pair.
    """
    near = guess(view)
    first = refine([view], near, (COARSE, *FINE))
    if first is not None:
        yield examined(view, first, "near")
    for stage, ranges, most in (("rig", RIG, _RIG_CANDIDATES), ("wide", WIDE, _WIDE_CANDIDATES)):
        found = _best(view, ranges, most)
        if found is not None:
            yield examined(view, found, stage)


def guess(view: View) -> Matrix:
    """Return the registration of two cameras with one line of sight and one width of view.

    Pixels are taken to be square unless the proportions of both pictures agree.
    """
    same = view.same_view
    if abs(same[0, 0] / same[1, 1] - 1) <= _SAME_SHAPE:
        return same
    (height, width), (new_height, new_width) = view.ir.shape, view.vis.shape
    factor = new_width / width
    return np.array(
        [
            [factor, 0, (new_width - 1) / 2 - factor * (width - 1) / 2],
            [0, factor, (new_height - 1) / 2 - factor * (height - 1) / 2],
            [0, 0, 1],
        ]
    )


def _best(view: View, ranges: Range, most: int) -> Fit | None:
    """Return the place in a range that bears the closest look best."""
    fits = [refine([view], one.matrix, (COARSE,)) for one in search(view, [ranges], most)]
    likely = max((one for one in fits if one), key=lambda one: one.evidence, default=None)
    return None if likely is None else refine([view], likely.matrix, FINE)


def examined(view: View, fit: Fit, stage: str) -> Estimate:
    """Return a fit with what speaks for and against it.

    Args:
        view: The pair.
        fit: A registration of it.
        stage: The search that found it.
    """
    at, size = corners(view.ir.shape), max(view.vis.shape)
    places = transform(fit.matrix, at)
    unit = _UNIT / size
    scale = np.sqrt(abs(np.linalg.det(fit.matrix[:2, :2] / fit.matrix[2, 2])))
    examination = Estimate(
        fit=fit,
        again=_UNIT,
        by_chance=fit.evidence,
        bend=unit * _bend(at, places),
        scale=float(scale / view.same_view[0, 0]),
        stage=stage,
    )
    if fit.fitting < _HOPELESS:
        return examination
    apart = []
    for x, y, degrees in _DISTURBANCES:
        start = _disturbed(fit.matrix, places, (x, y), degrees, size)
        other = refine([view], start, (COARSE, FINE[0]))
        apart.append(np.inf if other is None else distance(transform(other.matrix, at), places))
    mirrored = replace(view, ir=np.ascontiguousarray(view.ir[:, ::-1]))
    chance = refine([mirrored], fit.matrix, (COARSE, FINE[0]))
    return replace(
        examination,
        again=min(_UNIT, unit * float(np.mean(apart))),
        by_chance=0.0 if chance is None else chance.evidence,
    )


def _disturbed(
    matrix: Matrix,
    places: NDArray[np.float64],
    shift: tuple[float, float],
    degrees: float,
    size: int,
) -> Matrix:
    """Return a registration turned about the middle of the infrared picture, and shifted."""
    middle = places.mean(axis=0)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    turn[:2, 2] = middle - turn[:2, :2] @ middle + size * np.array(shift)
    return np.asarray(turn @ matrix)


def distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the mean distance of `(N, 2)` points from others."""
    return float(np.hypot(*(first - second).T).mean())


def _bend(at: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    """Return the largest distance of places from the similarity that fits them best."""
    source, target = (one[:, 0] + 1j * one[:, 1] for one in (at, places))
    a, b = source - source.mean(), target - target.mean()
    return float(np.abs(b - (np.vdot(a, b) / np.vdot(a, a)) * a).max())
