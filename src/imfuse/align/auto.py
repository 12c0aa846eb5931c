"""The aligner that searches for how a pair lies, and refuses what it isn't sure of."""

from dataclasses import dataclass

import numpy as np

from imfuse.align import gate
from imfuse.align.estimate import Estimate, estimates
from imfuse.align.views import View
from imfuse.errors import BadValues, NotRegistered
from imfuse.infrared import prepare_infrared
from imfuse.ops.warps import Matrix, beyond, positions, warp
from imfuse.options import AUTO_RANGE
from imfuse.types import Float, ImagePair, Mask, Picture, Registration

LEAST_CONFIDENCE = 0.7
"""Confidence from which on a registration is taken."""
_SURE = 0.8
"""Confidence from which on no wider search is made."""
_SMALLEST = 48
"""Shortest side in pixels that can be searched."""
_EVEN = 2.0
"""Standard deviation, in levels of 255, below which a picture shows nothing."""

_REMEDY = (
    "Try another pair of the two cameras with more structure, or calibrate them once with several "
    "pairs: imfuse rig calibrate. Where the pair is registered already: --align off (align='off')."
)
_SAID = {
    "too_few_matches": "hardly anything shows in both pictures",
    "low_confidence": "what both pictures show hardly agrees anywhere",
    "implausible_geometry": "they would only agree if one were bent as no camera does",
    "estimators_disagree": "searches that begin a little apart end at different places",
    "no_overlap": "nothing that shows in both pictures was found",
}


@dataclass(frozen=True)
class Found:
    """A registration that was found, sure or not.

    Attributes:
        matrix: As in `Registration.matrix`.
        confidence: Probability, 0 to 1, that it is within 10 pixels at 640.
        estimate: What it is based on.
        view: The pictures as they were searched.
    """

    matrix: Matrix
    confidence: float
    estimate: Estimate
    view: View

    @property
    def rms(self) -> float:
        """Root mean square distance, in visible pixels, at which patches fit best from there."""
        return self.estimate.fit.rms / float(self.view.vis_scale[0, 0])


@dataclass(frozen=True)
class AutoAligner:
    """Searches for the registration of each pair.

    Attributes:
        least: Confidence from which on a registration is taken, 0 to 1.
    """

    least: float = LEAST_CONFIDENCE

    def register(self, pair: ImagePair) -> Registration:
        """Return how infrared lies on visible.

        Raises:
            NotRegistered: It can't be found, or not surely enough.
        """
        found = find(pair)
        checked(found, pair, self.least)
        return Registration(
            matrix=found.matrix, estimator="auto", confidence=round(found.confidence, 4)
        )


def find(pair: ImagePair) -> Found:
    """Return the likeliest registration of a pair, sure or not.

    Raises:
        NotRegistered: Nothing was found that could be one.
    """
    for picture, role in ((pair.ir, "infrared"), (pair.vis, "visible")):
        if min(picture.size) < _SMALLEST:
            raise NotRegistered(
                f"the {role} picture is {picture.extent}: too small to search (too_few_matches)",
                reason="too_few_matches",
                file=picture.name,
                expected=f"at least {_SMALLEST} pixels a side",
                remedy=_REMEDY,
            )
    try:
        view = View.of(pair)
    except BadValues as error:  # no two values of the infrared picture differ
        raise _even(pair.ir, "infrared") from error
    for gray, picture, role in ((view.ir, pair.ir, "infrared"), (view.vis, pair.vis, "visible")):
        if np.std(gray) < _EVEN:
            raise _even(picture, role)
    best: Found | None = None
    for estimate in estimates(view):
        sure = gate.confidence(estimate)
        if best is None or sure > best.confidence:
            best = Found(view.whole(estimate.fit.matrix), sure, estimate, view)
        if sure >= _SURE:
            break
    if best is None:
        raise _refusal(pair, "no_overlap", None)
    return best


def checked(found: Found, pair: ImagePair, least: float = LEAST_CONFIDENCE) -> None:
    """Refuse a registration that isn't sure.

    Raises:
        NotRegistered: Its confidence is below `least`.
    """
    if found.confidence < least:
        raise _refusal(pair, gate.reason(found.estimate), found)


def warped(pair: ImagePair, found: Found) -> tuple[Float, Mask]:
    """Return the infrared picture on the visible picture's pixels, and where it has none.

    Returns:
        `(H, W)` in [0, 1], over the range that `auto` takes, and `(H, W)` bool.
    """
    whole = slice(0, pair.ir.size[0]), slice(0, pair.ir.size[1])
    values = prepare_infrared(pair.ir, AUTO_RANGE, []).read(whole)
    at = positions(found.matrix, (slice(0, pair.vis.size[0]), slice(0, pair.vis.size[1])))
    return warp(values, at), beyond(at, pair.ir.size)


def _even(picture: Picture, role: str) -> NotRegistered:
    return NotRegistered(
        f"the {role} picture is even: it shows nothing to find in the other one (too_few_matches)",
        reason="too_few_matches",
        file=picture.name,
        remedy=_REMEDY,
    )


def _refusal(pair: ImagePair, reason: str, found: Found | None) -> NotRegistered:
    sure = 0.0 if found is None else found.confidence
    return NotRegistered(
        f"{pair.vis.name or 'the visible picture'} can't be registered to it reliably: "
        f"{_SAID[reason]} ({reason}, confidence {sure:.2f})",
        reason=reason,
        confidence=sure,
        matrix=None if found is None else found.matrix.tolist(),
        file=pair.ir.name or "the infrared picture",
        remedy=_REMEDY,
    )
