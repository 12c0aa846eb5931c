"""`imfuse evaluate`: score fused pictures against their sources."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli import thermal
from imfuse.cli.choices import Side
from imfuse.cli.console import JsonOption, print_json, say, say_list
from imfuse.cli.progress import track
from imfuse.cli.scores import check_outputs, show_table, write_tables
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.metrics.evaluation import Evaluation
    from imfuse.options import FuseOptions
    from imfuse.scoring.judge import Judge

FusedArgument = Annotated[Path, typer.Argument(help="Fused picture, or a folder of them.")]
IrArgument = Annotated[Path, typer.Argument(help="Infrared source, or the folder of them.")]
VisArgument = Annotated[Path, typer.Argument(help="Visible source, or the folder of them.")]
PairRegexOption = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help=r"Folders: the part of the names that must agree, e.g. '(\d+)'."
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Folders: pictures at a time. Default: one per core.")
]


ResizeOption = Annotated[
    Side | None, typer.Option(help="Bring this source to the other's size, as fuse does.")
]
StretchOption = Annotated[
    bool, typer.Option("--stretch", help="Let --resize change a picture's proportions.")
]
IrRangeOption = Annotated[
    str | None,
    typer.Option(
        metavar="LOW:HIGH|10C:40C|LOW%:HIGH%|auto",
        help="Infrared values that become black and white: give what the pictures "
        "were fused with. Default: the type's full range.",
    ),
]


class ChannelName(StrEnum):
    """Channel of colour pictures that is compared."""

    y = "y"
    gray = "gray"
    rgb_mean = "rgb-mean"


ChannelOption = Annotated[
    ChannelName | None,
    typer.Option(
        help="For colour pictures: luma, luma in 256 levels, or the mean over R, G, B. "
        "Default: the protocol's own."
    ),
]


def complete_protocol(incomplete: str) -> list[str]:
    """Complete the name of a protocol in the shell."""
    from imfuse.metrics.protocols import PROTOCOLS

    return [name for name in PROTOCOLS if name.startswith(incomplete)]


ProtocolOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Conventions to follow: reference (ours), tang, cddfuse, smfnet, ivif-zoo, vifb.",
        autocompletion=complete_protocol,
    ),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help="Only these metrics; `papers` stands for the nine of the papers' tables.",
    ),
]


def evaluate(
    fused: FusedArgument,
    ir: IrArgument,
    vis: VisArgument,
    protocol: ProtocolOption = "reference",
    channel: ChannelOption = None,
    metrics: MetricsOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="More fused pictures (or folders) to compare with; may be repeated."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Name of FUSED in tables. Default: its own name.")
    ] = None,
    pair_regex: PairRegexOption = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Folders: files in the columns `ir`, `vis` and `fused`."
        ),
    ] = None,
    resize: ResizeOption = None,
    stretch: StretchOption = False,
    ir_range: IrRangeOption = None,
    ir_unit: thermal.UnitOption = None,
    workers: WorkersOption = None,
    csv: Annotated[Path | None, typer.Option(help="Write one row per picture.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table of means.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the table of means.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with tables, curves, and pictures.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a fused picture, or a folder of them, against its sources.

    Pictures in folders are matched by name. Other evaluation kits give other numbers for the same
    picture; `--protocol` gives theirs.

    For example `imfuse evaluate fused/ ir/ vis/ --report scores.html`, or
    `imfuse evaluate fused.png ir.png vis.png --protocol tang --metrics EN,SD,VIF`.
    """
    from imfuse.options import FuseOptions
    from imfuse.scoring.scorer import Scorer

    options = FuseOptions(
        resize=None if resize is None else resize.value,
        stretch=stretch,
        ir_range=ir_range,
        ir_unit=None if ir_unit is None else ir_unit.value,
    )
    paths = [fused, *(against or [])]
    check_outputs(
        (csv, markdown, latex, report),
        inputs=[*paths, ir, vis, *([pairs] if pairs is not None else [])],
    )
    scorer = Scorer.of(protocol, None if channel is None else channel.value, parse_metrics(metrics))
    matched: dict[str, Any] = {"pair_regex": pair_regex, "pairs": pairs, "workers": workers}
    options = shared_options(options, fused, ir, vis, **matched)
    evaluations = [
        score_paths(scorer, path, ir, vis, options, label=name, **matched)
        for path, name in zip(paths, _labels(paths, label), strict=True)
    ]
    write_tables(evaluations, csv=csv, markdown=markdown, latex=latex)
    if report is not None:
        _write_report(report, evaluations, options)
    for evaluation in evaluations:
        say_list(f"remarks on {evaluation.label}", evaluation.remarks())
    if as_json:
        first, *others = (evaluation.as_dict() for evaluation in evaluations)
        print_json(first | {"against": others} if others else first)
    else:
        show_table(evaluations)
    if any(evaluation.failed for evaluation in evaluations):
        sys.exit(ImfuseError.exit_code)


