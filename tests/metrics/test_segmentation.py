"""Confusion matrices and IoU against loops over pixels."""

import numpy as np
import pytest

from imfuse.errors import BadValues, PairMismatch
from imfuse.metrics.segmentation import confusion_matrix, segmentation_scores


def looped(labels, predicted, classes):
    counts = [[0] * classes for _ in range(classes)]
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            if labels[row, column] != 255:
                counts[labels[row, column]][predicted[row, column]] += 1
    return counts


def test_counts_equal_a_loop_and_ignored_pixels_do_not_count(rng):
    labels = rng.integers(0, 5, (13, 17)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.2] = 255
    predicted = rng.integers(0, 5, (13, 17)).astype(np.uint8)
    assert confusion_matrix(labels, predicted, 5).tolist() == looped(labels, predicted, 5)


def test_iou_recall_and_accuracy_by_hand():
    """Class 0: 3 right of 4 labelled and 3 predicted; class 1: 2 of 2 and 3; class 2 is absent."""
    found = segmentation_scores(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert found.iou[:2].tolist() == [3 / 4, 2 / 3]
    assert found.recall[:2].tolist() == [3 / 4, 1]
    assert np.isnan([found.iou[2], found.recall[2]]).all()
    assert found.accuracy == 5 / 6
    assert found.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert found.mean_accuracy == pytest.approx(7 / 8)


def test_iou_equals_sets_of_pixels(rng):
    labels, predicted = rng.integers(0, 4, (2, 20, 30))
    found = segmentation_scores(confusion_matrix(labels, predicted, 4))
    for one in range(4):
        true, guess = set(np.flatnonzero(labels == one)), set(np.flatnonzero(predicted == one))
        assert found.iou[one] == pytest.approx(len(true & guess) / len(true | guess))
        assert found.recall[one] == pytest.approx(len(true & guess) / len(true))


def test_perfect_and_wrong():
    labels = np.array([[0, 1], [2, 1]])
    perfect = segmentation_scores(confusion_matrix(labels, labels, 3))
    assert perfect.mean_iou == perfect.mean_accuracy == perfect.accuracy == 1
    wrong = segmentation_scores(confusion_matrix(labels, (labels + 1) % 3, 3))
    assert wrong.mean_iou == wrong.mean_accuracy == wrong.accuracy == 0


def test_a_class_that_is_predicted_but_never_there_counts_as_zero():
    """Leaving it out, or counting classes that are nowhere, would give another mean."""
    found = segmentation_scores(confusion_matrix(np.array([[0, 0]]), np.array([[0, 1]]), 3))
    assert found.mean_iou == pytest.approx((1 / 2 + 0) / 2)


def test_excluded_classes_leave_the_means():
    confusion = np.array([[9, 1], [5, 5]])
    assert segmentation_scores(confusion, exclude=[0]).mean_iou == pytest.approx(5 / 11)


def test_refusals():
    with pytest.raises(PairMismatch):
        confusion_matrix(np.zeros((2, 2), int), np.zeros((2, 3), int), 2)
    with pytest.raises(BadValues, match=r"label 9.*classes 0\.\.8"):
        confusion_matrix(np.array([[9]]), np.array([[0]]), 9)
    with pytest.raises(BadValues, match="prediction -1"):
        confusion_matrix(np.array([[0]]), np.array([[-1]]), 9)


def test_nothing_counted_is_nan_not_zero():
    found = segmentation_scores(confusion_matrix(np.full((2, 2), 255), np.zeros((2, 2), int), 3))
    assert np.isnan([found.mean_iou, found.mean_accuracy, found.accuracy]).all()
