"""`imfuse bench`: compare methods side by side."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.console import JsonOption, print_json, print_table, say, say_list, show
from imfuse.cli.data import LayoutOption
from imfuse.cli.evaluate import (
    ChannelOption,
    MetricsOption,
    WorkersOption,
    parse_metrics,
)
from imfuse.cli.machines import (
    BoxesOption,
    DetectorOption,
    JudgeSetOption,
    LabelsOption,
    MapOption,
    Question,
    SegmenterOption,
    ShouldIFuseOption,
    Task,
    bench_machines,
    refuse_machine_options,
)
from imfuse.cli.progress import track
from imfuse.cli.retrain import (
    BudgetOption,
    CacheOption,
    DeviceOption,
    ExchangeOption,
    FoldsOption,
    PresetOption,
    Retraining,
    RetrainOption,
    SeedsOption,
    SetOption,
)
from imfuse.cli.scores import check_outputs, show_sections, show_table, write_tables
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.bench.run import Bench
    from imfuse.bench.speed import Speed
    from imfuse.bench.summary import Summary
    from imfuse.data.entries import NamedPair
    from imfuse.data.sources import Source
    from imfuse.metrics.evaluation import Evaluation
    from imfuse.report.scores import Case
    from imfuse.scoring.scorer import Scorer
    from imfuse.types import Picture

_ALL_PROTOCOLS = "reference,tang,cddfuse,smfnet,ivif-zoo,vifb"


def bench(
    models: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Methods or .onnx files. Default: the default method. The baselines average, max "
            "and laplacian are always added.",
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="DIR|scenes[:N]",
            help="Folder of a dataset (`imfuse data list`), one with ir/ and vis/, or N rendered "
            "scenes.",
        ),
    ] = "scenes:20",
    task: Annotated[
        Task,
        typer.Option(
            help="What judges the pictures: metrics (quality), a detector (detect), or a segmenter "
            "(segment)."
        ),
    ] = Task.QUALITY,
    detector: DetectorOption = None,
    boxes: BoxesOption = None,
    segmenter: SegmenterOption = None,
    labels: LabelsOption = None,
    class_map: MapOption = None,
    judge_settings: JudgeSetOption = None,
    should_i_fuse: ShouldIFuseOption = False,
    retrain: RetrainOption = None,
    folds: FoldsOption = None,
    seeds: SeedsOption = None,
    budget: BudgetOption = None,
    preset: PresetOption = None,
    settings: SetOption = None,
    exchange: ExchangeOption = None,
    device: DeviceOption = None,
    out: CacheOption = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="train|val|test|all",
            help="Part of the dataset. Default: its test split, if it has one and no --names are "
            "given; otherwise all pairs.",
        ),
    ] = None,
    layout: LayoutOption = None,
    names: Annotated[
        Path | None, typer.Option(help="File with the names of the pairs to use, one per line.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N pairs.")] = None,
    fused: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=DIR", help="A folder of fused pictures as one more row; repeatable."
        ),
    ] = None,
    protocols: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Protocols to rank by; the first is the main one."),
    ] = _ALL_PROTOCOLS,
    channel: ChannelOption = None,
    metrics: MetricsOption = "papers",
    compare: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Two methods for the paired test. Default: the best two."),
    ] = None,
    quoted: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Also quote the papers' rows for MSRS, TNO, ..."),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(help="Also score the outputs stretched, sharpened, and with noise."),
    ] = True,
    speed: Annotated[bool, typer.Option(help="Also measure time and memory.")] = True,
    ir_range: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH|LOW%:HIGH%|auto",
            help="Infrared values that become black and white, for fusing and scoring; percentiles "
            "are over all pairs together. Default: the type's full range.",
        ),
    ] = None,
    workers: WorkersOption = None,
    csv: Annotated[Path | None, typer.Option(help="Write one row per picture.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table of means.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the table of means.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with tables, curves, and pictures.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fuse, score, and time methods side by side, by metrics or by what machines see.

    Every protocol ranks the methods, and the stability of the ranks is shown; an audit shows which
    scores can be raised by tricks; a paired test compares the best two methods.

    For example `imfuse bench --models gff,mst-sr --data msrs/test --quoted MSRS --report b.html`,
    `imfuse bench --task detect --detector yolox.onnx --data msrs/test`, or
    `imfuse bench --task segment --retrain banet-imagenet --data msrs --budget 1200it -o cache`.
    """
    retraining = Retraining(
        segmenter=retrain,
        folds=folds,
        seeds=seeds,
        budget=budget,
        preset=preset,
        settings=tuple(settings or ()),
        exchange=exchange,
        device=device,
        cache=out,
    )
    if task is not Task.QUALITY:
        bench_machines(
            Question(
                task,
                detector or segmenter,
                boxes or [],
                labels,
                class_map,
                judge_settings or [],
                should_i_fuse,
                retraining,
            ),
            chosen_models(models),
            data,
            fused=fused or [],
            split=split,
            layout=layout,
            names=names,
            limit=limit,
            ir_range=ir_range,
            workers=workers,
            csv=csv,
            markdown=markdown,
            report=report,
            as_json=as_json,
        )
        return
    retraining.refuse_alone()
    refuse_machine_options(
        detector, boxes, segmenter, labels, class_map, judge_settings, should_i_fuse
    )
    from imfuse.bench.run import Bench, competitors_of, parse_folder
    from imfuse.bench.summary import Summary
    from imfuse.data.opening import open_for_comparing
    from imfuse.machine import available_cores
    from imfuse.metrics.published import published_datasets, published_rows
    from imfuse.options import InfraredRange
    from imfuse.ranges import shared_range

    folders = [parse_folder(text) for text in fused or []]
    inputs = [Path(data), *(folder for _, folder in folders), *([] if names is None else [names])]
    check_outputs((csv, markdown, latex, report), inputs=inputs)
    rows = published_rows(quoted) if quoted is not None else []
    if quoted is not None and not rows:
        raise UsageError(
            f"no paper has rows for {quoted!r}", expected=", ".join(published_datasets())
        )
    compared = _two(compare) if compare is not None else None
    wanted = InfraredRange.parse(ir_range) if ir_range is not None else None
    scorers = _scorers(protocols, None if channel is None else channel.value, metrics)
    competitors = competitors_of(chosen_models(models), folders)
    source = open_for_comparing(data, split=split, layout=layout, names=names, limit=limit)
    say_source(source)
    pairs, workers = source.pairs(), workers or available_cores()
    if wanted is not None:
        wanted = shared_range((partial(infrared_of, p) for p in pairs), wanted, workers=workers)
    run = Bench(competitors, pairs, scorers, audit=audit, workers=workers, ir_range=wanted)
    for _ in track(iter(run), len(run.pairs), "comparing"):
        pass
    summary = Summary.of(run, speeds=_speeds(run) if speed else {}, quoted=rows, compared=compared)
    write_tables(summary.main, csv=csv, markdown=markdown, latex=latex, quoted=rows)
    if report is not None:
        _write_report(report, summary, run, data)
    say_list("left out", [f"{name}: {error}" for name, error in run.failed])
    for evaluation in summary.main:
        # Failures are in the list above, once for all methods.
        say_list(f"remarks on {evaluation.label}", replace(evaluation, failed=()).remarks())
    if as_json:
        print_json({"data": data} | summary.as_dict())
    else:
        _show(summary)
    if run.failed:
        sys.exit(ImfuseError.exit_code)


