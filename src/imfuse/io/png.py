"""Reading of PNG: chunks are checked here, pixels are decoded by OpenCV's libpng.

OpenCV keeps 16-bit colour, which Pillow reduces to 8 bits, but can return part of a damaged
picture: everything that can be wrong with a file is looked for before OpenCV sees it.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from imfuse.io.arrays import palette_colours
from imfuse.io.container import Decoded, Source
from imfuse.io.metadata import tidy_dpi
from imfuse.io.png_write import SIGNATURE, chunk
from imfuse.types import Pixels

__all__ = ["SIGNATURE", "read_png"]

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = (  # first column and row, steps in x and y of each pass
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_LABELS = {1: (8, 0), 2: (16, 0), 3: (8, 2), 4: (8, 6), 6: (16, 2), 8: (16, 6)}
"""Depth and colour type of samples of so many bytes. Filters see only how many bytes they have."""
_BAND = 1 << 20
_WIDEST = 1_000_000  # libpng's default limit
_MAX_PROFILE = 1 << 24  # an ICC profile of 16 MB is a bomb, not a profile


@dataclass(kw_only=True)
class _Png:
    width: int = 0
    height: int = 0
    depth: int = 0
    colour: int = 0
    interlaced: int = 0
    body: list[memoryview] = field(default_factory=list)
    extra: dict[bytes, bytes] = field(default_factory=dict)


def read_png(source: Source) -> Decoded:
    """Decode a PNG file in its own depth."""
    png = _parse(source)
    pixels, alpha = _finish(source, png, *_decode(source, png))
    dpi = None
    physical = png.extra.get(b"pHYs", b"")
    if len(physical) == 9 and physical[8] == 1:
        x, y = struct.unpack(">II", physical[:8])
        dpi = tidy_dpi(x, y)
    icc, notes = _profile(png.extra.get(b"iCCP"))
    return Decoded(
        pixels=pixels, alpha=alpha, exif=png.extra.get(b"eXIf"), icc=icc, dpi=dpi, notes=notes
    )


def _parse(source: Source) -> _Png:
    png = _Png()
    for kind, content in _chunks(source):
        if kind == b"IHDR":
            _header(source, png, bytes(content))
        elif kind == b"acTL" and int.from_bytes(content[:4], "big") != 1:
            raise source.unsupported(
                f"an animated PNG of {int.from_bytes(content[:4], 'big')} frames",
                expected="a single picture",
                remedy="Save the frames as single pictures and fuse those.",
            )
        elif kind == b"IDAT":
            png.body.append(content)
        elif kind in {b"PLTE", b"tRNS", b"pHYs", b"iCCP", b"eXIf"}:
            png.extra.setdefault(kind, bytes(content))
        elif not kind[0] & 0x20 and kind != b"IEND":
            raise source.corrupt(f"unknown critical chunk {kind!r}")
    if not png.body:
        raise source.corrupt("there is no picture data (IDAT)")
    return png


def _chunks(source: Source) -> Iterator[tuple[bytes, memoryview]]:
    data = memoryview(source.data)
    at, first = len(SIGNATURE), True
    while True:
        if at + 12 > len(data):
            raise source.truncated(f"it ends after {len(data):,} bytes without an IEND chunk")
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        if first and (kind != b"IHDR" or length != 13):
            raise source.corrupt("the first chunk is not a header (IHDR)")
        if first and at + 21 <= len(data):  # before the checksum: a bomb is refused as a bomb
            source.check_size(*struct.unpack(">II", data[at + 8 : at + 16]))
        end = at + 12 + length
        if end > len(data):
            raise source.truncated(
                f"chunk {kind.decode('latin-1')!r} needs {end:,} bytes, the file has {len(data):,}"
            )
        found = int.from_bytes(data[end - 4 : end], "big")
        if zlib.crc32(data[at + 4 : end - 4]) != found:
            raise source.corrupt(f"the checksum of chunk {kind.decode('latin-1')!r} is wrong")
        yield kind, data[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at, first = end, False


def _header(source: Source, png: _Png, header: bytes) -> None:
    if png.width:
        raise source.corrupt("there are two headers (IHDR)")
    width, height, depth, colour, packing, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in _DEPTHS.get(colour, ()) or packing or filtering or interlaced > 1:
        raise source.corrupt(f"the header is invalid: depth {depth}, colour type {colour}")
    if width > _WIDEST:
        raise source.unsupported(
            f"a PNG that is {width:,} pixels wide",
            expected=f"at most {_WIDEST:,}",
            remedy="Cut it into parts, or save it as TIFF.",
        )
    png.width, png.height, png.depth, png.colour = width, height, depth, colour
    png.interlaced = interlaced


def _decode(source: Source, png: _Png) -> tuple[Pixels, Pixels | None]:
    """Return colours (of a palette: places in it) and alpha, in the file's depth."""
    kind = np.uint16 if png.depth == 16 else np.uint8
    size = (png.height, png.width)
    pixels: Pixels = np.empty((*size, 3) if png.colour in {2, 6} else size, kind)
    alpha: Pixels | None = np.empty(size, kind) if png.colour in {4, 6} else None
    stream = _Stream(source, png)
    for x, y, dx, dy in _ADAM7 if png.interlaced else ((0, 0, 1, 1),):
        into = pixels[y::dy, x::dx]
        if not into.size:
            continue
        at = 0
        for band in _bands(stream, png, into.shape[0], into.shape[1]):
            rows = slice(at, at + len(band))
            if alpha is None:
                into[rows] = band
            else:
                into[rows] = band[..., :3] if pixels.ndim == 3 else band[..., 0]
                alpha[y::dy, x::dx][rows] = band[..., -1]
            at += len(band)
    return pixels, alpha


