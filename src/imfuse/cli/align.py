"""`imfuse align`: how the two pictures of a pair lie upon each other."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.console import JsonOption, print_json, say
from imfuse.cli.palette import PaletteOption
from imfuse.errors import NotRegistered

if TYPE_CHECKING:
    from imfuse.align.auto import Found
    from imfuse.types import ImagePair

IrPicture = Annotated[Path, typer.Argument(help="Infrared picture.")]
VisPicture = Annotated[Path, typer.Argument(help="Visible picture.")]


def align(
    ir: IrPicture,
    vis: VisPicture,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write infrared on the pixels of the visible one."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write a page with a slider between both, a checkerboard, and what is left over.",
        ),
    ] = None,
    palette: PaletteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find how an infrared picture lies on a visible one, of any sizes and fields of view.

    Prints the matrix that maps infrared pixels (x, y, 1) to visible ones. Exits with 3 where it
    isn't sure; `imfuse fuse --align auto` then refuses the pair, too.

    For example `imfuse align ir.png vis.png --report page.html`.
    """
    from imfuse.align.auto import checked, find
    from imfuse.files import check_output
    from imfuse.io.outputs import identities, refuse_source

    if out is not None:
        check_output(out, (ir, vis))
    if report is not None:
        refuse_source(report, identities((ir, vis)))
    pair = read_values(ir, vis, palette)
    started = time.perf_counter()
    found: Found | None = None
    refusal: NotRegistered | None = None
    try:
        found = find(pair)
        checked(found, pair)
    except NotRegistered as error:
        refusal = error
    seconds = time.perf_counter() - started
    if found is not None and report is not None:
        from imfuse.io.atomic import write_text
        from imfuse.report.alignment import alignment_page

        write_text(report, alignment_page(pair, found, refusal))
        say(f"page: {report}")
    if found is not None and out is not None and refusal is None:
        _write_warped(pair, found, out)
        say(f"infrared on the visible picture's pixels: {out}")
    if as_json:
        print_json(_as_json(found, refusal, seconds))
    elif found is not None and refusal is None:
        _say_found(found, seconds)
    if refusal is not None:
        if as_json:
            say(f"error: {refusal}")
            sys.exit(NotRegistered.exit_code)
        raise refusal


def read_values(ir: Path, vis: Path, palette: str | None) -> "ImagePair":
    """Read a pair, of which infrared in false colour becomes values if a palette is asked for."""
    from dataclasses import replace

    from imfuse.falsecolour import recovered
    from imfuse.files import read_pair
    from imfuse.options import FuseOptions

    options = FuseOptions(palette=palette)
    pair = read_pair(ir, vis, options)
    return replace(pair, ir=recovered(pair.ir, options))


def _as_json(
    found: "Found | None", refusal: NotRegistered | None, seconds: float
) -> dict[str, object]:
    return {
        "status": "registered" if refusal is None else "refused",
        "reason": None if refusal is None else refusal.reason,
        "matrix": None if found is None else found.matrix.tolist(),
        "confidence": 0.0 if found is None else round(found.confidence, 4),
        "rms_px": None if found is None else round(found.rms, 3),
        "estimator": "none" if found is None else found.estimate.stage,
        "seconds": round(seconds, 3),
    }


def _say_found(found: "Found", seconds: float) -> None:
    say(
        f"registered: confidence {found.confidence:.2f}, {found.rms:.1f} pixels left over, "
        f"search {found.estimate.stage}, {seconds:.1f} s"
    )
    for row in found.matrix:
        say("  " + "  ".join(f"{value:12.6g}" for value in row))


def _write_warped(pair: "ImagePair", found: "Found", out: Path) -> None:
    """Write infrared on the visible picture's pixels, transparent where there is none."""
    import numpy as np

    from imfuse.align.auto import warped
    from imfuse.io.images import write_image
    from imfuse.types import Picture

    values, outside = warped(pair, found)
    pixels = np.rint(255 * values).astype(np.uint8)
    alpha = np.where(outside, 0, 255).astype(np.uint8)
    write_image(out, Picture(pixels=pixels, alpha=alpha))
