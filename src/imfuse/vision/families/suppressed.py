"""Files that drop overlapping boxes themselves, and answer with a list of objects.

Their layouts are recognised by the lengths of axes and, where these leave a choice, by the names
that the usual exporters give.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.vision.detections import Detections, make_detections
from imfuse.vision.families.base import Arrays, Reading, Trial, is_share, of_scores
from imfuse.vision.families.distances import PADDLE
from imfuse.vision.families.names import COCO_91
from imfuse.vision.families.queries import RT_DETR, SIZE_INPUT
from imfuse.vision.families.yolo import CENTRE_RGB
from imfuse.vision.preparation import Preparation

PADDLE_INPUTS = ("scale_factor", "im_shape")
"""Further inputs of PaddleDetection's files."""
_MMDET = Preparation(
    fit="corner",
    order="bgr",
    scale=255,
    mean=(103.53, 116.28, 123.675),
    std=(57.375, 57.12, 58.395),
)
_STRETCHED = Preparation(fit="stretch")
_STRETCHED_BYTES = Preparation(fit="stretch", scale=255)
_RT_DETR_ROWS = 300
_ROUNDED = 1e-4


def paddle(trial: Trial) -> Reading | None:
    """Recognise PaddleDetection's exports (PicoDet, PP-YOLOE): rows of class, score and edges.

    Without suppression they answer with boxes `(1, n, 4)` and scores `(1, classes, n)`. Most take
    values normed by ImageNet's mean and std. RT-DETR and PP-YOLOE+ take them plain: the one always
    answers with 300 rows, the other has one grid less than PicoDet; with suppression, nothing tells
    PP-YOLOE+ from the others.
    """
    if not set(PADDLE_INPUTS) & set(trial.inputs):
        return None
    for name, one in trial.outputs.items():
        if one.ndim == 2 and one.shape[1] == 6:
            columns = partial(_columns, name=name, box=2, score=1, label=0)
            plain = PADDLE_INPUTS[1] in trial.inputs and len(one) == _RT_DETR_ROWS
            how = RT_DETR if plain else PADDLE
            return Reading("paddle", how, columns, 0, suppressed=True)
    boxes = [n for n, one in trial.outputs.items() if one.ndim == 3 and one.shape[2] == 4]
    scores = [n for n, one in trial.outputs.items() if one.ndim == 3 and n not in boxes]
    if len(boxes) != 1 or len(scores) != 1 or not is_share(trial.outputs[scores[0]]):
        return None
    classes, count = trial.outputs[scores[0]].shape[1:]
    if count != trial.outputs[boxes[0]].shape[1]:
        return None
    how = _STRETCHED if count == trial.cells((8, 16, 32)) else PADDLE
    return Reading("paddle", how, partial(_paddle, boxes=boxes[0], scores=scores[0]), classes)


def rows(trial: Trial) -> Reading | None:
    """Recognise one table that has a row an object.

    Six columns are edges, score, class (YOLOv10, and YOLOv8 with suppression); seven are picture,
    edges, class, score (YOLOv7; YOLO-NAS has the score first), or, in four axes, picture, class,
    score and edges as shares (SSD).
    """
    if len(trial.outputs) != 1:
        return None
    (name,) = trial.outputs
    found = trial.outputs[name]
    width = found.shape[-1] if found.ndim else 0
    if found.ndim == 4 and found.shape[:2] == (1, 1) and width == 7:
        decode = partial(_columns, name=name, box=3, score=2, label=1, size=trial.size)
        return Reading("ssd", _STRETCHED, decode, 0, suppressed=True, names=COCO_91)
    if found.ndim == 2 and width == 7:
        score, label = (5, 6) if "flat_predictions" in name else (6, 5)
        decode = partial(_columns, name=name, box=1, score=score, label=label)
    elif found.ndim in (2, 3) and width == 6 and _whole(found[..., 5]):
        decode = partial(_columns, name=name, box=0, score=4, label=5)
    else:
        return None
    return Reading("yolo-suppressed", CENTRE_RGB, decode, 0, suppressed=True)


