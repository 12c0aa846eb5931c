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
from imfuse.options import FuseOptions
from imfuse.report import plots
from imfuse.report.grid import ARROWS
from imfuse.report.overlays import MARKS, class_colour, css
from imfuse.report.page import picture_url, render
from imfuse.report.scores import Case
from imfuse.scoring.detection import DetectionJudge, merged
from imfuse.scoring.judge import Row
from imfuse.scoring.lighting import LIGHTS
from imfuse.scoring.segmentation import SegmentationJudge
from imfuse.scoring.sources import as_fused
from imfuse.types import Picture
from imfuse.vision.labelling import as_values

MachineJudge = DetectionJudge | SegmentationJudge


@dataclass(frozen=True)
class _Example:
    """A pair to look at, with the reason, and the method that it is about."""

    name: str
    caption: str
    best: str


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
    rows = {
        one.label: {row.name: row for row in bench.rows(one.label, judge.name)}
        for one in bench.competitors
    }
    cases = [
        _case(example, bench, judge, rows, summary) for example in _examples(summary, judge, rows)
    ]
    return render(
        "machines.html.j2",
        style="scores.css",
        script="scores.js",
        title=title,
        lead=paragraph(summary),
        cases=[(case, _layers(case)) for case in cases],
        marks=_marks(judge),
        sections=[replace(section(summary), lead=""), *summary.sections()],
        charts=list(_charts(summary, quality)),
        legend=[(Markup(plots.swatch(i)), e.label) for i, e in enumerate(quality)],  # noqa: S704 - ours
        arrows=ARROWS,
        settings={"software": f"imfuse {__version__}", **(settings or {}), **summary.main[0].about},
        notes=summary.notes() + [f"left out: {name}: {error}" for name, error in summary.failed],
    )


def _marks(judge: MachineJudge) -> list[tuple[str, str]]:
    if isinstance(judge, DetectionJudge):
        return [(css(colour), text) for colour, text in MARKS]
    return [(css(class_colour(n)), name) for n, name in enumerate(judge.names) if n]


def _layers(case: Case) -> list[tuple[str, str]]:
    layers = [(INFRARED, case.ir), (VISIBLE, case.vis), *case.fused.items()]
    return [(label, picture_url(content)) for label, content in layers]


def _examples(
    summary: MachineSummary, judge: MachineJudge, rows: Mapping[str, Mapping[str, Row]]
) -> list[_Example]:
    """Return the pairs on which fusing helped and hurt most, by day and by night."""
    truth = summary.main[0].truth
    fused = [one for one in summary.main if one.label not in (VISIBLE, INFRARED, *LATE)]
    found: list[_Example] = []
    for light in LIGHTS[1:]:
        if not summary.main[0].count[light]:
            continue
        best = max(fused, key=lambda one: one.mean(light))
        source, _ = summary.against_source(best, light)
        mine, other = (
            judge.outcomes(list(rows[label].values()), truth) for label in (best.label, source)
        )
        gains = {
            name: mine[name].score - other[name].score
            for name, row in rows[best.label].items()
            if row.detail.light == light  # type: ignore[attr-defined] # a look of either judge
        }
        order = sorted(gains, key=lambda name: (gains[name], name))
        for name, word in ((order[-1], "helped"), (order[0], "hurt")):
            if name not in {one.name for one in found}:
                caption = (
                    f"{light}: where {best.label} {word} most against the {source} picture "
                    f"({mine[name].score:.2f} and {other[name].score:.2f}, "
                    f"{'F1' if isinstance(judge, DetectionJudge) else 'mean IoU'})"
                )
                found.append(_Example(name, caption, best.label))
    return found


def _case(
    example: _Example,
    bench: Bench[Any],
    judge: MachineJudge,
    rows: Mapping[str, Mapping[str, Row]],
    summary: MachineSummary,
) -> Case:
    truth = summary.main[0].truth
    loaded = next(pair for pair in bench.pairs if pair.name == example.name).load()
    seen = as_fused(loaded, FuseOptions(ir_range=bench.ir_range))
    shown: dict[str, bytes] = {}
    for one in bench.competitors:
        picture = one.fused(example.name, loaded, bench.ir_range)
        row = rows[one.label][example.name]
        if picture.size != seen.vis.size:  # boxes are in pixels of the pair
            picture = seen.vis
        drawn = judge.illustrate(as_values(picture), row, truth)
        shown[one.label] = encode_image(Picture(pixels=drawn), "JPEG", quality=85)
    if isinstance(judge, DetectionJudge):  # drawn on the visible picture, as there is no other
        ir, vis = (rows[label][example.name] for label in (INFRARED, VISIBLE))
        (late,) = merged([ir], [vis], LATE["late-fusion"])
        drawn = judge.illustrate(as_values(seen.vis), late, truth)
        shown["late-fusion"] = encode_image(Picture(pixels=drawn), "JPEG", quality=85)
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
    if len(quality) < 3:
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
