"""JPEG: segments are checked here, pixels are decoded and encoded by Pillow's libjpeg."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from imfuse.io.arrays import from_pil
from imfuse.io.container import Decoded, Source
from imfuse.types import Metadata, Pixels

SIGNATURE = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DROPPED = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # applications' data: Pillow warns of damaged ones
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_MORE = bytes(range(1, 251)) * 4  # nothing that could be a marker


@dataclass(kw_only=True)
class _Jpeg:
    plain: list[bytes | memoryview] = field(default_factory=lambda: [b"\xff\xd8"])
    """The file without applications' data."""
    exif: bytes = b""
    profile: dict[int, bytes] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    blocks: int = 0
    """Blocks of 8x8 samples, each of which takes at least one bit."""
    scanned: int = 0
    """Bytes of entropy-coded data."""


def read_jpeg(source: Source) -> Decoded:
    """Decode a JPEG file to gray or RGB, 8 bits."""
    jpeg = _parse(source)
    pixels, notes = _decode(source, jpeg, jpeg.plain)
    # Where data are missing, libjpeg leaves middle gray, and Pillow passes its warning over. If
    # the last pixel is such, more data are offered: whole pictures have no use for them.
    if (pixels[-1, -1] == 128).all():
        more = [*jpeg.plain[:-1], _MORE, jpeg.plain[-1]]
        if not np.array_equal(_decode(source, jpeg, more)[0], pixels):
            raise source.truncated("its compressed data end before the picture does")
    icc = b"".join(jpeg.profile[key] for key in sorted(jpeg.profile))
    return Decoded(
        pixels=pixels, exif=jpeg.exif or None, icc=icc or None, dpi=jpeg.dpi, notes=notes
    )


def _decode(
    source: Source, jpeg: _Jpeg, parts: list[bytes | memoryview]
) -> tuple[Pixels, tuple[str, ...]]:
    with source.decoding("Pillow"), JpegImageFile(io.BytesIO(b"".join(parts))) as image:
        if image.size != jpeg.size:
            raise source.corrupt("its size is given twice, differently")
        image.load()
        if image.mode in {"L", "RGB"}:
            return from_pil(image), ()
        note = f"{image.mode} colours were converted to RGB without their profile"
        return from_pil(image.convert("RGB")), (note,)


def _parse(source: Source) -> _Jpeg:
    jpeg = _Jpeg()
    for marker, before, content in _segments(source):
        jpeg.plain.append(before)
        jpeg.scanned += len(before)
        _segment(source, jpeg, marker, bytes(content))
        if marker not in _DROPPED:
            size = len(content) + 2
            jpeg.plain += [bytes((0xFF, marker)), size.to_bytes(2, "big"), content]
    if jpeg.size is None:
        raise source.corrupt("there is no frame header (SOF)")
    if jpeg.scanned * 8 < jpeg.blocks:
        raise source.truncated("there are far fewer bytes than the picture needs")
    jpeg.plain.append(b"\xff\xd9")
    return jpeg


def _segments(source: Source) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Yield each marker, the entropy-coded data before it, and the content of its segment.

    The end marker has no segment; the data before it come with a comment (0xFE).
    """
    data, at = memoryview(source.data), 2
    while True:
        found = _MARKER.search(source.data, at)
        if found is None:
            raise source.truncated(f"it ends after {len(data):,} bytes without an end marker")
        start, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9:
            yield 0xFE, data[at:start], data[:0]
            return
        if marker in {0xD8, 0x01}:  # these have no segment
            at = start + 2
            continue
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        end = start + 2 + length
        if end > len(data):
            raise source.truncated(f"a segment needs {end:,} bytes, the file has {len(data):,}")
        if length < 2:
            raise source.corrupt("a segment has an impossible length")
        yield marker, data[at:start], data[start + 4 : end]
        at = end


def _segment(source: Source, jpeg: _Jpeg, marker: int, content: bytes) -> None:
    if marker in _FRAMES and jpeg.size is None:
        if len(content) < 6:
            raise source.corrupt("the frame header (SOF) is too short")
        height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
        source.check_size(width, height)
        jpeg.size = (width, height)
        if marker in {0xC0, 0xC1, 0xC2}:  # the others can pack a block in less than a bit
            jpeg.blocks = _blocks(width, height, content[5:])
        if content[0] != 8:
            raise source.unsupported(
                f"a JPEG of {content[0]} bits per sample",
                expected="8 bits",
                remedy="Convert it to a 16-bit PNG or TIFF.",
            )
    elif marker == 0xE0 and content[:5] == b"JFIF\0" and len(content) >= 12:
        x, y = int.from_bytes(content[8:10], "big"), int.from_bytes(content[10:12], "big")
        factor = {1: 1.0, 2: 2.54}.get(content[7])
        if factor and x and y:
            jpeg.dpi = (x * factor, y * factor)
    elif marker == 0xE1 and content.startswith(_EXIF) and not jpeg.exif:
        jpeg.exif = content[6:]
    elif marker == 0xE2 and content.startswith(_ICC) and len(content) > 14:
        jpeg.profile.setdefault(content[12], content[14:])


def _blocks(width: int, height: int, components: bytes) -> int:
    """Return the number of blocks in all components, from their sampling factors."""
    count = components[0]
    factors = [(code >> 4, code & 15) for code in components[2 : 1 + 3 * count : 3]]
    most_x = max((x for x, _ in factors), default=0)
    most_y = max((y for _, y in factors), default=0)
    if not most_x or not most_y:
        return 0  # libjpeg refuses such a header
    return sum(-(-width * x // (8 * most_x)) * -(-height * y // (8 * most_y)) for x, y in factors)


def encode_jpeg(pixels: Pixels, metadata: Metadata, quality: int) -> list[bytes | memoryview]:
    """Encode 8-bit pixels without chroma subsampling; the parts are the file."""
    options: dict[str, object] = {}
    if metadata.exif is not None and len(metadata.exif) <= 65_527:  # what a segment can hold
        options["exif"] = _EXIF + metadata.exif
    if metadata.icc is not None:
        options["icc_profile"] = metadata.icc
    if metadata.dpi is not None:
        options["dpi"] = tuple(min(round(value), 65_535) for value in metadata.dpi)
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.save(buffer, "JPEG", quality=quality, subsampling=0, **options)
    return [buffer.getbuffer()]
