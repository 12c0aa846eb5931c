"""Read pictures from files and bytes in their own depth; `formats.table` has the formats."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from imfuse.errors import ImageTooLarge, ImfuseError, UnreadableImage, UnsupportedImage
from imfuse.foreign import foreign
from imfuse.io.atomic import remove_stale_temporaries
from imfuse.io.encode import (
    SUFFIXES,
    can_hold,
    encode_image,
    holds_alpha,
    output_format,
    write_image,
)
from imfuse.io.formats import table
from imfuse.io.formats.container import Source
from imfuse.io.formats.finish import finish
from imfuse.io.formats.format import Format
from imfuse.io.formats.tiff import TIFF
from imfuse.io.formats.tiff_temperature import temperature_in
from imfuse.io.history import history_in
from imfuse.io.pil import picture_from_pil, picture_to_pil
from imfuse.options import MAX_PIXELS
from imfuse.types import Float, Picture

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "can_hold",
    "encode_image",
    "holds_alpha",
    "open_source",
    "output_format",
    "picture_from_pil",
    "picture_to_pil",
    "read_history",
    "read_image",
    "read_temperature",
    "remove_stale_temporaries",
    "write_image",
]


def read_image(
    source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Picture:
    """Read one picture in its own depth, upright, with its metadata.

    The format is recognised by content. 8-bit files give uint8; 16-bit ones uint16 whose range is
    always 65535; float TIFF gives float32; TIFF of signed or 32-bit integers gives int16, int32 or
    uint32. Palettes become gray when all their colours are gray. EXIF's orientation is applied and
    set to 1; only those tags of its main directory that describe the scene are kept, and BigTIFF's
    EXIF is not read. A damaged EXIF block is left out (see `notes`), and so is an ICC profile that
    does not fit the returned pixels: one for CMYK, or one for RGB if they are gray. XMP above 1 MB
    is left out.

    `nodata` is True for pixels without a value: NaN and infinities, the value that GDAL's tag
    declares, and in gray floats and measurements the usual marks (see `formats.holes`).

    Args:
        source: A path, or the content of a file.
        max_pixels: Largest number of pixels that the header may announce (decompression bomb
            guard).
        name: Name of the picture in messages; default: the path or `<bytes>`.

    Returns:
        The picture. Float values outside [0, 1] are left as they are.

    Raises:
        UnreadableImage: The file is missing, truncated, damaged, or not a known picture format.
        UnsupportedImage: It is animated, has several pages, or a kind of sample not read here.
        ImageTooLarge: It has more than `max_pixels` pixels, or does not fit in memory.
        BadValues: No pixel has a value.
    """
    content = open_source(source, max_pixels=max_pixels, name=name)
    found = _recognise(content.data, content.name)
    with content.decoding(found.name):
        return finish(found.read(content), content.name, found.name)


def open_source(
    source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Source:
    """Return the bytes of a picture file, not yet decoded; see `read_image`.

    Raises:
        UnreadableImage: The file is missing, empty, or can't be opened.
        ImageTooLarge: It is larger than any picture of `max_pixels` pixels.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), name or "<bytes>"
    else:
        name = name or os.fspath(source)
        data = _read_file(Path(source), name, max_pixels)
    if not data:
        raise _unreadable("the file is empty", name, remedy="Copy or export it again.")
    return Source(data=data, name=name, max_pixels=max_pixels)


def read_history(source: str | os.PathLike[str] | bytes) -> dict[str, Any] | None:
    """Return what made a fused picture: the `FusedImage.history` that its file carries.

    Args:
        source: A path, or the content of a file.

    Returns:
        The history; None if the file has none, as after other programs saved it again.

    Raises:
        ImfuseError: The file can't be read; see `read_image`.
    """
    return history_in(read_image(source).metadata.xmp)


def read_temperature(source: str | os.PathLike[str] | bytes) -> Float | None:
    """Return the temperatures that a TIFF keeps behind its picture.

    `imfuse fuse --keep-temperature` writes such files.

    Args:
        source: A path, or the content of a file.

    Returns:
        `(H, W)` float32 degrees Celsius, NaN where there are none; None: the file keeps none.

    Raises:
        ImfuseError: The file can't be read; see `read_image`.
    """
    content = open_source(source)
    page = temperature_in(content)
    if page is None:
        return None
    with page.decoding("tifffile"):
        return np.asarray(TIFF.read(page).pixels, np.float32)


def _read_file(path: Path, name: str, max_pixels: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _unreadable("it is a folder", name, remedy="Give one picture file.")
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(
                "it is a device or a pipe", name, remedy="Save its content to a file first."
            )
        # No file of an allowed picture is larger; reading a larger one could exhaust memory.
        if status.st_size > 32 * max_pixels + (1 << 26):
            raise ImageTooLarge(
                f"the file has {status.st_size:,} bytes",
                file=name,
                expected=f"a picture of at most {max_pixels:,} pixels",
                remedy="If the file can be trusted, raise --max-pixels (max_pixels=).",
            )
        return path.read_bytes()
    except ImfuseError:
        raise
    except FileNotFoundError as error:
        raise _unreadable("there is no such file", name, remedy="Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise _unreadable(
            f"it can't be opened: {reason}", name, remedy="Check its path and permissions."
        ) from error
    except MemoryError as error:
        raise ImageTooLarge(
            "the file does not fit in memory", file=name, remedy="Cut or shrink the picture."
        ) from error


def _unreadable(found: str, name: str, *, remedy: str) -> UnreadableImage:
    return UnreadableImage(found, file=name, expected=f"a {_readable()} file", remedy=remedy)


def _recognise(data: bytes, name: str) -> Format:
    found = table.recognise(data)
    if found is not None:
        return found
    known = foreign(data)
    if known is not None:
        title, remedy = known
        raise UnsupportedImage(title, file=name, expected=f"a {_readable()} file", remedy=remedy)
    remedy = " ".join(("Give a picture, or convert it.", *table.broken_plug_ins()))
    raise _unreadable("the file is not a picture", name, remedy=remedy)


def _readable() -> str:
    *first, last = table.formats()
    return f"{', '.join(first)} or {last}"
