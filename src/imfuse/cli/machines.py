"""`imfuse bench --task detect|segment`: what machines see in pictures."""

import sys
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli.console import parse_settings, print_json, say, say_list
from imfuse.cli.progress import track
from imfuse.cli.retrain import Retraining, bench_retrained
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.bench.machines import MachineSummary
    from imfuse.data.sources import Source
    from imfuse.scoring.detection import DetectionJudge
    from imfuse.scoring.segmentation import SegmentationJudge


class Task(StrEnum):
    """Judge of a benchmark."""

    QUALITY = "quality"
    DETECT = "detect"
    SEGMENT = "segment"


DetectorOption = Annotated[
    Path | None, typer.Option(metavar="FILE.onnx", help="--task detect: any ONNX detector.")
]
BoxesOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE",
        help="--task detect: true boxes (COCO JSON, YOLO or Pascal VOC folder); repeatable, to see "
        "what the choice of truth decides. Default: those of the dataset.",
    ),
]
SegmenterOption = Annotated[
    Path | None, typer.Option(metavar="FILE.onnx", help="--task segment: any ONNX segmenter.")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="--task segment: true labels. Default: those of the dataset."),
]
MapOption = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="MAP.yaml",
        help="Classes of the network that count as one of the truth, in lines such as "
        "`car: [car, bus]`. Default: by names and usual synonyms.",
    ),
]
JudgeSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--judge-set",
        metavar="NAME=VALUE",
        help="How the detector or segmenter is used, such as size=[640,640], scale=255, "
        "order=bgr, score=0.01, iou=0.65; repeatable.",
    ),
]
ShouldIFuseOption = Annotated[
    bool,
    typer.Option(
        "--should-i-fuse",
        help="Show only whether one sensor, late fusion or a fused picture serves the machine "
        "best, by day and by night, and how sure that is.",
    ),
]


@dataclass(frozen=True)
class Question:
    """A question to a machine.

    Attributes:
        task: `detect` or `segment`.
        network: The ONNX file.
        boxes: True boxes, `FILE` or `NAME=FILE`.
        labels: Folder of true labels.
        class_map: Map of classes.
        settings: Settings as `NAME=VALUE`.
        verdict_only: Whether only the answer is shown, not the tables behind it.
        retraining: The segmenter that is trained again for each row, if any.
    """

    task: Task
    network: Path | None
    boxes: list[str]
    labels: Path | None
    class_map: Path | None
    settings: list[str]
    verdict_only: bool = False
    retraining: Retraining = field(default_factory=Retraining)

    @property
    def frozen(self) -> bool:
        """True if an option of a frozen network is given."""
        given = (self.network, self.boxes, self.labels, self.class_map, self.settings)
        return any(given) or self.verdict_only


def refuse_machine_options(*given: object) -> None:
    """Refuse options of machine judges where metrics judge.

    Raises:
        UsageError: One is given.
    """
    if any(given):
        raise UsageError(
            "options of a detector or segmenter without --task",
            expected="--task detect or --task segment with them",
        )


