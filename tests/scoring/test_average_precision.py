"""Average precision against an independent implementation, on made-up boxes."""

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="average precision needs the extra judge")

from imfuse.data.boxes import Boxes
from imfuse.scoring.average_precision import (
    MOST_DETECTIONS,
    THRESHOLDS,
    AveragePrecision,
    Seen,
    drawn_ap,
)
from imfuse.scoring.machine import draws
from imfuse.vision.detections import make_detections

RECALLS = [step / 100 for step in range(101)]


def boxes(rows, classes=2):
    """Return objects from rows of edges, class and whether to ignore them."""
    return Boxes(
        xyxy=np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        classes=np.array([row[4] for row in rows], np.int64),
        names=tuple("abc"[:classes]),
        ignored=np.array([row[5] for row in rows], bool),
    )


def found(rows):
    """Return detections from rows of edges, class and score."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return make_detections(table[:, :4], table[:, 5], table[:, 4])


def overlap(a, b):
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * high / (area - wide * high)


def plain_ap(pictures, number, threshold):
    """Return AP as COCO defines it, written out with loops in float64.

    A detection takes the free object that it overlaps most, among ignored ones only where no
    other reaches the threshold; the precision at each of 101 recalls is the best from there on.
    """
    hits = []  # score, place, right, counted
    total, place = 0, 0
    for one in pictures:
        truth = [
            (box.astype(float), bool(ignored))
            for box, label, ignored in zip(
                one.truth.xyxy, one.truth.classes, one.truth.ignored, strict=True
            )
            if label == number
        ]
        total += sum(not ignored for _, ignored in truth)
        free = [True] * len(truth)
        mine = [index for index in range(len(one.found)) if one.found.classes[index] == number]
        for index in mine[:MOST_DETECTIONS]:
            box = one.found.xyxy[index].astype(float)
            best = None
            for wanted in (False, True):
                scores = [
                    (overlap(box, other), -k)
                    for k, (other, ignored) in enumerate(truth)
                    if ignored is wanted and free[k]
                ]
                # Of equal overlaps the last one counts, as in COCO's own program.
                reached = [(value, -k) for value, k in scores if value >= threshold - 1e-12]
                if reached:
                    best = max(reached)[1]
                    break
            right = best is not None and not truth[best][1]
            counted = best is None or not truth[best][1]
            if best is not None:
                free[best] = False
            hits.append((-float(one.found.scores[index]), place, right, counted))
            place += 1
    if total == 0:
        return float("nan")
    true = false = 0
    points = []
    for _, _, right, counted in sorted(hits, key=lambda hit: hit[:2]):
        true += right
        false += counted and not right
        points.append((true / total, true / (true + false) if true + false else 0.0))
    return sum(
        max((precision for recall, precision in points if recall >= level - 1e-12), default=0.0)
        for level in RECALLS
    ) / len(RECALLS)


def some_pictures(rng, count=12):
    pictures = []
    for _ in range(count):
        objects = []
        for _ in range(rng.integers(0, 6)):
            left, top = rng.uniform(0, 80, 2)
            sides = rng.uniform(4, 30, 2)
            row = [left, top, left + sides[0], top + sides[1]]
            objects.append([*row, int(rng.integers(2)), bool(rng.random() < 0.2)])
        answers = []
        for row in objects:
            for _ in range(rng.integers(0, 3)):
                shift = rng.normal(0, 3, 4)
                # Few different scores, so that many are equal.
                answers.append([*(np.array(row[:4]) + shift), row[4], rng.integers(1, 6) / 6])
        for _ in range(rng.integers(0, 5)):
            left, top = rng.uniform(0, 80, 2)
            answers.append([left, top, left + 9, top + 9, rng.integers(2), rng.integers(1, 6) / 6])
        pictures.append(Seen(found(answers), boxes(objects)))
    return pictures


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_coco_defines(seed):
    pictures = some_pictures(np.random.default_rng(seed))
    precision = AveragePrecision(pictures, 2)
    for chosen in (None, [0, 3, 4, 7, 11], [5]):
        values = precision.values(chosen)
        part = pictures if chosen is None else [pictures[index] for index in chosen]
        for number in range(2):
            expected = [plain_ap(part, number, threshold) for threshold in THRESHOLDS]
            np.testing.assert_allclose(values[:, number], expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_drawing_each_picture_once_changes_nothing(seed):
    pictures = some_pictures(np.random.default_rng(seed))
    precision = AveragePrecision(pictures, 2)
    values = precision.values()
    part = np.array([1, 2, 5, 8, 9])
    for number in range(2):
        matches = precision.matches(number)
        once = drawn_ap(matches, np.ones((1, len(pictures))), np.arange(len(pictures)))
        assert once[0] == pytest.approx(values[0, number], abs=1e-12)
        some = drawn_ap(matches, np.ones((1, len(part))), part)
        assert some[0] == pytest.approx(precision.values(part.tolist())[0, number], abs=1e-12)


def test_drawing_a_picture_twice_is_having_it_twice():
    rng = np.random.default_rng(3)
    pictures = some_pictures(rng, 6)
    for one in pictures:  # no equal scores, whose order a draw may change
        one.found.scores[:] = np.sort(rng.random(len(one.found)).astype(np.float32))[::-1]
    often = np.array([0, 2, 1, 3, 0, 1])
    drawn = [one for one, times in zip(pictures, often, strict=True) for _ in range(times)]
    matches = AveragePrecision(pictures, 2).matches(0)
    value = drawn_ap(matches, often[None].astype(float), np.arange(6))[0]
    assert value == pytest.approx(AveragePrecision(drawn, 2).values()[0, 0], abs=1e-12)


def test_an_ignored_object_is_neither_right_nor_wrong():
    truth = boxes([[0, 0, 10, 10, 0, True], [40, 40, 60, 60, 0, False]])
    right = [40, 40, 60, 60, 0, 0.5]
    with_hit = Seen(found([[0, 0, 10, 10, 0, 0.9], right]), truth)
    assert AveragePrecision([with_hit], 1).values()[0, 0] == pytest.approx(1)
    with_miss = Seen(found([[20, 0, 30, 10, 0, 0.9], right]), truth)
    assert AveragePrecision([with_miss], 1).values()[0, 0] == pytest.approx(0.5)


def test_pictures_without_objects_and_without_detections():
    nothing = Seen(found([]), boxes([]))
    precision = AveragePrecision([nothing, nothing], 2)
    assert np.isnan(precision.values()).all()
    assert np.isnan(precision.values([])).all()
    assert np.isnan(drawn_ap(precision.matches(0), np.ones((3, 2)), np.arange(2))).all()
    missed = AveragePrecision([nothing, Seen(found([]), boxes([[0, 0, 9, 9, 1, False]]))], 2)
    assert missed.values()[0].tolist() == pytest.approx([np.nan, 0], nan_ok=True)
    assert drawn_ap(missed.matches(1), np.array([[1.0, 1], [1, 0]]), np.arange(2)).tolist() == (
        pytest.approx([0, np.nan], nan_ok=True)
    )


def test_a_detection_of_another_class_does_not_count():
    seen = Seen(found([[0, 0, 9, 9, 1, 0.9]]), boxes([[0, 0, 9, 9, 0, False]]))
    assert AveragePrecision([seen], 2).values()[0].tolist() == (
        pytest.approx([0, np.nan], nan_ok=True)
    )


def test_draws_are_the_same_for_all_methods():
    table = draws(30)
    assert table.sum(axis=1).tolist() == [30] * len(table)
    assert (table == draws(30)).all()
    assert table.mean(axis=0) == pytest.approx(np.ones(30), abs=0.15)
