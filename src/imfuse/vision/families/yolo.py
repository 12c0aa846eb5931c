"""YOLO's family: one table that has a row a candidate.

Boxes are centre, width and height. YOLOX (Ge et al. 2021, arXiv:2107.08430) leaves them to be
decoded: centre = (value + cell) * stride, size = exp(value) * stride. The others are decoded by
their files.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from imfuse.vision.detections import Detections
from imfuse.vision.families.base import (
    LEAST_SCORE,
    Arrays,
    Reading,
    Trial,
    from_centres,
    is_share,
    of_scores,
    table_of,
)
from imfuse.vision.preparation import Preparation

_STRIDES = (8, 16, 32)
_LARGE_STRIDES = (8, 16, 32, 64)
_ANCHORS = 3
"""Boxes a cell in YOLOv5 and YOLOv7."""
_CORNER_BGR = Preparation(fit="corner", order="bgr", scale=255)
CENTRE_RGB = Preparation(fit="centre", order="rgb")


def yolox(trial: Trial) -> Reading | None:
    """Recognise YOLOX: one row a cell, with objectness; decoded or not."""
    rows, classes = _with_objectness(trial)
    if rows is None:
        return None
    strides = next((s for s in (_STRIDES, _LARGE_STRIDES) if len(rows) == trial.cells(s)), None)
    if strides is None or bool((rows[:, 4] == 1).all()):
        return None
    # Offsets within cells are small and logarithms of sizes often negative; pixels are neither.
    decoded = rows[:, 2:4].min() >= 0 and rows[:, :2].max() > max(trial.size) / 2
    grid = None if decoded else _cells(trial, strides)
    decode = partial(_objectness_first, classes=classes, grid=grid)
    return Reading("yolox", _CORNER_BGR, decode, classes)


def yolov5(trial: Trial) -> Reading | None:
    """Recognise YOLOv5 and YOLOv7 (three rows a cell), and YOLOv6 (one, of objectness 1).

    Columns and outputs for masks are left out, and the grids that older files have besides.
    """
    rows, classes = _with_objectness(trial)
    if rows is None:
        return None
    counts = {_ANCHORS * trial.cells(strides) for strides in (_STRIDES, _LARGE_STRIDES)}
    singles = {trial.cells(strides) for strides in (_STRIDES, _LARGE_STRIDES)}
    without = len(rows) in singles and bool((rows[:, 4] == 1).all())
    if len(rows) not in counts and not without:
        return None
    name = "yolov6" if without else "yolov5"
    return Reading(name, CENTRE_RGB, partial(_objectness_first, classes=classes), classes)


def yolov8(trial: Trial) -> Reading | None:
    """Recognise YOLOv8 and its successors: classes without objectness, one column a cell.

    Files that also segment have further columns for masks, which are left out. With rows for
    columns, a file looks like YOLOX of one class less, unless it names its classes.
    """
    table = trial.table
    if table is None:
        return None
    cells = {trial.cells(strides) for strides in (_STRIDES, _LARGE_STRIDES)}
    across = table.shape[1] in cells
    if not across and table.shape[0] not in cells:
        return None
    columns = table if across else table.T
    classes = len(columns) - 4 - trial.masks
    wanted = trial.classes
    if classes < 1 or wanted not in (None, classes) or not is_share(columns[4 : 4 + classes]):
        return None
    decode = partial(_without_objectness, across=across, classes=classes)
    return Reading("yolov8", CENTRE_RGB, decode, classes)


def _with_objectness(trial: Trial) -> tuple[NDArray[np.floating] | None, int]:
    """Return the table of a file that may be of five values and classes a row, and their number."""
    rows = trial.table
    classes = 0 if rows is None else rows.shape[1] - 5 - trial.masks
    if rows is None or classes < 1 or not is_share(rows[:, 4 : 5 + classes]):
        return None, 0
    return (rows, classes) if trial.classes in (None, classes) else (None, 0)


def _cells(trial: Trial, strides: tuple[int, ...]) -> NDArray[np.float32]:
    """Return column, row and stride of each cell, `(n, 3)`."""
    parts = []
    for (rows, columns), stride in zip(trial.grids(strides), strides, strict=True):
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        parts.append(np.stack([x, y, np.full_like(x, stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)


def _objectness_first(
    outputs: Arrays, *, classes: int, grid: NDArray[np.float32] | None = None
) -> Detections:
    rows = table_of(outputs)
    likely = rows[:, 4] > LEAST_SCORE  # no class can have more
    xywh, scores = rows[likely, :4], rows[likely, 4:5] * rows[likely, 5 : 5 + classes]
    if grid is not None:
        place, stride = grid[likely, :2], grid[likely, 2:]
        xywh = np.concatenate([xywh[:, :2] + place, np.exp(xywh[:, 2:])], axis=1) * stride
    return of_scores(from_centres(xywh), scores)


def _without_objectness(outputs: Arrays, *, across: bool, classes: int) -> Detections:
    table = table_of(outputs)
    rows = table.T if across else table
    return of_scores(from_centres(rows[:, :4]), rows[:, 4 : 4 + classes])
