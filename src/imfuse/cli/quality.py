"""`imfuse bench --task quality`: methods compared by metrics."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imfuse.cli.compared import Compared
from imfuse.cli.console import print_json, print_table, say, say_list, show
from imfuse.cli.evaluate import parse_metrics
from imfuse.cli.progress import track
from imfuse.cli.scores import check_outputs, show_sections, show_table, write_tables
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.bench.run import Bench
    from imfuse.bench.speed import Speed
    from imfuse.bench.summary import Summary
    from imfuse.data.entries import NamedPair
    from imfuse.metrics.evaluation import Evaluation
    from imfuse.report.scores import Case
    from imfuse.scoring.scorer import Scorer

ALL_PROTOCOLS = "reference,tang,cddfuse,smfnet,ivif-zoo,vifb"
PAPERS = "papers"
"""Stands for the papers' metrics."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Options of the comparison by metrics; see the options of the command."""

    protocols: str = ALL_PROTOCOLS
    channel: str | None = None
    metrics: str | None = PAPERS
    compare: str | None = None
    quoted: str | None = None
    audit: bool = True
    speed: bool = True
    latex: Path | None = None

    def refuse(self, task: str) -> None:
        """Refuse these options where a machine judges.

        Raises:
            UsageError: One differs from its default.
        """
        given = [name for name, value in vars(self).items() if value != getattr(Quality(), name)]
        if given:
            options = ", ".join(f"--{name}" for name in given)
            raise UsageError(f"{options} with --task {task}", expected="--task quality with them")


def bench_quality(
    compared: Compared,
    asked: Quality,
    *,
    csv: Path | None,
    markdown: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Compare methods by metrics.

    Raises:
        ImfuseError: Something that was named can't be used.
    """
    from imfuse.bench.run import Bench, competitors_of
    from imfuse.bench.summary import Summary
    from imfuse.metrics.published import published_datasets, published_rows

    check_outputs((csv, markdown, asked.latex, report), inputs=compared.inputs)
    rows = published_rows(asked.quoted) if asked.quoted is not None else []
    if asked.quoted is not None and not rows:
        raise UsageError(
            f"no paper has rows for {asked.quoted!r}", expected=", ".join(published_datasets())
        )
    tested = _two(asked.compare) if asked.compare is not None else None
    scorers = _scorers(asked.protocols, asked.channel, asked.metrics)
    competitors = competitors_of(compared.models, compared.folders)
    pairs = compared.source().pairs()
    wanted = compared.range_of(pairs)
    run = Bench(
        competitors, pairs, scorers, audit=asked.audit, workers=compared.threads, ir_range=wanted
    )
    for _ in track(iter(run), len(run.pairs), "comparing"):
        pass
    speeds = _speeds(run) if asked.speed else {}
    summary = Summary.of(run, speeds=speeds, quoted=rows, compared=tested)
    write_tables(summary.main, csv=csv, markdown=markdown, latex=asked.latex, quoted=rows)
    if report is not None:
        _write_report(report, summary, run, compared)
    say_list("left out", [f"{name}: {error}" for name, error in run.failed])
    for evaluation in summary.main:
        # Failures are in the list above, once for all methods.
        say_list(f"remarks on {evaluation.label}", replace(evaluation, failed=()).remarks())
    if as_json:
        print_json({"data": compared.data} | summary.as_dict())
    else:
        _show(summary)
    if run.failed:
        sys.exit(ImfuseError.exit_code)


def _two(text: str) -> tuple[str, str]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or parts[0] == parts[1] or not all(parts):
        raise UsageError(f"--compare {text}", expected="two different methods, as in gff,max")
    return parts[0], parts[1]


def _scorers(protocols: str, channel: str | None, metrics: str | None) -> "list[Scorer]":
    """Return one scorer per protocol, each with those of the metrics that it has."""
    from imfuse.metrics.catalogue import find_metric
    from imfuse.metrics.protocols import find_protocol
    from imfuse.scoring.scorer import Scorer

    names = list(dict.fromkeys(part.strip() for part in protocols.split(",") if part.strip()))
    if not names:
        raise UsageError("no protocol", expected="at least one, such as reference")
    wanted = [find_metric(symbol).info.symbol for symbol in parse_metrics(metrics) or []]
    scorers = []
    for name in names:
        known = find_protocol(name).conventions
        missing = [symbol for symbol in wanted if symbol not in known]
        if missing:
            say(f"protocol {name} has no {', '.join(missing)}")
        if len(missing) < len(wanted) or not wanted:
            common = [symbol for symbol in wanted if symbol in known] or None
            scorers.append(Scorer.of(name, channel, common))
    if not scorers:
        raise UsageError(f"none of the protocols has {metrics}", expected="other metrics")
    return scorers


def _speeds(run: "Bench[Evaluation]") -> "dict[str, Speed]":
    from imfuse.bench.speed import measure_speed

    return {
        competitor.label: measure_speed(competitor.model, run.pairs, run.ir_range)
        for competitor in run.competitors
        if competitor.model is not None
    }


def _write_report(
    out: Path, summary: "Summary", run: "Bench[Evaluation]", compared: Compared
) -> None:
    from imfuse.io.atomic import write_text
    from imfuse.report.scores import evaluation_page
    from imfuse.scoring.page import settings, striking_pairs

    best = next(e for e in summary.main if e.label == summary.pair[0])
    pairs = {pair.name: pair for pair in run.pairs}
    page = evaluation_page(
        f"Fusion methods on {compared.title}",
        summary.main,
        summary.main[0].infos,
        settings={"data": compared.data} | settings(summary.main[0]),
        sections=summary.sections(),
        cases=[
            _case(pairs[name], caption, run, best.label) for name, caption in striking_pairs(best)
        ],
        quoted=summary.quoted,
    )
    write_text(out, page)
    say(f"report: {out}")


def _case(pair: "NamedPair", caption: str, run: "Bench[Evaluation]", best: str) -> "Case":
    """Return a pair for the page; of the best method also where its pixels come from."""
    from imfuse.options import FuseOptions
    from imfuse.scoring.page import case, origin
    from imfuse.scoring.sources import as_fused

    loaded = pair.load()
    fused = {c.label: c.fused(pair.name, loaded, run.ir_range) for c in run.competitors}
    seen = as_fused(loaded, FuseOptions(ir_range=run.ir_range))
    method = next((c.fuser for c in run.competitors if c.label == best), None)
    if method is not None:
        label = f"{best}: red from infrared, blue from visible"
        fused[label] = origin(method, loaded, run.ir_range)
    return case(pair.name, caption, seen.ir, seen.vis, fused)


def _show(summary: "Summary") -> None:
    from rich.table import Table

    show_table(summary.main)
    show_sections(summary.sections())
    if summary.quoted:
        show("\nQuoted, as printed")
        symbols = dict.fromkeys(symbol for row in summary.quoted for symbol in row.values)
        table = Table("method", *symbols, "paper", "convention", box=None, pad_edge=False)
        for column in table.columns:
            column.no_wrap = True
        for quoted in summary.quoted:
            values = [f"{quoted.values[s]:g}" if s in quoted.values else "" for s in symbols]
            table.add_row(quoted.method, *values, quoted.source, quoted.convention)
        print_table(table)
