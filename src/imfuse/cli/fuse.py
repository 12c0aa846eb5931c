"""`imfuse fuse`: fuse two files, or two folders."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli import thermal
from imfuse.cli.choices import (
    FrameName,
    RuntimeName,
    Side,
    Suffix,
    ToneName,
    complete_method,
)
from imfuse.cli.console import (
    JsonOption,
    parse_bytes,
    parse_preference,
    parse_words,
    print_json,
    say,
)
from imfuse.cli.palette import PaletteOption, PaletteRangeOption
from imfuse.cli.progress import track
from imfuse.cli.results import folder_as_json, output_row, summarise
from imfuse.cli.streams import INTERRUPTED
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.files import PairResult
    from imfuse.folders import FolderJob
    from imfuse.fuser import Fuser
    from imfuse.options import FuseOptions
    from imfuse.types import Engine

_OURS = "Apache-2.0"
"""Licence of our own code and weights, which needs no mention."""


def fuse(
    ir: Annotated[Path, typer.Argument(help="Infrared picture, or a folder of them.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Result: a file, or a folder for folders.")
    ],
    vis: Annotated[
        Path | None,
        typer.Argument(
            help="Visible picture, or a folder of them. Without it, IR must be a thermal file "
            "that holds both, or a folder of such files."
        ),
    ] = None,
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
    stretch: Annotated[
        bool, typer.Option("--stretch", help="Let --resize change a picture's proportions.")
    ] = False,
    align: Annotated[
        str,
        typer.Option(
            metavar="off|auto|RIG.json",
            help="Find how the pictures lie upon each other by what they show, or from a rig file "
            "(imfuse rig calibrate). What isn't sure is refused.",
        ),
    ] = "off",
    frame: Annotated[
        FrameName,
        typer.Option(
            help="Pixels of the result: the visible or the infrared picture's, or "
            "those of the visible one that both show."
        ),
    ] = FrameName.vis,
    ir_range: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH|10C:40C|LOW%:HIGH%|auto",
            help="Infrared values that become black and white: values, temperatures (C, K, F), "
            "percentiles (of all pictures of a folder together), or auto for 0.5%:99.5%. Default: "
            "the type's full range; for one thermal file, what its camera showed.",
        ),
    ] = None,
    ir_unit: thermal.UnitOption = None,
    emissivity: thermal.EmissivityOption = None,
    reflected: thermal.ReflectedOption = None,
    atmosphere: thermal.AtmosphereOption = None,
    distance: thermal.DistanceOption = None,
    humidity: thermal.HumidityOption = None,
    window_temperature: thermal.WindowTemperatureOption = None,
    window_transmission: thermal.WindowTransmissionOption = None,
    keep_temperature: thermal.KeepOption = False,
    palette: PaletteOption = None,
    palette_range: PaletteRangeOption = None,
    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="WISH=WEIGHT,...",
            help="ir=0.7 or vis=0.7: above 0.5 more of that picture shows; at 1, nothing else. "
            "With imfuse-b and imfuse-s also detail (to 1.5), natural and machine (to 1).",
        ),
    ] = None,
    tone: Annotated[
        ToneName,
        typer.Option(
            help="auto lifts dark results until they can be made out, night further; brighter "
            "pictures stay as they are."
        ),
    ] = ToneName.off,
    provenance: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png|DIR",
            help="Write a map of where the pixels come from, too: red infrared, blue visible, "
            "green neither. For folders, a folder.",
        ),
    ] = None,
    pair_regex: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help=r"Folders: the part of two names that must agree, e.g. '(\d+)'."
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Folders: pairs, in the columns `ir` and `vis`."),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Suffix | None,
        typer.Option(help="Folders: format of the results. Default: png, for float pictures tif."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Folders: pairs at a time. Default: one per core.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Folders: skip pairs that an earlier run finished.")
    ] = False,
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="Memory above the inputs; larger pictures are fused in tiles. Default: 1GB; for "
            "methods that see the whole picture at once, half of the machine's if that is more.",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(min=1, help="Refuse pictures with more pixels. Default: 500 million."),
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG results.")] = 95,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads inside a network. Default: all cores.")
    ] = None,
    runtime: Annotated[
        RuntimeName,
        typer.Option(help="Runtime for .onnx files. OpenVINO is faster, and needs the extra."),
    ] = RuntimeName.onnxruntime,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Describe an .onnx file that does not describe itself: range=-1:1, ...; see "
            "`imfuse convert --help`.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fuse an infrared and a visible picture, or two folders of them.

    The result has the size, colour, bit depth and metadata of the visible picture. Two folders
    are matched by file name; results are named after the visible pictures.

    For example `imfuse fuse ir.png vis.png -o fused.png`, or
    `imfuse fuse ir/ vis/ -o fused/ --workers 2 --resume`. A thermal file that holds both pictures
    needs no other: `imfuse fuse flir.jpg -o fused.png`.
    """
    from imfuse.options import MAX_PIXELS, FuseOptions

    options = FuseOptions(
        model=model,
        resize=None if resize is None else resize.value,
        stretch=stretch,
        align=align,
        frame=frame.value,
        ir_range=ir_range,
        ir_unit=None if ir_unit is None else ir_unit.value,
        emissivity=emissivity,
        reflected=reflected,
        atmosphere=atmosphere,
        distance=distance,
        humidity=humidity,
        window_temperature=window_temperature,
        window_transmission=window_transmission,
        keep_temperature=keep_temperature,
        palette=palette,
        palette_range=palette_range,
        tone=tone.value,
        provenance=provenance is not None,
        max_memory=None if max_memory is None else parse_bytes(max_memory),
        max_pixels=max_pixels or MAX_PIXELS,
        threads=threads,
        runtime=runtime.value,
        quality=quality,
        settings=parse_words(settings or []),
    )
    options = FuseOptions.of(options, **({} if prefer is None else parse_preference(prefer)))
    if ir.is_dir() and (vis is None or vis.is_dir()):
        from imfuse.folders import FolderJob
        from imfuse.machine import available_cores

        job = FolderJob(
            ir=ir,
            vis=vis,
            out=out,
            options=options,
            suffix=None if format is None else f".{format.value}",
            pair_regex=pair_regex,
            pairs=pairs,
            workers=workers or available_cores(),
            resume=resume,
            provenance=provenance,
        )
        _fuse_folders(job, as_json=as_json)
        return
    if vis is not None and (ir.is_dir() or vis.is_dir()):
        folder, other = (ir, vis) if ir.is_dir() else (vis, ir)
        found = f"{folder} is a folder, {other} " + ("is not" if other.exists() else "is missing")
        raise UsageError(found, expected="two files or two folders")
    for_folders = {
        "--pair-regex": pair_regex,
        "--pairs": pairs,
        "--format": format,
        "--workers": workers,
        "--resume": resume or None,
    }
    for name, value in for_folders.items():
        if value is not None:
            raise UsageError(f"{name} with two files", expected="two folders with this option")
    _fuse_files(ir, vis, out, options, provenance, as_json=as_json)


