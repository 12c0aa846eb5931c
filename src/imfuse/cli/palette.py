"""`imfuse palette`: infrared in false colour, turned back into a gray picture of its values."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.console import JsonOption, print_json, say

if TYPE_CHECKING:
    from imfuse.types import Picture


def complete_palette(incomplete: str) -> list[str]:
    """Complete the name of a palette in the shell."""
    from imfuse.options import PALETTE_NAMES

    return [name for name in PALETTE_NAMES if name.startswith(incomplete)]


PaletteOption = Annotated[
    str | None,
    typer.Option(
        "--palette",
        metavar="auto|estimate|NAME",
        help="Turn infrared in false colour back into values: auto recognises the palette; or "
        "iron, rainbow, rainbow-hc, arctic, lava, glowbow, black-hot, ...",
        autocompletion=complete_palette,
    ),
]
"""The palette of infrared pictures, as `imfuse fuse` takes it."""

PaletteRangeOption = Annotated[
    str | None,
    typer.Option(
        "--palette-range",
        metavar="LOW:HIGH",
        help="Temperatures at the cold and the hot end of the colour bar, such as 12C:40C "
        "(C, K or F): values are then degrees.",
    ),
]
"""Temperatures at the ends of the palette, as `imfuse fuse` takes them."""


def palette(
    file: Annotated[Path, typer.Argument(help="Infrared picture in false colour.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Values in gray: .png has 16 bits, .tif floats or degrees."
        ),
    ],
    palette: PaletteOption = "auto",
    palette_range: PaletteRangeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn infrared in false colour back into values, from 0 (cold) to 1 (hot).

    Pixels that the camera drew on (colour bar, writing, logo) become transparent, and NaN in
    .tif. For example `imfuse palette thermal.jpg -o values.png`; `imfuse fuse --palette auto` does
    this by itself.
    """
    from imfuse.falsecolour import recovered
    from imfuse.files import check_output
    from imfuse.io.images import read_image, write_image
    from imfuse.options import FuseOptions
    from imfuse.readings import Recovered

    options = FuseOptions(palette=palette, palette_range=palette_range)
    check_output(out, (file,))
    picture = recovered(read_image(file), options)
    reading = None
    if isinstance(picture, Recovered):
        reading = picture.reading.as_dict()
        picture = _as_output(picture, out)
    for note in picture.notes:
        say(f"warning: {note}" if note.startswith(picture.name) else f"warning: {file}: {note}")
    lost = write_image(out, picture)
    for note in lost:
        say(f"warning: {note}")
    if as_json:
        print_json({"file": str(file), "out": str(out), "reading": reading})
    elif reading is None:
        say(f"{out}  ({picture.extent}, gray as it was: no palette to turn back)")
    else:
        say(f"{out}  ({picture.extent}, {reading['palette']})")


def _as_output(picture: "Picture", out: Path) -> "Picture":
    """Return values as the output's format holds them best."""
    from dataclasses import replace

    import numpy as np

    from imfuse.infrared import calibration_of
    from imfuse.io.images import can_hold, output_format
    from imfuse.types import Metadata, Pixels

    kind = output_format(out)
    plain = Metadata(exif=picture.metadata.exif, dpi=picture.metadata.dpi)
    if can_hold(kind, np.float32):
        slope, offset = calibration_of(picture)
        values = picture.pixels * np.float32(slope) + np.float32(offset)
        if picture.nodata is not None:
            values[picture.nodata] = np.nan
        return replace(picture, pixels=values, metadata=plain)
    depth: type = np.uint16 if can_hold(kind, np.uint16) else np.uint8
    white = np.iinfo(depth).max
    pixels: Pixels = np.rint(picture.pixels * np.float32(white)).astype(depth)
    alpha: Pixels | None = None
    if picture.nodata is not None:
        alpha = np.where(picture.nodata, 0, white).astype(depth)
    return replace(picture, pixels=pixels, alpha=alpha, metadata=plain)
