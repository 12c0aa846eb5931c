"""`imfuse segment`: train a segmenter, label pictures with one, and score labels."""

import math
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli.console import JsonOption, parse_settings, parse_size, print_json, say, say_list
from imfuse.cli.data import LayoutOption
from imfuse.cli.segment_options import parse_channels, parse_classes, parse_map, parse_windows
from imfuse.cli.training import (
    BudgetOption,
    ConfigOption,
    DataOption,
    DeviceOption,
    DryRunOption,
    PresetOption,
    ResumeOption,
    RunOption,
    SetOption,
    carry_out,
)
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.vision.labelling import LabelScores

app = typer.Typer(
    no_args_is_help=True, help="Train segmenters, label pictures with them, score labels."
)


def complete_guide(incomplete: str) -> list[str]:
    """Complete the name of a segmenter in the shell."""
    from imfuse.learn.guides.table import GUIDES

    return [name for name in GUIDES if name.startswith(incomplete)]


@app.command()
def train(
    guide: Annotated[
        str | None, typer.Argument(help="Name of the segmenter.", autocompletion=complete_guide)
    ] = None,
    data: DataOption = None,
    out: RunOption = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="vis|ir|fused:DIR", help="Input pictures; fused ones are named after the pairs."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Initial weights (.safetensors).")
    ] = None,
    budget: BudgetOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    resume: ResumeOption = False,
    device: DeviceOption = "auto",
    layout: LayoutOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a segmenter as the papers do that guide or judge fusion by one.

    For example `imfuse segment train segformer-b0 --data MSRS --on fused:fused/ -o run
    --budget 2h`, then `imfuse segment run run/model.onnx fused-test/ -o labels/`.

    Segmenters: banet, banet-imagenet, segformer-b0, segformer-b2, deeplabv3plus,
    two-encoders.
    """
    changes = parse_settings(settings or [])
    changes |= {} if on is None else {"on": on}
    changes |= {} if weights is None else {"weights": str(weights)}
    given = {"recipe": guide, "data": data, "preset": preset, "budget": budget, "layout": layout}
    carry_out(
        given,
        changes,
        kind="segmenter",
        config=config,
        out=out,
        resume=resume,
        device=device,
        dry_run=dry_run,
        as_json=as_json,
    )


@app.command()
def run(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Any ONNX segmenter, the folder of a run, or weights of psfusion, whose own head "
            "labels.",
        ),
    ],
    pictures: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of pictures, or of visible ones.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of labels.")],
    ir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of infrared pictures, for a segmenter of unfused pairs."
        ),
    ] = None,
    pair_regex: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help=r"--ir: what must agree in the names of a pair, e.g. '(\d+)'. "
            "Default: all but the ending.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Size to resize pictures to. Default: the file's fixed size, or their own.",
        ),
    ] = None,
    scale: Annotated[
        float, typer.Option(help="255 for models that take values from 0 to 255 instead of 0 to 1.")
    ] = 1.0,
    mean: Annotated[
        str, typer.Option(metavar="R,G,B", help="Values to subtract from each channel next.")
    ] = "0,0,0",
    std: Annotated[
        str, typer.Option(metavar="R,G,B", help="Values to divide each channel by after that.")
    ] = "1,1,1",
    window: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Let the segmenter see windows of this size, and average its logits (sliding "
            "inference), such as 320x240 for BFFR. Default: whole pictures.",
        ),
    ] = None,
    stride: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT", help="--window: step between windows. Default: half of it."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--map", metavar="A=B,...", help="Write class B for A; * stands for the rest."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Label every picture of a folder: write a PNG of the same name whose values are classes.

    For example, with a model trained on Cityscapes with ImageNet's usual mean and std:
    `imfuse segment run cityscapes.onnx vis/ -o labels/ --mean 0.485,0.456,0.406
    --std 0.229,0.224,0.225 --map '13=1,11=2,12=2,18=3,17=3,*=0'`

    A segmenter of unfused pairs (of PSFusion, or of two-encoders) gets both pictures:
    `imfuse segment run psfusion.safetensors vis/ --ir ir/ -o labels/`
    """
    from imfuse.cli.progress import track
    from imfuse.io.pairs import list_images
    from imfuse.vision.labelling import label_folder
    from imfuse.vision.segmenter import OnnxSegmenter

    if not math.isfinite(scale) or scale == 0:
        raise UsageError(f"--scale {scale:g}", expected="a number other than 0, such as 255")
    renames = None if classes is None else parse_map(classes)
    settings: dict[str, Any] = {
        "scale": scale,
        "mean": parse_channels("--mean", mean),
        "std": parse_channels("--std", std),
        "size": None if size is None else parse_size(size),
        "windows": parse_windows(window, stride),
    }
    if model.suffix == ".onnx" or not model.exists():
        segmenter = OnnxSegmenter(model, **settings)
    else:  # only here is PyTorch needed
        from imfuse.learn.heads import segmenter_file

        with tempfile.TemporaryDirectory() as folder:
            segmenter = OnnxSegmenter(segmenter_file(model, Path(folder)), **settings)
    if segmenter.pairs and ir is None:
        expected = "the infrared pictures too: --ir DIR"
        raise UsageError(f"{model}, which segments unfused pairs", expected=expected)
    if ir is not None and not segmenter.pairs:
        raise UsageError(f"--ir for {model}", expected="a segmenter of unfused pairs")
    if pair_regex is not None and ir is None:
        raise UsageError("--pair-regex without --ir", expected="the folder of infrared pictures")
    total = len(list_images(pictures))
    results = label_folder(segmenter, pictures, out, renames, infrared=ir, pair_regex=pair_regex)
    done = list(track(results, total, "labelling", unit="pictures"))
    failed = [one.error for one in done if one.error is not None]
    counts: Counter[int] = Counter()
    for one in done:
        counts.update(one.counts)
    if as_json:
        print_json(
            {
                "out": str(out),
                "labelled": len(done) - len(failed),
                "pixels": {str(number): pixels for number, pixels in sorted(counts.items())},
                "failed": [error.as_dict() for error in failed],
            }
        )
    else:
        names = () if segmenter.spec is None or renames else segmenter.spec.classes
        for number, pixels in sorted(counts.items()):
            name = names[number] if number < len(names) else ""
            say(f"  {number:>3}  {name:<16}{pixels / counts.total():8.2%} of all pixels")
        say(f"{len(done) - len(failed)} pictures labelled in {out}")
    say_list("not labelled", map(str, failed))
    if failed:
        sys.exit(ImfuseError.exit_code)


