"""BMP: the header is checked here, pixels are decoded and encoded by Pillow."""

import io
import struct

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from imfuse.io.formats.arrays import planes
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.exif import per_metre, tidy_dpi
from imfuse.io.formats.format import Format
from imfuse.types import Metadata, Pixels

_PLAIN, _RLE8, _RLE4, _MASKED = 0, 1, 2, 3  # kinds of compression


def _read(source: Source) -> Decoded:
    """Decode a BMP file to 8-bit gray or RGB, with alpha if its header declares one."""
    dpi = _check(source)
    with source.decoding("Pillow"), BmpImageFile(io.BytesIO(source.data)) as image:
        source.check_size(*image.size)
        image.load()
        pixels, alpha = planes(image)
    return Decoded(pixels=pixels, alpha=alpha, dpi=dpi)


def _check(source: Source) -> tuple[float, float] | None:
    """Refuse bombs and truncated files by the header; return the resolution."""
    data = source.data
    if len(data) < 26:
        raise source.truncated(f"it ends after {len(data)} bytes, within its header")
    offset, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    elif len(data) >= 54 and header >= 40:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise source.corrupt("the header has an impossible length")
    source.check_size(max(width, 0), abs(height))
    needed = offset + (width * bits + 31) // 32 * 4 * abs(height)
    if packing not in {_PLAIN, _RLE8, _RLE4, _MASKED}:
        raise source.unsupported(
            f"BMP compression {packing}",
            expected="none, or run-length",
            remedy="Save it again as PNG.",
        )
    if packing in {_PLAIN, _MASKED} and needed > len(data):
        raise source.truncated(f"it should have {needed:,} bytes and has {len(data):,}")
    if header == 12:
        return None
    return tidy_dpi(*struct.unpack_from("<ii", data, 38))


def _encode(
    pixels: Pixels, _alpha: Pixels | None, metadata: Metadata, _quality: int
) -> list[bytes | memoryview]:
    """Encode 8-bit gray or RGB pixels; the resolution is the only metadata that BMP holds."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "BMP")
    encoded = buffer.getbuffer()
    struct.pack_into("<ii", encoded, 38, *per_metre(metadata.dpi))
    return [encoded]


BMP = Format(
    name="BMP",
    suffixes=(".bmp",),
    recognise=lambda data: data[:2] == b"BM",
    read=_read,
    encode=_encode,
    depths=(np.uint8,),
    longest_exif=0,
    longest_xmp=0,
    icc=False,
    largest=2**31 - 2**10,  # bytes within reach of its 32-bit offsets
)
