"""`imfuse bench --task detect|segment`: what machines see in pictures."""

import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli.compared import Compared
from imfuse.cli.console import parse_settings, print_json, say, say_list
from imfuse.cli.progress import track
from imfuse.cli.retrain import Retraining, bench_retrained
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.bench.machines import MachineSummary
    from imfuse.bench.run import Bench
    from imfuse.data.sources import Source
    from imfuse.scoring.detection import DetectionJudge
    from imfuse.scoring.segmentation import SegmentationJudge


class Task(StrEnum):
    """Judge of a benchmark."""

    QUALITY = "quality"
    HARD = "hard"
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
        "`car: \\[car, bus]`. Default: by names and usual synonyms.",
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


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question to a machine.

    Attributes:
        task: `detect` or `segment`.
        detector: ONNX file of the detector.
        segmenter: ONNX file of the segmenter.
        boxes: True boxes, `FILE` or `NAME=FILE`.
        labels: Folder of true labels.
        class_map: Map of classes.
        settings: Settings as `NAME=VALUE`.
        verdict_only: Whether only the answer is shown, not the tables behind it.
        retraining: The segmenter that is trained again for each row, if any.
    """

    task: Task
    detector: Path | None = None
    segmenter: Path | None = None
    boxes: list[str] = field(default_factory=list)
    labels: Path | None = None
    class_map: Path | None = None
    settings: list[str] = field(default_factory=list)
    verdict_only: bool = False
    retraining: Retraining = field(default_factory=Retraining)

    def refuse(self) -> None:
        """Refuse all options of machines, where none judges.

        Raises:
            UsageError: One is given.
        """
        self.retraining.refuse_alone()
        self._refuse(list(_FROZEN), f"--task {self.task}")

    def check(self) -> None:
        """Refuse options of another task, and a task without its network.

        Raises:
            UsageError: One is given, or the network is not.
        """
        if self.retraining.segmenter is not None:
            if self.task is not Task.SEGMENT:
                raise UsageError("--retrain with --task detect", expected="--task segment with it")
            self._refuse(list(_FROZEN), "--retrain")
            return
        self.retraining.refuse_alone()
        detect = self.task is Task.DETECT
        others = ["segmenter", "labels"] if detect else ["detector", "boxes"]
        self._refuse(others, f"--task {self.task}")
        if (self.detector if detect else self.segmenter) is None:
            option = "--detector" if detect else "--segmenter"
            found = f"--task {self.task} without a network"
            raise UsageError(found, expected=f"{option} FILE.onnx")

    def _refuse(self, names: list[str], beside: str) -> None:
        given = [_FROZEN[name] for name in names if getattr(self, name)]
        if given:
            raise UsageError(
                f"{', '.join(given)} with {beside}",
                expected="--task detect or --task segment, with the options of that task",
            )


_FROZEN = {
    "detector": "--detector",
    "segmenter": "--segmenter",
    "boxes": "--boxes",
    "labels": "--labels",
    "class_map": "--map",
    "settings": "--judge-set",
    "verdict_only": "--should-i-fuse",
}
"""Options of frozen networks by their field."""


def bench_machines(
    compared: Compared,
    question: Question,
    *,
    csv: Path | None,
    markdown: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Compare methods by what a detector or a segmenter sees in their pictures.

    Raises:
        ImfuseError: Something that was named can't be used.
    """
    question.check()
    if question.retraining.segmenter is not None:
        bench_retrained(
            compared,
            question.retraining,
            csv=csv,
            markdown=markdown,
            report=report,
            as_json=as_json,
        )
        return
    from imfuse.bench.judges import ScorerOfAnySize
    from imfuse.bench.machines import BASELINES, LATE, SENSORS, MachineSummary
    from imfuse.bench.run import Bench, competitors_of
    from imfuse.bench.verdict import section
    from imfuse.cli.scores import check_outputs, show_sections
    from imfuse.metrics.catalogue import PAPER_METRICS

    check_outputs((csv, markdown, report), inputs=compared.inputs)
    taken = [label for label, _ in compared.folders if label in LATE]
    if taken:
        found = f"fused pictures named {taken[0]}, as a row of its own is"
        raise UsageError(found, expected="another name")
    source = compared.source()
    judge = _judge(question, source)
    methods = competitors_of(compared.models, compared.folders, baselines=BASELINES)
    pairs = source.pairs()
    wanted = compared.range_of(pairs)
    # The page shows what the field's metrics say of the same pictures.
    metrics = [ScorerOfAnySize.of(metrics=PAPER_METRICS)] if report is not None else []
    run: Bench[Any] = Bench(
        [*SENSORS, *methods],
        pairs,
        [judge, *metrics],
        audit=False,
        workers=compared.threads,
        ir_range=wanted,
    )
    for _ in track(iter(run), len(run.pairs), "looking"):
        pass
    summary = MachineSummary.of(question.task.value, run)
    _write(summary, csv, markdown)
    if report is not None:
        _write_page(report, summary, run, compared)
    answer = section(summary)
    say_list("left out", [f"{name}: {error}" for name, error in run.failed])
    if as_json:
        print_json({"data": compared.data} | summary.as_dict() | {"verdict": answer.lead})
    else:
        show_sections([answer] if question.verdict_only else [*summary.sections(), answer])
        for heading, text in summary.main[0].about.items():
            say(f"{heading}: {text}")
        for note in summary.notes():
            say(f"note: {note}")
    if run.failed:
        sys.exit(ImfuseError.exit_code)


def _judge(question: Question, source: "Source") -> "DetectionJudge | SegmentationJudge":
    from imfuse.bench.judges import detection_judge, segmentation_judge

    settings, layout, table = parse_settings(question.settings), source.layout, question.class_map
    if question.detector is not None:
        return detection_judge(question.detector, layout, question.boxes, table, settings)
    if question.segmenter is None:
        raise AssertionError("Question.check lets no question without a network through")
    return segmentation_judge(question.segmenter, layout, question.labels, table, settings)


def _write_page(
    out: Path, summary: "MachineSummary", run: "Bench[Any]", compared: Compared
) -> None:
    from imfuse.bench.machine_page import machine_page
    from imfuse.bench.machines import SENSORS
    from imfuse.io.atomic import write_text

    sensors = {one.label for one in SENSORS}
    every = [e for judge in run.judges[1:] for e in run.evaluations(judge.name)]
    quality = [e for e in every if e.label not in sensors]
    title = f"What a machine sees on {compared.title}"
    write_text(out, machine_page(title, summary, run, quality, {"data": compared.data}))
    say(f"report: {out}")


def _write(summary: "MachineSummary", csv: Path | None, markdown: Path | None) -> None:
    from imfuse.io.atomic import write_text
    from imfuse.report.tables import plain_markdown, values_csv

    if csv is not None:
        write_text(csv, values_csv(*summary.values()))
    if markdown is not None:
        write_text(markdown, plain_markdown(summary.sections()))
