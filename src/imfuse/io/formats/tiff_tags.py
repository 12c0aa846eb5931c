"""Tags of TIFF files: limits on their size and number, and readers of metadata tags."""

import struct
from collections.abc import Mapping
from dataclasses import replace

from tifffile import TiffPage

from imfuse.io.formats.container import Source
from imfuse.io.formats.exif import LARGEST_VALUE
from imfuse.types import GeoValue

MOST_PAGES = 1024
STORAGE = frozenset(
    {*range(256, 260), 262, 266, 273, 277, 278, 279, 284, 317, 320, *range(322, 326)}
    | {338, 339, 347, 530}
)
"""Tags without which pixels are misread."""

_POINTERS = frozenset({330, 34665, 34853, 40965})  # to further directories
_XMP, _PROFILE, _NODATA = 700, 34675, 42113
_GEO = (33550, 33922, 34264, 34735, 34736, 34737, 42112)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}


def bounded(source: Source) -> Source:
    """Return a TIFF file without values that are too large for metadata.

    Libraries read all values of all directories, several times. To limit the work that a file can
    cause them, each directory is counted once, all directories together can't have more entries
    than the file has room for, and large values are emptied.

    Raises:
        UnreadableImage: Directories overlap.
    """
    data, emptied = source.data, None
    order = "<" if data[:2] == b"II" else ">"
    big = b"+" in data[2:4]
    number_, count_, start = ("Q", "Q", 8) if big else ("I", "H", 4)
    entry = struct.Struct(f"{order}HH{number_}{number_}")
    room, pages, waiting = len(data) // entry.size, 0, []
    try:
        waiting.append(struct.unpack_from(order + number_, data, start)[0])
    except struct.error:
        return source
    while waiting and pages < MOST_PAGES:
        pages += 1
        try:
            at = waiting.pop()
            count = struct.unpack_from(order + count_, data, at)[0]
            at += struct.calcsize(count_)
            room -= count
            if room < 0:
                raise source.corrupt("its directories overlap")
            following = struct.unpack_from(order + number_, data, at + count * entry.size)[0]
        except struct.error:  # tifffile will report the missing part
            continue
        waiting += [following] if following else []
        for place in range(at, at + count * entry.size, entry.size):
            tag, kind, length, value = entry.unpack_from(data, place)
            if tag in _POINTERS and length == 1:
                waiting.append(value)
            most = LARGEST_VALUE << (4 * (tag == _PROFILE))
            if tag not in STORAGE and length * _SIZES.get(kind, 1) > most:
                emptied = emptied or bytearray(data)
                struct.pack_into(f"{order}H{number_}", emptied, place + 2, 1, 0)
    return source if emptied is None else replace(source, data=bytes(emptied))


def number(value: object) -> float | None:
    """Return a tag's value, which may be a fraction, as a number."""
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return float(value[0] / value[1])
    return float(value) if isinstance(value, int | float) else None


def nodata(page: TiffPage) -> float | None:
    """Return the pixel value that marks pixels without a value, as declared by GDAL's tag.

    It is None for palettes and below 8 bits, too, where stored values are not those of the pixels.
    """
    try:
        value = float(str(page.tags.valueof(_NODATA)).strip("\0 "))
    except ValueError:
        return None
    kind, bits = page.tags.valueof(262), page.bitspersample
    if kind == 3 or bits < 8:
        return None
    if kind == 0 and page.sampleformat not in {2, 3} and bits < 32:  # white is zero
        return float(2**bits) - 1 - value
    return value


def xmp(page: TiffPage) -> bytes | None:
    """Return the XMP packet."""
    value = page.tags.valueof(_XMP)
    if isinstance(value, tuple) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value) or None
    return value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else None


def geo(page: TiffPage) -> Mapping[int, GeoValue]:
    """Return GeoTIFF's tags."""
    found: dict[int, GeoValue] = {}
    for tag in _GEO:
        value = page.tags.valueof(tag)
        if isinstance(value, int | float):
            value = (value,)
        if isinstance(value, str) or (
            isinstance(value, tuple) and all(isinstance(one, int | float) for one in value)
        ):
            found[tag] = value
    return found
