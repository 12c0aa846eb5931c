"""Boxes around the objects in label pictures, for sets that have labels but no boxes."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.data.boxes import Boxes

_CLOSING = np.ones((5, 5), np.uint8)
"""Gaps of up to four pixels, such as behind a pole, do not divide an object."""
_LEAST = 100
"""Pixels of the smallest object that counts; smaller ones are ignored."""


def boxes_of_labels(labels: NDArray[np.uint8], names: Sequence[str]) -> Boxes:
    """Return a box around each connected region of a class; touching objects share one.

    Regions are found after a morphological closing; a box holds the label's own pixels. Those of
    fewer than 100 pixels are marked as ignored.

    Args:
        labels: `(H, W)` classes; 0 (background) and 255 (unknown) have no boxes.
        names: Names of the classes, by number.
    """
    rows: list[tuple[list[int], int, bool]] = []
    for number in range(1, len(names)):
        mask = (labels == number).astype(np.uint8)
        if not mask.any():
            continue
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _CLOSING)
        count, regions = cv2.connectedComponents(closed, connectivity=8)
        for region in range(1, count):
            y, x = np.nonzero((regions == region) & (mask > 0))
            if len(y):
                edges = [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]
                rows.append((edges, number, len(y) < _LEAST))
    return Boxes(
        xyxy=np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        classes=np.array([row[1] for row in rows], np.int64),
        names=tuple(names),
        ignored=np.array([row[2] for row in rows], np.bool_),
    )
