"""Unpacking of TIFF strips and tiles: compression methods and predictors."""

import io
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from imfuse.io.arrays import from_pil
from imfuse.io.ifd import Entry, header, long, serialise, short
from imfuse.io.tiff_page import Page
from imfuse.types import Pixels

WHOLE = frozenset({2, 3, 4, 7})
"""Methods that know about pixels: fax and JPEG."""

_COPIED = (256, 257, 259, 262, 266, 277, 278, 284, 292, 293, 322, 323)
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def unpack(page: Page, index: int, segment: memoryview) -> bytes | memoryview:
    """Return the bytes of a strip or tile.

    Raises:
        UnsupportedImage: The method of compression is unknown.
        UnreadableImage: The data are damaged, or too short.
    """
    method = _METHODS.get(page.compression)
    if method is None:
        raise page.source.unsupported(
            f"TIFF compression {page.compression}",
            expected="none, Deflate, LZW, PackBits, LZMA, Zstandard, JPEG or fax",
            remedy="Save it again without compression, or as PNG.",
        )
    packed: bytes | memoryview = segment
    if page.value(266, 1) == 2:  # the bits of each byte are in reversed order
        packed = bytes(segment).translate(_REVERSED)
    rows = page.rows(index)
    with page.source.decoding("the decompressor"):
        data = method(page, packed, rows)
    size = rows * page.row_bytes
    if len(data) < size:
        raise page.source.truncated(f"a strip has {len(data):,} bytes instead of {size:,}")
    return memoryview(data)[:size]


def _none(page: Page, packed: bytes | memoryview, rows: int) -> bytes | memoryview:
    return packed


def _deflate(page: Page, packed: bytes | memoryview, rows: int) -> bytes:
    return zlib.decompressobj().decompress(packed, rows * page.row_bytes)


def _packbits(page: Page, packed: bytes | memoryview, rows: int) -> bytearray:
    out, at, size = bytearray(), 0, rows * page.row_bytes
    while at < len(packed) and len(out) < size:
        head = packed[at]
        if head < 128:
            out += packed[at + 1 : at + 2 + head]
            at += 2 + head
        else:
            if head > 128:
                out += bytes(packed[at + 1 : at + 2]) * (257 - head)
            at += 2 if head > 128 else 1
    return out


def _libtiff(page: Page, packed: bytes | memoryview, rows: int) -> bytes:
    """Let libtiff unpack bytes, by presenting them as an 8-bit gray picture."""
    tags = {
        256: long(page.row_bytes, order="<"),
        257: long(rows, order="<"),
        258: short(8, order="<"),
        259: short(page.compression, order="<"),
        262: short(1, order="<"),
        278: long(rows, order="<"),
    }
    with TiffImageFile(_file(tags, "<", [packed])) as image:
        image.load()
        return image.tobytes()


def _file(tags: dict[int, Entry], order: str, segments: list[bytes | memoryview]) -> io.BytesIO:
    """Return a small TIFF file of these strips or tiles."""
    starts, sizes = (324, 325) if 322 in tags else (273, 279)
    lengths = [len(segment) for segment in segments]
    tags = tags | {sizes: long(*lengths, order=order), starts: long(*lengths, order=order)}
    at = 8 + len(serialise(tags, order))
    places = np.cumsum([at, *lengths[:-1]]).tolist()
    tags[starts] = long(*places, order=order)
    return io.BytesIO(b"".join((header(order), serialise(tags, order), *segments)))


_METHODS: dict[int, Callable[[Page, bytes | memoryview, int], bytes | bytearray | memoryview]] = {
    1: _none,
    5: _libtiff,  # LZW
    8: _deflate,
    32946: _deflate,
    32773: _packbits,
    34925: _libtiff,  # LZMA
    50000: _libtiff,  # Zstandard
}


def decode_whole(page: Page) -> Pixels:
    """Return the samples of a picture that is packed by fax or JPEG, as 8-bit gray or RGB."""
    source, order = page.source, page.block.order
    segments: list[bytes | memoryview] = list(page.segments())
    if page.compression == 7 and not all(b"\xff\xd9" in bytes(part[-16:]) for part in segments):
        raise source.truncated("a JPEG strip has no end marker")
    # Pillow warns of tags with more values than usual: only the first is handed on.
    tags = {tag: long(page.value(tag, 0), order=order) for tag in _COPIED if tag in page.tags}
    tags[258] = short(*[page.bits] * page.channels, order=order)
    if 347 in page.tags:
        tags[347] = page.tags[347]  # tables that all JPEG strips share
    if len(page.values(530)) == 2:
        tags[530] = page.tags[530]  # chroma subsampling
    with source.decoding("Pillow"), TiffImageFile(_file(tags, order, segments)) as image:
        if image.size != (page.width, page.height):
            raise source.corrupt("its size is given twice, differently")
        image.load()
        picture: Image.Image = image
        if image.mode not in {"L", "RGB"}:
            picture = image.convert("L" if image.mode == "1" else "RGB")
        return from_pil(picture)


def unpredict(page: Page, samples: Pixels) -> Pixels:
    """Undo the differences between neighbours; `samples` are `(rows, columns, channels)`.

    Returns:
        The samples in native byte order.
    """
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if page.predictor == 2:
        whole = native.view(f"u{native.itemsize}")
        return np.cumsum(whole, axis=1, dtype=whole.dtype).view(native.dtype)
    if page.predictor == 3 and page.kind == 3:
        rows, columns, channels = samples.shape
        size = samples.itemsize
        octets = samples.view(np.uint8).reshape(rows, columns * size, channels)
        octets = np.cumsum(octets, axis=1, dtype=np.uint8).reshape(rows, size, -1)
        values = np.ascontiguousarray(octets.transpose(0, 2, 1)).view(f">f{size}")
        return values.reshape(samples.shape).astype(native.dtype)
    if page.predictor == 1:
        return native
    raise page.source.unsupported(
        f"TIFF predictor {page.predictor}",
        expected="1, 2, or 3 for floats",
        remedy="Save it again without compression, or as PNG.",
    )
