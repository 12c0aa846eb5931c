"""Detectors that answer with distributions of distances: PicoDet and NanoDet.

The distance from a cell's centre to each edge is the mean of a softmax over 0..m, times the stride
(Li et al., "Generalized Focal Loss", NeurIPS 2020, eq. 6).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.vision.detections import Detections
from imfuse.vision.families.base import Arrays, Reading, Trial, is_share, of_scores
from imfuse.vision.preparation import IMAGENET_MEAN, IMAGENET_STD, Preparation

_STRIDES = (8, 16, 32, 64)
_BINS = (8, 16, 17)
"""Values that a distance may have: `reg_max + 1` of PicoDet and PP-YOLOE."""
_NANODET_BINS = (8, 11)
"""The same of NanoDet."""
PADDLE = Preparation(fit="stretch", order="rgb", mean=IMAGENET_MEAN, std=IMAGENET_STD)
_NANODET_PLUS = Preparation(
    fit="stretch",
    order="bgr",
    scale=255,
    mean=(103.53, 116.28, 123.675),
    std=(57.375, 57.12, 58.395),
)
_NANODET = replace(_NANODET_PLUS, fit="centre", margin=0.0)


def picodet(trial: Trial) -> Reading | None:
    """Recognise PicoDet without its last steps: scores and distances of each grid on their own."""
    named = list(trial.outputs)
    flat = all(one.ndim == 3 and one.shape[0] == 1 for one in trial.outputs.values())
    if len(named) not in (6, 8) or not flat:
        return None
    half = len(named) // 2
    grids = trial.grids(_STRIDES[:half])
    sizes = [rows * columns for rows, columns in grids]
    scores, distances = _split(trial.outputs, sizes)
    if len(scores) != half or len(distances) != half:
        return None
    classes = {trial.outputs[name].shape[2] for name in scores}
    if len(classes) != 1 or not all(is_share(trial.outputs[name]) for name in scores):
        return None
    decode = partial(_separate, scores=scores, distances=distances, centres=_centres(grids))
    return Reading("picodet", PADDLE, decode, classes.pop())


def nanodet(trial: Trial) -> Reading | None:
    """Recognise NanoDet: one row a cell, of scores and then distances.

    NanoDet-Plus, which has a fourth grid, measures from the corner of a cell, not from its centre,
    and stretches pictures, where its predecessor leaves black margins.
    """
    rows = trial.only
    strides = next((_STRIDES[:n] for n in (4, 3) if _rows(rows) == trial.cells(_STRIDES[:n])), ())
    if rows is None or not strides:
        return None
    plus = len(strides) == 4
    centres = _centres(trial.grids(strides), offset=0.0 if plus else 0.5)
    for bins in _NANODET_BINS:  # the most classes first: distances are seldom from 0 to 1
        classes = rows.shape[1] - 4 * bins
        if classes < 1 or trial.classes not in (None, classes) or not is_share(rows[:, :classes]):
            continue
        decode = partial(_together, classes=classes, centres=centres)
        return Reading("nanodet", _NANODET_PLUS if plus else _NANODET, decode, classes)
    return None


def _split(outputs: Arrays, sizes: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return the names of the outputs with scores and of those with distances, by grid."""
    scores: list[str] = []
    distances: list[str] = []
    for size in sizes:
        of_grid = [name for name, one in outputs.items() if one.shape[1] == size]
        wide = [name for name in of_grid if outputs[name].shape[2] in {4 * one for one in _BINS}]
        if len(of_grid) == 2 and len(wide) == 2:  # 32, 64 or 68 classes: the first are scores
            wide = wide[1:]
        distances += wide
        scores += [name for name in of_grid if name not in wide]
    return scores, distances


def _rows(table: NDArray[Any] | None) -> int:
    return 0 if table is None else len(table)


def _centres(grids: Sequence[tuple[int, int]], offset: float = 0.5) -> NDArray[np.float32]:
    """Return x and y in pixels from which each cell measures, and its stride, `(n, 3)`."""
    parts = []
    for (rows, columns), stride in zip(grids, _STRIDES, strict=False):
        y, x = (np.mgrid[:rows, :columns].reshape(2, -1) + offset) * stride
        parts.append(np.stack([x, y, np.full_like(x, stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)


def _edges(distances: NDArray[Any], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    bins = distances.reshape(len(distances), 4, -1).astype(np.float32)
    weights = np.exp(bins - bins.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    far = weights @ np.arange(bins.shape[2], dtype=np.float32) * centres[:, 2:]
    return np.concatenate([centres[:, :2] - far[:, :2], centres[:, :2] + far[:, 2:]], axis=1)


def _separate(
    outputs: Arrays,
    *,
    scores: Sequence[str],
    distances: Sequence[str],
    centres: NDArray[np.float32],
) -> Detections:
    found = np.concatenate([outputs[name][0] for name in scores])
    far = np.concatenate([outputs[name][0] for name in distances])
    return of_scores(_edges(far, centres), found)


def _together(outputs: Arrays, *, classes: int, centres: NDArray[np.float32]) -> Detections:
    rows = next(iter(outputs.values()))[0]
    return of_scores(_edges(rows[:, classes:], centres), rows[:, :classes])
