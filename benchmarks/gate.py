"""Calibration of the gate of `--align auto`: prints the weights for `imfuse.align.gate`.

A logistic regression on training pairs (MSRS with its own error taken off, RoadScene), rendered
scenes and foreign pairs; each fifth of the pairs is judged by weights of the others. Needs
`IMFUSE_DATA`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from cuts import REGIMES, Registered, corner_error, cut, foreign, names_of, pairs, rig_of, scenes
from harness import parser
from numpy.typing import NDArray

from imfuse.align import gate
from imfuse.align.estimate import estimates
from imfuse.align.views import View

_PARTS = 5
Numbers = NDArray[np.float64]


def _training(data: Path, count: int) -> list[Registered]:
    msrs = data / "msrs" / "train34"
    road = names_of(data / "roadscene", count, data / "roadscene" / "train171.txt")
    return [
        *pairs(msrs / "ir", names_of(msrs, count), rig_of(msrs, 24)),
        *pairs(data / "roadscene" / "ir", road, np.eye(3)),
        *scenes(count, 60_000),
    ]


def _rows(registered: list[Registered]) -> Iterator[tuple[int, list[float], bool]]:
    """Yield the part, the signs, and whether it is right, of each estimate of each pair."""
    for index, one in enumerate(registered):
        for regime in REGIMES:
            wanted = cut(one, regime, 5000 + index)
            view = View.of(wanted.pair)
            for estimate in estimates(view):
                error = corner_error(view.whole(estimate.fit.matrix), wanted)
                yield index % _PARTS, list(gate.signs(estimate).values()), error <= gate.RIGHT
        other = registered[(index + len(registered) // 2) % len(registered)]
        for estimate in estimates(View.of(foreign(other, one))):
            yield index % _PARTS, list(gate.signs(estimate).values()), False


def _fit(signs: Numbers, right: Numbers) -> tuple[Numbers, float]:
    """Return weights and bias of a logistic regression, by Newton's method with a small ridge."""
    mean, spread = signs.mean(0), signs.std(0) + 1e-9
    x = np.c_[(signs - mean) / spread, np.ones(len(signs))]
    ridge = np.r_[np.ones(signs.shape[1]), 1e-6]
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (right - chance) - ridge * weights
        weights += np.linalg.solve(
            (x * (chance * (1 - chance))[:, None]).T @ x + np.diag(ridge), slope
        )
    scaled = weights[:-1] / spread
    return scaled, float(weights[-1] - scaled @ mean)


def main() -> None:
    """Print weights, and how reliable they are on pairs that they were not made from."""
    arguments = parser(__doc__)
    arguments.add_argument("--pairs", type=int, default=28, help="pairs of each set")
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    rows = list(_rows(_training(Path(os.environ["IMFUSE_DATA"]), given.pairs)))
    part = np.array([row[0] for row in rows])
    signs = np.array([row[1] for row in rows])
    right = np.array([row[2] for row in rows], float)
    chance = np.zeros(len(rows))
    for one in range(_PARTS):
        weights, bias = _fit(signs[part != one], right[part != one])
        chance[part == one] = 1 / (1 + np.exp(-signs[part == one] @ weights - bias))
    for least in (0.5, 0.6, 0.7, 0.8, 0.9):
        taken = chance >= least
        print(
            f"from {least}: precision {right[taken].mean():.3f}, "
            f"recall {right[taken].sum() / right.sum():.3f}"
        )
    weights, bias = _fit(signs, right)
    for name, weight in zip(gate.WEIGHTS, weights, strict=True):
        print(f'    "{name}": {weight:.4f},')
    print(f"BIAS = {bias:.4f}")


if __name__ == "__main__":
    main()
