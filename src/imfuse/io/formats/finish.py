"""From what a decoder found to a Picture: upright, finite, with tidy metadata."""

import numpy as np

from imfuse.errors import BadValues
from imfuse.io.formats import exif
from imfuse.io.formats.arrays import upright
from imfuse.io.formats.container import Decoded
from imfuse.types import Metadata, Picture, Pixels


def finish(decoded: Decoded, name: str, kind: str | None) -> Picture:
    """Apply the orientation, refuse values that are no numbers, and tidy the metadata."""
    pixels, alpha, notes = decoded.pixels, decoded.alpha, list(decoded.notes)
    if pixels.dtype.kind == "f" and not _all_finite(pixels, alpha):
        raise BadValues(
            "there are NaN or infinite values among the pixels",
            file=name,
            expected="finite values",
            remedy="Replace them, for instance by numpy.nan_to_num.",
        )
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
    icc = decoded.icc
    if icc is not None and not exif.profile_fits(icc, colour=pixels.ndim == 3):
        icc = None
    metadata = Metadata(exif=tidy.block, icc=icc, dpi=decoded.dpi or tidy.dpi)
    return Picture(
        pixels=pixels, alpha=alpha, metadata=metadata, name=name, format=kind, notes=tuple(notes)
    )


def _all_finite(*planes: Pixels | None) -> bool:
    # A sum is finite only if every value is (infinities of both signs give NaN), and needs no
    # mask as large as the picture. Large values could overflow float32, hence float64.
    with np.errstate(invalid="ignore"):
        return all(
            plane is None or bool(np.isfinite(np.sum(plane, dtype=np.float64))) for plane in planes
        )
