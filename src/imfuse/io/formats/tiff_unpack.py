"""Unpack one strip or tile of a TIFF file, by any method.

libtiff, which Pillow uses, prints errors about damaged data to stderr, and accepts some of them. It
only gets data that have been checked and that nothing else here can unpack, and its messages are
switched off.
"""

import ctypes
import io
import lzma
import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import _imaging
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from tifffile import TiffPage

from imfuse.io.formats import fax, lzw
from imfuse.io.formats.container import Source
from imfuse.io.formats.jpeg import JPEG
from imfuse.types import Pixels

_LZW, _ZSTANDARD = 5, 50000
_LZMA_MEMORY = 1 << 28


def unpack(
    source: Source, page: TiffPage, packed: bytes | memoryview, size: tuple[int, int], stride: int
) -> bytes | memoryview:
    """Return the bytes of a strip or tile.

    Args:
        source: The file, for messages.
        page: Its page, for method and options.
        packed: The strip as it is stored.
        size: Rows and columns.
        stride: Bytes per row.

    Raises:
        UnsupportedImage: The method is not supported here.
        Exception: Any error that a library raises for damaged data.
    """
    method, (rows, columns) = int(page.compression), size
    if method == 1:
        return packed
    if method in {8, 32946}:
        return zlib.decompressobj().decompress(packed, rows * stride)
    if method == 32773:
        return _packbits(bytes(packed), rows * stride)
    if method == 34925:
        unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
        return unpacker.decompress(packed, rows * stride)
    if method in {2, 3, 4}:
        if page.bitspersample != 1 or page.samplesperpixel != 1:
            raise source.corrupt("fax compression of samples that are not of one bit")
        options = page.tags.valueof(292)
        options = options if isinstance(options, int) else 0
        return fax.unpack(bytes(packed), columns, rows, method, options)
    if method == _LZW:
        lzw.check(bytes(packed), rows * stride)
    if method in {_LZW, _ZSTANDARD}:
        return _by_libtiff(packed, method, rows, stride)
    raise source.unsupported(
        f"TIFF compression {method}",
        expected="none, Deflate, LZW, PackBits, LZMA, Zstandard, JPEG or fax",
        remedy="Save it again without compression, or as PNG.",
    )


def _packbits(packed: bytes, size: int) -> bytes:
    data, at = bytearray(), 0
    while len(data) < size and at < len(packed):
        head = packed[at]
        if head < 128:
            data += packed[at + 1 : at + 2 + head]
            at += 2 + head
        elif head > 128:
            data += packed[at + 1 : at + 2] * (257 - head)
            at += 2
        else:
            at += 1
    return bytes(data)


def _by_libtiff(packed: bytes | memoryview, method: int, rows: int, stride: int) -> bytes:
    """Unpack a strip as if it were an 8-bit gray picture."""
    _silence_libtiff()
    tags = {256: stride, 257: rows, 258: 8, 259: method, 262: 1, 273: 0, 278: rows}
    directory = ImageFileDirectory_v2()
    directory.tagtype[273] = directory.tagtype[279] = 4
    for tag, value in (tags | {279: len(packed)}).items():
        directory[tag] = value  # Pillow itself moves the start of the strip behind the directory
    head = struct.pack("<2sHI", b"II", 42, 8)
    with TiffImageFile(io.BytesIO(b"".join((head, directory.tobytes(8), packed)))) as image:
        image.load()
        return image.tobytes()


@cache
def _silence_libtiff() -> None:
    """Keep Pillow's libtiff from printing what it finds damaged; Pillow raises it as well.

    Where libtiff is hidden inside Pillow, as on Windows, there is no way to, and it prints.
    """
    with suppress(AttributeError, OSError):
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_handler(None)


def jpeg_segment(
    source: Source, page: TiffPage, packed: bytes | memoryview, shape: tuple[int, int, int]
) -> Pixels:
    """Return the samples of a strip or tile that is a JPEG picture.

    Raises:
        UnreadableImage: The JPEG picture is damaged, or of another size.
        UnsupportedImage: The JPEG picture is CMYK, or has alpha or other extra channels.
    """
    rows, columns, channels = shape
    packed, kind = bytes(packed), page.tags.valueof(262)
    if channels not in {1, 3}:
        raise source.unsupported(
            f"a JPEG of {channels} channels in TIFF",
            expected="gray, RGB or YCbCr",
            remedy="Save it again without compression, or as PNG.",
        )
    if b"\xff\xd9" not in packed[-16:]:
        raise source.truncated("a JPEG strip has no end marker")
    tables = page.tags.valueof(347)
    shared = tables.removesuffix(b"\xff\xd9")[2:] if isinstance(tables, bytes) else b""
    # Adobe's segment states if three channels are YCbCr.
    colours = struct.pack(">2sH5sHHHB", b"\xff\xee", 14, b"Adobe", 100, 0, 0, int(kind == 6))
    whole = b"".join((packed[:2], colours if channels == 3 else b"", shared, packed[2:]))
    pixels = JPEG.read(replace(source, data=whole)).pixels
    if pixels.shape[0] < rows or pixels.shape[1] != columns:
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise source.corrupt(f"a JPEG strip has {found} pixels instead of {columns}x{rows}")
    if pixels.size != pixels.shape[0] * columns * channels or page.bitspersample != 8:
        raise source.corrupt("a JPEG strip has other channels than the picture")
    return pixels[:rows].reshape(rows, columns, -1)


def jpeg_planes(page: TiffPage, samples: Pixels) -> Pixels:
    """Return the samples of a picture whose strips are JPEG as gray or RGB pixels."""
    pixels = np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    return 255 - pixels if page.tags.valueof(262) == 0 else pixels
