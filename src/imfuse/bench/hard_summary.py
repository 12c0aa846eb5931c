"""Tables of what was measured on hard pairs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imfuse.report.scores import Section

MEASURES: dict[str, tuple[str, bool]] = {
    "contrast": ("% of the contrast of targets in the sensor that shows them", True),
    "edges": ("% of their edges", True),
    "noise": ("% of the noise of one sensor that is passed on", False),
    "glare": ("% of the light of lamps in front of targets that is left", False),
    "halo": ("% of the range by which strong edges overshoot", False),
    "colour": ("difference (CIE 1976) from the visible picture where that is good", False),
    "flicker": ("gray levels from frame to frame where both sensors stand still", False),
}
"""What each measure is, and whether larger is better."""

_PERCENT = ("contrast", "edges", "noise", "glare")

Value = tuple[str, float]
"""Measure and value."""


@dataclass(frozen=True)
class Measured:
    """Values of all methods on one pair, or on one clip.

    Attributes:
        part: Part of the set that it belongs to.
        values: Values by method.
    """

    part: str
    values: Mapping[str, Sequence[Value]]


@dataclass(frozen=True)
class HardSummary:
    """Result of a benchmark on hard pairs.

    Attributes:
        labels: The methods.
        values: Values by method, measure and part of the set; NaN where nothing was measured.
        counts: Number of pairs in each part.
    """

    labels: Sequence[str]
    values: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    counts: Mapping[str, int]

    def mean(self, label: str, measure: str, part: str | None = None) -> float:
        """Return the mean of a measure over a part, or over the means of all parts."""
        parts = self.values[label].get(measure, {})
        chosen = [mean_of(each) for name, each in parts.items() if part in {None, name}]
        return mean_of(chosen)

    @property
    def measures(self) -> list[str]:
        """Measures that have values."""
        found = {name for one in self.values.values() for name in one}
        return [name for name in MEASURES if name in found]

    def best(self, measure: str) -> str | None:
        """Return the method that comes first by a measure; None: nothing was measured."""
        known = [one for one in self.labels if np.isfinite(self.mean(one, measure))]
        sign = 1 if MEASURES[measure][1] else -1
        return max(known, key=lambda one: sign * self.mean(one, measure), default=None)

    def sections(self) -> list[Section]:
        """Return the tables: all measures, then those that differ by part."""
        said = "; ".join(f"{name}: {MEASURES[name][0]}" for name in self.measures)
        counts = ", ".join(f"{n} {part}" for part, n in self.counts.items())
        header = ["method", *(f"{n} {_arrow(n)}" for n in self.measures)]
        rows = [
            [label, *(_shown(name, self.mean(label, name)) for name in self.measures)]
            for label in self.labels
        ]
        whole = Section(
            title="Hard pairs", lead=f"{said}. Pairs: {counts}.", header=header, rows=rows
        )
        return [whole, *(self._by_part(n) for n in ("contrast", "noise") if n in self.measures)]

    def _by_part(self, measure: str) -> Section:
        parts = list(dict.fromkeys(p for one in self.values.values() for p in one.get(measure, {})))
        rows = [
            [label, *(_shown(measure, self.mean(label, measure, part)) for part in parts)]
            for label in self.labels
        ]
        title = f"{measure.capitalize()} {_arrow(measure)} by what is hard"
        return Section(title=title, lead="", header=["method", *parts], rows=rows)

    def table(self) -> tuple[list[str], list[list[str | float]]]:
        """Return header and rows of a table with one value a row."""
        rows: list[list[str | float]] = [
            [label, measure, part, value]
            for label, measures in self.values.items()
            for measure, parts in measures.items()
            for part, values in parts.items()
            for value in values
        ]
        return ["method", "measure", "part", "value"], rows

    def as_dict(self) -> dict[str, object]:
        """Return all means, ready for JSON."""
        return {
            "task": "hard",
            "measures": {n: {"unit": u, "larger_is_better": b} for n, (u, b) in MEASURES.items()},
            "count": dict(self.counts),
            "rows": [
                {
                    "model": label,
                    **{name: _number(self.mean(label, name)) for name in self.measures},
                    "parts": {
                        name: {part: _number(mean_of(each)) for part, each in parts.items()}
                        for name, parts in self.values[label].items()
                    },
                }
                for label in self.labels
            ],
        }

    @classmethod
    def of(cls, labels: Sequence[str], measured: Iterable[Measured]) -> "HardSummary":
        """Summarise what was measured.

        Args:
            labels: The methods, in the order of the tables.
            measured: What was measured pair by pair.
        """
        values: dict[str, dict[str, dict[str, list[float]]]] = {one: {} for one in labels}
        counts: dict[str, int] = defaultdict(int)
        for one in measured:
            counts[one.part] += 1
            for label, found in one.values.items():
                for measure, value in found:
                    parts = values[label].setdefault(measure, {})
                    parts.setdefault(one.part, []).append(value)
        return cls(labels, values, dict(counts))


def _arrow(measure: str) -> str:
    return "↑" if MEASURES[measure][1] else "↓"


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of all values that are known; NaN: none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _shown(measure: str, value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{100 * value:.1f}" if measure in _PERCENT else f"{value:.2f}"


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
