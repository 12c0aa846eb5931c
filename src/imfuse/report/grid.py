"""A table of scores before it is text: which numbers stand where, which are best, and why not."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from imfuse.metrics.evaluation import CONFIDENCE, Evaluation
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.published import QuotedRow

ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}

DASH = "\N{EN DASH}"
"""Stands for a value that does not exist."""

_DIGITS = 4
"""Most significant digits of a mean; more would pretend to know what resampling cannot tell."""

_MOST_DECIMALS = 6

Mark: TypeAlias = Literal["", "best", "second"]

_Footnotes: TypeAlias = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of the table.

    Attributes:
        text: The mean; a dash where it is undefined, empty where the row lacks the metric.
        mark: Whether it is the best or second best of the rows that were scored here.
        notes: Numbers of its footnotes.
        interval: The bootstrap interval of the mean, or empty.
        about: The whole story in words.
    """

    text: str = ""
    mark: Mark = ""
    notes: tuple[int, ...] = ()
    interval: str = ""
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the table.

    Attributes:
        name: The method.
        cells: One per column.
        source: Where a quoted row was printed; empty for a row that was scored here.
        notes: Numbers of its footnotes.
    """

    name: str
    cells: tuple[Cell, ...]
    source: str = ""
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A whole table.

    Attributes:
        columns: The metrics.
        scored: Rows that were scored here.
        quoted: Rows copied from papers.
        footnotes: Their texts; the first has number 1.
        caption: Protocol, channel and pairs.
        warning: Why the rows do not compare; empty if they do.
    """

    columns: tuple[MetricInfo, ...]
    scored: tuple[Line, ...]
    quoted: tuple[Line, ...]
    footnotes: tuple[str, ...]
    caption: str
    warning: str


def make_grid(
    evaluations: Sequence[Evaluation],
    infos: Mapping[str, MetricInfo],
    quoted: Sequence[QuotedRow] = (),
) -> Grid:
    """Return the table of some evaluations, one row each.

    Best and second best are marked by the numbers as shown, so equal ones share a mark; only among
    rows that were scored here, and only where these compare.

    Args:
        evaluations: The rows.
        infos: Symbol to description, for all metrics of the evaluations.
        quoted: Rows of papers, to stand below.
    """
    symbols = symbols_of(evaluations)
    notes: _Footnotes = {}
    warning = _warning(evaluations)
    columns = []
    for symbol in symbols:
        means = [evaluation.get(symbol, math.nan) for evaluation in evaluations]
        places = decimals(means)
        texts = [number(mean, places) for mean in means]
        marks: list[Mark] = [""] * len(texts)
        if not warning:
            marks = _marks(texts, infos[symbol].better)
        columns.append(
            [
                _cell(evaluation, symbol, text, mark, places, notes)
                for evaluation, text, mark in zip(evaluations, texts, marks, strict=True)
            ]
        )
    return Grid(
        columns=tuple(infos[symbol] for symbol in symbols),
        scored=tuple(
            Line(name=evaluation.label, cells=tuple(column[row] for column in columns))
            for row, evaluation in enumerate(evaluations)
        ),
        quoted=tuple(_quoted(row, symbols, notes) for row in quoted),
        footnotes=tuple(notes),
        caption=_caption(evaluations),
        warning=warning,
    )


