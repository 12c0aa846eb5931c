"""`imfuse bench --task segment --retrain SEGMENTER`: train a segmenter again for each row."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from imfuse.cli.compared import Compared
from imfuse.cli.console import parse_settings, print_json, say
from imfuse.errors import UsageError

RetrainOption = Annotated[
    str | None,
    typer.Option(
        metavar="SEGMENTER",
        help="--task segment: train this segmenter (banet-imagenet, ...) on each method's pictures "
        "of the training pairs, and score it on those of the test pairs.",
    ),
]
FoldsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help='--retrain: two folds {"a": [names], "b": [names]}, each of which tests what the '
        "other trained. Default: the train and test splits.",
    ),
]
SeedsOption = Annotated[
    int | None, typer.Option(metavar="N", help="--retrain: trainings with N seeds. Default: 1.")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(help="--retrain: length of each training, such as 1200it or 15m."),
]
PresetOption = Annotated[
    str | None, typer.Option(help="--retrain: preset of the segmenter's settings.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="--retrain: change a setting, such as batch=4."
    ),
]
ExchangeOption = Annotated[
    str | None,
    typer.Option(
        metavar="none|cmx|none,cmx",
        help="--retrain: what the two encoders of the unfused pair exchange. Default: none.",
    ),
]
DeviceOption = Annotated[str | None, typer.Option(help="--retrain: auto, cpu or gpu.")]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="CACHE",
        help="--retrain: folder for trainings, labels and results; the same command continues.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """Options of a comparison by training again; see the options of the command."""

    segmenter: str | None = None
    folds: Path | None = None
    seeds: int | None = None
    budget: str | None = None
    preset: str | None = None
    settings: Sequence[str] = ()
    exchange: str | None = None
    device: str | None = None
    cache: Path | None = None

    def refuse_alone(self) -> None:
        """Refuse these options where no segmenter is to be trained.

        Raises:
            UsageError: One is given.
        """
        if any(getattr(self, field.name) not in (None, ()) for field in fields(self)):
            raise UsageError(
                "options of --retrain without it", expected="--task segment --retrain SEGMENTER"
            )


def bench_retrained(
    compared: Compared,
    asked: Retraining,
    *,
    csv: Path | None,
    markdown: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Train a segmenter again for each method, and compare.

    Raises:
        ImfuseError: Something that was named can't be used, or a training fails.
    """
    from imfuse.cli.scores import check_outputs, show_sections
    from imfuse.cli.training import watching
    from imfuse.io.atomic import write_text
    from imfuse.learn.downstream import retrain
    from imfuse.report.tables import plain_markdown, values_csv

    if asked.cache is None or asked.segmenter is None:
        raise UsageError("--retrain without a folder", expected="-o CACHE for what is trained")
    parts = (compared.split, compared.names, compared.limit, compared.ir_range, report)
    if any(one is not None for one in parts):
        raise UsageError(
            "--retrain with parts of a dataset, an infrared range, or a page",
            expected="--data, --folds, --models, --fused, --csv, --markdown, --json",
        )
    inputs = [*compared.inputs, *([asked.folds] if asked.folds else [])]
    check_outputs((csv, markdown), inputs=inputs)
    with watching() as watch:
        summary = retrain(
            asked.segmenter,
            compared.data,
            asked.cache,
            models=compared.models,
            fused=compared.folders,
            folds=asked.folds,
            seeds=1 if asked.seeds is None else asked.seeds,
            budget=asked.budget,
            preset=asked.preset,
            settings=parse_settings(asked.settings),
            exchange=[part.strip() for part in (asked.exchange or "none").split(",")],
            layout=compared.layout,
            device=asked.device or "auto",
            tell=say,
            watch=watch,
        )
    if csv is not None:
        write_text(csv, values_csv(*summary.table.values()))
    if markdown is not None:
        write_text(markdown, plain_markdown(summary.sections()))
    if as_json:
        print_json({"data": compared.data} | summary.as_dict())
        return
    show_sections(summary.sections())
    for heading, text in summary.about.items():
        say(f"{heading}: {text}")
    for note in summary.table.notes():
        say(f"note: {note}")