def _labels(paths: list[Path], first: str | None) -> list[str]:
    """Return each path's name as its label, with the parent folder's name if two would be equal."""
    names = [path.resolve().name if path.is_dir() else path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.resolve().parent.name}/{n}" for path, n in zip(paths, names, strict=True)]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if first is not None and first in names[1:]:
        raise UsageError(f"--label {first} is also the name of a folder", expected="another label")
    return names if first is None else [first, *names[1:]]


def parse_metrics(text: str | None) -> list[str] | None:
    """Read a list of symbols; `papers` stands for the papers' nine metrics."""
    if text is None:
        return None
    from imfuse.metrics.catalogue import PAPER_METRICS

    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [symbol for part in parts for symbol in (PAPER_METRICS if part == "papers" else [part])]


def check_kinds(fused: Path, ir: Path, vis: Path) -> bool:
    """Return True if three folders were given.

    Raises:
        UsageError: Some are folders and some are not.
    """
    folders = [path for path in (fused, ir, vis) if path.is_dir()]
    if len(folders) in {1, 2}:
        other = next(path for path in (fused, ir, vis) if not path.is_dir())
        found = f"{folders[0]} is a folder, {other} " + ("is not" if other.exists() else "missing")
        raise UsageError(found, expected="three files or three folders")
    return bool(folders)


def shared_options(
    options: "FuseOptions",
    fused: Path,
    ir: Path,
    vis: Path,
    *,
    pair_regex: str | None,
    workers: int | None,
    pairs: Path | None = None,
) -> "FuseOptions":
    """Return options with the percentiles of a folder replaced by values.

    Raises:
        UsageError: Files and folders are mixed.
        ImfuseError: The folders don't match, or their infrared pictures hold only one value.
    """
    wanted = options.infrared_range
    if wanted is None or not wanted.percent or not check_kinds(fused, ir, vis):
        return options
    from imfuse.machine import available_cores
    from imfuse.scoring.sources import with_shared_range

    say("reading all infrared pictures to find their shared range")
    workers = workers or available_cores()
    return with_shared_range(options, ir, vis, pair_regex=pair_regex, pairs=pairs, workers=workers)


def score_paths(
    judge: "Judge[Evaluation]",
    fused: Path,
    ir: Path,
    vis: Path,
    options: "FuseOptions",
    *,
    pair_regex: str | None,
    workers: int | None,
    pairs: Path | None = None,
    label: str | None = None,
) -> "Evaluation":
    """Score three files or three folders, with a progress bar for folders.

    Raises:
        UsageError: Files and folders are mixed, or an option is only for folders.
    """
    if check_kinds(fused, ir, vis):
        from imfuse.machine import available_cores
        from imfuse.scoring.folders import FolderScoring

        scoring = FolderScoring.of(
            judge,
            fused,
            ir,
            vis,
            pair_regex=pair_regex,
            pairs=pairs,
            options=options,
            label=label,
            workers=workers or available_cores(),
        )
        for _ in track(iter(scoring), scoring.total, f"scoring {scoring.label}"):
            pass
        return scoring.result()
    for name, value in (
        ("--pair-regex", pair_regex),
        ("--pairs", pairs),
        ("--workers", workers),
    ):
        if value is not None:
            raise UsageError(f"{name} with files", expected="three folders with this option")
    from imfuse.io.images import read_image
    from imfuse.io.thermal.read import read_infrared
    from imfuse.scoring.judge import Item
    from imfuse.scoring.sources import as_fused
    from imfuse.types import ImagePair

    first, visible = (read_image(path) for path in (fused, vis))
    infrared = read_infrared(ir, reading=options.reading)
    pair = as_fused(ImagePair(ir=infrared, vis=visible), options)
    row = judge.score(first, Item(vis.stem, pair, files=(fused, ir, vis)))
    return judge.summarise(label or fused.stem, [row])


def _write_report(out: Path, evaluations: list["Evaluation"], options: "FuseOptions") -> None:
    from imfuse.io.atomic import write_text
    from imfuse.scoring.page import evaluation_page_of

    page = evaluation_page_of(evaluations, options)
    write_text(out, page)
    say(f"report: {out}")
