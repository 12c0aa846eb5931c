"""From what a decoder found to a Picture: upright, without values that are none, tidy metadata."""

import re

from imfuse.io.formats import exif
from imfuse.io.formats.arrays import upright
from imfuse.io.formats.container import Decoded
from imfuse.io.nodata import without_gaps
from imfuse.types import Metadata, Picture

_LONGEST_XMP = 1 << 20
_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")


def finish(decoded: Decoded, name: str, kind: str | None) -> Picture:
    """Apply the orientation, mark pixels without data, and tidy the metadata.

    Raises:
        BadValues: No pixel has a value, or transparency is not a number.
    """
    notes = list(decoded.notes)
    pixels, nodata = without_gaps(decoded.pixels, decoded.alpha, decoded.nodata, name)
    alpha = decoded.alpha
    tidy = None if decoded.exif is None else exif.tidy(decoded.exif)
    if decoded.exif is not None and tidy is None:
        notes.append("the EXIF block is damaged and was ignored")
    if tidy is not None and tidy.lost:
        notes.append(f"{tidy.lost} damaged EXIF entries were ignored")
    tidy = tidy or exif.Tidy()
    orientation = decoded.orientation or tidy.orientation
    if orientation in range(2, 9):
        pixels = upright(pixels, orientation)
        alpha = None if alpha is None else upright(alpha, orientation)
        nodata = None if nodata is None else upright(nodata, orientation)
    icc = decoded.icc
    if icc is not None and not exif.profile_fits(icc, colour=pixels.ndim == 3):
        icc = None
    xmp = decoded.xmp
    if xmp is not None and len(xmp) > _LONGEST_XMP:
        xmp = None
        notes.append("XMP data of more than 1 MB were ignored")
    return Picture(
        pixels=pixels,
        alpha=alpha,
        nodata=nodata,
        metadata=Metadata(
            exif=tidy.block,
            icc=icc,
            dpi=decoded.dpi or tidy.dpi,
            xmp=None if xmp is None else _ORIENTATION.sub(rb"\g<1>1", xmp),
            geo=decoded.geo,
        ),
        name=name,
        format=kind,
        notes=tuple(notes),
    )
