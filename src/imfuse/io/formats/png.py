"""PNG: chunks are checked here; Pillow decodes, or OpenCV if Pillow would reduce it to 8 bits."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL.PngImagePlugin import PngImageFile

from imfuse.errors import UnreadableImage
from imfuse.io.formats import png_rows
from imfuse.io.formats.arrays import planes, split_alpha
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.exif import per_metre, tidy_dpi
from imfuse.io.formats.format import Format
from imfuse.io.formats.xmp import LONGEST
from imfuse.types import Metadata, Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_XMP = b"XML:com.adobe.xmp\0"
_MAX_PROFILE = 1 << 24  # an ICC profile of 16 MB is a bomb, not a profile


@dataclass(kw_only=True)
class _Png:
    width: int = 0
    height: int = 0
    depth: int = 0
    colour: int = 0
    interlaced: int = 0
    header: bytes = b""
    body: list[memoryview] = field(default_factory=list)
    extra: dict[bytes, bytes] = field(default_factory=dict)
    xmp: bytes | None = None

    @property
    def shape(self) -> png_rows.Shape:
        """Storage of the rows."""
        bits = self.depth * _CHANNELS[self.colour]
        return png_rows.Shape(self.width, self.height, bits, bool(self.interlaced))


def _read(source: Source) -> Decoded:
    """Decode a PNG file in its own depth."""
    png = _parse(source)
    if (
        png_rows.unpacked_size(png.shape) > sum(map(len, png.body)) * 1032 + 1032
    ):  # Deflate's largest ratio
        raise source.truncated("there are far fewer bytes than the picture needs")
    source.check_bytes(png.width * png.height * _CHANNELS[png.colour] * (1 + (png.depth > 8)))
    pixels, alpha = _decode(source, png)
    dpi = None
    physical = png.extra.get(b"pHYs", b"")
    if len(physical) == 9 and physical[8] == 1:
        dpi = tidy_dpi(*struct.unpack(">II", physical[:8]))
    icc, notes = _profile(png.extra.get(b"iCCP"))
    return Decoded(
        pixels=pixels,
        alpha=alpha,
        exif=png.extra.get(b"eXIf"),
        icc=icc,
        dpi=dpi,
        xmp=png.xmp,
        notes=notes,
    )


def _parse(source: Source) -> _Png:
    png = _Png()
    for kind, content in _chunks(source):
        if kind == b"IHDR":
            _header(source, png, bytes(content))
        elif kind == b"acTL" and int.from_bytes(content[:4], "big") != 1:
            raise source.several(f"an animated PNG of {int.from_bytes(content[:4], 'big')} frames")
        elif kind == b"IDAT":
            png.body.append(content)
        elif kind in {b"PLTE", b"tRNS", b"pHYs", b"iCCP", b"eXIf"}:
            png.extra.setdefault(kind, bytes(content))
        elif kind == b"iTXt" and bytes(content[: len(_XMP)]) == _XMP:
            png.xmp = png.xmp or _xmp(bytes(content[len(_XMP) : LONGEST + 1000]))
        elif not kind[0] & 0x20 and kind != b"IEND":
            raise source.corrupt(f"unknown critical chunk {kind!r}")
    if not png.body:
        raise source.corrupt("there is no picture data (IDAT)")
    return png


def _chunks(source: Source) -> Iterator[tuple[bytes, memoryview]]:
    data = memoryview(source.data)
    at, first = len(_SIGNATURE), True
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
    png.width, png.height, png.depth, png.colour = width, height, depth, colour
    png.interlaced, png.header = interlaced, header


def _decode(source: Source, png: _Png) -> tuple[Pixels, Pixels | None]:
    """Return pixels and alpha, with palette and transparent colour applied."""
    key = png.extra.get(b"tRNS", b"")
    table = np.frombuffer(png.extra.get(b"PLTE", b""), np.uint8)
    if png.colour == 3 and (not table.size or table.size % 3):
        raise source.corrupt("there is no valid palette (PLTE)")
    # Leave out the metadata, which were read already and which Pillow might warn about.
    parts = [_SIGNATURE, _chunk(b"IHDR", png.header)]
    if png.colour == 3:
        parts += [_chunk(b"PLTE", table.tobytes()), *([_chunk(b"tRNS", key[:256])] if key else [])]
    parts += [_chunk(b"IDAT", part) for part in png.body] + [_chunk(b"IEND", b"")]
    decode = _by_opencv if png.depth == 16 and png.colour != 0 else _by_pillow
    pixels, alpha = decode(source, png, b"".join(parts))
    if png.colour in {0, 2} and len(key) == 2 * _CHANNELS[png.colour]:
        scale = 255 // (2**png.depth - 1) if png.depth < 8 else 1
        same = pixels == np.frombuffer(key, ">u2") * np.int64(scale)
        hidden = same if pixels.ndim == 2 else same.all(axis=2)
        alpha = np.where(hidden, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
    return pixels, alpha


def _by_pillow(source: Source, png: _Png, data: bytes) -> tuple[Pixels, Pixels | None]:
    try:
        with source.decoding("Pillow"), PngImageFile(io.BytesIO(data)) as image:
            image.load()
            blank = not np.asarray(image.crop((0, png.height - 1, *image.size))).any()
            pixels, alpha = planes(image)
    except UnreadableImage:
        png_rows.check(source, png.shape, png.body)  # which gives a clearer message
        raise
    # Pillow ignores missing rows and leaves them black: then the last row is black.
    if png.interlaced or blank:
        png_rows.check(source, png.shape, png.body)
    return pixels, alpha


def _by_opencv(source: Source, png: _Png, data: bytes) -> tuple[Pixels, Pixels | None]:
    png_rows.check(source, png.shape, png.body, exact=True)
    with source.decoding("OpenCV"):
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.shape[:2] != (png.height, png.width) or samples.ndim != 3:
        raise source.corrupt("OpenCV can't decode it")
    if png.colour == 4:  # gray with alpha comes as colours with alpha
        return split_alpha(samples[..., 2:])
    order = cv2.COLOR_BGR2RGB if png.colour == 2 else cv2.COLOR_BGRA2RGBA
    return split_alpha(cv2.cvtColor(samples, order))


def _xmp(content: bytes) -> bytes | None:
    """Return the packet in an `iTXt` chunk, which follows flags and two empty texts."""
    try:
        packet = content[content.index(0, content.index(0, 2) + 1) + 1 :]
        return zlib.decompressobj().decompress(packet, LONGEST + 1) if content[0] else packet
    except (ValueError, IndexError, zlib.error):
        return None


def _profile(content: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    if content is None:
        return None, ()
    try:
        packed = content[content.index(0) + 2 :]
        return zlib.decompressobj().decompress(packed, _MAX_PROFILE), ()
    except (ValueError, zlib.error):
        return None, ("the ICC profile is damaged and was ignored",)


def _chunk(kind: bytes, content: bytes | memoryview) -> bytes:
    """Return one PNG chunk with length and checksum."""
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)))


def _encode(
    pixels: Pixels, alpha: Pixels | None, metadata: Metadata, _quality: int
) -> list[bytes | memoryview]:
    """Encode 8-bit or 16-bit pixels; the parts, joined, are the file."""
    # Paeth filter and run-length strategy: 12 ms and 309 kB for a 640x480 RGB street scene, where
    # zlib's default at level 1 takes 16 ms for 378 kB, and at level 6 80 ms for 321 kB.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV 4.12
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH]
    options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, encoded = cv2.imencode(".png", _packed(pixels, alpha), options)
    if not done:
        raise MemoryError
    body = np.asarray(encoded, np.uint8).reshape(-1).data
    header = bytearray(body[8:33])
    if alpha is not None and pixels.ndim == 2:
        header[16:18] = bytes((8 * pixels.itemsize, 4))
        header = bytearray(_chunk(b"IHDR", bytes(header[8:21])))
    return [_SIGNATURE, bytes(header), *_metadata_chunks(metadata), body[33:]]


def _packed(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    """Return samples in the order that OpenCV writes.

    It has no gray with alpha, but PNG's filters and compression see only bytes: the two bytes
    of gray and alpha are written as one 16-bit sample, 16-bit ones as the four of RGBA, and the
    header is corrected afterwards.
    """
    if alpha is None:
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    if pixels.ndim == 2:
        both = np.stack((pixels, alpha), axis=2)
        if pixels.dtype == np.uint8:
            return both.view(">u2")[..., 0].astype(np.uint16)
        octets = both.astype(">u2").view(np.uint8)
        return cv2.cvtColor(octets, cv2.COLOR_RGBA2BGRA)
    out = np.empty((*alpha.shape, 4), pixels.dtype)
    out[..., :3], out[..., 3] = pixels[..., ::-1], alpha
    return out


def _metadata_chunks(metadata: Metadata) -> list[bytes]:
    chunks = []
    if metadata.icc is not None:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc, 6)))
    if metadata.dpi is not None:
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *per_metre(metadata.dpi), 1)))
    if metadata.exif is not None:
        chunks.append(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp is not None:
        chunks.append(_chunk(b"iTXt", _XMP + bytes(4) + metadata.xmp))
    return chunks


PNG = Format(
    name="PNG",
    suffixes=(".png",),
    recognise=lambda data: data.startswith(_SIGNATURE),
    read=_read,
    encode=_encode,
    depths=(np.uint8, np.uint16),
    alpha=True,
    longest_side=1_000_000,  # libpng's default limit
)
