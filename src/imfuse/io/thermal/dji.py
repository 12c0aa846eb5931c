"""Radiometric JPEGs of DJI's cameras: raw counts in APP3 segments, conditions in an APP4 segment.

Only DJI's closed library turns counts into temperatures; `dji_tool` calls a program that can.
"""

import math
import struct
from typing import TypeAlias

import numpy as np

from imfuse.io.camera import camera_of, time_of
from imfuse.io.formats.container import Source
from imfuse.io.thermal.segments import exif_of, frame_size, segments
from imfuse.io.thermal.thermogram import Thermogram
from imfuse.radiometry import Conditions
from imfuse.types import Pixels

_JPEG = b"\xff\xd8\xff"
_COUNTS, _CONDITIONS = 0xE3, 0xE4
_LEAST = 1 << 15
_HEAD = (b"\xff\xd2\xd1\xff", 32)  # of newer cameras, before what older ones begin with
_H20T, _M30T = b"\xaa\x55\x12\x06", b"\xaa\x55\x38\x00"

Size: TypeAlias = tuple[int, int]


def is_dji(data: bytes) -> bool:
    """Return True for a JPEG of DJI's with raw counts."""
    if not data.startswith(_JPEG):
        return False
    found = sum(len(content) for marker, content in segments(data) if marker == _COUNTS)
    return found >= _LEAST and b"DJI" in (exif_of(data) or b"")[:4096]


def read_dji(source: Source) -> Thermogram:
    """Read a radiometric JPEG of DJI's.

    Raises:
        UnreadableImage: Its counts are no picture of a known size.
        ImageTooLarge: It has too many pixels.
    """
    parts, conditions = [], Conditions()
    for marker, content in segments(source.data):
        if marker == _COUNTS:
            parts.append(content)
        elif marker == _CONDITIONS and not conditions.values:
            conditions = _conditions(content)
    body = b"".join(parts)
    height, width = _size(source, len(body), frame_size(source.data) or (0, 0))
    source.check_size(width, height)
    counts: Pixels = np.frombuffer(body, "<u2", width * height).reshape(height, width)
    block = exif_of(source.data)
    return Thermogram(
        kind="DJI radiometric JPEG",
        counts=counts.astype(np.uint16),
        conditions=conditions,
        camera=camera_of(block),
        time=time_of(block),
        exif=block,
    )


def _size(source: Source, length: int, preview: Size) -> Size:
    """Return height and width of the counts, which is the preview's size, or half or twice it."""
    height, width = preview
    for factor in (1.0, 0.5, 2.0):
        size = (int(height * factor), int(width * factor))
        if length == 2 * size[0] * size[1]:
            return size
    raise source.corrupt(f"{length:,} bytes of counts don't fit a preview of {width}x{height}")


def _conditions(content: bytes) -> Conditions:
    """Return the conditions of an APP4 segment, of which cameras use three forms."""
    mark, length = _HEAD
    body = content[length:] if content.startswith(mark) else content
    names = ("distance", "humidity", "emissivity", "reflected", "atmosphere")
    if body.startswith(_H20T) and len(body) >= 0x4E:
        distance, humidity, emissivity, reflected, air = struct.unpack_from("<HHHhh", body, 0x44)
        found = (distance, humidity / 100, emissivity / 100, reflected / 10, air)
    elif body.startswith(_M30T) and len(body) >= 12:
        humidity, distance, emissivity, reflected = struct.unpack_from("<HHHh", body, 4)
        found = (distance / 10, humidity / 100, emissivity / 100, reflected / 10, math.nan)
    elif len(body) >= 20:
        air, distance, emissivity, humidity, reflected = struct.unpack_from("<5f", body)
        found = (distance, humidity, emissivity, reflected, air)
    else:
        return Conditions()
    known = zip(names, found, strict=True)
    return Conditions({name: float(value) for name, value in known if math.isfinite(value)})
