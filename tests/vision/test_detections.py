"""Lists of boxes: order, suppression, overlap, and two lists made one."""

import numpy as np
import pytest

from imfuse.vision.detections import (
    Detections,
    joined,
    make_detections,
    merge_by_probability,
    merge_by_suppression,
    overlaps,
    suppress,
)


def iou_of(one, other):
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0) * max(down, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def kept_by_loops(found, iou):
    """Keep each box unless a kept one of its class, which is more confident, overlaps it."""
    kept = []
    for index in range(len(found)):
        rivals = [other for other in kept if found.classes[other] == found.classes[index]]
        boxes = found.xyxy.astype(np.float64)
        if all(iou_of(boxes[index], boxes[other]) <= iou for other in rivals):
            kept.append(index)
    return kept


def random_boxes(rng, count, classes=3):
    low = rng.integers(-40, 40, (count, 2))
    high = low + rng.integers(1, 60, (count, 2))
    scores = rng.choice([0, 0.25, 0.5, 0.75, 1], count)  # so that there are ties
    boxes = np.concatenate([low, high], axis=1)
    boxes[rng.integers(0, count, count // 4)] = boxes[0]  # and equal boxes
    return make_detections(boxes, scores, rng.integers(0, classes, count))


def detections(*rows):
    """Return detections of rows of left, top, right, bottom, score and class."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return make_detections(table[:, :4], table[:, 4], table[:, 5])


def as_rows(found):
    """Return detections as rows, in an order that does not depend on that of equal scores."""
    rows = np.column_stack([found.xyxy, found.scores, found.classes])
    return rows[np.lexsort(rows.T)]


NONE = detections()


@pytest.mark.parametrize("iou", [0.1, 0.35, 0.5, 0.65, 1.0])
def test_suppression_is_that_of_plain_loops(rng, iou):
    for count in (1, 2, 7, 40, 150):
        found = random_boxes(rng, count)
        expected = found.take(kept_by_loops(found, iou))
        kept = suppress(found, iou)
        np.testing.assert_array_equal(kept.xyxy, expected.xyxy)
        np.testing.assert_array_equal(kept.scores, expected.scores)
        np.testing.assert_array_equal(kept.classes, expected.classes)


def test_suppression_keeps_the_most_confident():
    kept = suppress(detections((0, 0, 9, 9, 0.4, 1), (0, 0, 10, 10, 0.9, 1)), 0.5)
    assert kept.scores.tolist() == [np.float32(0.9)]
    assert kept.xyxy.tolist() == [[0, 0, 10, 10]]


def test_suppression_is_within_classes_wherever_boxes_lie():
    # A huge box, one left of 0, and a large number of a class, which must not move into others.
    found = detections(
        (0, 0, 100, 100, 0.9, 0),
        (-101, -101, -1, -1, 0.8, 1),
        (0, 0, 1e30, 1e30, 0.7, 2),
        (5, 5, 25, 25, 0.6, 3),
        (65, 65, 85, 85, 0.5, 3),
        (0, 0, 100, 100, 0.4, 2**40),
    )
    assert len(suppress(found, 0.5)) == 6


def test_suppression_of_nothing_is_nothing():
    assert len(suppress(NONE, 0.5)) == 0


def test_boxes_come_by_confidence_and_ties_stay_in_order():
    found = detections(
        (0, 0, 1, 1, 0.2, 0), (0, 0, 2, 2, 0.9, 1), (0, 0, 3, 3, 0.2, 2), (0, 0, 4, 4, 0.5, 3)
    )
    assert found.classes.tolist() == [1, 3, 0, 2]
    assert found.xyxy.dtype == found.scores.dtype == np.float32
    assert found.classes.dtype == np.int64


@pytest.mark.parametrize(
    "row",
    [
        (np.nan, 0, 1, 1, 0.5, 0),
        (0, 0, np.inf, 1, 0.5, 0),
        (0, -np.inf, 1, 1, 0.5, 0),
        (0, 0, 1, 1, np.nan, 0),
        (0, 0, 1, 1, np.inf, 0),
        (0, 0, 1, 1, 0.5, np.nan),
        (1, 0, 1, 1, 0.5, 0),
        (0, 1, 1, 1, 0.5, 0),
        (2, 0, 1, 1, 0.5, 0),
        (0, 2, 1, 1, 0.5, 0),
    ],
)
def test_boxes_that_are_empty_or_not_finite_are_dropped(row):
    found = detections((0, 0, 3, 3, 0.1, 7), row, (0, 0, 2, 2, 0.9, 8))
    assert found.classes.tolist() == [8, 7]
    assert len(detections(row)) == 0


def test_overlaps_are_those_of_plain_loops(rng):
    first, second = (random_boxes(rng, count).xyxy for count in (30, 20))
    expected = [[iou_of(one, other) for other in second.tolist()] for one in first.tolist()]
    np.testing.assert_allclose(overlaps(first, second), expected, rtol=1e-5)
    np.testing.assert_allclose(np.diag(overlaps(first, first)), 1)


def test_overlaps_of_nothing():
    one = np.array([[0, 0, 2, 2]], np.float32)
    empty = np.array([[1, 1, 1, 1]], np.float32)
    assert overlaps(NONE.xyxy, one).shape == (0, 1)
    assert overlaps(one, NONE.xyxy).shape == (1, 0)
    assert overlaps(empty, empty).tolist() == [[0]]


def test_some_can_be_taken():
    found = detections((0, 0, 1, 1, 0.9, 0), (0, 0, 2, 2, 0.5, 1), (0, 0, 3, 3, 0.2, 2))
    assert found.take(slice(2)).classes.tolist() == [0, 1]
    assert found.take([2, 0]).classes.tolist() == [2, 0]
    assert found.take(found.scores < 0.6).classes.tolist() == [1, 2]


def test_merging_by_suppression_keeps_the_more_confident_of_an_object(rng):
    ir = detections((0, 0, 10, 10, 0.6, 0), (50, 50, 60, 60, 0.5, 0))
    vis = detections((0, 0, 10, 9, 0.8, 0), (50, 50, 60, 60, 0.3, 1))
    merged = merge_by_suppression(ir, vis)
    assert (
        as_rows(merged).tolist()
        == as_rows(
            detections((0, 0, 10, 9, 0.8, 0), (50, 50, 60, 60, 0.5, 0), (50, 50, 60, 60, 0.3, 1))
        ).tolist()
    )
    ir, vis = random_boxes(rng, 40), random_boxes(rng, 40)
    both = joined(ir, vis)
    expected = both.take(kept_by_loops(both, 0.4))
    np.testing.assert_array_equal(merge_by_suppression(ir, vis, 0.4).xyxy, expected.xyxy)


def test_merging_by_probability_follows_the_formula():
    merged = merge_by_probability(
        detections((0, 0, 10, 10, 0.6, 0)), detections((0, 0, 12, 10, 0.8, 0))
    )
    # 0.48 / (0.48 + 0.4 * 0.2), and (0.6 * 10 + 0.8 * 12) / 1.4
    np.testing.assert_allclose(merged.scores, [0.857142857], rtol=1e-6)
    np.testing.assert_allclose(merged.xyxy, [[0, 0, 11.142857, 10]], rtol=1e-6)


def test_merging_by_probability_treats_both_sources_alike(rng):
    low = np.stack(np.meshgrid([0, 100, 200], [0, 100, 200]), axis=2).reshape(-1, 2)
    first = np.concatenate([low, low + rng.integers(50, 60, low.shape)], axis=1)
    second = first + rng.integers(-3, 3, first.shape)
    scores = rng.random((2, 9))
    ir, vis = (
        make_detections(boxes, one, np.zeros(9))
        for boxes, one in zip((first, second), scores, strict=True)
    )
    merged = merge_by_probability(ir, vis)
    assert len(merged) == 9
    np.testing.assert_allclose(as_rows(merged), as_rows(merge_by_probability(vis, ir)), rtol=1e-5)
    # Complementary evidence: what one takes for likely the other takes for as unlikely.
    level = merge_by_probability(detections((0, 0, 9, 9, 0.7, 0)), detections((0, 0, 9, 9, 0.3, 0)))
    np.testing.assert_allclose(level.scores, [0.5], rtol=1e-6)


def test_merging_by_probability_keeps_what_only_one_found():
    ir = detections((0, 0, 10, 10, 0.6, 0), (50, 50, 60, 60, 0.3, 0))
    vis = detections((80, 0, 90, 10, 0.8, 0), (50, 50, 60, 60, 0.9, 1))
    merged = merge_by_probability(ir, vis)
    np.testing.assert_array_equal(as_rows(merged), as_rows(joined(ir, vis)))
    assert (np.diff(merged.scores) <= 0).all()
    for other in (ir, vis):
        np.testing.assert_array_equal(as_rows(merge_by_probability(other, NONE)), as_rows(other))
        np.testing.assert_array_equal(as_rows(merge_by_probability(NONE, other)), as_rows(other))
    assert len(merge_by_probability(NONE, NONE)) == 0


def test_merging_by_probability_uses_each_box_once():
    ir = detections((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 9, 0.6, 0))
    merged = merge_by_probability(ir, detections((0, 0, 10, 10, 0.5, 0)))
    np.testing.assert_allclose(merged.scores, [0.9, 0.6], rtol=1e-6)


@pytest.mark.parametrize(("p", "q", "expected"), [(0, 0, 0), (1, 1, 1), (1, 0, 0.5), (0, 1, 0.5)])
def test_merging_by_probability_at_the_ends(p, q, expected):
    merged = merge_by_probability(detections((0, 0, 9, 9, p, 0)), detections((0, 0, 9, 9, q, 0)))
    assert merged.scores.tolist() == [expected]
    assert merged.xyxy.tolist() == [[0, 0, 9, 9]]


def test_merging_leaves_what_it_was_given(rng):
    ir, vis = random_boxes(rng, 20), random_boxes(rng, 20)
    before = [as_rows(one).copy() for one in (ir, vis)]
    for merge in (merge_by_probability, merge_by_suppression):
        assert isinstance(merge(ir, vis), Detections)
    for one, old in zip((ir, vis), before, strict=True):
        np.testing.assert_array_equal(as_rows(one), old)