def infrared_of(pair: "NamedPair") -> "Picture":
    """Return the infrared picture of a pair."""
    return pair.load().ir


def say_source(source: "Source") -> None:
    """Print which part of a dataset is used, and which files were left out."""
    splits = {entry.split for entry in source.entries} - {""}
    if source.layout.forms and splits:
        say(
            f"{source.layout.name}: {len(source)} pairs of the {' and '.join(sorted(splits))} split"
        )
    say_list("files that make no pair", [f"{path}: {why}" for path, why in source.unmatched])


def chosen_models(models: str | None) -> list[str]:
    """Return the methods that a user names; the default method for none."""
    from imfuse.registry import DEFAULT_METHOD

    return [part.strip() for part in (models or DEFAULT_METHOD).split(",") if part.strip()]


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


def _write_report(out: Path, summary: "Summary", run: "Bench[Evaluation]", data: str) -> None:
    from imfuse.io.atomic import write_text
    from imfuse.report.scores import evaluation_page
    from imfuse.scoring.page import settings, striking_pairs

    best = next(e for e in summary.main if e.label == summary.pair[0])
    pairs = {pair.name: pair for pair in run.pairs}
    page = evaluation_page(
        f"Fusion methods on {Path(data).name}",
        summary.main,
        summary.main[0].infos,
        settings={"data": data} | settings(summary.main[0]),
        sections=summary.sections(),
        cases=[_case(pairs[name], caption, run) for name, caption in striking_pairs(best)],
        quoted=summary.quoted,
    )
    write_text(out, page)
    say(f"report: {out}")


def _case(pair: "NamedPair", caption: str, run: "Bench[Evaluation]") -> "Case":
    from imfuse.options import FuseOptions
    from imfuse.scoring.page import case
    from imfuse.scoring.sources import as_fused

    loaded = pair.load()
    fused = {c.label: c.fused(pair.name, loaded, run.ir_range) for c in run.competitors}
    seen = as_fused(loaded, FuseOptions(ir_range=run.ir_range))
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
