"""Methods side by side under a detector or a segmenter, beside both sensors and late fusion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imfuse.bench.run import Bench, Competitor
from imfuse.report.scores import Section
from imfuse.scoring.detection import DetectionJudge, Merge, merged
from imfuse.scoring.lighting import LIGHTS
from imfuse.scoring.machine import (
    MEAN,
    Difference,
    MachineScores,
    best_first,
    difference,
)
from imfuse.vision.detections import merge_by_probability, merge_by_suppression

VISIBLE, INFRARED = "visible", "infrared"
SENSORS = (Competitor(VISIBLE, sensor="vis"), Competitor(INFRARED, sensor="ir"))
"""Both sources alone: a fused picture that serves a machine no better is not worth making."""

BASELINES = ("average", "max")
"""Baselines that are always in the table."""

LATE: Mapping[str, Merge] = {
    "late-fusion": merge_by_suppression,
    "late-fusion-proben": merge_by_probability,
}
"""Rows of merged detections: what both sensors' pictures give without any fused picture."""

_TITLES = {"ap50": "AP50", "ap50_95": "AP50:95", "iou": "IoU"}


@dataclass(frozen=True)
class MachineSummary:
    """Result of a benchmark under a detector or a segmenter.

    Attributes:
        task: `detect` or `segment`.
        scores: Scores of all methods by name of the truth; the first truth is the main one.
        failed: Pairs that were left out, with the reason.
    """

    task: str
    scores: Mapping[str, Sequence[MachineScores]]
    failed: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, task: str, bench: Bench[dict[str, MachineScores]]) -> "MachineSummary":
        """Summarise a finished benchmark whose judge is a detector or a segmenter.

        Raises:
            ImfuseError: All pairs failed, or classes don't fit; this is the first error.
        """
        judge = bench.judges[0]
        rows = {one.label: bench.rows(one.label, judge.name) for one in bench.competitors}
        if isinstance(judge, DetectionJudge):
            late = {
                label: merged(rows[INFRARED], rows[VISIBLE], how) for label, how in LATE.items()
            }
            first = [label for label in rows if label in (VISIBLE, INFRARED, *BASELINES)]
            rest = [label for label in rows if label not in first]
            rows |= late
            rows = {label: rows[label] for label in (*first, *late, *rest)}
        whole = [judge.summarise(label, each) for label, each in rows.items()]
        by_truth = {truth: [one[truth] for one in whole] for truth in whole[0]}
        return cls(task, by_truth, [(name, str(error)) for name, error in bench.failed])

    @property
    def main(self) -> Sequence[MachineScores]:
        """Scores of all methods by the main truth."""
        return next(iter(self.scores.values()))

    def best(self, light: str, truth: str | None = None) -> MachineScores:
        """Return the scores of the method that comes first."""
        scores = self.main if truth is None else self.scores[truth]
        return best_first(scores, light)[0]

    def better_source(self, light: str, truth: str) -> MachineScores:
        """Return the scores of the source in which the machine sees more."""
        sources = (one for one in self.scores[truth] if one.label in (VISIBLE, INFRARED))
        return best_first(sources, light)[0]

    def against_source(self, scores: MachineScores, light: str) -> tuple[str, Difference]:
        """Return the better source and how far a method is above it.

        Args:
            scores: Scores of the method.
            light: Part of the set.
        """
        source = self.better_source(light, scores.truth)
        return source.label, difference(scores, source, light)

    def as_dict(self) -> dict[str, object]:
        """Return all results, ready for JSON."""
        first = self.main[0]
        return {
            "task": self.task,
            "about": dict(first.about),
            "truth": first.truth,
            "count": dict(first.count),
            "rows": [self._row(label) for label in (one.label for one in self.main)],
            "notes": list(self.notes()),
            "failed": [{"name": name, "error": error} for name, error in self.failed],
        }

    def _row(self, label: str) -> dict[str, object]:
        by_truth = {
            truth: next(one for one in scores if one.label == label)
            for truth, scores in self.scores.items()
        }
        main = next(iter(by_truth.values()))
        return {
            "model": label,
            **self._values(main),
            "confusion": None
            if main.confusion is None
            else {light: table.tolist() for light, table in main.confusion.items()},
            "truths": {truth: self._values(one) for truth, one in by_truth.items()},
        }

    def _values(self, scores: MachineScores) -> dict[str, object]:
        lights = [light for light in LIGHTS if scores.count[light]]
        against = {light: self._against(scores, light) for light in lights}
        return {**_numbers(scores), "against_better_source": against}

    def _against(self, scores: MachineScores, light: str) -> dict[str, object]:
        source, one = self.against_source(scores, light)
        return {
            "source": source,
            "difference": _number(one.value),
            "low": _number(one.low),
            "high": _number(one.high),
            "wins": _number(one.wins),
        }

    def values(self) -> tuple[list[str], list[list[str | float]]]:
        """Return header and rows of a table with one value a row."""
        header = ["truth", "label", "measure", "light", "class", "percent"]
        rows: list[list[str | float]] = [
            [truth, one.label, measure, light, name, value]
            for truth, scores in self.scores.items()
            for one in scores
            for measure, by_light in one.measures.items()
            for light, values in by_light.items()
            for name, value in values.items()
        ]
        return header, rows

    def notes(self) -> list[str]:
        """Return what a reader should know, each remark once."""
        return list(
            dict.fromkeys(
                f"truth {truth}: {note}" if len(self.scores) > 1 else note
                for truth, scores in self.scores.items()
                for note in scores[0].notes
            )
        )

    def sections(self) -> list[Section]:
        """Return the tables: one for each measure and truth, then what depends on the truth."""
        found = [
            self._section(truth, measure)
            for truth, scores in self.scores.items()
            for measure in scores[0].measures
        ]
        return [*found, *([self._truths()] if len(self.scores) > 1 else [])]

    def _section(self, truth: str, measure: str) -> Section:
        scores = self.scores[truth]
        classes = list(scores[0].measures[measure]["all"])
        main = measure == next(iter(scores[0].measures))
        rows = []
        for one in scores:
            values = one.measures[measure]
            row = [one.label, *(_percent(values["all"][name]) for name in classes)]
            row += [_percent(values[light][MEAN]) for light in LIGHTS[1:]]
            if main:
                row.append(self._interval(one))
            rows.append(row)
        counts = ", ".join(f"{n} {light}" for light, n in scores[0].count.items())
        lead = f"Percent, {counts}. " + (
            "Last column: points above the better source, with its 95 % interval (paired bootstrap "
            "of the pictures); a star where it leaves out 0."
            if main
            else ""
        )
        header = ["pictures", *classes, *LIGHTS[1:], *(["above the better source"] if main else [])]
        title = f"{_TITLES[measure]} by {truth}" if len(self.scores) > 1 else _TITLES[measure]
        return Section(title=title, lead=lead.strip(), header=header, rows=rows)

    def _interval(self, scores: MachineScores) -> str:
        source, one = self.against_source(scores, "all")
        if scores.label == source:
            return ""
        star = " *" if one.sure else ""
        return f"{one.value:+z.1f} ({one.low:+z.1f} to {one.high:+z.1f}){star}"

    def _truths(self) -> Section:
        """Return the table that tells what a conclusion owes to the choice of truth."""
        rows = []
        for index, main in enumerate(self.main):
            row = [main.label]
            for scores in self.scores.values():
                one = scores[index]
                place = sum(other.mean() > one.mean() for other in scores) + 1
                _, above = self.against_source(one, "all")
                row += [f"{one.mean():.1f}", str(place), f"{above.value:+z.1f}"]
            rows.append(row)
        header = ["pictures"]
        for truth in self.scores:
            header += [f"{truth}: mean", "place", "above source"]
        best = {truth: self.best("all", truth).label for truth in self.scores}
        sources = {truth: self.better_source("all", truth).label for truth in self.scores}
        agree = len(set(best.values())) == 1 and len(set(sources.values())) == 1
        said = "; ".join(
            f"by {t} {best[t]} comes first and {sources[t]} is the better source" for t in best
        )
        verdict = (
            "All truths agree on the first place and on the better source"
            if agree
            else "What comes first depends on the truth"
        )
        return Section(
            title="What the choice of truth decides",
            lead=f"{verdict}: {said}. Boxes that were drawn on one sensor's pictures favour that "
            "sensor.",
            header=header,
            rows=rows,
        )


def _numbers(scores: MachineScores) -> dict[str, Any]:
    return {
        measure: {
            light: {name: _number(value) for name, value in values.items()}
            for light, values in by_light.items()
        }
        for measure, by_light in scores.measures.items()
    }


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _percent(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "-"
