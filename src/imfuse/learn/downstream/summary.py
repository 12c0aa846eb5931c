"""Scores of all rows: over both directions together, in each direction, and for each seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imfuse.bench.machines import MachineSummary
from imfuse.learn.downstream.training import Result
from imfuse.report.scores import Section
from imfuse.scoring.machine import OWN, MachineScores
from imfuse.scoring.segmentation import scores_over

Way = tuple[str, str]
"""Names of the part to train on and of the part to test on."""
_SPREAD = "All values are means over the seeds, of each class and of the mean IoU."
_CHANCE = (
    "the intervals are over pictures and do not hold the chance of a training; the spread over "
    "seeds shows that"
)


@dataclass(frozen=True)
class Row:
    """Scores of one row, each the mean over the seeds.

    Attributes:
        whole: Scores over the test pictures of all directions together.
        ways: Scores in each direction.
        by_seed: Mean IoU over all directions by seed, in percent.
        steps: Steps of each training.
        seconds: Duration of all its trainings together.
    """

    whole: MachineScores
    ways: Mapping[Way, MachineScores]
    by_seed: Mapping[int, float]
    steps: Sequence[int]
    seconds: float

    @property
    def spread(self) -> tuple[float, float]:
        """Least and greatest mean IoU of a seed, in percent."""
        return min(self.by_seed.values()), max(self.by_seed.values())


@dataclass(frozen=True)
class RetrainSummary:
    """Result of training a segmenter again for each row.

    Attributes:
        rows: The rows.
        table: The same rows as of a benchmark of a frozen segmenter.
        about: The protocol, in words, by headings.
    """

    rows: Sequence[Row]
    table: MachineSummary
    about: Mapping[str, str]

    @classmethod
    def of(
        cls,
        results: Mapping[str, Mapping[int, Mapping[Way, Result]]],
        *,
        classes: Sequence[str],
        about: Mapping[str, str],
        notes: Sequence[str] = (),
    ) -> "RetrainSummary":
        """Summarise the results of all rows.

        Args:
            results: Results by label of the row, seed and direction.
            classes: Names of the classes.
            about: The protocol, in words, by headings.
            notes: What a reader should know.
        """
        told = (*notes, _CHANCE)
        rows = [_row(label, by_seed, classes, about, told) for label, by_seed in results.items()]
        table = MachineSummary("segment", {OWN: [row.whole for row in rows]}, [])
        return cls(rows, table, about)

    def as_dict(self) -> dict[str, Any]:
        """Return all results, ready for JSON."""
        whole = self.table.as_dict()
        plain: Any = whole["rows"]
        first = self.rows[0]
        return {
            **whole,
            "folds": [
                {"train": train, "test": test, "count": dict(scores.count)}
                for (train, test), scores in first.ways.items()
            ],
            "seeds": list(first.by_seed),
            "rows": [one | _more(row) for one, row in zip(plain, self.rows, strict=True)],
        }

    def sections(self) -> list[Section]:
        """Return the tables: by class; then by direction and by seed, if there are several."""
        found = self.table.sections()
        ways, seeds = list(self.rows[0].ways), list(self.rows[0].by_seed)
        if len(ways) > 1:
            found.append(
                Section(
                    title="Mean IoU by direction",
                    lead="Percent, over the pictures of one part, by the segmenter that was "
                    "trained on the other. The table above counts the pixels of both together.",
                    header=["pictures", *(f"{train} to {test}" for train, test in ways)],
                    rows=[
                        [row.whole.label, *(f"{row.ways[way].mean():.1f}" for way in ways)]
                        for row in self.rows
                    ],
                )
            )
        if len(seeds) > 1:
            found.append(
                Section(
                    title="Mean IoU by seed",
                    lead=f"Percent. {_SPREAD}",
                    header=["pictures", "mean", "least", "greatest", *map(str, seeds)],
                    rows=[_seeds_of(row) for row in self.rows],
                )
            )
        return found


def _row(
    label: str,
    by_seed: Mapping[int, Mapping[Way, Result]],
    classes: Sequence[str],
    about: Mapping[str, str],
    notes: Sequence[str],
) -> Row:
    def scored(results: Sequence[Result]) -> MachineScores:
        looks = {name: look for one in results for name, look in one.looks.items()}
        return scores_over([looks[name] for name in sorted(looks)], classes, label=label)

    each = {seed: scored(list(ways.values())) for seed, ways in by_seed.items()}
    ways = {
        way: mean_over_seeds([scored([ways[way]]) for ways in by_seed.values()])
        for way in next(iter(by_seed.values()))
    }
    whole = replace(mean_over_seeds(list(each.values())), about=about, notes=tuple(notes))
    done = [one for ways in by_seed.values() for one in ways.values()]
    return Row(
        whole,
        ways,
        {seed: scores.mean() for seed, scores in each.items()},
        [one.steps for one in done],
        sum(one.seconds for one in done),
    )


def mean_over_seeds(scores: Sequence[MachineScores]) -> MachineScores:
    """Return the mean of the scores of one row over several trainings.

    The IoU of each class and their mean are averaged over the trainings in which they have a value;
    pixels are added.

    Args:
        scores: Scores over the same pictures.
    """
    first = scores[0]
    iou = {
        light: {name: _mean([one.main[light][name] for one in scores]) for name in values}
        for light, values in first.main.items()
    }
    drawn = {light: np.mean([one.drawn[light] for one in scores], axis=0) for light in first.drawn}
    tables = [one.confusion or {} for one in scores]
    return replace(
        first,
        measures={"iou": iou},
        drawn=drawn,
        confusion={
            light: np.sum([one[light] for one in tables], axis=0, dtype=np.int64)
            for light in tables[0]
        },
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _more(row: Row) -> dict[str, Any]:
    """Return what the row of a frozen segmenter does not have, ready for JSON."""
    low, high = row.spread
    return {
        "folds": [
            {
                "train": train,
                "test": test,
                "iou": {
                    light: {name: _number(value) for name, value in values.items()}
                    for light, values in scores.main.items()
                },
            }
            for (train, test), scores in row.ways.items()
        ],
        "seeds": {str(seed): _number(value) for seed, value in row.by_seed.items()},
        "spread": {"min": _number(low), "max": _number(high)},
        "steps": list(row.steps),
        "seconds": round(row.seconds, 1),
    }


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _seeds_of(row: Row) -> list[str]:
    low, high = row.spread
    values = (row.whole.mean(), low, high, *row.by_seed.values())
    return [row.whole.label, *(f"{value:.1f}" for value in values)]
