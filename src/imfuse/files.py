"""The only route for a pair of files: check, read, fuse, write."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imfuse.errors import ImfuseError, OutputError
from imfuse.fuser import Fuser
from imfuse.infrared import in_celsius
from imfuse.io.images import open_source, output_format, read_image, write_image
from imfuse.io.outputs import identities, refuse_source
from imfuse.io.pairs import check_distinct
from imfuse.io.thermal.inside import read_inside
from imfuse.io.thermal.read import read_infrared
from imfuse.options import FuseOptions
from imfuse.types import Float, FusedImage, ImagePair, Picture, Registration


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """Result of one pair: a written file, or the error that prevented it.

    Attributes:
        ir: Infrared picture.
        vis: Visible picture.
        out: File of the result.
        model: Name of the method.
        seconds: Time that the fusion itself took.
        notes: Warnings.
        history: See `FusedImage.history`.
        error: Why there is no result; None where there is one.
    """

    ir: Path
    vis: Path
    out: Path
    model: str
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    history: dict[str, Any] = field(default_factory=dict)
    error: ImfuseError | None = None


def fuse_files(
    fuser: Fuser, ir: Path, vis: Path | None, out: Path, provenance: Path | None = None
) -> tuple[FusedImage, PairResult]:
    """Fuse two files into a third.

    Args:
        fuser: The method.
        ir: Infrared picture.
        vis: Visible picture; None: the one inside the infrared file, if it is a thermal file.
        out: File to write; its extension sets the format.
        provenance: File for the map of where pixels come from, which the fuser's options must ask
            for; None: none.

    Raises:
        OutputError: The result can't be written there, or would replace a source.
        ImfuseError: A picture can't be read, or the pair can't be fused.
    """
    sources = (ir,) if vis is None else (ir, vis)
    check_output(out, sources)
    check_keeping(out, fuser.options)
    if provenance is not None:
        check_provenance(provenance, out, sources)
    pair, registration = read_sources(ir, vis, fuser.options)
    fused = fuser.fuse(pair, registration=registration)
    result = write_fused(fused, ir, vis or ir, out, fuser.options)
    if provenance is not None:
        write_provenance(fused, provenance)
    return fused, result


def read_pair(ir: Path, vis: Path, options: FuseOptions) -> ImagePair:
    """Read the two pictures of a pair.

    Raises:
        PairMismatch: Both are the same file.
        ImfuseError: One can't be read.
    """
    check_distinct(ir, vis)
    limit = options.max_pixels
    first = read_infrared(ir, reading=options.reading, max_pixels=limit)
    return ImagePair(ir=first, vis=read_image(vis, max_pixels=limit))


def read_sources(
    ir: Path | bytes, vis: Path | None, options: FuseOptions
) -> tuple[ImagePair, Registration | None]:
    """Return the two pictures of a pair, and how they lie on each other if the file says so.

    Args:
        ir: Infrared picture.
        vis: Visible picture; None: both are inside the infrared file.
        options: How to read and fuse.

    Raises:
        ImfuseError: A picture can't be read, or there is no visible one.
    """
    if vis is not None and isinstance(ir, Path):
        return read_pair(ir, vis, options), None
    content = open_source(ir, max_pixels=options.max_pixels)
    pair, placed = read_inside(content, options.reading)
    return pair, placed if options.align == "off" else None


def kept_in(fused: FusedImage, options: FuseOptions) -> Float | None:
    """Return the temperatures to write behind a picture; None: the options ask for none.

    Raises:
        BadValues: The infrared picture holds no temperatures.
    """
    if not options.keep_temperature:
        return None
    return in_celsius(fused.physical, fused.unit, fused.name)


def check_keeping(out: Path, options: FuseOptions) -> None:
    """Refuse an output that can't keep temperatures, if the options ask for it.

    Raises:
        OutputError: It is not a TIFF.
    """
    if options.keep_temperature and output_format(out) != "TIFF":
        raise OutputError(
            f"{out.suffix} files can't keep temperatures",
            file=out,
            expected="a TIFF, whose second page holds them",
            remedy="Give -o (out=) a name with the suffix .tif, or leave --keep-temperature "
            "(keep_temperature=) out.",
        )


def write_fused(
    fused: FusedImage, ir: Path, vis: Path, out: Path, options: FuseOptions
) -> PairResult:
    """Write a fused picture. The caller has made sure that it replaces no source.

    Raises:
        OutputError: It can't be written.
    """
    kept = kept_in(fused, options)
    lost = write_image(out, fused, quality=options.quality, temperature=kept)
    return PairResult(
        ir=ir,
        vis=vis,
        out=out,
        model=fused.model,
        seconds=fused.seconds,
        notes=(*fused.notes, *lost),
        history=dict(fused.history),
    )


def write_provenance(fused: FusedImage, out: Path) -> None:
    """Write where the pixels of a picture come from: red infrared, blue visible, green neither.

    Raises:
        OutputError: It can't be written.
    """
    if fused.provenance is None:
        raise AssertionError("a map that nobody asked the fuser for")
    shares = np.rint(255 * fused.provenance).astype(np.uint8)
    write_image(out, Picture(pixels=np.ascontiguousarray(shares[..., [0, 2, 1]])))


def check_provenance(map_: Path, out: Path, sources: Iterable[Path]) -> None:
    """Refuse a file for the map that is a source or the result itself; see `check_output`.

    Raises:
        OutputError: It is, or it can't be written there.
    """
    check_output(map_, sources)
    if map_.resolve() == out.resolve() or identities([map_]) & identities([out]):
        raise OutputError(
            "the map of provenance would replace the result",
            file=map_,
            remedy="Give another file with --provenance (provenance=).",
        )


def check_output(out: Path, sources: Iterable[Path]) -> None:
    """Refuse an output that is a source, or that would only fail after the work is done.

    Raises:
        OutputError: The extension is unknown, the folder is missing, or the file is a source.
    """
    output_format(out)
    refuse_source(out, identities(sources))
    if not out.parent.is_dir():
        remedy = "Make the folder first, or give another with -o (out=)."
        raise OutputError("the output's folder does not exist", file=out, remedy=remedy)


def output_file(out: Path, vis: Path) -> Path:
    """Return the file to write: in a folder, a PNG file named after the visible picture."""
    named_as_folder = str(out).endswith(os.sep) or out.is_dir()
    return out / f"{vis.stem}.png" if named_as_folder else out
