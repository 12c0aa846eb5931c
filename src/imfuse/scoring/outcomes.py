"""Outcomes for the objects in single pictures, for examples to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imfuse.report.overlays import FALSE, HIT, MISS, Colour
from imfuse.scoring.average_precision import THRESHOLDS, Seen
from imfuse.vision.detections import overlaps

SHOWN = 0.3
"""Least confidence of detections in example pictures."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """How well a machine saw one picture.

    Attributes:
        score: F1 of detections and objects, 1 where there are neither; or mean IoU. From 0 to 1.
        marks: Boxes with the colour that says what became of them; none for segmenters.
    """

    score: float
    marks: Sequence[tuple[Sequence[float], Colour]] = ()


def outcome_of(seen: Seen) -> Outcome:
    """Match detections with objects, the most confident first."""
    found = seen.found.take(seen.found.scores >= SHOWN)
    truth = seen.truth
    shared = overlaps(found.xyxy, truth.xyxy)
    shared[found.classes[:, None] != truth.classes[None]] = 0
    free = np.ones(len(truth), np.bool_)
    marks: list[tuple[Sequence[float], Colour]] = []
    hits = false = 0
    for index, box in enumerate(found.xyxy):
        row = np.where(free, shared[index], 0)
        best = int(row.argmax()) if len(row) else 0
        if not len(row) or row[best] < THRESHOLDS[0]:
            false += 1
            marks.append((box.tolist(), FALSE))
            continue
        free[best] = False
        if not truth.ignored[best]:
            hits += 1
            marks.append((box.tolist(), HIT))
    missed = np.flatnonzero(free & ~truth.ignored)
    marks = [(truth.xyxy[index].tolist(), MISS) for index in missed] + marks
    total = 2 * hits + false + len(missed)
    return Outcome(2 * hits / total if total else 1.0, marks)
