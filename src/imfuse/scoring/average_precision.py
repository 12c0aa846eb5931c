"""Average precision of detections, by pycocotools, and its bootstrap.

pycocotools matches detections with objects and computes the values. For the bootstrap, its
matches are counted again for each draw of pictures; drawn once each, they give its own values.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.data.boxes import Boxes
from imfuse.errors import ImfuseError
from imfuse.vision.detections import Detections

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""IoU from which a detection hits an object; AP50 is at the first, AP50:95 the mean over all."""
MOST_DETECTIONS = 100
"""Detections of a class in a picture that count, the most confident ones."""
_RECALLS = np.linspace(0, 1, 101)
"""Recall levels that precision is averaged over (COCO)."""
_OUTSIDE = 1e15
"""Area of objects that are neither right nor wrong: pycocotools leaves out areas above a limit."""
_LARGEST = 1e14


@dataclass(frozen=True, eq=False)
class Seen:
    """Detections in one picture and the objects that are there, by the truth's classes.

    Attributes:
        found: Detections.
        truth: Objects; `classes` index the same classes.
    """

    found: Detections
    truth: Boxes


@dataclass(frozen=True, eq=False)
class Matches:
    """How the detections of one class fit its objects at IoU 0.5.

    Attributes:
        picture: `(n,)` number of the picture of each detection, the most confident first.
        right: `(n,)` bool: it hits an object.
        counted: `(n,)` bool: it is right or wrong; False for hits of ignored objects.
        objects: `(pictures,)` number of objects in each picture.
    """

    picture: NDArray[np.intp]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    objects: NDArray[np.int64]


