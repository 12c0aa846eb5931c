"""The page of an evaluation: tables, charts, pictures and every setting, in one file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from imfuse.metrics.evaluation import CONFIDENCE, Evaluation
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.published import QuotedRow
from imfuse.report import plots
from imfuse.report.grid import ARROWS, DASH, decimals, make_grid, number, symbols_of
from imfuse.report.page import picture_url, render

_MOST_PRINTED = 400
"""Longer tables of single pictures stay on the screen: paper has no use for them."""

_NUMBER = re.compile(rf"[-+]?[\d.,]+(e[-+]?\d+)?( ?± ?[\d.]+)?( ?[a-zA-Z%]{{1,4}})?|[-{DASH}]?")


@dataclass(frozen=True)
class Case:
    """One pair to look at: its pictures are encoded bytes (PNG, JPEG, WebP) of one size.

    Attributes:
        name: Name of the pair.
        caption: Why it is shown; may be empty.
        ir: Infrared source.
        vis: Visible source.
        fused: Method to its fused picture.
    """

    name: str
    caption: str
    ir: bytes
    vis: bytes
    fused: Mapping[str, bytes]


@dataclass(frozen=True)
class Section:
    """A further plain table.

    Attributes:
        title: Heading.
        lead: A sentence below it; may be empty.
        header: Names of the columns.
        rows: Texts, one per column.
    """

    title: str
    lead: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """Per column whether all its texts are numbers, which stand to the right."""
        columns = [[row[i] for row in self.rows] for i in range(len(self.header))]
        return [all(_NUMBER.fullmatch(text) for text in column) for column in columns]


def evaluation_page(
    title: str,
    evaluations: Sequence[Evaluation],
    infos: Mapping[str, MetricInfo],
    *,
    settings: Mapping[str, str],
    cases: Sequence[Case] = (),
    quoted: Sequence[QuotedRow] = (),
    sections: Sequence[Section] = (),
) -> str:
    """Return one HTML page that needs nothing else.

    Args:
        title: Heading of the page.
        evaluations: One per method, in the order of the rows; their labels differ.
        infos: Symbol to description, for all metrics of the evaluations.
        settings: Everything that the numbers depend on, in words.
        cases: Pairs to look at.
        quoted: Rows of papers, to stand below the others.
        sections: Further tables.
    """
    return render(
        "scores.html.j2",
        style="scores.css",
        script="scores.js",
        title=title,
        grid=make_grid(evaluations, infos, quoted),
        arrows=ARROWS,
        confidence=f"{CONFIDENCE:.0%}",
        intervals=any(evaluation.count > 1 for evaluation in evaluations),
        settings=settings,
        definitions=[
            (info, _range(info)) for info in map(infos.__getitem__, symbols_of(evaluations))
        ],
        sections=sections,
        legend=[(Markup(plots.swatch(i)), e.label) for i, e in enumerate(evaluations)],  # noqa: S704 - ours
        charts=_charts(evaluations, infos),
        cases=[(case, _layers(case)) for case in cases],
        pictures=_pictures(evaluations),
        most_printed=_MOST_PRINTED,
        remarks=[(e.label, e.remarks()) for e in evaluations if e.remarks()],
    )


def _range(info: MetricInfo) -> str:
    """Return the range of a metric in words."""
    if info.low is None:
        return "any number" if info.high is None else f"up to {info.high:g}"
    return f"from {info.low:g}" if info.high is None else f"{info.low:g} to {info.high:g}"


def _charts(
    evaluations: Sequence[Evaluation], infos: Mapping[str, MetricInfo]
) -> list[tuple[MetricInfo, Markup, Markup]]:
    """Return per metric its curves and boxes; none where there is nothing to see spread."""
    if all(evaluation.count < 2 for evaluation in evaluations):
        return []
    charts = []
    for symbol in symbols_of(evaluations):
        # A method without the metric keeps its place, and with it the colours of the others.
        values = {e.label: e.columns.get(symbol, ()) for e in evaluations}
        info = infos[symbol]
        drawn = plots.cumulative(values, info), plots.boxes(values, info)
        charts.append((info, Markup(drawn[0]), Markup(drawn[1])))  # noqa: S704 - labels are escaped
    return charts


def _layers(case: Case) -> list[tuple[str, str]]:
    """Return the labels and addresses of the pictures of a case."""
    layers = [("infrared", case.ir), ("visible", case.vis), *case.fused.items()]
    return [(label, picture_url(content)) for label, content in layers]


def _pictures(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """Return the texts of the table that has a row a picture."""
    symbols = symbols_of(evaluations)
    places = {
        symbol: decimals([v for e in evaluations for v in e.columns.get(symbol, ())])
        for symbol in symbols
    }
    return [
        [
            evaluation.label,
            name,
            *(
                number(float(evaluation.columns[symbol][row]), places[symbol])
                if symbol in evaluation.columns
                else ""
                for symbol in symbols
            ),
        ]
        for evaluation in evaluations
        for row, name in enumerate(evaluation.names)
    ]
