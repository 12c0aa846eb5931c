"""Unknown palettes: the curve that the colours of a picture lie on, if they lie on one.

Neighbouring colours are joined to a tree of least total length; its longest path is where the curve
runs. The path is then moved to the middle of the colours around it (a principal curve, T. Hastie
and W. Stuetzle, JASA 84, 1989). A photograph's colours fill an area or a volume instead, and the
path leaves most of them aside.
"""

import numpy as np
from numpy.typing import NDArray

from imfuse.ops.colourbars import Bar
from imfuse.ops.curves import Curve, nearest
from imfuse.ops.recognition import MOST, misfit, smooth_colours
from imfuse.types import Float, Pixels

_CELL = 8.0
"""Side of the cells, in levels, in which colours count as one."""

_GAP = 24.0
"""Distance in levels beyond which two colours are not neighbours on a curve."""

_STEP = 5.0
"""Distance of the points of a curve in levels."""

_ROUNDS = 3
_LEAST_COUNT = 2
_MOST_CELLS = 1200

_OFF, _OFF_SHARE, _COLOURED = 10.0, 0.02, 0.3
"""Distance from the curve in levels, the largest share of colours beyond it, and the least share of
a picture that is coloured. Of 411 photographs, none stays within."""

_SAMPLED = 4000

_DIFFERENT = 20.0
"""Difference in luma from which one end of a palette is brighter."""

_LEAST_LENGTH, _LEAST_CHROMA = 150.0, 60.0
"""Length of a palette in levels, and the range of its chromas, of which either grows with it."""


def followed(rgb: Pixels) -> Float | None:
    """Return the curve that the colours of a picture lie on; None if they lie on none.

    Args:
        rgb: `(H, W, 3)` uint8.

    Returns:
        `(N, 3)` luma and chromas of weight 1, in equal steps and either direction.
    """
    sample = smooth_colours(rgb, _SAMPLED)
    if sample.share < _COLOURED:
        return None
    points = traced(np.concatenate([sample.coloured, sample.gray]))
    if points is None:
        return None
    curve = as_curve(points)
    beyond = (nearest(curve, sample.coloured)[1] > _OFF).mean()
    return points if beyond <= _OFF_SHARE and misfit(sample, curve) <= MOST else None


def traced(points: Float) -> Float | None:
    """Return the curve that colours lie along, from one end to the other in equal steps.

    Args:
        points: `(N, 3)` luma and chromas of weight 1 of the smooth areas of a picture.

    Returns:
        `(M, 3)` points, in either direction; None if the longest curve is too short for a palette.
        Whether the colours lie on it is for the caller to see.
    """
    cells = _cells(points)
    if len(cells) < 2:
        return None
    path = _longest_path(cells)
    curve = _even(cells[path])
    for _ in range(_ROUNDS):
        if len(curve) < 3:
            return None
        curve = _even(_centred(curve, points))
    length = _STEP * (len(curve) - 1)
    chroma = np.linalg.norm(np.ptp(curve[:, 1:], axis=0))
    return curve if length >= _LEAST_LENGTH and chroma >= _LEAST_CHROMA else None


def directed(values: Float, curve: Curve, bar: Bar | None) -> tuple[Float, str]:
    """Turn values read by a curve of unknown direction so that hot is 1.

    Args:
        values: `(H, W)` from 0 to 1.
        curve: The curve that they were read by.
        bar: Colour bar, if there is one.

    Returns:
        The values, and the reason for their direction.
    """
    if bar is not None:
        reason = f"the {'upper' if bar.upright else 'right'} end of the colour bar is hot"
        return (1 - values if bar.high < bar.low else values), reason
    first, last = float(curve.points[0, 0]), float(curve.points[-1, 0])
    if abs(last - first) < _DIFFERENT:
        reason = "neither end of the palette is brighter, so the hot one is a guess"
    else:
        reason = "the brighter end of the palette counts as hot"
    return (1 - values if first > last else values), reason


def as_curve(points: Float) -> Curve:
    """Return the curve through points in equal steps, as `nearest` takes it."""
    joined = np.ones(len(points) - 1, bool)
    return Curve(points, np.linspace(0, 1, len(points), dtype=np.float32), joined)


