"""Encode pictures and write their files, within the limits of each format."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import DTypeLike

from imfuse.errors import OutputError, UsageError
from imfuse.io.atomic import write_atomically
from imfuse.io.formats import exif, table
from imfuse.io.formats.format import Encoder, Format
from imfuse.io.formats.tiff_temperature import with_temperature
from imfuse.io.history import with_history
from imfuse.types import Float, FusedImage, Metadata, Picture, Pixels

SUFFIXES: dict[str, str] = table.suffixes()
"""The format for each suffix of a file name."""


def can_hold(format: str, dtype: DTypeLike) -> bool:  # noqa: A002 - Picture's word for it
    """Return True if a format stores samples of this type without loss of depth."""
    found = table.formats().get(format)
    return found is not None and found.can_hold(dtype)


def holds_alpha(format: str) -> bool:  # noqa: A002 - Picture's word for it
    """Return True if a format stores transparency; JPEG and BMP (for most programs) do not."""
    found = table.formats().get(format)
    return found is not None and found.alpha


def output_format(path: str | os.PathLike[str]) -> str:
    """Return the format that a path's suffix stands for.

    Raises:
        OutputError: The suffix is missing or unknown.
    """
    suffix = Path(path).suffix.lower()
    writable = [one for one, kind in SUFFIXES.items() if table.formats()[kind].encode]
    if suffix not in writable:
        raise OutputError(
            f"no format with the suffix {suffix!r} can be written"
            if suffix
            else "the name has no suffix",
            file=path,
            expected=f"one of {', '.join(writable)}",
            remedy="Change the suffix of the output.",
        )
    return SUFFIXES[suffix]


def encode_image(picture: Picture, format: str, *, quality: int = 95) -> bytes:  # noqa: A002
    """Return the content of a picture file; the same picture always gives the same bytes.

    PNG, TIFF, BMP and WebP are written without loss, JPEG with full chroma resolution. Alpha is
    dropped if the format can't hold it (see `holds_alpha`). Metadata are written if the format has
    a place for them (GeoTIFF tags: TIFF; BMP: resolution only; JPEG: EXIF and XMP up to 64 kB
    each), and a colour profile only if it fits the pixels: a gray one for gray, an RGB one for
    colour. The history of a fused picture goes into its XMP packet; see `imfuse.read_history`.

    Args:
        picture: The picture.
        format: `PNG`, `JPEG`, `TIFF`, `BMP` or `WEBP`.
        quality: JPEG's quality from 1 to 100; other formats ignore it.

    Raises:
        OutputError: The format can't hold samples of this type, or a picture of this size.
    """
    return b"".join(_encode(picture, format, quality, None))


def write_image(
    path: str | os.PathLike[str],
    picture: Picture,
    *,
    quality: int = 95,
    temperature: Float | None = None,
) -> tuple[str, ...]:
    """Write a picture file, whole or not at all; `encode_image` describes its content.

    Args:
        path: The file; its suffix selects the format. An existing file is replaced at the end.
        picture: The picture.
        quality: JPEG's quality from 1 to 100.
        temperature: `(H, W)` degrees Celsius, NaN where there are none, which become the second
            page of a TIFF; see `imfuse.read_temperature`. None: there is no second page.

    Returns:
        Messages about everything that the format could not hold, such as transparency in JPEG;
        usually none.

    Raises:
        OutputError: The suffix is unknown, the format can't hold the picture, or the file can't be
            written; an existing file is then unchanged.
    """
    kind = output_format(path)
    parts = _encode(picture, kind, quality, path)
    if temperature is not None:
        parts = _with_temperature(parts, kind, temperature, path)
    write_atomically(path, parts)
    lost = table.formats()[kind].losses(picture.metadata)
    if picture.alpha is not None and not holds_alpha(kind):
        lost.insert(0, "transparency")
    return tuple(f"{os.fspath(path)}: {kind} can't hold {what}; left out" for what in lost)


def _with_temperature(
    parts: Sequence[bytes | memoryview], kind: str, values: Float, path: object
) -> Sequence[bytes | memoryview]:
    if kind != "TIFF":
        raise OutputError(
            f"{kind} can't keep temperatures",
            file=path,
            expected="a TIFF, whose second page holds them",
            remedy="Give an output with the suffix .tif, or leave --keep-temperature "
            "(keep_temperature=) out.",
        )
    try:
        return with_temperature(parts, values)
    except ValueError as error:
        raise OutputError(
            f"the picture and its temperatures take {error}",
            file=path,
            expected="a smaller picture",
            remedy="Leave --keep-temperature (keep_temperature=) out, or cut the picture.",
        ) from error


def _encode(
    picture: Picture,
    format: str,  # noqa: A002 - see encode_image
    quality: int,
    path: object,
) -> Sequence[bytes | memoryview]:
    encode, found = _check(picture, format, quality, path)
    native = picture.pixels.dtype.newbyteorder("=")
    pixels: Pixels = np.ascontiguousarray(picture.pixels, native)
    alpha = picture.alpha if found.alpha else None
    if alpha is not None:
        alpha = np.ascontiguousarray(alpha, native)
    metadata = _with_history(picture, found)
    metadata = _fitting(metadata, found, colour=pixels.ndim == 3 or not found.gray)
    try:
        return encode(pixels, alpha, metadata, quality)
    except (MemoryError, OSError, ValueError, cv2.error) as error:
        raise OutputError(
            f"the picture can't be encoded as {format}: {error or 'not enough memory'}",
            file=path,
            expected="enough memory, and a picture that the format can hold",
            remedy="Choose another format, such as PNG or TIFF.",
        ) from error


def _check(
    picture: Picture,
    format: str,  # noqa: A002 - see encode_image
    quality: int,
    path: object,
) -> tuple[Encoder, Format]:
    """Return the encoder of a format that can hold the picture, and the format."""
    found = table.formats().get(format)
    if found is None or found.encode is None:
        writable = [one.name for one in table.formats().values() if one.encode]
        raise OutputError(
            f"unknown format {format!r}",
            file=path,
            expected=f"one of {', '.join(writable)}",
            remedy="Choose one of these.",
        )
    if not 1 <= quality <= 100:
        raise UsageError(
            f"quality {quality}", expected="1 to 100", remedy="Use 95 for small losses."
        )
    pixels = picture.pixels
    if not can_hold(format, pixels.dtype):
        able = [suffix for suffix, kind in SUFFIXES.items() if can_hold(kind, pixels.dtype)]
        raise OutputError(
            f"{format} can't hold {pixels.dtype} samples",
            file=path,
            expected=f"a suffix that can: {', '.join(able)}" if able else "uint8, uint16, float32",
            remedy="Change the suffix of the output." if able else "Convert the pixels.",
        )
    _check_shape(picture, found, path)
    return found.encode, found


def _check_shape(picture: Picture, found: Format, path: object) -> None:
    pixels, alpha = picture.pixels, picture.alpha
    if not (pixels.size and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3))):
        raise OutputError(
            f"an array of shape {pixels.shape}",
            file=path,
            expected="(H, W) or (H, W, 3), none of them 0",
            remedy="Give gray or RGB pixels.",
        )
    if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
        raise OutputError(
            f"alpha of shape {alpha.shape} and type {alpha.dtype}",
            file=path,
            expected=f"{pixels.shape[:2]} and {pixels.dtype}, as the pixels",
            remedy="Give alpha the size and type of the pixels, or none.",
        )
    size = pixels.nbytes + (0 if alpha is None else alpha.nbytes)
    if max(pixels.shape[:2]) > found.longest_side or size > found.largest:
        raise OutputError(
            f"{found.name} can't hold {pixels.shape[1]}x{pixels.shape[0]} pixels",
            file=path,
            expected="a format without such a limit",
            remedy="Write .png or .tif, or cut the picture into parts.",
        )


def _with_history(picture: Picture, found: Format) -> Metadata:
    """Return the metadata with what made the picture, where that is known and there is room."""
    metadata = picture.metadata
    if not (isinstance(picture, FusedImage) and picture.history):
        return metadata
    packet = with_history(metadata.xmp, picture.history)
    return replace(metadata, xmp=packet) if len(packet) <= found.longest_xmp else metadata


def _fitting(metadata: Metadata, found: Format, *, colour: bool) -> Metadata:
    """Return the metadata that a format can hold, tidied, with a profile only if it fits."""
    block = metadata.exif if len(metadata.exif or b"") <= found.longest_exif else None
    tidy = None if block is None else exif.tidy(block)
    fits = metadata.icc is not None and exif.profile_fits(metadata.icc, colour=colour)
    return replace(
        metadata,
        exif=tidy.block if tidy else None,
        icc=metadata.icc if fits else None,
        xmp=metadata.xmp if len(metadata.xmp or b"") <= found.longest_xmp else None,
        geo=metadata.geo if found.geo else {},
    )
