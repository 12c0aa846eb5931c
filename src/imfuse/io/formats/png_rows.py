"""Check the packed rows of a PNG before decoding, since decoders ignore errors."""

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imfuse.io.formats.container import Source

_ADAM7 = (  # first column and row, steps in x and y of each pass
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_BLOCK = 1 << 18


class Shape(NamedTuple):
    """Storage of the rows of a PNG."""

    width: int
    height: int
    bits: int
    """Bits per pixel."""
    interlaced: bool


def unpacked_size(shape: Shape) -> int:
    """Return the size of all rows in bytes, each with a byte for its filter."""
    return _passes(shape)[-1][1]


def _passes(shape: Shape) -> list[tuple[int, int, int]]:
    """Return first byte, end and bytes per row of each pass."""
    at, passes = 0, []
    for x, y, dx, dy in _ADAM7 if shape.interlaced else ((0, 0, 1, 1),):
        columns, rows = -((x - shape.width) // dx), -((y - shape.height) // dy)
        if columns > 0 and rows > 0:
            stride = (columns * shape.bits + 7) // 8 + 1
            passes.append((at, at + rows * stride, stride))
            at += rows * stride
    return passes


def check(source: Source, shape: Shape, body: Sequence[memoryview], *, exact: bool = False) -> None:
    """Refuse data that do not inflate to all rows: decoders leave missing rows black.

    Args:
        source: The file, for messages.
        shape: Storage of the rows.
        body: The content of the IDAT chunks.
        exact: Also refuse data after the last row and filters that do not exist, about which
            libpng prints to stderr.

    Raises:
        UnreadableImage: Data are damaged or missing.
    """
    passes, at = _passes(shape), 0
    whole = passes[-1][1]
    try:
        for piece in _inflated(body, whole + exact):
            if exact:
                _check_filters(source, passes, at, piece)
            at += len(piece)
    except zlib.error as error:
        raise source.corrupt(f"the compressed data are damaged ({error})") from error
    if at < whole:
        raise source.truncated(f"at least {whole - at:,} bytes of it are missing")
    if at > whole:
        raise source.corrupt("there are data after the last row")


def _inflated(body: Sequence[memoryview], most: int) -> Iterator[bytes]:
    """Yield at most the given number of bytes.

    Raises:
        zlib.error: The data are damaged; or only one byte was missing, and no proper end follows.
    """
    inflater = zlib.decompressobj()
    for part in body:
        fed: bytes | memoryview = part
        while most > 0 and (piece := inflater.decompress(fed, min(most, _BLOCK))):
            yield piece
            most -= len(piece)
            fed = inflater.unconsumed_tail
        if most > 0 and inflater.unused_data:
            raise zlib.error("other data follow")
    if most == 1 and not inflater.eof:  # all rows are there
        raise zlib.error("they have no end")


def _check_filters(
    source: Source, passes: Sequence[tuple[int, int, int]], at: int, piece: bytes
) -> None:
    for start, end, stride in passes:
        first = max(start, at + (start - at) % stride)
        filters = piece[first - at : max(0, end - at) : stride]
        if filters and max(filters) > 4:
            raise source.corrupt(f"a row has filter {max(filters)}, which does not exist")