def _bands(stream: "_Stream", png: _Png, height: int, width: int) -> Iterator[Pixels]:
    """Yield `(rows, width)` or `(rows, width, channels)` samples, some rows at a time.

    libpng undoes the filters. Each band is handed to it as a small PNG, which starts with the
    row above; so no more than a band exists twice, and OpenCV can't return half a picture.
    """
    bits = png.depth * _CHANNELS[png.colour]
    stride = (width * bits + 7) // 8 + 1
    step = max(bits // 8, 1)
    above = b""
    rows = max(1, _BAND // stride)
    for y in range(0, height, rows):
        packed = stream.take(min(rows, height - y), stride)
        band = _unfiltered(stream.source, above + packed, stride, step)
        if above:
            band = band[1:]
        last = band[-1].astype(band.dtype.newbyteorder(">"))
        above = b"\0" + last.tobytes()
        yield _as_samples(band, png, width)


def _unfiltered(source: Source, packed: bytes, stride: int, step: int) -> Pixels:
    """Return filtered rows as samples that are `step` bytes wide, colours in the order RGB."""
    depth, colour = _LABELS[step]
    height, width = len(packed) // stride, (stride - 1) // step
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    # Stored, not compressed: it was inflated already, to see that it is whole.
    body = chunk(b"IDAT", zlib.compress(packed, 0))
    file = b"".join((SIGNATURE, chunk(b"IHDR", head), body, chunk(b"IEND", b"")))
    with source.decoding("OpenCV"):
        band = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    if band is None or band.shape[:2] != (height, width):
        raise source.corrupt("OpenCV can't decode it")
    if band.ndim == 3:
        order = cv2.COLOR_BGR2RGB if band.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        band = cv2.cvtColor(band, order)
    return np.asarray(band)


def _as_samples(band: Pixels, png: _Png, width: int) -> Pixels:
    """Return what was decoded under the label of equal width as what it is."""
    if png.depth < 8:
        bits = np.unpackbits(band, axis=1)[:, : width * png.depth]
        weights = np.left_shift(1, np.arange(png.depth)[::-1]).astype(np.uint8)
        values = bits.reshape(len(band), width, png.depth) * weights
        return np.asarray(values.sum(axis=2, dtype=np.uint8))
    if png.colour != 4:
        return band
    octets = np.ascontiguousarray(band, band.dtype.newbyteorder(">")).view(np.uint8)
    planes = octets.reshape(len(band), -1).view(f">u{png.depth // 8}")
    return planes.reshape(len(band), width, 2)


class _Stream:
    """Inflates the chunks of a PNG as one stream, so many rows at a time."""

    def __init__(self, source: Source, png: _Png) -> None:
        self.source = source
        self._parts = iter(png.body)
        self._fed: bytes | memoryview = b""
        self._inflater = zlib.decompressobj()
        least = png.width * png.height * png.depth * _CHANNELS[png.colour] // 8
        if least > sum(map(len, png.body)) * 1032 + 1032:  # 1032: Deflate's largest ratio
            raise source.truncated("there are far fewer bytes than the picture needs")

    def take(self, rows: int, stride: int) -> bytes:
        """Return whole rows, or raise where the stream ends or is damaged."""
        missing = rows * stride
        pieces = []
        while missing:
            try:
                piece = self._inflater.decompress(self._fed, missing)
            except zlib.error as error:
                text = f"the compressed data are damaged ({error})"
                raise self.source.corrupt(text) from error
            self._fed = self._inflater.unconsumed_tail
            missing -= len(piece)
            pieces.append(piece)
            if not piece and not self._fed:
                part = None if self._inflater.eof else next(self._parts, None)
                if part is None:
                    raise self.source.truncated(f"at least {missing:,} bytes of it are missing")
                self._fed = part
        packed = b"".join(pieces)
        if max(packed[::stride]) > 4:
            raise self.source.corrupt("a row is packed by an unknown filter")
        return packed


def _finish(
    source: Source, png: _Png, pixels: Pixels, alpha: Pixels | None
) -> tuple[Pixels, Pixels | None]:
    """Apply palette and transparent colour, and spread less than 8 bits over 8."""
    key = png.extra.get(b"tRNS", b"")
    if png.colour == 3:
        return _look_up(source, png, pixels, np.frombuffer(key, np.uint8)[:256])
    if png.colour in {0, 2} and len(key) == 2 * _CHANNELS[png.colour]:
        same = pixels == np.frombuffer(key, ">u2")
        hidden = same if pixels.ndim == 2 else same.all(axis=2)
        alpha = np.where(hidden, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
    if png.depth < 8:
        pixels = pixels * np.uint8(255 // (2**png.depth - 1))
    return pixels, alpha


def _look_up(
    source: Source, png: _Png, index: Pixels, given: Pixels
) -> tuple[Pixels, Pixels | None]:
    """Return the colours of a palette picture: gray when the whole palette is gray."""
    table = np.frombuffer(png.extra.get(b"PLTE", b""), np.uint8)
    if not table.size or table.size % 3:
        raise source.corrupt("there is no valid palette (PLTE)")
    if int(index.max()) >= table.size // 3:
        raise source.corrupt("a pixel's colour is not in the palette")
    opacity = np.full(256, 255, np.uint8)
    opacity[: given.size] = given
    return palette_colours(table.reshape(-1, 3), index), opacity[index] if given.size else None


def _profile(content: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    if content is None:
        return None, ()
    try:
        packed = content[content.index(0) + 2 :]
        return zlib.decompressobj().decompress(packed, _MAX_PROFILE), ()
    except (ValueError, zlib.error):
        return None, ("the ICC profile is damaged and was ignored",)
