"""`imfuse rig`: two cameras that are fixed to each other, calibrated once from many pairs."""

import re
import sys
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.align import IrPicture, VisPicture, read_values
from imfuse.cli.console import JsonOption, counted, print_json, say, say_list
from imfuse.cli.palette import PaletteOption
from imfuse.errors import ImfuseError, UsageError

if TYPE_CHECKING:
    from imfuse.types import ImagePair

app = typer.Typer(no_args_is_help=True, help="Calibrate two cameras that are fixed to each other.")

RigFile = Annotated[Path, typer.Argument(metavar="RIG.json", help="Rig file.")]


class Undistorted(StrEnum):
    """Cameras whose lens is corrected."""

    NONE = "none"
    IR = "ir"
    VIS = "vis"
    BOTH = "both"


_MOST = 40
"""Pairs to look at by default: more hardly change the result."""


@app.command()
def calibrate(
    ir: Annotated[Path, typer.Argument(help="Folder of infrared pictures.")],
    vis: Annotated[Path, typer.Argument(help="Folder of visible pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RIG.json", help="File to write.")],
    pair_regex: Annotated[
        str | None, typer.Option(metavar="REGEX", help="The part of two names that must agree.")
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="Pairs to look at, spread over the folder.")
    ] = _MOST,
    palette: PaletteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find how two cameras see from many pairs, and write a rig file.

    Take ten or more pairs of different scenes. `imfuse fuse --align RIG.json` then needs no search.
    """
    from imfuse.align.calibrate import calibrate as find_rig
    from imfuse.io.outputs import identities, refuse_source

    _refuse_name(out)
    matched = _matched(ir, vis, pair_regex)
    chosen = [matched[index * len(matched) // most] for index in range(most)]
    chosen = list(dict.fromkeys(chosen))
    refuse_source(out, identities(path for pair in chosen for path in pair))
    rig = find_rig(_read(chosen, palette))
    rig.write(out)
    if as_json:
        print_json(rig.model_dump(mode="json"))
        return
    precision = "" if rig.precision is None else f", corners to about {rig.precision:.1f} px at 640"
    say(f"{out}: from {counted(len(rig.pairs), 'pair')}{precision}")
    say_list("left out", [f"{one.vis}: {one.reason}" for one in rig.left_out])


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A 3x3 matrix, points, or Kalibr's camchain.yaml.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RIG.json", help="File to write.")],
    ir_size: Annotated[
        str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Size of infrared pictures.")
    ] = None,
    vis_size: Annotated[
        str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Size of visible pictures.")
    ] = None,
    infrared: Annotated[
        str, typer.Option(metavar="NAME", help="Camera chains: the infrared camera.")
    ] = "cam0",
    distance: Annotated[
        float | None,
        typer.Option(
            metavar="METRES",
            help="Camera chains: distance at which both pictures shall agree. Default: far away.",
        ),
    ] = None,
    inverse: Annotated[
        bool, typer.Option("--inverse", help="The file maps visible pixels to infrared ones.")
    ] = False,
    undistort: Annotated[
        Undistorted, typer.Option(help="Cameras whose lens is corrected, if the file tells it.")
    ] = Undistorted.BOTH,
    as_json: JsonOption = False,
) -> None:
    """Make a rig file of what another program calibrated.

    Reads text, JSON, YAML, OpenCV and NumPy files of a 3x3 matrix from infrared pixels to visible
    ones, or of four or more pairs of points, and camera chains of Kalibr. Pixels have their origin
    at the centre of the upper left one.
    """
    from imfuse.align.foreign_rigs import import_rig
    from imfuse.io.outputs import identities, refuse_source

    _refuse_name(out)
    refuse_source(out, identities([file]))
    rig = import_rig(
        file,
        ir_size=_parsed(ir_size),
        vis_size=_parsed(vis_size),
        infrared=infrared,
        distance=distance,
        inverse=inverse,
        undistort=undistort.value,
    )
    rig.write(out)
    if as_json:
        print_json(rig.model_dump(mode="json"))
        return
    for line in rig.describe():
        say(line)
    say(f"{out}: check it with imfuse rig check {out} IR VIS")


def _refuse_name(out: Path) -> None:
    from imfuse.options import RIG_SUFFIXES

    if out.suffix.lower() not in RIG_SUFFIXES:
        raise UsageError(f"--out {out}", expected=f"a name that ends in {RIG_SUFFIXES[0]}")


def _parsed(text: str | None) -> tuple[int, int] | None:
    """Return height and width."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,5})[xX]([1-9]\d{0,5})", text)
    if found is None:
        raise UsageError(f"the size {text!r}", expected="WIDTHxHEIGHT, such as 640x512")
    return int(found[2]), int(found[1])


@app.command()
def check(
    rig: RigFile,
    ir: IrPicture,
    vis: VisPicture,
    palette: PaletteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell whether a rig file still fits a pair, or two folders, and by how much it doesn't.

    Exits with 3 where the cameras have moved, or where the pictures don't show it.
    """
    from imfuse.align.calibrate import check as check_rig
    from imfuse.align.rig import Rig

    known = Rig.read(rig)
    files = _matched(ir, vis, None)[:10] if ir.is_dir() and vis.is_dir() else [(ir, vis)]
    found = check_rig(known, [pair for _, _, pair in _read(files, palette)])
    if as_json:
        print_json(
            {
                "status": found.status,
                "moved_px": round(found.moved, 3),
                "corners_px": found.corners.round(2).tolist(),
                "confidence": round(found.confidence, 4),
            }
        )
    else:
        say(f"{found.status}: {found.moved:.1f} px at 640, confidence {found.confidence:.2f}")
        names = ("upper left", "upper right", "lower right", "lower left")
        if found.status == "moved":
            off = zip(names, found.corners, strict=True)
            say_list(
                "infrared corners, in visible pixels",
                [f"{name}: {x:+.1f} across, {y:+.1f} down" for name, (x, y) in off],
            )
            say("Calibrate again: imfuse rig calibrate.")
    if found.status != "fits":
        sys.exit(ImfuseError.exit_code)


@app.command()
def show(rig: RigFile, as_json: JsonOption = False) -> None:
    """Show what a rig file says: fields of view, precision, and the pairs behind it."""
    from imfuse.align.rig import Rig

    known = Rig.read(rig)
    if as_json:
        print_json(known.model_dump(mode="json"))
        return
    for line in known.describe():
        say(line)
    say_list("pairs", [f"{one.vis}: {one.residual} px at 640" for one in known.pairs])
    say_list("left out", [f"{one.vis}: {one.reason}" for one in known.left_out])


def _matched(ir: Path, vis: Path, pattern: str | None) -> list[tuple[Path, Path]]:
    from imfuse.io.pairs import match_folders

    for folder in (ir, vis):
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder", expected="two folders of pairs")
    return [(pair.ir, pair.vis) for pair in match_folders(ir, vis, pattern).pairs]


def _read(
    files: list[tuple[Path, Path]], palette: str | None
) -> Generator[tuple[str, str, "ImagePair"], None, None]:
    """Read pairs one after another, and show how far it is."""
    from imfuse.cli.progress import track

    pairs = ((ir.name, vis.name, read_values(ir, vis, palette)) for ir, vis in files)
    return track(pairs, len(files), "looking")
