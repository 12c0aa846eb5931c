"""Pictures to and from files and bytes: PNG, JPEG, TIFF, BMP, WebP in 8 bits, 16 bits and float."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from imfuse.errors import ImageTooLarge, ImfuseError, UnreadableImage, UnsupportedImage
from imfuse.io.atomic import remove_stale_temporaries
from imfuse.io.encode import (
    SUFFIXES,
    can_hold,
    encode_image,
    holds_alpha,
    output_format,
    write_image,
)
from imfuse.io.formats import bmp, jpeg, png, tiff, webp
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.finish import finish
from imfuse.io.pil import picture_from_pil, picture_to_pil
from imfuse.options import MAX_PIXELS
from imfuse.types import Picture

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "can_hold",
    "encode_image",
    "holds_alpha",
    "output_format",
    "picture_from_pil",
    "picture_to_pil",
    "read_image",
    "remove_stale_temporaries",
    "write_image",
]

_READERS: dict[str, Callable[[Source], Decoded]] = {
    "PNG": png.read_png,
    "JPEG": jpeg.read_jpeg,
    "TIFF": tiff.read_tiff,
    "BMP": bmp.read_bmp,
    "WEBP": webp.read_webp,
}
_READABLE = "PNG, JPEG, TIFF, BMP or WebP"
_FOREIGN = {  # first bytes of formats that people try
    b"GIF8": "GIF",
    b"%PDF": "PDF",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"PK\x03\x04": "ZIP",
    b"\x89HDF": "HDF5 or MATLAB",
    b"\x93NUMPY": "NumPy",
    b"<svg": "SVG",
}


def read_image(
    source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Picture:
    """Read one picture in its own depth, upright, with its metadata.

    The format is recognised by content. 8-bit files give uint8; 16-bit ones uint16 whose range is
    always 65535; float TIFF gives float32. Palettes become gray when all their colours are gray.
    EXIF's orientation is applied and set to 1; of its main directory, what tells of the scene is
    kept, and BigTIFF's is not read. A damaged EXIF block is left out (see `notes`), and
    so is an ICC profile that does not describe the pixels as they are returned: one for CMYK, or
    for RGB where they are gray.

    Args:
        source: A path, or the content of a file.
        max_pixels: Most pixels that the header may announce (decompression bomb guard).
        name: What messages call the picture; default: the path or `<bytes>`.

    Returns:
        The picture. Float values outside [0, 1] are left as they are.

    Raises:
        UnreadableImage: The file is missing, truncated, damaged, or no picture that we know.
        UnsupportedImage: It is animated, has several pages, or a kind of sample not read here.
        ImageTooLarge: It has more than `max_pixels` pixels, or does not fit in memory.
        BadValues: Float samples are NaN or infinite.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), name or "<bytes>"
    else:
        name = name or os.fspath(source)
        data = _read_file(Path(source), name, max_pixels)
    if not data:
        raise _unreadable("the file is empty", name, remedy="Copy or export it again.")
    kind = _recognise(data, name)
    content = Source(data=data, name=name, max_pixels=max_pixels)
    with content.decoding(kind):
        return finish(_READERS[kind](content), name, kind)


def _read_file(path: Path, name: str, max_pixels: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _unreadable("it is a folder", name, remedy="Give one picture file.")
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(
                "it is a device or a pipe", name, remedy="Save its content to a file first."
            )
        # No file of an allowed picture is larger; reading one that is could exhaust memory.
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
    return UnreadableImage(found, file=name, expected=f"a {_READABLE} file", remedy=remedy)


def _recognise(data: bytes, name: str) -> str:
    if data.startswith(png.SIGNATURE):
        return "PNG"
    if data.startswith(jpeg.SIGNATURE):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:4] in tiff.SIGNATURES:
        return "TIFF"
    if data[:2] == b"BM":
        return "BMP"
    for head, title in _FOREIGN.items():
        if data.startswith(head):
            raise UnsupportedImage(
                f"a {title} file",
                file=name,
                expected=f"a {_READABLE} file",
                remedy="Convert it to PNG or TIFF first"
                + (", one file per frame." if title == "GIF" else "."),
            )
    raise _unreadable("the file is not a picture", name, remedy="Give a picture, or convert it.")
