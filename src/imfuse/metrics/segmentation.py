"""Segmentation scores, for judging fused pictures by how well a segmenter works on them.

Counts are collected over all pictures and divided at the end, as in the papers; a mean of
per-picture values would weight a class by the pictures that it happens to be in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.errors import BadValues, PairMismatch

IGNORE = 255
"""Label of pixels to ignore."""


@dataclass(frozen=True)
class SegmentationScores:
    """Scores derived from a confusion matrix.

    Attributes:
        iou: Intersection over union per class, 0 to 1; NaN for a class absent from both labels and
            predictions.
        recall: Share of a class's labelled pixels that were found (the field calls it class
            accuracy); NaN for a class without labelled pixels.
        accuracy: Share of all counted pixels that are correct.
    """

    iou: NDArray[np.float64]
    recall: NDArray[np.float64]
    accuracy: float

    @property
    def mean_iou(self) -> float:
        """MIoU: mean over the classes that occur."""
        return _mean(self.iou)

    @property
    def mean_accuracy(self) -> float:
        """MAcc: mean recall over the classes that have labels."""
        return _mean(self.recall)


def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Count the pixels by labelled (row) and predicted (column) class.

    Args:
        labels: `(H, W)` true classes, 0 to `classes - 1`, or `IGNORE` for pixels to leave out.
        predicted: `(H, W)` predicted classes, 0 to `classes - 1`.
        classes: Number of classes.

    Returns:
        `(classes, classes)` counts; the matrices of several pictures can be summed.

    Raises:
        PairMismatch: The shapes differ.
        BadValues: A label or prediction is not a class.
    """
    if labels.shape != predicted.shape:
        raise PairMismatch(f"labels {labels.shape}, predictions {predicted.shape}")
    counted = labels != IGNORE
    true, found = labels[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for what, values in (("label", true), ("prediction", found)):
        if values.size and not (values.min() >= 0 and values.max() < classes):
            worst = values.max() if values.max() >= classes else values.min()
            raise BadValues(
                f"{what} {worst}",
                expected=f"classes 0..{classes - 1}, or {IGNORE} for pixels to ignore",
            )
    counts = np.bincount(true * classes + found, minlength=classes * classes)
    return counts.reshape(classes, classes)


def segmentation_scores(
    confusion: NDArray[np.int64], *, exclude: Sequence[int] = ()
) -> SegmentationScores:
    """Return IoU, recall and accuracy from a confusion matrix.

    IoU = correct / (labelled + predicted - correct), recall = correct / labelled.

    Args:
        confusion: Counts by `confusion_matrix`.
        exclude: Classes whose values become NaN, which removes them from the means (SMFNet's and
            BFFR's tables omit classes, yet their means are over all nine).

    References:
        M. Everingham et al., "The PASCAL Visual Object Classes challenge", IJCV 88, 2010,
        doi:10.1007/s11263-009-0275-4.
    """
    right, iou = np.diag(confusion).astype(np.float64), intersection_over_union(confusion)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = right / confusion.sum(axis=1)
        accuracy = float(right.sum() / np.float64(confusion.sum()))
    iou[list(exclude)] = recall[list(exclude)] = np.nan
    return SegmentationScores(iou, recall, accuracy)


def intersection_over_union(confusion: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the IoU of each class: correct / (labelled + predicted - correct).

    Args:
        confusion: `(..., classes, k)` counts by true and found class; columns from `classes` on
            hold what was found to be none of them.

    Returns:
        `(..., classes)`; NaN for a class absent from both labels and predictions.
    """
    counts = np.asarray(confusion, np.float64)
    square = counts[..., : counts.shape[-2]]
    right = np.diagonal(square, axis1=-2, axis2=-1)
    union = counts.sum(axis=-1) + square.sum(axis=-2) - right
    found = np.divide(right, union, out=np.full_like(union, np.nan), where=union > 0)
    return np.asarray(found, np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
