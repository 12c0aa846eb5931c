"""Detectors of the DETR kind: a fixed number of queries, each with a box and scores of all classes.

Boxes are centre, width and height as shares of the picture (Carion et al. 2020, arXiv:2005.12872).
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.vision.detections import Detections
from imfuse.vision.families.base import Arrays, Reading, Trial, from_centres, is_share, of_scores
from imfuse.vision.families.names import COCO_91
from imfuse.vision.preparation import IMAGENET_MEAN, IMAGENET_STD, Preparation

_DETR = Preparation(fit="stretch", mean=IMAGENET_MEAN, std=IMAGENET_STD)
RT_DETR = Preparation(fit="stretch")
SIZE_INPUT = "orig_target_sizes"
"""Input of RT-DETR's own exports: width and height that boxes are scaled to."""


def detr(trial: Trial) -> Reading | None:
    """Recognise DETR and RT-DETR: boxes and logits in outputs of their own.

    DETR counts COCO's classes by the numbers of the annotations, and one more for no object;
    Deformable DETR and its like leave that one out.
    """
    found = {one.shape[2] == 4: name for name, one in trial.outputs.items() if one.ndim == 3}
    if len(trial.outputs) != 2 or set(found) != {True, False}:
        return None
    boxes, logits = trial.outputs[found[True]], trial.outputs[found[False]]
    if boxes.shape[:2] != logits.shape[:2] or not is_share(boxes):
        return None
    softmax = logits.shape[2] == len(COCO_91) + 1
    classes = logits.shape[2] - softmax
    if trial.classes not in (None, classes):
        return None
    decode = partial(
        _queries, boxes=found[True], logits=found[False], softmax=softmax, size=trial.size
    )
    if classes == len(COCO_91):
        return Reading("detr", _DETR, decode, classes, suppressed=True, names=COCO_91)
    return Reading("rt-detr", RT_DETR, decode, classes, suppressed=True)


def rt_detr(trial: Trial) -> Reading | None:
    """Recognise RT-DETR in one table of few rows: a box, then scores of all classes."""
    rows = trial.only
    if rows is None or rows.shape[1] < 5 or len(rows) > 1000 or not is_share(rows):
        return None
    classes = rows.shape[1] - 4
    if trial.classes not in (None, classes) or trial.cells((8, 16, 32)) == len(rows):
        return None
    decode = partial(_table, size=trial.size)
    return Reading("rt-detr", RT_DETR, decode, classes, suppressed=True)


def _table(outputs: Arrays, *, size: tuple[int, int]) -> Detections:
    rows = next(iter(outputs.values()))[0]
    return of_scores(_in_pixels(rows[:, :4], size), rows[:, 4:])


def _queries(
    outputs: Arrays, *, boxes: str, logits: str, softmax: bool, size: tuple[int, int]
) -> Detections:
    values = outputs[logits][0].astype(np.float64)
    if softmax:
        values = np.exp(values - values.max(axis=1, keepdims=True))
        scores = (values / values.sum(axis=1, keepdims=True))[:, :-1]
    else:
        scores = 1 / (1 + np.exp(-values))
    return of_scores(_in_pixels(outputs[boxes][0], size), scores)


def _in_pixels(shares: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    height, width = size
    return from_centres(shares * np.array([width, height] * 2, np.float32))
