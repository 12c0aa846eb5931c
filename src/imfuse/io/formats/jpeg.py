"""JPEG: segments are checked here, pixels are decoded and encoded by Pillow's libjpeg."""

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from imfuse.io.formats.arrays import planes
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.format import Format
from imfuse.types import Metadata, Pixels

_LONGEST = 65_533  # bytes of a segment's content

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PLAIN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # other frames can pack a block in less than a bit
_DROPPED = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # applications' data: Pillow warns of damaged ones
_EXIF, _ICC, _XMP = b"Exif\0\0", b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/1.0/\0"
_FLIR = b"FLIR\0"
_LEAST_COUNTS = 2**15  # bytes of the smallest thermal picture of DJI
_TEMPERATURES = (
    "this radiometric JPEG of {} holds temperatures, which were not used: its preview was read;"
    " given as the infrared picture, it yields them (imfuse.read_infrared)"
)
_SCAN, _END = 0xDA, b"\xff\xd9"
_MORE = bytes(range(1, 251)) * 4  # no bytes that could be a marker


@dataclass(kw_only=True)
class _Jpeg:
    plain: list[bytes | memoryview] = field(default_factory=lambda: [b"\xff\xd8"])
    """The file without applications' data; the last part begins after the first scan's header."""
    exif: bytes | None = None
    xmp: bytes | None = None
    flir: bool = False
    """True if there are segments of FLIR's, which hold raw values."""
    counts: int = 0
    """Number of bytes in the segments where DJI's cameras store raw values."""
    profile: dict[int, bytes] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    size: tuple[int, int] | None = None


def _read(source: Source) -> Decoded:
    """Decode a JPEG file to gray or RGB, 8 bits."""
    jpeg = _parse(source)
    pixels, notes = _decode(source, jpeg)
    # If data are missing, libjpeg leaves middle gray, and Pillow ignores its warning. So if the
    # last pixel is gray, offer more data, which a complete picture does not use.
    if (pixels[-1, -1] == 128).all():
        jpeg.plain[-1] = bytes(jpeg.plain[-1]).replace(_END, _MORE + _END, 1)
        if not np.array_equal(_decode(source, jpeg)[0], pixels):
            raise source.truncated("its compressed data end before the picture does")
    icc = b"".join(jpeg.profile[key] for key in sorted(jpeg.profile))
    if jpeg.flir:
        notes += (_TEMPERATURES.format("FLIR's"),)
    elif jpeg.counts >= _LEAST_COUNTS and b"DJI" in (jpeg.exif or b"")[:4096]:
        notes += (_TEMPERATURES.format("DJI's"),)
    return Decoded(
        pixels=pixels, exif=jpeg.exif, icc=icc or None, dpi=jpeg.dpi, xmp=jpeg.xmp, notes=notes
    )


def _decode(source: Source, jpeg: _Jpeg) -> tuple[Pixels, tuple[str, ...]]:
    with source.decoding("Pillow"), JpegImageFile(io.BytesIO(b"".join(jpeg.plain))) as image:
        if image.size != jpeg.size:
            raise source.corrupt("its size is given twice, differently")
        image.load()
        note = f"{image.mode} colours were converted to RGB without their profile"
        return planes(image)[0], () if image.mode in {"L", "RGB"} else (note,)


def _parse(source: Source) -> _Jpeg:
    """Read the segments up to the first scan; everything after it is left to libjpeg."""
    jpeg, data, at, marker = _Jpeg(), memoryview(source.data), 2, 0
    while marker != _SCAN:
        at = source.data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            raise source.truncated(f"it ends after {len(data):,} bytes, within its header")
        marker = data[at + 1]
        if marker in {0, 1, 0xFF, *range(0xD0, 0xD9)}:  # these have no segment
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _END[1] or end < at + 4:
            raise source.corrupt("a segment has an impossible length, or the picture is missing")
        if end > len(data):
            raise source.truncated(f"a segment needs {end:,} bytes, the file has {len(data):,}")
        _segment(source, jpeg, marker, bytes(data[at + 4 : end]))
        if marker not in _DROPPED:
            jpeg.plain.append(data[at:end])
        at = end
    if jpeg.size is None:
        raise source.corrupt("there is no frame header (SOF)")
    if source.data.find(_END, at) < 0:
        raise source.truncated(f"it ends after {len(data):,} bytes without an end marker")
    jpeg.plain.append(data[at:])
    return jpeg


def _segment(source: Source, jpeg: _Jpeg, marker: int, content: bytes) -> None:
    if marker in _FRAMES and jpeg.size is None:
        if len(content) < 6:
            raise source.corrupt("the frame header (SOF) is too short")
        height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
        source.check_size(width, height)
        jpeg.size = (width, height)
        # Frames that are not plain are first unpacked to coefficients of 2 bytes.
        source.check_bytes(width * height * content[5] * (1 if marker in {0xC0, 0xC1} else 3))
        # Each block of 8x8 pixels takes at least one bit.
        if marker in _PLAIN_FRAMES and width * height > 512 * len(source.data):
            raise source.truncated("there are far fewer bytes than the picture needs")
        if content[0] != 8:
            raise source.unsupported(
                f"a JPEG of {content[0]} bits per sample",
                expected="8 bits",
                remedy="Convert it to a 16-bit PNG or TIFF.",
            )
    else:
        _metadata(jpeg, marker, content)


def _metadata(jpeg: _Jpeg, marker: int, content: bytes) -> None:
    if marker == 0xE0 and content[:5] == b"JFIF\0" and len(content) >= 12:
        x, y = int.from_bytes(content[8:10], "big"), int.from_bytes(content[10:12], "big")
        factor = {1: 1.0, 2: 2.54}.get(content[7])
        if factor and x and y:
            jpeg.dpi = (x * factor, y * factor)
    elif marker == 0xE1 and content.startswith(_EXIF) and not jpeg.exif:
        jpeg.exif = content[6:]
    elif marker == 0xE1 and content.startswith(_XMP) and not jpeg.xmp:
        jpeg.xmp = content[len(_XMP) :]
    elif marker == 0xE1 and content.startswith(_FLIR):
        jpeg.flir = True
    elif marker == 0xE3:
        jpeg.counts += len(content)
    elif marker == 0xE2 and content.startswith(_ICC) and len(content) > 14:
        jpeg.profile.setdefault(content[12], content[14:])


def _encode(
    pixels: Pixels, _alpha: Pixels | None, metadata: Metadata, quality: int
) -> list[bytes | memoryview]:
    """Encode 8-bit pixels without chroma subsampling; the parts are the file."""
    options: dict[str, object] = {}
    if metadata.exif is not None:
        options["exif"] = _EXIF + metadata.exif
    if metadata.xmp is not None:
        options["xmp"] = metadata.xmp
    if metadata.icc is not None:
        options["icc_profile"] = metadata.icc
    if metadata.dpi is not None:
        options["dpi"] = tuple(min(round(value), 65_535) for value in metadata.dpi)
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.save(buffer, "JPEG", quality=quality, subsampling=0, **options)
    return [buffer.getbuffer()]


JPEG = Format(
    name="JPEG",
    suffixes=(".jpg", ".jpeg"),
    recognise=lambda data: data.startswith(b"\xff\xd8\xff"),
    read=_read,
    encode=_encode,
    depths=(np.uint8,),
    longest_exif=_LONGEST - len(_EXIF),
    longest_xmp=_LONGEST - len(_XMP),
    longest_side=65_500,  # libjpeg's limit
)
