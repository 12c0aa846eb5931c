"""`imfuse bench --task hard`: methods compared on hard pairs."""

from pathlib import Path
from typing import TYPE_CHECKING

from imfuse.cli.compared import Compared
from imfuse.cli.console import print_json, say
from imfuse.cli.progress import track
from imfuse.cli.scores import check_outputs, show_sections
from imfuse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator

    from imfuse.bench.hard_summary import Measured
    from imfuse.bench.run import Competitor

_SCENES = 20
"""Scenes for `scenes` without a number."""


def bench_hard(
    compared: Compared,
    *,
    csv: Path | None,
    markdown: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Compare methods on hard pairs: rendered ones, labelled ones, or clips.

    Raises:
        ImfuseError: Something that was named can't be used.
    """
    from imfuse.bench.hard_summary import HardSummary
    from imfuse.bench.run import BASELINES, competitors_of
    from imfuse.io.atomic import write_text
    from imfuse.report.tables import plain_markdown, values_csv

    if report is not None:
        raise UsageError("--report with --task hard", expected="--markdown or --csv")
    if compared.workers is not None:
        raise UsageError("--workers with --task hard", expected="one pair at a time")
    check_outputs((csv, markdown), inputs=compared.inputs)
    competitors = competitors_of(compared.models, compared.folders, baselines=BASELINES)
    count, measured = _measuring(compared, competitors)
    labels = [one.label for one in competitors]
    summary = HardSummary.of(labels, track(measured, count, "measuring"))
    if csv is not None:
        write_text(csv, values_csv(*summary.table()))
    if markdown is not None:
        write_text(markdown, plain_markdown(summary.sections()))
    if as_json:
        print_json({"data": compared.data} | summary.as_dict())
        return
    show_sections(summary.sections())
    for measure in summary.measures:
        best = summary.best(measure)
        say(f"{measure}: {best} comes first" if best else f"{measure}: nothing to measure")


def _measuring(
    compared: Compared, competitors: "list[Competitor]"
) -> "tuple[int, Generator[Measured, None, None]]":
    """Return the number of pairs and clips, and what measures them one by one.

    Raises:
        ImfuseError: There are none, or they have no labels.
    """
    from imfuse.bench.hard import measure_clips, measure_labelled, measure_rendered
    from imfuse.data.opening import is_scenes
    from imfuse.data.rendered import count_of
    from imfuse.scenes.hard import HAZARDS

    if is_scenes(compared.data):
        if compared.ir_range or compared.names or compared.split or compared.layout:
            found = "--ir-range, --names, --split or --layout with rendered hard pairs"
            raise UsageError(found, expected="a folder as --data with them")
        seeds = min(count_of(compared.data, _SCENES), compared.limit or 10**9)
        return seeds * len(HAZARDS), measure_rendered(competitors, seeds)
    source = compared.source()
    wanted = compared.range_of(source.pairs())
    if any(entry.video for entry in source.entries):
        clips = {entry.group for entry in source.entries if entry.video}
        return len(clips), measure_clips(competitors, source, wanted)
    labelled = sum(entry.labelled for entry in source.entries)
    if not labelled:
        raise UsageError(
            "--task hard on pairs without labels",
            expected="labels/ beside ir/ and vis/, clips, or scenes:N",
        )
    return labelled, measure_labelled(competitors, source, wanted)
