"""`imfuse bench`: compare methods side by side."""

from pathlib import Path
from typing import Annotated

import typer

from imfuse.cli.compared import Compared
from imfuse.cli.console import JsonOption
from imfuse.cli.data import LayoutOption
from imfuse.cli.evaluate import ChannelOption, MetricsOption, WorkersOption
from imfuse.cli.hard import bench_hard
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
)
from imfuse.cli.quality import ALL_PROTOCOLS, PAPERS, Quality, bench_quality
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
            help="What judges the pictures: metrics (quality), a detector (detect), a segmenter "
            "(segment), or what is known of hard pairs (hard): what one sensor hides, noise, "
            "glare, halos, colour; for clips, flicker."
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
    ] = ALL_PROTOCOLS,
    channel: ChannelOption = None,
    metrics: MetricsOption = PAPERS,
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
    compared = Compared(
        models=_chosen(models),
        data=data,
        split=split,
        layout=layout,
        names=names,
        limit=limit,
        fused=fused or [],
        ir_range=ir_range,
        workers=workers,
    )
    quality = Quality(
        protocols=protocols,
        channel=None if channel is None else channel.value,
        metrics=metrics,
        compare=compare,
        quoted=quoted,
        audit=audit,
        speed=speed,
        latex=latex,
    )
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
    question = Question(
        task=task,
        detector=detector,
        segmenter=segmenter,
        boxes=boxes or [],
        labels=labels,
        class_map=class_map,
        settings=judge_settings or [],
        verdict_only=should_i_fuse,
        retraining=retraining,
    )
    if task is Task.QUALITY:
        question.refuse()
        bench_quality(compared, quality, csv=csv, markdown=markdown, report=report, as_json=as_json)
        return
    quality.refuse(task.value)
    if task is Task.HARD:
        question.refuse()
        bench_hard(compared, csv=csv, markdown=markdown, report=report, as_json=as_json)
        return
    bench_machines(compared, question, csv=csv, markdown=markdown, report=report, as_json=as_json)


def _chosen(models: str | None) -> list[str]:
    """Return the methods that a user names; the default method for none."""
    from imfuse.registry import DEFAULT_METHOD

    return [part.strip() for part in (models or DEFAULT_METHOD).split(",") if part.strip()]
