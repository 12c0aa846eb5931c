"""The page of a benchmark of machines: pictures with boxes or classes, tables, scatter plots."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from imfuse import __version__
from imfuse.bench.machines import INFRARED, LATE, VISIBLE, MachineSummary
from imfuse.bench.run import Bench
from imfuse.bench.verdict import paragraph, section
from imfuse.io.images import encode_image
from imfuse.metrics.evaluation import Evaluation
from imfuse.metrics.ranking import kendall_tau
from imfuse.ops import geometry
from imfuse.options import FuseOptions
from imfuse.report import plots
from imfuse.report.grid import ARROWS
from imfuse.report.overlays import MARKS, class_colour, css
from imfuse.report.page import picture_url, render
from imfuse.report.scores import Case
from imfuse.scoring.detection import DetectionJudge, merged
from imfuse.scoring.lighting import LIGHTS
from imfuse.scoring.machine import best_first
from imfuse.scoring.outcomes import Outcome
from imfuse.scoring.segmentation import SegmentationJudge
from imfuse.scoring.sources import as_fused
from imfuse.types import Picture
from imfuse.vision.labelling import as_values

MachineJudge = DetectionJudge | SegmentationJudge
_Outcomes = Mapping[str, Mapping[str, Outcome]]
"""What became of each picture, by label of the method and name of the pair."""
_LATE = next(iter(LATE))
"""The late fusion that is shown."""
_FEWEST = 3
_NO_CHARTS = (
    f"plots of metrics against what the machine sees need {_FEWEST} kinds of fused pictures"
)


@dataclass(frozen=True)
class _Example:
    """A pair to look at, with the reason, and the method and the source that it is about."""

    name: str
    caption: str
    best: str
    source: str


def machine_page(
    title: str,
    summary: MachineSummary,
    bench: Bench[Any],
    quality: Sequence[Evaluation] = (),
    settings: Mapping[str, str] | None = None,
) -> str:
    """Return one HTML page that needs nothing else.

    Args:
        title: Heading of the page.
        summary: The results.
        bench: The finished benchmark, whose first judge is the machine.
        quality: Metrics of the same methods, for the scatter plots; may be empty.
        settings: Further settings, in words.
    """
    judge = bench.judges[0]
    if not isinstance(judge, DetectionJudge | SegmentationJudge):
        raise TypeError(f"a judge that is no machine: {judge!r}")
    outcomes = _outcomes(bench, judge, summary.main[0].truth)
    looks: dict[str, Any] = {row.name: row.detail for row in bench.rows(VISIBLE, judge.name)}
    lights = {name: look.light for name, look in looks.items()}
    examples = _examples(summary, judge, outcomes, lights)
    cases = [_case(example, bench, judge, outcomes) for example in examples]
    return render(
        "machines.html.j2",
        style="scores.css",
        script="scores.js",
        title=title,
        lead=paragraph(summary),
        cases=[(case, _layers(case, e.source)) for case, e in zip(cases, examples, strict=True)],
        marks=_marks(judge),
        sections=[replace(section(summary), lead=""), *summary.sections()],
        charts=list(_charts(summary, quality)),
        legend=[(Markup(plots.swatch(i)), e.label) for i, e in enumerate(quality)],  # noqa: S704 - ours
        arrows=ARROWS,
        settings={"software": f"imfuse {__version__}", **(settings or {}), **summary.main[0].about},
        notes=[
            *summary.notes(),
            *([] if len(quality) >= _FEWEST else [_NO_CHARTS]),
            *(f"left out: {name}: {error}" for name, error in summary.failed),
        ],
    )


def _marks(judge: MachineJudge) -> list[tuple[str, str]]:
    if isinstance(judge, DetectionJudge):
        return [(css(colour), text) for colour, text in MARKS]
    return [(css(class_colour(n)), name) for n, name in enumerate(judge.names) if n]


def _layers(case: Case, source: str) -> list[tuple[str, str]]:
    """Return label and address of each picture; the page first shows the second and the third."""
    sources = {INFRARED: case.ir, VISIBLE: case.vis}
    layers = [(source, sources.pop(source)), *case.fused.items()]
    layers = [*sources.items(), *layers]
    return [(label, picture_url(content)) for label, content in layers]


def _outcomes(bench: Bench[Any], judge: MachineJudge, truth: str) -> _Outcomes:
    rows = {one.label: bench.rows(one.label, judge.name) for one in bench.competitors}
    if isinstance(judge, DetectionJudge):
        rows[_LATE] = merged(rows[INFRARED], rows[VISIBLE], LATE[_LATE])
    return {label: judge.outcomes(each, truth) for label, each in rows.items()}


def _examples(
    summary: MachineSummary, judge: MachineJudge, outcomes: _Outcomes, lights: Mapping[str, str]
) -> list[_Example]:
    """Return the pairs on which fusing helped and hurt most, by day and by night."""
    fused = [one for one in summary.main if one.label not in (VISIBLE, INFRARED, *LATE)]
    measure = "F1" if isinstance(judge, DetectionJudge) else "mean IoU"
    found: list[_Example] = []
    for light in LIGHTS[1:]:
        if not summary.main[0].count[light]:
            continue
        best = best_first(fused, light)[0]
        source, _ = summary.against_source(best, light)
        mine, other = outcomes[best.label], outcomes[source]
        gains = {
            name: one.score - other[name].score
            for name, one in mine.items()
            if lights[name] == light
        }
        order = sorted(gains, key=lambda name: (gains[name], name))
        for name, sign, word in ((order[-1], 1, "helped"), (order[0], -1, "hurt")):
            if name not in {one.name for one in found}:
                said = f"{word} most" if sign * gains[name] > 0 else f"{word} nowhere, for example"
                caption = (
                    f"{light}: where {best.label} {said} against the {source} picture "
                    f"({mine[name].score:.2f} and {other[name].score:.2f}, {measure})"
                )
                found.append(_Example(name, caption, best.label, source))
    return found


def _case(example: _Example, bench: Bench[Any], judge: MachineJudge, outcomes: _Outcomes) -> Case:
    loaded = next(pair for pair in bench.pairs if pair.name == example.name).load()
    seen = as_fused(loaded, FuseOptions(ir_range=bench.ir_range))
    pictures = {
        one.label: one.fused(example.name, loaded, bench.ir_range) for one in bench.competitors
    }
    if _LATE in outcomes:  # drawn on the visible picture, as there is no other
        pictures[_LATE] = seen.vis
    shown: dict[str, bytes] = {}
    for label, picture in pictures.items():
        values = as_values(picture)
        if picture.size != seen.vis.size:  # boxes are in pixels of the pair
            values = geometry.resize(values, *seen.vis.size)
        drawn = judge.illustrate(values, outcomes[label][example.name])
        shown[label] = encode_image(Picture(pixels=drawn), "JPEG", quality=85)
    return Case(
        name=example.name,
        caption=example.caption,
        ir=shown.pop(INFRARED),
        vis=shown.pop(VISIBLE),
        fused={example.best: shown.pop(example.best), **shown},
    )


def _charts(
    summary: MachineSummary, quality: Sequence[Evaluation]
) -> Iterator[tuple[Any, Markup, str]]:
    """Yield per metric its scatter plot and the rank correlation with the machine's mean."""
    if len(quality) < _FEWEST:
        return
    seen = {one.label: one.mean() for one in summary.main}
    upwards = "mean " + next(iter(summary.main[0].measures)).upper().replace("_", ":")
    by_machine = sorted((e.label for e in quality), key=lambda label: -seen[label])
    for symbol in quality[0]:
        info = quality[0].infos[symbol]
        points = {e.label: (e[symbol], seen[e.label]) for e in quality}
        sign = -1 if info.better == "higher" else 1
        by_metric = sorted((e.label for e in quality), key=lambda label: sign * points[label][0])
        tau = kendall_tau(by_machine, by_metric)
        yield info, Markup(plots.scatter(points, info, upwards)), f"{tau:+.2f}"  # noqa: S704 - escaped