class AveragePrecision:
    """Average precision of one method's detections in a set of pictures.

    Args:
        seen: Detections and objects of each picture.
        classes: Number of classes.

    Raises:
        ImfuseError: pycocotools is not installed.
    """

    def __init__(self, seen: Sequence[Seen], classes: int) -> None:
        self._count, self._classes = len(seen), classes
        self._eval = _evaluated(seen, classes)

    def values(self, pictures: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Return AP of each class at each IoU of `THRESHOLDS`, `(10, classes)`, from 0 to 1.

        Args:
            pictures: Numbers of the pictures that count; None: all.

        Returns:
            NaN for classes without objects there.
        """
        chosen = list(range(self._count) if pictures is None else pictures)
        if not chosen:
            return np.full((len(THRESHOLDS), self._classes), np.nan)
        # pycocotools takes the numbers of chosen pictures for places, so it is shown no others.
        part = copy(self._eval)
        part.params = copy(self._eval.params)
        part.params.imgIds = chosen
        part._paramsEval = copy(part.params)  # noqa: SLF001 - its record of what was evaluated
        part.evalImgs = [
            self._eval.evalImgs[number * self._count + picture]
            for number in range(self._classes)
            for picture in chosen
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            part.accumulate()
        precision = part.eval["precision"][:, :, :, 0, 0]  # IoU, recall, class
        mean = precision.mean(axis=1)
        return np.where((precision < 0).any(axis=1), np.nan, mean)

    def matches(self, number: int) -> Matches:
        """Return how the detections of a class fit at IoU 0.5."""
        per_picture = self._eval.evalImgs[number * self._count : (number + 1) * self._count]
        scores, right, ignored, picture = [], [], [], []
        objects = np.zeros(self._count, np.int64)
        for index, one in enumerate(per_picture):
            if one is None:
                continue
            objects[index] = int((~np.asarray(one["gtIgnore"], bool)).sum())
            scores.append(np.asarray(one["dtScores"], np.float64))
            right.append(np.asarray(one["dtMatches"])[0] > 0)
            ignored.append(np.asarray(one["dtIgnore"], bool)[0])
            picture.append(np.full(len(one["dtScores"]), index))
        if not scores:
            none = np.zeros(0, bool)
            return Matches(np.zeros(0, np.intp), none, none, objects)
        order = np.argsort(-np.concatenate(scores), kind="mergesort")
        counted = ~np.concatenate(ignored)[order]
        hits = np.concatenate(right)[order] & counted
        return Matches(np.concatenate(picture)[order], hits, counted, objects)


def drawn_ap(
    matches: Matches, draws: NDArray[np.floating[Any]], pictures: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return AP at IoU 0.5 for draws of pictures.

    Args:
        matches: How the detections of a class fit its objects.
        draws: `(draws, n)`: how often each picture was drawn.
        pictures: `(n,)` numbers of the pictures that are drawn from.

    Returns:
        `(draws,)`; NaN where no object was drawn.
    """
    weights = np.asarray(draws, np.float64)
    place = np.full(len(matches.objects), -1)
    place[pictures] = np.arange(len(pictures))
    picture = place[matches.picture]
    objects = weights @ matches.objects[pictures]
    hits = np.flatnonzero(matches.right & (picture >= 0))
    if not len(hits):
        return np.where(objects > 0, 0.0, np.nan)
    # Precision peaks at hits only, so wrong ones are counted from hit to hit.
    wrong = np.flatnonzero(matches.counted & ~matches.right & (picture >= 0))
    before = np.searchsorted(hits, wrong)
    table = np.zeros((len(hits) + 1, weights.shape[1]))
    np.add.at(table, (before, picture[wrong]), 1)
    false = np.cumsum(table[:-1] @ weights.T, axis=0)
    true = np.cumsum(weights.T[picture[hits]], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(true > 0, true / (true + false), 0.0)
        recall = true / objects
    best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    values = np.full(len(weights), np.nan)
    for index in np.flatnonzero(objects > 0):
        reached = np.searchsorted(recall[:, index], _RECALLS, side="left")
        reached = reached[reached < len(hits)]
        values[index] = best[reached, index].sum() / len(_RECALLS)
    return values


def _evaluated(seen: Sequence[Seen], classes: int) -> Any:  # noqa: ANN401 - pycocotools is untyped
    try:
        from pycocotools.coco import COCO  # noqa: PLC0415 - an extra
        from pycocotools.cocoeval import COCOeval  # noqa: PLC0415
    except ImportError as error:
        raise ImfuseError(
            "average precision needs pycocotools, which is not installed",
            remedy="Install it with: pip install 'imfuse[judge]'",
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = COCO(), COCO()
        truth.dataset = _dataset(len(seen), classes, _objects(seen))
        found.dataset = _dataset(len(seen), classes, _detections(seen))
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.iouThrs = np.asarray(THRESHOLDS)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, _LARGEST]], ["all"]
        evaluation.params.maxDets = [MOST_DETECTIONS]
        evaluation.evaluate()
    return evaluation


def _dataset(pictures: int, classes: int, rows: list[dict[str, Any]]) -> Mapping[str, Any]:
    return {
        "images": [{"id": number} for number in range(pictures)],
        "categories": [{"id": number} for number in range(classes)],
        "annotations": rows,
    }


def _objects(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(seen):
        truth = one.truth
        for box, label, ignored in zip(truth.xyxy, truth.classes, truth.ignored, strict=True):
            row = _row(len(rows) + 1, number, int(label), box)
            rows.append(row | {"iscrowd": 0} | ({"area": _OUTSIDE} if ignored else {}))
    return rows


def _detections(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(seen):
        found = one.found
        for box, label, score in zip(found.xyxy, found.classes, found.scores, strict=True):
            rows.append(_row(len(rows) + 1, number, int(label), box) | {"score": float(score)})
    return rows


def _row(number: int, picture: int, label: int, box: NDArray[np.float32]) -> dict[str, Any]:
    left, top, right, bottom = map(float, box)
    sides = right - left, bottom - top
    return {
        "id": number,
        "image_id": picture,
        "category_id": label,
        "bbox": [left, top, *sides],
        "area": sides[0] * sides[1],
    }
