"""Boxes that detectors find, and how boxes of two sources become one list."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

SAME_OBJECT = 0.5
"""Least IoU at which boxes from two sources are taken for the same object."""
_MOST_CANDIDATES = 5000
"""Boxes that suppression looks at, the most confident first."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects found in one picture, most confident first.

    Attributes:
        xyxy: `(n, 4)` float32: left, top, right and bottom edge in pixels.
        scores: `(n,)` float32 confidence, from 0 to 1.
        classes: `(n,)` int64 numbers of classes.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.scores)

    def take(self, which: NDArray[np.generic] | Sequence[int] | slice) -> "Detections":
        """Return some of the objects, by indices or by a mask."""
        index = which if isinstance(which, slice) else np.asarray(which)
        return Detections(self.xyxy[index], self.scores[index], self.classes[index])


def make_detections(
    xyxy: NDArray[np.generic], scores: NDArray[np.generic], classes: NDArray[np.generic]
) -> Detections:
    """Return detections by confidence, without boxes that are empty or not finite.

    Args:
        xyxy: `(n, 4)` edges.
        scores: `(n,)` confidence.
        classes: `(n,)` classes.
    """
    xyxy = np.asarray(xyxy, np.float32).reshape(-1, 4)
    scores = np.asarray(scores, np.float32).reshape(-1)
    left, top, right, bottom = xyxy.T
    classes = np.asarray(classes).reshape(-1)
    good = np.isfinite(xyxy).all(axis=1) & np.isfinite(scores) & np.isfinite(classes)
    good &= (right > left) & (bottom > top)
    order = np.flatnonzero(good)[np.argsort(-scores[good], kind="stable")]
    return Detections(xyxy[order], scores[order], classes[order].astype(np.int64))


def joined(first: Detections, second: Detections) -> Detections:
    """Return the objects of two lists in one, most confident first."""
    return make_detections(
        np.concatenate([first.xyxy, second.xyxy]),
        np.concatenate([first.scores, second.scores]),
        np.concatenate([first.classes, second.classes]),
    )


def suppress(found: Detections, iou: float) -> Detections:
    """Drop boxes that overlap a more confident one of their class (non-maximum suppression).

    Args:
        found: The boxes.
        iou: Boxes that overlap by more than this are one object.
    """
    found = found.take(slice(_MOST_CANDIDATES))
    if not len(found):
        return found
    left, top, right, bottom = found.xyxy.T.astype(np.float64)
    sides = np.stack([left, top, right - left, bottom - top], axis=1)
    # Zero scores would be dropped by any threshold that OpenCV takes, so it sees ranks instead.
    ranks = np.linspace(1, 0.5, len(found), dtype=np.float32)
    kept = np.zeros(len(found), np.bool_)
    # Not NMSBoxesBatched: it moves classes apart by the largest edge, so that boxes that begin left
    # of 0 reach those of another class, and one huge box blurs the places of all.
    for number in np.unique(found.classes):
        mine = np.flatnonzero(found.classes == number)
        best = cv2.dnn.NMSBoxes(sides[mine].tolist(), ranks[mine].tolist(), 0.0, iou)
        kept[mine[np.asarray(best, np.int64)]] = True
    return found.take(kept)


def overlaps(first: NDArray[np.floating], second: NDArray[np.floating]) -> Float:
    """Return the IoU of each box of one list with each of another.

    Args:
        first: `(n, 4)` edges.
        second: `(m, 4)` edges.

    Returns:
        `(n, m)`, from 0 to 1.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    areas = [(one[:, 2:] - one[:, :2]).clip(0).prod(axis=1) for one in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def merge_by_suppression(ir: Detections, vis: Detections, iou: float = SAME_OBJECT) -> Detections:
    """Merge what was found in two sources: of boxes of one object, keep the more confident one.

    Args:
        ir: Objects in the infrared picture.
        vis: Objects in the visible picture.
        iou: Boxes of one class that overlap by more than this are one object.
    """
    return suppress(joined(ir, vis), iou)


def merge_by_probability(ir: Detections, vis: Detections, iou: float = SAME_OBJECT) -> Detections:
    """Merge what was found in two sources as independent evidence (ProbEn).

    Where both found an object of one class, its confidence becomes
    `p q / (p q + (1 - p)(1 - q))`, the posterior of two sensors that are independent given the
    class, with even priors; the box is their mean weighted by confidence. What only one of them
    found stays as it is.

    Args:
        ir: Objects in the infrared picture.
        vis: Objects in the visible picture.
        iou: Boxes of one class that overlap by at least this are one object.

    References:
        Y.-T. Chen et al., "Multimodal Object Detection via Probabilistic Ensembling", ECCV 2022,
        eq. 4, doi:10.1007/978-3-031-20077-9_9.
    """
    shared = overlaps(ir.xyxy, vis.xyxy)
    shared[ir.classes[:, None] != vis.classes[None]] = 0
    xyxy, scores = ir.xyxy.copy(), ir.scores.copy()
    left = np.ones(len(vis), np.bool_)
    for index in range(len(ir)):  # the most confident chooses first
        row = np.where(left, shared[index], 0)
        best = int(row.argmax()) if len(row) else 0
        if not len(row) or row[best] < iou:
            continue
        left[best] = False
        p, q = float(ir.scores[index]), float(vis.scores[best])
        scores[index] = _posterior(p, q)
        if p + q > 0:
            xyxy[index] = (p * ir.xyxy[index] + q * vis.xyxy[best]) / (p + q)
    return joined(Detections(xyxy, scores, ir.classes), vis.take(left))


def _posterior(p: float, q: float) -> float:
    both, neither = p * q, (1 - p) * (1 - q)
    return both / (both + neither) if both + neither > 0 else 0.5