def _fuse_files(
    ir: Path,
    vis: Path | None,
    out: Path,
    options: "FuseOptions",
    provenance: Path | None,
    *,
    as_json: bool,
) -> None:
    from imfuse.files import check_output, fuse_files, output_file
    from imfuse.fuser import Fuser

    out = output_file(out, vis or ir)
    check_output(out, (ir,) if vis is None else (ir, vis))
    fuser = Fuser(options)
    _say_model(fuser.engine)
    fused, result = fuse_files(fuser, ir, vis, out, provenance)
    for note in result.notes:
        say(f"warning: {note}")
    _say_range(fuser, result)
    if as_json:
        print_json({"outputs": [output_row(result)], "failed": []})
    else:
        height, width = fused.size
        say(f"{out}  ({width}x{height}, {result.model}, {1e3 * result.seconds:.0f} ms)")


def _say_range(fuser: "Fuser", result: "PairResult") -> None:
    """Print the values that the percentiles stood for."""
    wanted = fuser.options.infrared_range
    if wanted is not None and wanted.percent:
        low, high = result.history["ir_range"]
        unit = thermal.unit_of(result.history)
        say(f"infrared range {wanted}: {low:g}:{high:g}{unit}")


def _say_model(engine: "Engine") -> None:
    """Print the licence of others' weights, and what was assumed, before they are used."""
    spec = engine.spec
    for note in getattr(engine, "notes", ()):
        say(f"warning: {spec.name}: {note}")
    if spec.licence != _OURS:
        say(f"{spec.name}: licence of these weights: {spec.licence}")


def _fuse_folders(job: "FolderJob", *, as_json: bool) -> None:
    from imfuse.folders import prepare

    started = time.perf_counter()
    run = prepare(job)
    _say_model(run.fuser.engine)
    if run.needs_range:
        say("reading all infrared pictures to find their shared range")
    interrupted = False
    try:
        for _ in track(iter(run), run.total, "fusing"):
            pass
    except KeyboardInterrupt:
        interrupted = True
    summarise(run, time.perf_counter() - started, interrupted=interrupted)
    if as_json:
        print_json(folder_as_json(run, interrupted=interrupted))
    if interrupted:
        sys.exit(INTERRUPTED)
    if any(result.error for result in run.finished):
        sys.exit(ImfuseError.exit_code)
