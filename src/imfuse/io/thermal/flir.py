"""Radiometric files of FLIR: an FFF container, alone or spread over APP1 segments of a JPEG.

The container is a directory of numbered records (exiftool's tables of FLIR name them). Its own byte
order and that of each record are independent of one another.
"""

import struct
from dataclasses import dataclass, replace

import numpy as np

from imfuse.io.camera import camera_of, time_of
from imfuse.io.formats.container import Source
from imfuse.io.formats.png import PNG
from imfuse.io.thermal.flir_camera import Camera, read_camera
from imfuse.io.thermal.segments import exif_of, segments
from imfuse.io.thermal.thermogram import Embedded, Placement, Thermogram
from imfuse.types import Pixels

_HEADS = (b"FFF\0", b"AFF\0")
_SEGMENT = b"FLIR\0"
_RAW, _VISIBLE, _CAMERA, _PLACEMENT = 0x01, 0x0E, 0x20, 0x2A
_ENTRY = 32
_MOST_RECORDS = 1 << 12
_BODY = 32  # bytes before the picture in a record
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_RATIOS = (0.1, 20.0)  # of two fields of view; anything else is a damaged record

Records = dict[int, bytes]
"""First record of each type."""


@dataclass(frozen=True)
class _Header:
    """The picture in a record: its order of bytes, and its size."""

    order: str
    width: int
    height: int


def is_flir(data: bytes) -> bool:
    """Return True for an FFF file, and a JPEG with segments of FLIR's."""
    if data.startswith(_HEADS):
        return True
    return data.startswith(_JPEG) and any(_is_part(*one) for one in segments(data))


def read_flir(source: Source) -> Thermogram | None:
    """Read a radiometric file of FLIR; None: it holds no raw picture.

    Raises:
        UnreadableImage: It is truncated or contradicts itself.
        UnsupportedImage: Its raw picture is packed in a way that is not read here.
        ImageTooLarge: The raw picture has too many pixels.
    """
    jpeg = not source.data.startswith(_HEADS)
    records = _records(source, _joined(source) if jpeg else source.data)
    raw = records.get(_RAW)
    if raw is None:
        return None
    counts = _counts(source, raw)
    camera = read_camera(records[_CAMERA]) if _CAMERA in records else Camera()
    visible = _visible(records.get(_VISIBLE))
    block = exif_of(source.data) if jpeg else None
    return Thermogram(
        kind="FLIR radiometric JPEG" if jpeg else "FLIR FFF file",
        counts=counts,
        physics=camera.physics,
        conditions=camera.conditions,
        camera=camera.name or camera_of(block),
        time=camera.time or time_of(block),
        shown=camera.shown,
        visible=visible,
        placement=None if visible is None else _placement(records.get(_PLACEMENT, b"")),
        exif=block,
        notes=camera.notes,
    )


def _is_part(marker: int, content: bytes) -> bool:
    return marker == 0xE1 and content.startswith(_SEGMENT) and len(content) >= 8


def _joined(source: Source) -> bytes:
    """Return the container, whose parts are numbered."""
    parts: dict[int, bytes] = {}
    last = 0
    for marker, content in segments(source.data):
        if _is_part(marker, content):
            parts.setdefault(content[6], content[8:])
            last = content[7]
    missing = [number for number in range(last + 1) if number not in parts]
    if missing:
        raise source.truncated(
            f"part {missing[0] + 1} of {last + 1} of its thermal data is missing"
        )
    return b"".join(parts[number] for number in range(last + 1))


def _records(source: Source, data: bytes) -> Records:
    start, count, order = _directory(source, data)
    records: Records = {}
    for place in range(start, start + count * _ENTRY, _ENTRY):
        kind, offset, length = struct.unpack_from(f"{order}H10xII", data, place)
        if kind in {_RAW, _VISIBLE, _CAMERA, _PLACEMENT} and kind not in records:
            if offset + length > len(data):
                raise source.truncated(
                    f"a record of its thermal data needs {offset + length:,} bytes of {len(data):,}"
                )
            records[kind] = data[offset : offset + length]
    return records


def _directory(source: Source, data: bytes) -> tuple[int, int, str]:
    """Return the offset of the directory, its number of entries, and its byte order."""
    if len(data) < 64 or not data.startswith(_HEADS):
        raise source.corrupt("its thermal data have no header (FFF)")
    for order in (">", "<"):
        version, offset, count = struct.unpack_from(f"{order}III", data, 20)
        if 100 <= version < 200:
            if count > _MOST_RECORDS or offset + count * _ENTRY > len(data):
                raise source.truncated(f"it announces {count:,} records of thermal data")
            return offset, count, order
    raise source.corrupt("its thermal data have an unknown version")


def _header(record: bytes) -> _Header | None:
    """Return the header of a record that holds a picture; None: it is too short."""
    if len(record) < _BODY:
        return None
    order = "<" if record[1] == 0 else ">"  # the first number is small
    return _Header(order, *struct.unpack_from(f"{order}HH", record, 2))


def _counts(source: Source, record: bytes) -> Pixels:
    header = _header(record)
    if header is None:
        raise source.truncated("the record of its raw picture is too short")
    source.check_size(header.width, header.height)
    body = record[_BODY:]
    if body.startswith(_PNG):
        return _from_png(source, body, header)
    if body.startswith(_JPEG):
        raise source.unsupported(
            "the raw picture inside is packed as JPEG",
            expected="plain numbers, or a PNG",
            remedy="Export its temperatures as a TIFF with the maker's program.",
        )
    needed = 2 * header.width * header.height
    if len(body) < needed:
        raise source.truncated(f"its raw picture has {len(body):,} bytes instead of {needed:,}")
    values = np.frombuffer(body, f"{header.order}u2", header.width * header.height)
    return values.reshape(header.height, header.width).astype(np.uint16)


def _from_png(source: Source, body: bytes, header: _Header) -> Pixels:
    with source.decoding("Pillow"):
        pixels = PNG.read(replace(source, data=body)).pixels
    if pixels.dtype != np.uint16 or pixels.shape != (header.height, header.width):
        kind = f"{pixels.dtype}" + (" in colour" if pixels.ndim == 3 else "")
        raise source.corrupt(
            f"its raw picture is {pixels.shape[1]}x{pixels.shape[0]} of {kind}, and its record "
            f"says {header.width}x{header.height} of 16 bits"
        )
    return _in_order(pixels)


def _in_order(pixels: Pixels) -> Pixels:
    """Return counts whose bytes are in order.

    PNG stores the high byte first, and most cameras of FLIR write the low one first. In the wrong
    order, the noise of the low byte becomes large steps between neighbours.
    """
    swapped = pixels.byteswap()
    return pixels if 2 * _roughness(pixels) < _roughness(swapped) else swapped


def _roughness(pixels: Pixels) -> float:
    return sum(
        float(np.abs(np.diff(pixels.astype(np.int32), axis=axis)).mean())
        for axis in (0, 1)
        if pixels.shape[axis] > 1
    )


def _visible(record: bytes | None) -> Embedded | None:
    """Return the visible picture inside; PNG files hold luma and chroma as if they were RGB."""
    body = b"" if record is None else record[_BODY:]
    if body.startswith((_PNG, _JPEG)):
        return Embedded(data=body, ycbcr=body.startswith(_PNG))
    return None


def _placement(record: bytes) -> Placement | None:
    if len(record) < 8:
        return None
    ratio, right, down = struct.unpack_from("<fhh", record)
    return Placement(ratio, right, down) if _RATIOS[0] <= ratio <= _RATIOS[1] else None
