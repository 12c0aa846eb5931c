"""IRG files of InfiRay's cameras: an 8-bit picture, temperatures in 16 bits, often a photograph.

There is no public description; the layout is that found by owners of such cameras (the Python
package infiray_irg, the program irgdump), checked against a file of a C200.
"""

import struct

import numpy as np

from imfuse.io.formats.container import Source
from imfuse.io.thermal.thermogram import Embedded, Linear, Thermogram
from imfuse.radiometry import ZERO_CELSIUS, Conditions

_MAGIC, _END = b"\xca\xac", b"\xac\xca"
_OTHER = (b"\xba\xab", b"\x04\xa0")
_HEADER = 128
_UNIT = 10_000  # conditions are whole numbers of 1/10000
_JPEG = b"\xff\xd8\xff"

_SIXTEENTHS = Linear(1 / 16, -ZERO_CELSIUS)
_TENTHS = Linear(1 / 10, -ZERO_CELSIUS)
_AUTEL = Linear(1 / 64, -25.0)


def is_irg(data: bytes) -> bool:
    """Return True for an IRG file."""
    if data[:2] == _MAGIC or data[:2] in _OTHER:
        return data[2:4] == _HEADER.to_bytes(2, "little") and _plausible(data)
    return False


def _plausible(data: bytes) -> bool:
    if len(data) < _HEADER:
        return data[:2] == _MAGIC
    return data[_HEADER - 2 : _HEADER] == _END or data[:2] == _OTHER[1]


def read_irg(source: Source) -> Thermogram:
    """Read an IRG file.

    Raises:
        UnreadableImage: It is truncated or contradicts itself.
        ImageTooLarge: It has too many pixels.
    """
    data = source.data
    if len(data) < _HEADER:
        raise source.truncated(f"it ends after {len(data):,} bytes, within its header")
    coarse, height, width, autel = struct.unpack_from("<IHHB", data, 4)
    source.check_size(width, height)
    if coarse != width * height:
        raise source.corrupt(f"a picture of {width}x{height} pixels has {coarse:,} bytes")
    start = _HEADER + coarse
    end = start + 2 * coarse
    if end > len(data):
        raise source.truncated(f"its temperatures end at byte {end:,}, and it has {len(data):,}")
    counts = np.frombuffer(data, "<u2", coarse, start).reshape(height, width).astype(np.uint16)
    physics = _SIXTEENTHS if data[:2] == _MAGIC else _TENTHS
    if data[:2] == _MAGIC and autel == 1:
        physics = _AUTEL
    return Thermogram(
        kind="InfiRay IRG",
        counts=counts,
        physics=physics,
        conditions=_conditions(data),
        camera="InfiRay" if physics is not _AUTEL else "Autel",
        preview=np.frombuffer(data, np.uint8, coarse, _HEADER).reshape(height, width),
        visible=Embedded(data=data[end:]) if data.startswith(_JPEG, end) else None,
    )


def _conditions(data: bytes) -> Conditions:
    emissivity, reflected, atmosphere, distance = (
        value / _UNIT for value in struct.unpack_from("<4I", data, 30)
    )
    return Conditions(
        {
            "emissivity": emissivity,
            "reflected": reflected - ZERO_CELSIUS,
            "atmosphere": atmosphere - ZERO_CELSIUS,
            "distance": distance,
        }
    )