def _cells(points: Float) -> Float:
    """Return the mean colours of cells that hold some, the fullest ones if there are many."""
    keys = np.floor(points / _CELL).astype(np.int64) @ np.array([1 << 20, 1 << 10, 1])
    _, index, counts = np.unique(keys, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(index, points[:, k]) for k in range(3)], axis=1)
    least = max(_LEAST_COUNT, len(points) // 4000)
    kept = np.flatnonzero(counts >= least)
    kept = kept[np.argsort(-counts[kept], kind="stable")[:_MOST_CELLS]]
    return np.asarray(sums[kept] / counts[kept, None], np.float32)


def _longest_path(cells: Float) -> NDArray[np.intp]:
    """Return the longest path through the tree of least length that joins colours.

    Of trees that are too far apart to be one, the one with most colours counts.
    """
    count = len(cells)
    parent = np.full(count, -1)
    reach = np.full(count, np.inf, np.float32)
    order, steps = np.empty(count, np.intp), np.zeros(count, np.float32)
    todo = np.ones(count, bool)
    here = 0
    for turn in range(count):  # Prim's tree, from one colour to the nearest that it lacks
        order[turn], todo[here] = here, False
        distance = ((cells - cells[here]) ** 2).sum(axis=1)
        closer = todo & (distance < reach)
        reach[closer], parent[closer] = distance[closer], here
        if turn + 1 < count:
            here = int(np.where(todo, reach, np.inf).argmin())
            steps[here] = np.sqrt(reach[here])
    roots = np.flatnonzero((parent < 0) | (steps > _GAP))
    tree = np.empty(count, np.intp)
    for node in order:
        tree[node] = node if node in roots else tree[parent[node]]
    largest = np.bincount(tree, minlength=count).argmax()
    nodes = [node for node in order if tree[node] == largest]
    neighbours: dict[int, list[int]] = {int(node): [] for node in nodes}
    for node in nodes[1:]:
        neighbours[int(node)].append(int(parent[node]))
        neighbours[int(parent[node])].append(int(node))
    start = _farthest(cells, neighbours, int(nodes[0]))[-1]
    return np.array(_farthest(cells, neighbours, start), np.intp)


def _farthest(cells: Float, neighbours: dict[int, list[int]], start: int) -> list[int]:
    """Return the longest path through a tree that starts at one colour."""
    before, length = {start: -1}, {start: 0.0}
    stack = [start]
    while stack:
        node = stack.pop()
        for other in neighbours[node]:
            if other not in before:
                before[other] = node
                length[other] = length[node] + float(np.linalg.norm(cells[other] - cells[node]))
                stack.append(other)
    node = max(length, key=lambda one: length[one])
    path = [node]
    while before[path[-1]] >= 0:
        path.append(before[path[-1]])
    return path[::-1]


def _even(points: Float) -> Float:
    """Return points in equal steps along a curve."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.append(0, np.cumsum(steps))
    count = max(2, round(float(along[-1]) / _STEP) + 1)
    at = np.linspace(0, along[-1], count)
    return np.stack([np.interp(at, along, points[:, k]) for k in range(3)], axis=1).astype(
        np.float32
    )


def _centred(curve: Float, points: Float) -> Float:
    """Move the points of a curve to the middle of the colours that are nearest to them."""
    positions, distances = nearest(as_curve(curve), points)
    near = distances < _GAP
    index = np.rint(positions[near] * (len(curve) - 1)).astype(np.intp)
    weights = np.bincount(index, minlength=len(curve)).astype(np.float64)
    sums = np.stack([np.bincount(index, points[near, k], len(curve)) for k in range(3)], axis=1)
    window = np.array([1, 2, 3, 2, 1]) / 9
    weights = np.convolve(weights + 1e-3, window, mode="same")
    sums = sums + 1e-3 * curve
    smooth = np.stack([np.convolve(sums[:, k], window, mode="same") for k in range(3)], axis=1)
    return np.asarray(smooth / weights[:, None], np.float32)
