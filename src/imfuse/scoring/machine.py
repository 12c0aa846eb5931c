"""Scores of machines that look at pictures, by class and light, and how sure differences are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.evaluation import CONFIDENCE
from imfuse.scoring.judge import Row
from imfuse.scoring.lighting import LIGHTS

RESAMPLES = 1000
"""Draws of pictures for intervals."""
_SEED = 20261130

OWN = "dataset"
"""Name of the truth that a set brings itself."""
MEAN = "mean"
"""Stands beside the names of classes for the mean over those that have a value."""

ByClass = Mapping[str, float]
"""Value in percent by class, and their mean."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineScores:
    """Scores of a machine on the pictures of one method.

    Attributes:
        label: Name of the method.
        truth: Name of the truth that it is compared with.
        measures: Percent by measure (`ap50`, `ap50_95`, `iou`), light (see `LIGHTS`) and class; the
            first measure is the main one. NaN for classes that do not occur.
        drawn: `(RESAMPLES,)` means of the main measure over draws of pictures, by light, in
            percent.
        count: Number of pictures by light.
        confusion: `(classes, classes)` pixels by true (row) and found (column) class by light;
            None for boxes.
        about: All that the values depend on, in words, by headings.
        notes: What a reader should know.
    """

    label: str
    truth: str
    measures: Mapping[str, Mapping[str, ByClass]]
    drawn: Mapping[str, NDArray[np.float64]]
    count: Mapping[str, int]
    confusion: Mapping[str, NDArray[np.int64]] | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def main(self) -> Mapping[str, ByClass]:
        """Values of the main measure, by light and class."""
        return next(iter(self.measures.values()))

    def mean(self, light: str = "all") -> float:
        """Return the mean of the main measure over the classes, in percent."""
        return self.main[light][MEAN]


@dataclass(frozen=True)
class Difference:
    """How far a method is above another one in the main measure, in percentage points.

    Attributes:
        value: The difference.
        low: Lower end of its interval; NaN with too few pictures.
        high: Upper end.
        wins: Share of the draws in which it is positive.
    """

    value: float
    low: float
    high: float
    wins: float

    @property
    def sure(self) -> bool:
        """True if the interval leaves out 0."""
        return bool(self.low > 0 or self.high < 0)


def difference(first: MachineScores, second: MachineScores, light: str = "all") -> Difference:
    """Return how far one method is above another on the same pictures.

    The interval is a percentile bootstrap of the pictures; both methods get the same draws, so
    what is hard for both does not widen it.

    Args:
        first: Scores of one method.
        second: Scores of the other one, over the same pictures.
        light: Part of the set.
    """
    drawn = first.drawn[light] - second.drawn[light]
    drawn = drawn[np.isfinite(drawn)]
    value = first.mean(light) - second.mean(light)
    if first.count[light] < 2 or not len(drawn):
        return Difference(value, np.nan, np.nan, np.nan)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Difference(value, float(low), float(high), float((drawn > 0).mean()))


def best_first(scores: Iterable[MachineScores], light: str) -> list[MachineScores]:
    """Return scores by what the machine sees, most first; of equal ones, in their own order.

    Args:
        scores: Scores of some methods; a mean that is not defined comes last.
        light: Part of the set.
    """
    return sorted(scores, key=lambda one: -np.nan_to_num(one.mean(light), nan=-1.0))


def remarks_on(rows: Sequence[Row]) -> list[str]:
    """Return the remarks on rows, those that differ by names and numbers only by one example."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for note in row.notes:
            found.setdefault(re.sub(r"[\d.]+", "", note.replace(row.name, "")), []).append(note)
    return [
        f"{len(notes)} pair{'s' * (len(notes) > 1)}"
        f"{': ' if len(set(notes)) == 1 else ', such as '}{notes[0]}"
        for notes in found.values()
    ]


@lru_cache(maxsize=8)
def draws(count: int) -> NDArray[np.float64]:
    """Return how often each picture is in each draw, `(RESAMPLES, count)`.

    The same for all methods, so that their differences are of the same pictures.
    """
    rng = np.random.default_rng(_SEED)
    picks = rng.integers(count, size=(RESAMPLES, count)) if count else np.zeros((RESAMPLES, 0), int)
    table = np.zeros((RESAMPLES, count))
    np.add.at(table, (np.arange(RESAMPLES)[:, None], picks), 1)
    table.setflags(write=False)
    return table


def parts(lights: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Return the numbers of the pictures of each light, for all of `LIGHTS`.

    Args:
        lights: Light of each picture.
    """
    named = np.asarray(lights)
    of = {light: np.flatnonzero(named == light) for light in LIGHTS[1:]}
    return {LIGHTS[0]: np.arange(len(named)), **of}


def mean_over(values: NDArray[np.floating[Any]], axis: int) -> NDArray[np.float64]:
    """Return the mean along an axis over what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def by_class(names: Sequence[str], values: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Return values from 0 to 1 in percent by class, and their mean over those that have one."""
    percent = 100 * np.asarray(values, np.float64)
    mean = float(mean_over(percent, 0))
    return {**dict(zip(names, map(float, percent), strict=True)), MEAN: mean}