def tensorflow(trial: Trial) -> Reading | None:
    """Recognise TensorFlow's object detection by its names; newer files have further outputs.

    Edges are shares, the top edge first.
    """
    plain = {name.split(":")[0]: name for name in trial.outputs}
    wanted = [f"detection_{part}" for part in ("boxes", "classes", "scores")]
    if not set(wanted) <= set(plain):
        return None
    boxes, labels, scores = (plain[name] for name in wanted)
    if trial.outputs[boxes].shape[-1:] != (4,):
        return None
    decode = partial(_lists, boxes=boxes, labels=labels, scores=scores, size=trial.size)
    return Reading("tensorflow", _STRETCHED_BYTES, decode, 0, suppressed=True, names=COCO_91)


def lists(trial: Trial) -> Reading | None:
    """Recognise boxes, scores and classes in outputs of their own.

    Known are mmdeploy (`dets` of five columns and `labels`), TensorRT's EfficientNMS (with the
    number of objects), RT-DETR's and D-FINE's own exports (by their further input) and torchvision.
    """
    boxes = _named(trial, lambda name, one: one.ndim in (2, 3) and one.shape[-1] in (4, 5))
    labels = _named(trial, lambda name, _: "class" in name or "label" in name)
    scores = _named(trial, lambda name, _: "score" in name)
    if len(boxes) != 1 or len(labels) != 1 or len(scores) > 1:
        return None
    count, width = trial.outputs[boxes[0]].shape[-2:]
    with_score = width == 5
    sizes = {trial.outputs[name].size for name in (labels[0], *scores)}
    if with_score == bool(scores) or sizes != {count}:
        return None
    decode = partial(_lists, boxes=boxes[0], labels=labels[0], scores=next(iter(scores), None))
    if with_score:
        return Reading("mmdeploy", _MMDET, decode, 0, suppressed=True)
    if SIZE_INPUT in trial.inputs:
        return Reading("rt-detr", RT_DETR, decode, 0, suppressed=True)
    if _named(trial, lambda name, _: "num" in name):
        return Reading("efficient-nms", CENTRE_RGB, decode, 0, suppressed=True)
    return Reading("torchvision", _STRETCHED, decode, 0, suppressed=True, names=COCO_91)


def _named(trial: Trial, wanted: Callable[[str, NDArray[Any]], bool]) -> Sequence[str]:
    return [name for name, one in trial.outputs.items() if wanted(name.casefold(), one)]


def _whole(values: NDArray[Any]) -> bool:
    """Return whether all values are whole numbers from 0, as those of classes are."""
    return bool((values >= 0).all() and (np.abs(values - np.rint(values)) < _ROUNDED).all())


def _columns(
    outputs: Arrays,
    *,
    name: str,
    box: int,
    score: int,
    label: int,
    size: tuple[int, int] | None = None,
) -> Detections:
    table = outputs[name].reshape(-1, outputs[name].shape[-1])
    xyxy = table[:, box : box + 4]
    if size is not None:
        xyxy = xyxy * np.array([size[1], size[0]] * 2, np.float32)
    return make_detections(xyxy, table[:, score], np.rint(table[:, label]))


def _lists(
    outputs: Arrays,
    *,
    boxes: str,
    labels: str,
    scores: str | None,
    size: tuple[int, int] | None = None,
) -> Detections:
    table = outputs[boxes].reshape(-1, outputs[boxes].shape[-1])
    confidence = table[:, 4] if scores is None else outputs[scores].reshape(-1)
    xyxy = table[:, :4]
    if size is not None:
        xyxy = xyxy[:, [1, 0, 3, 2]] * np.array([size[1], size[0]] * 2, np.float32)
    return make_detections(xyxy, confidence, np.rint(outputs[labels].reshape(-1)))


def _paddle(outputs: Arrays, *, boxes: str, scores: str) -> Detections:
    return of_scores(outputs[boxes][0], outputs[scores][0].T)
