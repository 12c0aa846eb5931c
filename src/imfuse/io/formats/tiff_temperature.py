"""A second page of a TIFF that holds the temperatures behind a picture.

Programs that read only the first page show the picture; others, GDAL among them, find float32
degrees Celsius in the second one, NaN where there is no temperature.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imfuse.io.formats.container import Source
from imfuse.types import Float

MARK = "imfuse: temperature in degrees Celsius"
"""Beginning of the second page's description, by which it is recognised."""

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_UNIT = (
    '<GDALMetadata><Item name="UNITTYPE" sample="0" role="unittype">Celsius</Item></GDALMetadata>'
)
_SHORT, _LONG, _ASCII = 3, 4, 2
_LAST = 2**32 - 1


def with_temperature(
    parts: Sequence[bytes | memoryview], values: Float
) -> list[bytes | memoryview]:
    """Return the parts of a TIFF file of one page with a second one behind it.

    Args:
        parts: Parts of the file, of which the first one holds the header and the directory.
        values: `(H, W)` degrees Celsius.

    Raises:
        ValueError: The file would become larger than 4 GB.
    """
    head = bytearray(parts[0])
    order = _ORDERS[bytes(head[:4])]
    start = sum(len(memoryview(part).cast("B")) for part in parts)
    padding = bytes(start % 2)
    directory = start + len(padding)
    page = _page(order, directory, values)
    if directory + len(page) + values.nbytes > _LAST:
        raise ValueError("more than 4 GB")
    struct.pack_into(f"{order}I", head, _link(head, order), directory)
    body = np.ascontiguousarray(values, f"{order}f4").reshape(-1).view(np.uint8).data
    return [bytes(head), *parts[1:], padding, page, body]


def temperature_in(source: Source) -> Source | None:
    """Return a TIFF file whose only page is the one with temperatures; None: it has none.

    Raises:
        UnreadableImage: The file is damaged.
    """
    data = source.data
    order = _ORDERS.get(data[:4])
    if order is None:
        return None
    try:
        following = struct.unpack_from(f"{order}I", data, _link(data, order))[0]
    except struct.error as error:
        raise source.truncated("its first directory is not in the file") from error
    found = data.find(MARK.encode(), following) if following else -1
    if found < 0:
        return None
    return replace(source, data=data[:4] + struct.pack(f"{order}I", following) + data[8:])


def _link(data: bytes | bytearray, order: str) -> int:
    """Return the place of the offset of the directory behind the first one."""
    first = int(struct.unpack_from(f"{order}I", data, 4)[0])
    count = int(struct.unpack_from(f"{order}H", data, first)[0])
    return first + 2 + 12 * count


def _page(order: str, at: int, values: Float) -> bytes:
    """Return the directory of the second page, whose pixels follow it."""
    height, width = values.shape
    texts = {270: f"{MARK}, NaN where there is none", 42112: _UNIT, 42113: "nan"}
    numbers = {
        254: (_LONG, 2),  # a page among several
        256: (_LONG, width),
        257: (_LONG, height),
        258: (_SHORT, 32),
        259: (_SHORT, 1),
        262: (_SHORT, 1),
        273: (_LONG, 0),
        277: (_SHORT, 1),
        278: (_LONG, height),
        279: (_LONG, values.size * 4),
        339: (_SHORT, 3),
    }
    entries = len(texts) + len(numbers)
    tail_at = at + 2 + 12 * entries + 4
    tails = {
        tag: text.encode() + b"\0" + bytes(-(len(text) + 1) % 2) for tag, text in texts.items()
    }
    numbers[273] = (_LONG, tail_at + sum(map(len, tails.values())))
    page, place = [struct.pack(f"{order}H", entries)], tail_at
    for tag in sorted((*texts, *numbers)):
        if tag in numbers:
            kind, value = numbers[tag]
            packed = struct.pack(
                f"{order}I" if kind == _LONG else f"{order}HH", *_cells(kind, value)
            )
            page.append(struct.pack(f"{order}HHI", tag, kind, 1) + packed)
        else:
            length = len(texts[tag]) + 1
            inline = tails[tag].ljust(4, b"\0") if length <= 4 else struct.pack(f"{order}I", place)
            page.append(struct.pack(f"{order}HHI", tag, _ASCII, length) + inline)
            place += len(tails[tag])
    return b"".join((*page, bytes(4), *tails.values()))


def _cells(kind: int, value: int) -> tuple[int, ...]:
    return (value,) if kind == _LONG else (value, 0)
