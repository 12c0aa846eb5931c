"""Pairs that were counted off by some places: each picture has the partner of a neighbour."""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from imfuse.data.offsets import Edges, agreements, edges
from imfuse.types import Pixels

_FARTHEST = 2
"""Places by which partners may have slipped."""
_RUN = 2 * _FARTHEST + 1
_RUNS = 10
"""Stretches of neighbours, spread over a set, that are looked at."""
_SIZE = 320, 240
"""Width and height at which edges are compared, whatever the sizes: slipped ones may differ."""
_REACH = 8
_CLEARLY, _MOST = 2.0, 0.7
"""Factor by which neighbours' partners must fit better, and the share of the pictures that do so.

In MSRS, RoadScene and TNO, partners fit five times as well as neighbours.
"""
_STEADILY, _NEARLY_ALL, _ENOUGH = 1.004, 0.8, 20
"""The same, with the least number of pictures, for sets whose neighbours look alike.

In LLVIP, whose cameras stand still, partners fit 1.3 times as well as neighbours. In M3SVD's video,
one frame makes no difference, and five frames 1 to 4 %, but in all pictures alike.
"""
_FEWEST = 3


def watched(count: int) -> frozenset[int]:
    """Return the places in a set of so many pairs that are looked at."""
    if count < _RUN:
        return frozenset(range(count))
    starts = np.linspace(0, count - _RUN, _RUNS).astype(int).tolist()
    return frozenset(start + i for start in starts for i in range(_RUN))


def sketch(ir: Pixels, vis: Pixels) -> tuple[Edges, Edges]:
    """Return the edges of a pair, small; `(H, W)` pictures of any size."""
    small = (
        cv2.resize(p.astype(np.float32), _SIZE, interpolation=cv2.INTER_AREA) for p in (ir, vis)
    )
    first, second = map(edges, small)
    return first, second


def slipped(sketches: Mapping[int, tuple[Edges, Edges]]) -> str:
    """Return a message where most infrared pictures belong to a neighbour; empty otherwise.

    Args:
        sketches: Edges of pairs by their places in the set.
    """
    own = dict(_agreements(sketches, 0))
    best: tuple[float, int, int, int] | None = None
    for lag in (-1, 1, -2, 2):
        gains = [
            peak / max(own[place], np.finfo(float).tiny)
            for place, peak in _agreements(sketches, lag)
        ]
        if not _speaks_against(gains):
            continue
        better, median = sum(gain > 1 for gain in gains), float(np.median(gains))
        if best is None or median > best[0]:
            best = median, lag, better, len(gains)
    if best is None:
        return ""
    _, lag, better, count = best
    places = "1 place" if abs(lag) == 1 else f"{abs(lag)} places"
    return (
        f"{better} of {count} infrared pictures looked at fit the visible picture {places} "
        f"{'after' if lag > 0 else 'before'} their own better; the files may be out of step"
    )


def _speaks_against(gains: list[float]) -> bool:
    """Return whether other partners fit so much, or so steadily, better than a picture's own."""
    clear = sum(gain > _CLEARLY for gain in gains)
    if clear >= max(_FEWEST, _MOST * len(gains)):
        return True
    steady = sum(gain > 1 for gain in gains) >= _NEARLY_ALL * len(gains)
    return len(gains) >= _ENOUGH and steady and float(np.median(gains)) >= _STEADILY


def _agreements(
    sketches: Mapping[int, tuple[Edges, Edges]], lag: int
) -> Iterator[tuple[int, float]]:
    """Yield places, and how well the infrared picture there fits the visible one `lag` later."""
    for place, (ir, _) in sketches.items():
        other = sketches.get(place + lag)
        if other is not None:
            near = agreements(ir, other[1], _REACH)
            yield place, 0.0 if near is None else float(near.max())
