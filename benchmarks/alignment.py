"""Alignment of pairs that don't line up, on held-back pairs: how often, how sure, how long.

Cuts of registered test pairs (RoadScene, TNO, MSRS with its own error taken off) and of rendered
scenes; foreign pairs; rigs. One thread. Needs `IMFUSE_DATA`.
"""

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from cuts import REGIMES, Registered, corner_error, cut, foreign, names_of, pairs, rig_of, scenes
from harness import parser, write_results

from imfuse.align.auto import LEAST_CONFIDENCE, find
from imfuse.align.calibrate import calibrate
from imfuse.errors import NotRegistered
from imfuse.types import ImagePair

_LIMITS = (3, 5, 10, 20)
_BINS = (0, 0.05, 0.2, 0.5, 0.7, 0.9, 0.97, 1.0)


def _sets(data: Path, count: int) -> dict[str, list[Registered]]:
    msrs = rig_of(data / "msrs" / "train34", 24)
    road = names_of(data / "roadscene", count, data / "roadscene" / "test50.txt")
    return {
        "rendered": list(scenes(count)),
        "RoadScene": list(pairs(data / "roadscene" / "ir", road, np.eye(3))),
        "TNO": list(pairs(data / "tno25" / "ir", names_of(data / "tno25", count), np.eye(3))),
        "MSRS": list(
            pairs(data / "msrs" / "test" / "ir", names_of(data / "msrs" / "test", count), msrs)
        ),
    }


def _tried(pair: ImagePair) -> tuple[np.ndarray | None, float, str, float]:
    """Return what was found, its confidence, the search that found it, and its seconds."""
    started = time.process_time()
    try:
        found = find(pair)
    except NotRegistered:
        return None, 0.0, "none", time.process_time() - started
    seconds = time.process_time() - started
    return found.matrix, found.confidence, found.estimate.stage, seconds


def _measure(sets: dict[str, list[Registered]]) -> Iterator[dict[str, object]]:
    """Yield a row for each cut and each foreign pair."""
    for name, registered in sets.items():
        for index, one in enumerate(registered):
            for regime in REGIMES:
                wanted = cut(one, regime, 7000 + index)
                matrix, sure, stage, seconds = _tried(wanted.pair)
                error = None if matrix is None else corner_error(matrix, wanted)
                yield {
                    "set": name,
                    "regime": regime,
                    "error": error,
                    "confidence": sure,
                    "stage": stage,
                    "seconds": seconds,
                }
            other = registered[(index + len(registered) // 2) % len(registered)]
            _, sure, stage, seconds = _tried(foreign(other, one))
            yield {
                "set": name,
                "regime": "foreign",
                "error": None,
                "confidence": sure,
                "stage": stage,
                "seconds": seconds,
            }


def _share(flags: Sequence[bool]) -> float | None:
    return round(100 * sum(flags) / len(flags), 1) if flags else None


def _summary(rows: list[dict]) -> dict[str, object]:
    errors = [np.inf if row["error"] is None else row["error"] for row in rows]
    taken = [row["confidence"] >= LEAST_CONFIDENCE for row in rows]
    right = [error <= _LIMITS[2] for error in errors]
    return {
        "pairs": len(rows),
        "within": {limit: _share([error <= limit for error in errors]) for limit in _LIMITS},
        "taken": _share(taken),
        "precision": _share([r for r, t in zip(right, taken, strict=True) if t]),
        "recall": _share([t for r, t in zip(right, taken, strict=True) if r]),
        "beyond 20": sum(t and e > _LIMITS[3] for t, e in zip(taken, errors, strict=True)),
        "seconds": round(median(row["seconds"] for row in rows), 2),
        "slowest": round(max(row["seconds"] for row in rows), 2),
    }


def _reliability(rows: list[dict]) -> list[dict[str, object]]:
    """Return the share of right ones by confidence; foreign pairs count as wrong."""
    found = []
    for low, high in itertools.pairwise(_BINS):
        within = [r for r in rows if low <= r["confidence"] < high or r["confidence"] == high == 1]
        right = [r["error"] is not None and r["error"] <= _LIMITS[2] for r in within]
        mean = sum(r["confidence"] for r in within) / len(within) if within else None
        found.append(
            {"from": low, "to": high, "pairs": len(within), "told": mean, "right": _share(right)}
        )
    return found


def _rigs() -> dict[str, object]:
    """Return the errors of rigs of ten rendered pairs each, in pixels at 640."""
    errors, told = [], []
    for seed in range(4):
        wanted = [cut(one, "rig", 40 + seed) for one in scenes(10, 95_000 + 10 * seed)]
        rig = calibrate((str(i), str(i), one.pair) for i, one in enumerate(wanted))
        errors.append(round(corner_error(rig.array, wanted[0]), 3))
        told.append(rig.precision)
    return {"pairs": 10, "errors": errors, "told": told}


def main() -> None:
    """Measure all sets and write the results."""
    arguments = parser(__doc__)
    arguments.add_argument("--pairs", type=int, default=24, help="pairs of each set")
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    rows = list(_measure(_sets(Path(os.environ["IMFUSE_DATA"]), given.pairs)))
    sets = list(dict.fromkeys(row["set"] for row in rows))
    write_results(
        "alignment",
        {
            "least_confidence": LEAST_CONFIDENCE,
            "sets": {
                name: {
                    regime: _summary(
                        [row for row in rows if (row["set"], row["regime"]) == (name, regime)]
                    )
                    for regime in (*REGIMES, "foreign")
                }
                for name in sets
            },
            "all": {
                regime: _summary([row for row in rows if row["regime"] == regime])
                for regime in (*REGIMES, "foreign")
            },
            "reliability": _reliability(rows),
            "rigs": _rigs(),
        },
    )


if __name__ == "__main__":
    main()
