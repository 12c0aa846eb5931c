"""Turn decoded data into a `Picture`: upright, finite, with tidy metadata."""

from imfuse.io.formats import exif, xmp
from imfuse.io.formats.arrays import upright
from imfuse.io.formats.container import Decoded
from imfuse.io.formats.holes import fill_holes
from imfuse.types import Metadata, Picture, Pixels

_LARGEST_EXIF = 1 << 24


def finish(decoded: Decoded, name: str, kind: str | None) -> Picture:
    """Apply the orientation, mark pixels without a value, and tidy the metadata.

    Raises:
        BadValues: No pixel has a value.
    """
    tidy, notes = _tidy_exif(decoded)
    orientation = decoded.orientation or tidy.orientation
    turned = orientation in range(2, 9)

    def turn(plane: Pixels) -> Pixels:
        return upright(plane, orientation) if turned else plane

    pixels, alpha, holes = fill_holes(
        turn(decoded.pixels),
        None if decoded.alpha is None else turn(decoded.alpha),
        name,
        decoded.nodata,
    )
    icc = decoded.icc
    if icc is not None and not exif.profile_fits(icc, colour=pixels.ndim == 3):
        icc = None
    packet = decoded.xmp
    if packet is not None and len(packet) > xmp.LONGEST:
        notes.append(f"XMP data of more than {xmp.LONGEST // 1_000_000} MB were left out")
        packet = None
    geo = decoded.geo
    if geo and turned:
        notes.append("GeoTIFF tags were left out, since the picture was turned upright")
        geo = {}
    metadata = Metadata(
        exif=tidy.block,
        icc=icc,
        dpi=decoded.dpi or tidy.dpi,
        xmp=xmp.tidy(packet) if packet else None,
        geo=geo,
    )
    return Picture(
        pixels=pixels,
        alpha=alpha,
        nodata=holes,
        metadata=metadata,
        name=name,
        format=kind,
        notes=tuple(notes),
    )


def _tidy_exif(decoded: Decoded) -> tuple[exif.Tidy, list[str]]:
    """Return the content of the EXIF block, and the notes so far."""
    notes = list(decoded.notes)
    if decoded.exif is None:
        return exif.Tidy(), notes
    if len(decoded.exif) > _LARGEST_EXIF:
        return exif.Tidy(), [*notes, "EXIF data of more than 16 MB were left out"]
    tidy = exif.tidy(decoded.exif)
    if tidy is None:
        return exif.Tidy(), [*notes, "the EXIF block is damaged and was ignored"]
    if tidy.lost:
        notes.append(f"{tidy.lost} damaged EXIF entries were ignored")
    return tidy, notes