@app.command()
def score(
    labels: Annotated[Path, typer.Argument(metavar="LABELS_DIR", help="Labels to score.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH_DIR", help="True labels.")],
    classes: Annotated[
        int, typer.Option(min=1, max=255, help="Number of classes, the background included.")
    ] = 9,
    exclude: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Classes to leave out of the means.")
    ] = None,
    pair_regex: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help=r"What must agree in two names, e.g. '(\d+)'."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score labels against true ones, as papers do: over the pixels of all pictures together.

    The background counts as a class; pixels whose true label is 255 are not counted.
    """
    from imfuse.vision.labelling import score_folders

    left_out = [] if exclude is None else parse_classes("--exclude", exclude, below=classes)
    result = score_folders(labels, truth, classes, exclude=left_out, pair_regex=pair_regex)
    if as_json:
        print_json(_as_dict(result))
    else:
        _show(result)
    say_list("in one folder only, not counted", result.unmatched)
    say_list("not compared", map(str, result.failed))
    if result.failed:
        sys.exit(ImfuseError.exit_code)


def _as_dict(result: "LabelScores") -> dict[str, object]:
    scores = result.scores

    def number(value: float) -> float | None:
        return None if value != value else float(value)  # noqa: PLR0124 - NaN is no JSON

    return {
        "count": len(result.scored),
        "miou": number(scores.mean_iou),
        "macc": number(scores.mean_accuracy),
        "accuracy": number(scores.accuracy),
        "iou": [number(value) for value in scores.iou],
        "acc": [number(value) for value in scores.recall],
        "unmatched": list(result.unmatched),
        "failed": [error.as_dict() for error in result.failed],
    }


def _show(result: "LabelScores") -> None:
    from rich.table import Table

    from imfuse.cli.console import print_table, show

    def percent(value: float) -> str:
        return "-" if value != value else f"{100 * value:.2f}"  # noqa: PLR0124 - NaN: no such pixel

    scores = result.scores
    table = Table("class", box=None, pad_edge=False)
    for title in ("IoU", "Acc"):
        table.add_column(title, justify="right")
    for number, values in enumerate(zip(scores.iou, scores.recall, strict=True)):
        table.add_row(str(number), *map(percent, values))
    table.add_row("mean", percent(scores.mean_iou), percent(scores.mean_accuracy))
    print_table(table)
    show(f"{len(result.scored)} pictures; {percent(scores.accuracy)} % of all pixels right")
