"""A check of TIFF's LZW data, as libtiff prints errors about damaged data to stderr."""

import numpy as np

from imfuse.types import Pixels

_CLEAR, _END, _FIRST = 256, 257, 258
_MOST = 4096 - _END  # codes between two clear codes, until the table is full
_WIDTHS: Pixels = np.repeat([9, 10, 11, 12], [254, 512, 1024, _MOST - 1790])
_STARTS: Pixels = np.cumsum(_WIDTHS) - _WIDTHS  # in bits, from the clear code on


def check(data: bytes, size: int) -> None:
    """Refuse data that do not unpack to the given number of bytes.

    Between two clear codes, the position and width of every code are known in advance, so NumPy can
    read them all at once.

    Raises:
        ValueError: A code is not in the table yet, the data end too early, or the table is cleared
            more often than any program would do.
    """
    octets: Pixels = np.frombuffer(data + bytes(4), np.uint8)
    end, at, blocks, codes = 8 * len(data), 0, 0, 64
    while size > 0:
        blocks += 1
        if blocks > 1000 + len(data) // 100:
            raise ValueError("its LZW table is cleared too often")
        block = _codes(octets, at, end, codes)
        stops = np.flatnonzero((block == _CLEAR) | (block == _END))
        if not stops.size and len(block) == codes < _MOST:
            codes = min(8 * codes, _MOST)
            continue
        stop = int(stops[0]) if stops.size else len(block)
        size -= _length(block[:stop], size)
        if size > 0 and (not stops.size or block[stop] == _END):
            raise ValueError(f"its LZW data end {size:,} bytes too early")
        at += int(_STARTS[stop] + _WIDTHS[stop]) if stops.size else 0
        codes = max(64, min(2 * stop, _MOST))


def _codes(octets: Pixels, at: int, end: int, most: int) -> Pixels:
    places = at + _STARTS[:most]
    count = int(np.searchsorted(places + _WIDTHS[:most], end, side="right"))
    places, widths = places[:count], _WIDTHS[:count]
    high, middle, low = (octets[(places >> 3) + step].astype(np.int32) for step in range(3))
    words = high << 16 | middle << 8 | low
    return np.asarray(words >> (24 - widths - (places & 7)) & ((1 << widths) - 1))


def _length(block: Pixels, size: int) -> int:
    """Return the number of bytes, up to `size`, that a block of codes unpacks to."""
    count = len(block)
    number = np.arange(count)
    # A code stands for one byte more than the code whose reading made its entry.
    parent = np.append(np.where(block < _CLEAR, count, block - _FIRST), count)
    wrong = parent[:-1] >= np.where(block < _CLEAR, count + 1, number)
    parent[:-1][wrong] = count
    lengths = np.append(np.ones(count, np.int64), 0)
    while (parent < count).any():
        lengths += lengths[parent]
        parent = parent[parent]
    ends = np.cumsum(lengths[:-1])
    needed = int(np.searchsorted(ends, size)) + 1
    if wrong[:needed].any():
        raise ValueError("an LZW code that is not in the table yet")
    return min(size, int(ends[-1])) if count else 0