def symbols_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the metrics that any evaluation has, in the order of the first that has each."""
    return list(dict.fromkeys(symbol for evaluation in evaluations for symbol in evaluation))


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals show the largest of some values with four significant digits."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0:
        return _DIGITS - 1
    # The exponent of the rounded value: 9.9999 is shown as 10.00.
    exponent = int(f"{largest:.{_DIGITS - 1}e}".split("e")[1])
    return min(max(_DIGITS - 1 - exponent, 0), _MOST_DECIMALS)


def number(value: float, places: int) -> str:
    """Return a value with so many decimals, or a dash."""
    # Adding zero turns the -0.0 of rounding into 0.
    return f"{round(value, places) + 0:.{places}f}" if math.isfinite(value) else DASH


def _marks(texts: Sequence[str], better: str) -> list[Mark]:
    known = sorted({float(text) for text in texts if text != DASH}, reverse=better == "higher")
    if sum(text != DASH for text in texts) < 2:
        return [""] * len(texts)
    places: dict[float, Mark] = dict(zip(known, ("best", "second"), strict=False))
    return ["" if text == DASH else places.get(float(text), "") for text in texts]


def _cell(
    evaluation: Evaluation, symbol: str, text: str, mark: Mark, places: int, notes: _Footnotes
) -> Cell:
    if symbol not in evaluation.columns:
        return Cell()
    defined, count = evaluation.defined(symbol), evaluation.count
    ends = [number(end, places) for end in evaluation.interval(symbol)]
    interval = f"[{ends[0]}, {ends[1]}]" if DASH not in ends else ""
    about = [f"{symbol}: mean over {defined} of {count} pairs"]
    if defined > 1:
        about.append(f"standard deviation {number(evaluation.std(symbol), places)}")
    if interval:
        about.append(f"{CONFIDENCE:.0%} interval of the mean {interval}")
    reasons = _why_less(evaluation, symbol) if defined < count or not count else []
    return Cell(
        text=text,
        mark=mark,
        notes=_numbers(reasons, notes),
        interval=interval,
        about=", ".join(about),
    )


def _numbers(texts: Sequence[str], notes: _Footnotes) -> tuple[int, ...]:
    """Return the numbers of footnotes; equal ones stand once."""
    return tuple(notes.setdefault(text, len(notes) + 1) for text in texts)


def _why_less(evaluation: Evaluation, symbol: str) -> list[str]:
    """Return why a mean is over fewer pairs than the row has."""
    defined, count = evaluation.defined(symbol), evaluation.count
    if not count:
        return ["no pair was scored"]
    partly = f"mean over {defined} of {count} pairs; " if defined else ""
    reasons = Counter(one.reason for one in evaluation.undefined if one.metric == symbol)
    if not reasons:
        return [f"{partly}undefined ({count - defined} of {count} pairs)"]
    return [
        f"{partly}undefined: {reason or 'no value'} ({times} of {count} pairs)"
        for reason, times in reasons.items()
    ]


def _quoted(row: QuotedRow, symbols: Sequence[str], notes: _Footnotes) -> Line:
    texts = [f"{row.source}: evaluated by {row.convention}", *row.notes]
    return Line(
        name=row.method,
        # As printed: rounding or adding digits would make it our number.
        cells=tuple(Cell(text=_as_printed(row.values.get(symbol))) for symbol in symbols),
        source=row.source,
        notes=_numbers(texts, notes),
    )


def _as_printed(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _caption(evaluations: Sequence[Evaluation]) -> str:
    def each(values: Sequence[str]) -> str:
        return " / ".join(dict.fromkeys(values))

    counts = each([str(evaluation.count) for evaluation in evaluations])
    return (
        f"Means over {counts} pair{'' if counts == '1' else 's'}; "
        f"protocol {each([evaluation.protocol for evaluation in evaluations])}, "
        f"channel {each([evaluation.channel for evaluation in evaluations])}, "
        f"pairs {each([evaluation.pairs_sha256[:12] for evaluation in evaluations])}."
    )


def _warning(evaluations: Sequence[Evaluation]) -> str:
    """Return why the rows do not compare, with what each row stands on; empty if they do."""
    differences = {
        "rows are over different pairs": {e.pairs_sha256 for e in evaluations},
        "rows follow different protocols": {e.protocol for e in evaluations},
        "rows compare different channels": {e.channel for e in evaluations},
    }
    found = [words for words, values in differences.items() if len(values) > 1]
    if not found:
        return ""
    rows = "; ".join(
        f"{e.label}: {e.count} pairs {e.pairs_sha256[:12]}, protocol {e.protocol}, "
        f"channel {e.channel}"
        for e in evaluations
    )
    return f"{', '.join(found)}: not comparable, so no best is marked ({rows})"
