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
_GAIN = 2.0
"""Factor by which slipped partners must line up better.

In MSRS, RoadScene and TNO, partners line up five times as well as neighbours; in LLVIP, whose
camera stands still, 1.3 times; in video as well as the frame before, so nothing is said of it.
"""
_MOST_PAIRS = 0.7
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
    found = {lag: dict(_agreements(sketches, lag)) for lag in range(-_FARTHEST, _FARTHEST + 1)}
    for lag in sorted(found, key=abs)[1:]:
        better = [peak > _GAIN * found[0][place] for place, peak in found[lag].items()]
        if sum(better) >= max(_FEWEST, _MOST_PAIRS * len(better)):
            where = "after" if lag > 0 else "before"
            one = "1 place" if abs(lag) == 1 else f"{abs(lag)} places"
            return (
                f"{sum(better)} of {len(better)} infrared pictures looked at fit the visible "
                f"picture {one} {where} their own; the files may be counted off by {abs(lag)}"
            )
    return ""


def _agreements(
    sketches: Mapping[int, tuple[Edges, Edges]], lag: int
) -> Iterator[tuple[int, float]]:
    """Yield places, and how well the infrared picture there fits the visible one `lag` later."""
    for place, (ir, _) in sketches.items():
        other = sketches.get(place + lag)
        if other is not None:
            near = agreements(ir, other[1], _REACH)
            yield place, 0.0 if near is None else float(near.max())
