"""`imfuse fuse`: two files, or two folders."""

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli.console import (
    JsonOption,
    parse_bytes,
    parse_preference,
    parse_range,
    print_json,
    say,
    say_list,
)
from imfuse.cli.progress import track
from imfuse.errors import ImfuseError, OutputError, UsageError

if TYPE_CHECKING:
    from imfuse.folders import FolderJob, FolderRun
    from imfuse.types import FusionSpec

_INTERRUPTED = 130

_OURS = "Apache-2.0"
"""Licence of our own code and weights, which needs no mention."""


class Side(StrEnum):
    """Which picture of a pair."""

    ir = "ir"
    vis = "vis"


class Suffix(StrEnum):
    """File formats of results."""

    png = "png"
    tif = "tif"
    jpg = "jpg"
    webp = "webp"
    bmp = "bmp"


class RuntimeName(StrEnum):
    """What runs `.onnx` files."""

    onnxruntime = "onnxruntime"
    openvino = "openvino"
    openvino_bf16 = "openvino-bf16"


def complete_method(incomplete: str) -> list[str]:
    """Complete the name of a method in the shell."""
    from imfuse.engines.load import model_names

    return [name for name in model_names() if name.startswith(incomplete)]


def fuse(
    ir: Annotated[Path, typer.Argument(help="Infrared picture, or a folder of them.")],
    vis: Annotated[Path, typer.Argument(help="Visible picture, or a folder of them.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Result: a file, or a folder for folders.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE.onnx",
            help="Method; `imfuse models list` shows them.",
            autocompletion=complete_method,
        ),
    ] = None,
    resize: Annotated[
        Side | None, typer.Option(help="Bring this picture to the other's size if they differ.")
    ] = None,
    ir_range: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="Infrared values that become black and white. Default: the type's full range.",
        ),
    ] = None,
    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="ir=SHARE|vis=SHARE",
            help="Lean towards one picture: above 0.5 more of it shows, at 1 it alone.",
        ),
    ] = None,
    pair_regex: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help=r"Folders: what must agree in two names, e.g. '(\d+)'."),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Suffix | None,
        typer.Option(help="Folders: format of the results. Default: png, for float pictures tif."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Folders: pairs at one time. Default: one a core.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Folders: skip pairs that an earlier run finished.")
    ] = False,
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="Memory above the inputs; larger pictures are fused in tiles. Default: 1GB; half "
            "of the machine's for methods that see the whole picture at once.",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(min=1, help="Refuse pictures with more pixels. Default: 500 million."),
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG results.")] = 95,
    runtime: Annotated[
        RuntimeName,
        typer.Option(help="What runs .onnx files. The two of OpenVINO are faster, and an extra."),
    ] = RuntimeName.onnxruntime,
    as_json: JsonOption = False,
) -> None:
    """Fuse an infrared and a visible picture, or two folders of them.

    The result has the size, colour, bit depth and metadata of the visible picture. Two folders
    are matched by file name; results are named after the visible pictures.

    For example `imfuse fuse ir.png vis.png -o fused.png`, or
    `imfuse fuse ir/ vis/ -o fused/ --workers 2 --resume`.
    """
    options: dict[str, Any] = {
        "model": model,
        "resize": None if resize is None else resize.value,
        "ir_range": None if ir_range is None else parse_range(ir_range),
        "prefer_ir": None if prefer is None else parse_preference(prefer),
        "max_memory": None if max_memory is None else parse_bytes(max_memory),
        "max_pixels": max_pixels,
        "quality": quality,
        "runtime": runtime.value,
    }
    options = {name: value for name, value in options.items() if value is not None}
    if ir.is_dir() and vis.is_dir():
        from imfuse.folders import FolderJob
        from imfuse.machine import available_cores

        job = FolderJob(
            ir=ir,
            vis=vis,
            out=out,
            suffix=None if format is None else f".{format.value}",
            pair_regex=pair_regex,
            workers=workers or available_cores(),
            resume=resume,
            **options,
        )
        _fuse_folders(job, as_json=as_json)
        return
    if ir.is_dir() or vis.is_dir():
        folder, other = (ir, vis) if ir.is_dir() else (vis, ir)
        found = f"{folder} is a folder, {other} " + ("is not" if other.exists() else "is missing")
        raise UsageError(found, expected="two files or two folders")
    for_folders = {
        "--pair-regex": pair_regex,
        "--format": format,
        "--workers": workers,
        "--resume": resume or None,
    }
    for name, value in for_folders.items():
        if value is not None:
            raise UsageError(f"{name} with two files", expected="two folders with this option")
    _fuse_files(ir, vis, out, options, as_json=as_json)


