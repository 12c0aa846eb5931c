"""Calibration of a rig from many pairs, and the check whether it still fits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imfuse.align import gate
from imfuse.align.auto import LEAST_CONFIDENCE, find
from imfuse.align.estimate import distance, examined
from imfuse.align.refine import COARSE, FINE, refine
from imfuse.align.rig import Rig, RigPair
from imfuse.align.views import View, corners, transform
from imfuse.errors import ImfuseError, NotRegistered, PairMismatch, UsageError
from imfuse.ops.warps import Matrix
from imfuse.types import ImagePair

_UNIT = 640
"""Longer side of the visible picture in which distances are told."""
_HOPEFUL = 0.2
"""Confidence from which on a pair alone may say where all of them lie."""
_AGREE = 20.0
"""Mean distance of corners up to which two pairs say the same."""
_HALVES = 4
"""Pairs from which on the precision can be told."""
_ROUNDS, _STILL = 5, 0.15
"""Refinements of all pairs together, and the correction in pixels at 640 below which they end."""
_MOVED = 4.0
"""Mean distance of corners from which on a rig counts as moved, besides twice its precision."""
_SURE = 0.8

_REMEDY = "Take pairs with more structure that shows in both pictures, of several scenes."


@dataclass(frozen=True)
class RigCheck:
    """Result of checking a rig file against pictures.

    Attributes:
        status: `fits`, `moved`, or `unsure`: the pictures don't show it.
        moved: Mean distance of the corners from where the rig file has them, in pixels at 640.
        corners: The same for each corner as (x, y), clockwise from the upper left one: what the
            rig file is off by there, in visible pixels.
        confidence: Confidence in the pictures' own registration, 0 to 1.
    """

    status: Literal["fits", "moved", "unsure"]
    moved: float
    corners: NDArray[np.float64]
    confidence: float


@dataclass
class _Seen:
    """A pair as the calibration sees it."""

    pair: RigPair
    view: View
    matrix: Matrix | None
    confidence: float


def calibrate(pairs: Iterable[tuple[str, str, ImagePair]]) -> Rig:
    """Find how two cameras see that are fixed to each other.

    Each pair is registered alone first. Those that agree with most others are then refined
    together: what one picture leaves open, another one settles.

    Args:
        pairs: Name of the infrared picture, of the visible one, and the pictures.

    Raises:
        NotRegistered: No two pairs agree, or the only one isn't sure.
        UsageError: There are no pairs.
    """
    seen: list[_Seen] = []
    left_out: list[RigPair] = []
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
    for ir, vis, pair in pairs:
        named = RigPair(ir=ir, vis=vis)
        sizes = sizes or (pair.ir.size, pair.vis.size)
        if sizes != (pair.ir.size, pair.vis.size):
            left_out.append(_without(named, "other sizes than the first pair"))
            continue
        try:
            found = find(pair)
        except ImfuseError as error:
            left_out.append(_without(named, getattr(error, "reason", error.found)))
            continue
        hopeful = found.confidence >= _HOPEFUL
        matrix = found.estimate.fit.matrix if hopeful else None
        seen.append(_Seen(named, found.view, matrix, found.confidence))
    if sizes is None:
        raise UsageError("no pairs to calibrate with", expected="at least one pair")
    if not seen or (len(seen) == 1 and seen[0].confidence < LEAST_CONFIDENCE):
        found_out = "surely enough" if seen else "at all"
        raise NotRegistered(
            f"none of {len(left_out) + len(seen)} pairs could be registered {found_out}",
            reason="low_confidence" if seen else "no_overlap",
            remedy=_REMEDY,
        )
    matrix, used = _together(seen)
    kept, others = _residuals(seen, used, matrix)
    whole = seen[0].view.whole(matrix)
    return Rig(
        ir_size=sizes[0],
        vis_size=sizes[1],
        matrix=whole.tolist(),
        precision=_precision([seen[index].view for index in used], matrix),
        pairs=tuple(kept),
        left_out=(*left_out, *others),
    )


def check(rig: Rig, pairs: Sequence[ImagePair]) -> RigCheck:
    """Tell whether a rig file still fits pictures of its cameras.

    Args:
        rig: The rig.
        pairs: Pairs of pictures, of one size.

    Raises:
        NotRegistered: They have other proportions than those of the rig.
        PairMismatch: They have several sizes.
    """
    ir, vis = pairs[0].ir, pairs[0].vis
    for other in pairs:
        if (other.ir.size, other.vis.size) != (ir.size, vis.size):
            raise PairMismatch(
                f"{other.ir.extent} and {other.vis.extent}, the first pair {ir.extent} and "
                f"{vis.extent}",
                file=other.ir.name,
                expected="pairs of one size",
                remedy="Check pairs of other sizes on their own.",
            )
    whole = rig.between(ir.size, vis.size)
    if whole is None:
        raise NotRegistered(
            f"infrared is {ir.extent}, visible is {vis.extent}",
            reason="rig_mismatch",
            expected=f"the sizes of the rig file: {rig.ir_size[::-1]} and {rig.vis_size[::-1]}",
            remedy="Give pictures of the cameras that it was calibrated with.",
        )
    views = [View.of(pair) for pair in pairs]
    known = views[0].small(whole)
    fit = refine(views, known, (COARSE, *FINE))
    at = corners(views[0].ir.shape)
    if fit is None:
        return RigCheck("unsure", 0.0, np.zeros((4, 2)), 0.0)
    sure = float(np.mean([gate.confidence(examined(view, fit, "near")) for view in views]))
    off = transform(fit.matrix, at) - transform(known, at)
    moved = float(_unit(views[0]) * np.hypot(*off.T).mean())
    off = off / views[0].vis_scale[0, 0]
    if sure < _SURE:
        return RigCheck("unsure", moved, off, sure)
    limit = _MOVED + 2 * (rig.precision or 0)
    return RigCheck("moved" if moved > limit else "fits", moved, off, sure)


def _together(seen: Sequence[_Seen]) -> tuple[Matrix, list[int]]:
    """Return the matrix that most pairs agree on, and these pairs.

    Raises:
        NotRegistered: No two pairs agree.
    """
    at, unit = corners(seen[0].view.ir.shape), _unit(seen[0].view)
    places = {
        index: transform(one.matrix, at) for index, one in enumerate(seen) if one.matrix is not None
    }
    near = {
        index: [other for other, there in places.items() if unit * distance(place, there) <= _AGREE]
        for index, place in places.items()
    }
    middle = max(near, key=lambda index: len(near[index]), default=None)
    if middle is None or (len(seen) > 1 and len(near[middle]) < 2):
        raise NotRegistered(
            f"{len(places)} of {len(seen)} pairs could be registered, and no two of them agree",
            reason="estimators_disagree",
            remedy=_REMEDY,
        )
    guess = seen[middle].matrix
    if guess is None:
        raise AssertionError("a pair without a matrix that others agree with")
    return _settled([seen[index].view for index in near[middle]], guess), near[middle]


def _settled(views: Sequence[View], matrix: Matrix) -> Matrix:
    """Return the registration that pairs together settle on; one refinement goes a part of it."""
    for _ in range(_ROUNDS):
        fit = refine(views, matrix, FINE)
        if fit is None:
            return matrix
        matrix = fit.matrix
        if fit.moved < _STILL:
            break
    return matrix


def _residuals(
    seen: Sequence[_Seen], used: Sequence[int], matrix: Matrix
) -> tuple[list[RigPair], list[RigPair]]:
    """Return the pairs with their distances from what all say: those that were used, and others."""
    kept, left_out = [], []
    at, unit = corners(seen[0].view.ir.shape), _unit(seen[0].view)
    for index, one in enumerate(seen):
        if one.matrix is None:
            left_out.append(_without(one.pair, "low_confidence"))
            continue
        off = unit * distance(transform(one.matrix, at), transform(matrix, at))
        pair = one.pair.model_copy(update={"residual": round(off, 3)})
        if index in used:
            kept.append(pair)
        else:
            left_out.append(_without(pair, "the others agree on another registration"))
    return kept, left_out


def _precision(views: Sequence[View], matrix: Matrix) -> float | None:
    """Return the estimated error of the corners, from two halves of the pairs."""
    if len(views) < _HALVES:
        return None
    at = corners(views[0].ir.shape)
    places = [transform(_settled(views[start::2], matrix), at) for start in (0, 1)]
    # The mean of both halves is half as far from the truth as they are from each other.
    return round(0.5 * _unit(views[0]) * distance(*places), 3)


def _without(pair: RigPair, reason: str) -> RigPair:
    return pair.model_copy(update={"reason": reason})


def _unit(view: View) -> float:
    return float(_UNIT / max(view.vis.shape))