def bench_machines(
    question: Question,
    models: list[str],
    data: str,
    *,
    fused: list[str],
    split: str | None,
    layout: str | None,
    names: Path | None,
    limit: int | None,
    ir_range: str | None,
    workers: int | None,
    csv: Path | None,
    markdown: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Compare methods by what a detector or a segmenter sees in their pictures.

    Raises:
        ImfuseError: Something that was named can't be used.
    """
    from imfuse.bench.machine_page import machine_page
    from imfuse.bench.machines import BASELINES, SENSORS, MachineSummary
    from imfuse.bench.run import Bench, competitors_of, parse_folder
    from imfuse.bench.verdict import section
    from imfuse.cli.bench import infrared_of, say_source
    from imfuse.cli.scores import check_outputs, show_sections
    from imfuse.data.opening import open_for_comparing
    from imfuse.io.atomic import write_text
    from imfuse.machine import available_cores
    from imfuse.metrics.catalogue import PAPER_METRICS
    from imfuse.options import InfraredRange
    from imfuse.ranges import shared_range
    from imfuse.scoring.scorer import Scorer

    if question.retraining.segmenter is not None:
        _refuse_frozen(question, split, names, limit, ir_range, report)
        bench_retrained(
            question.retraining,
            models,
            data,
            fused=fused,
            layout=layout,
            csv=csv,
            markdown=markdown,
            as_json=as_json,
        )
        return
    question.retraining.refuse_alone()
    folders = [parse_folder(text) for text in fused]
    inputs = [Path(data), *(folder for _, folder in folders), *([] if names is None else [names])]
    check_outputs((csv, markdown, report), inputs=inputs)
    source = open_for_comparing(data, split=split, layout=layout, names=names, limit=limit)
    say_source(source)
    judge = _judge(question, source)
    competitors = [*SENSORS, *competitors_of(models, folders, baselines=BASELINES)]
    wanted = InfraredRange.parse(ir_range) if ir_range is not None else None
    pairs, workers = source.pairs(), workers or available_cores()
    if wanted is not None:
        wanted = shared_range((partial(infrared_of, p) for p in pairs), wanted, workers=workers)
    # The page shows what the field's metrics say of the same pictures.
    metrics = [Scorer.of(metrics=PAPER_METRICS)] if report is not None else []
    run: Bench[Any] = Bench(
        competitors, pairs, [judge, *metrics], audit=False, workers=workers, ir_range=wanted
    )
    for _ in track(iter(run), len(run.pairs), "looking"):
        pass
    summary = MachineSummary.of(question.task.value, run)
    _write(summary, csv, markdown)
    if report is not None:
        sensors = {one.label for one in SENSORS}
        quality = [
            e for one in metrics for e in run.evaluations(one.name) if e.label not in sensors
        ]
        title = f"What a machine sees on {Path(data).name}"
        write_text(report, machine_page(title, summary, run, quality, {"data": data}))
        say(f"report: {report}")
    answer = section(summary)
    say_list("left out", [f"{name}: {error}" for name, error in run.failed])
    if as_json:
        print_json({"data": data} | summary.as_dict() | {"verdict": answer.lead})
    else:
        show_sections([answer] if question.verdict_only else [*summary.sections(), answer])
        for heading, text in summary.main[0].about.items():
            say(f"{heading}: {text}")
        for note in summary.notes():
            say(f"note: {note}")
    if run.failed:
        sys.exit(ImfuseError.exit_code)


def _refuse_frozen(question: Question, *others: object) -> None:
    """Refuse options that have no meaning where the segmenter is trained.

    Raises:
        UsageError: One is given, or the task is another one.
    """
    if question.task is not Task.SEGMENT or question.frozen or any(others):
        raise UsageError(
            "--retrain with options of frozen networks, of parts of a dataset, or of a page",
            expected="--task segment --retrain SEGMENTER with --models, --fused, --data, --layout, "
            "--folds, --seeds, --budget, --preset, --set, --exchange, --csv, --markdown, --json",
        )


def _judge(question: Question, source: "Source") -> "DetectionJudge | SegmentationJudge":
    from imfuse.bench.judges import detection_judge, segmentation_judge

    settings, network = parse_settings(question.settings), question.network
    detect = question.task is Task.DETECT
    if network is None:
        option = "--detector" if detect else "--segmenter"
        raise UsageError(
            f"--task {question.task} without a network", expected=f"{option} FILE.onnx"
        )
    if detect:
        return detection_judge(network, source.layout, question.boxes, question.class_map, settings)
    return segmentation_judge(network, source.layout, question.labels, question.class_map, settings)


def _write(summary: "MachineSummary", csv: Path | None, markdown: Path | None) -> None:
    from imfuse.io.atomic import write_text
    from imfuse.report.tables import plain_markdown, values_csv

    if csv is not None:
        write_text(csv, values_csv(*summary.values()))
    if markdown is not None:
        write_text(markdown, plain_markdown(summary.sections()))