def _fuse_files(ir: Path, vis: Path, out: Path, options: dict[str, Any], *, as_json: bool) -> None:
    from imfuse.fuser import Fuser
    from imfuse.io.images import MAX_PIXELS, read_image, write_image
    from imfuse.io.pairs import check_distinct
    from imfuse.types import ImagePair

    if out.is_dir() or str(out).endswith(os.sep):
        out = out / f"{vis.stem}.png"
    _check_output_file(out, (ir, vis))
    check_distinct(ir, vis)
    quality, max_pixels = options.pop("quality"), options.pop("max_pixels", MAX_PIXELS)
    fuser = Fuser(options.pop("model", None), **options)
    _say_licence(fuser.engine.spec)
    pictures = [read_image(path, max_pixels=max_pixels) for path in (ir, vis)]
    fused = fuser.fuse(ImagePair(ir=pictures[0], vis=pictures[1]))
    notes = (*fused.notes, *write_image(out, fused, quality=quality))
    for note in notes:
        say(f"warning: {note}")
    if as_json:
        row = _output_row(ir, vis, out, fused.model, fused.seconds, notes)
        print_json({"outputs": [row], "failed": []})
    else:
        height, width = fused.size
        say(f"{out}  ({width}x{height}, {fused.model}, {1e3 * fused.seconds:.0f} ms)")


def _say_licence(spec: "FusionSpec") -> None:
    """Say under which terms others' weights are, before results are made with them."""
    if spec.licence != _OURS:
        say(f"{spec.name}: licence of these weights: {spec.licence}")


def _check_output_file(out: Path, sources: tuple[Path, Path]) -> None:
    """Refuse what could only fail after the work is done."""
    from imfuse.io.images import output_format

    output_format(out)
    for source in sources:
        if out.exists() and source.exists() and out.samefile(source):
            remedy = "Give another name with -o."
            raise OutputError("the output is one of the inputs", file=out, remedy=remedy)
    if not out.parent.is_dir():
        remedy = "Make the folder first, or give another with -o."
        raise OutputError("the output's folder does not exist", file=out, remedy=remedy)


def _output_row(
    ir: Path, vis: Path, out: Path, model: str, seconds: float, notes: tuple[str, ...]
) -> dict[str, object]:
    return {
        "ir": str(ir),
        "vis": str(vis),
        "out": str(out),
        "model": model,
        "seconds": round(seconds, 6),
        "warnings": list(notes),
    }


def _fuse_folders(job: "FolderJob", *, as_json: bool) -> None:
    from imfuse.folders import prepare

    started = time.perf_counter()
    run = prepare(job)
    _say_licence(run.fuser.engine.spec)
    interrupted = False
    try:
        for _ in track(iter(run), run.total, "fusing"):
            pass
    except KeyboardInterrupt:
        interrupted = True
    _summarise(run, time.perf_counter() - started, interrupted=interrupted)
    if as_json:
        print_json(_as_json(run, interrupted=interrupted))
    if interrupted:
        sys.exit(_INTERRUPTED)
    if any(result.error for result in run.finished):
        sys.exit(ImfuseError.exit_code)


def _summarise(run: "FolderRun", seconds: float, *, interrupted: bool) -> None:
    written = [result for result in run.finished if not result.error]
    if written:
        rate = len(written) / seconds
        say(f"{len(written)} pairs fused in {seconds:.1f} s ({rate:.1f}/s) into {run.job.out}")
    if run.skipped:
        say(f"{len(run.skipped)} pairs were there already")
    say_list("infrared without a visible partner", [p.name for p in run.matching.ir_only])
    say_list("visible without an infrared partner", [p.name for p in run.matching.vis_only])
    say_list("warnings", dict.fromkeys(note for r in written for note in r.notes))
    say_list("failed", [str(result.error) for result in run.finished if result.error])
    if interrupted:
        left = run.total - len(run.finished)
        say(f"interrupted; {left} pairs are left. The same command with --resume goes on.")


def _as_json(run: "FolderRun", *, interrupted: bool) -> dict[str, object]:
    return {
        "outputs": [
            _output_row(r.ir, r.vis, r.out, r.model, r.seconds, r.notes)
            for r in run.finished
            if not r.error
        ],
        "failed": [
            {"ir": str(r.ir), "vis": str(r.vis), "error": str(r.error), **r.error.as_dict()}
            for r in run.finished
            if r.error
        ],
        "skipped": [{"ir": str(pair.ir), "vis": str(pair.vis)} for pair in run.skipped],
        "unmatched": {
            "ir": [str(path) for path in run.matching.ir_only],
            "vis": [str(path) for path in run.matching.vis_only],
        },
        "interrupted": interrupted,
    }
