"""Strict decoder for TIFF's fax compression (ITU-T T.4 and T.6); libtiff accepts damaged rows."""

from typing import TypeAlias

import numpy as np

from imfuse.types import Pixels

_Table: TypeAlias = list[tuple[int, int]]
"""Run or mode and length in bits, for each possible value of the next bits; 0 bits: no code."""

# Codes in hexadecimal, after a leading 1 that preserves their zeros: runs of 0 to 63, then of 64,
# 128, ... to 1728, and those of 1792 to 2560, which both colours share.
_WHITE = """135 47 17 18 1b 1c 1e 1f 33 34 27 28 48 43 74 75 6a 6b a7 8c 88 97 83 84 a8 ab 93 a4 98
    102 103 11a 11b 112 113 114 115 116 117 128 129 12a 12b 12c 12d 104 105 10a 10b 152 153 154 155
    124 125 158 159 15a 15b 14a 14b 132 133 134 3b 32 57 b7 136 137 164 165 168 167 2cc 2cd 2d2 2d3
    2d4 2d5 2d6 2d7 2d8 2d9 2da 2db 298 299 29a 58 29b"""
_BLACK = """437 a 7 6 b 13 12 23 45 44 84 85 87 104 107 218 417 418 408 867 868 86c 837 828 817 818
    10ca 10cb 10cc 10cd 1068 1069 106a 106b 10d2 10d3 10d4 10d5 10d6 10d7 106c 106d 10da 10db 1054
    1055 1056 1057 1064 1065 1052 1053 1024 1037 1038 1027 1028 1058 1059 102b 102c 105a 1066 1067
    40f 10c8 10c9 105b 1033 1034 1035 206c 206d 204a 204b 204c 204d 2072 2073 2074 2075 2076 2077
    2052 2053 2054 2055 205a 205b 2064 2065"""
_LONG = "808 80c 80d 1012 1013 1014 1015 1016 1017 101c 101d 101e 101f"
_PASS, _HORIZONTAL = 10, 11
_MODES = {0: "1", 1: "011", -1: "010", 2: "000011", -2: "000010", 3: "0000011", -3: "0000010"}
_MODES |= {_PASS: "0001", _HORIZONTAL: "001"}
_END_OF_BLOCK = "000000000001" * 2
_PEEK = 13  # bits of the longest code


def _table(codes: dict[int, str]) -> _Table:
    table = [(0, 0)] * (1 << _PEEK)
    for value, code in codes.items():
        low = int(code, 2) << (_PEEK - len(code))
        table[low : low + (1 << (_PEEK - len(code)))] = [(value, len(code))] * (
            1 << (_PEEK - len(code))
        )
    return table


def _runs(text: str) -> _Table:
    codes = [f"{int(code, 16):b}"[1:] for code in f"{text} {_LONG}".split()]
    return _table(dict(zip([*range(64), *range(64, 2561, 64)], codes, strict=True)))


_RUNS = (_runs(_WHITE), _runs(_BLACK))
_MODE = _table(_MODES)


class _Reader:
    """Reads rows of a strip as lists of the positions where the colour changes, white first."""

    def __init__(self, data: bytes, width: int) -> None:
        self.data, self.width = data + bytes(4), width
        self.at, self.end = 0, 8 * len(data)

    def code(self, table: _Table) -> int:
        """Return the meaning of the next code."""
        place = self.at >> 3
        word = int.from_bytes(self.data[place : place + 3], "big") >> (24 - _PEEK - (self.at & 7))
        value, bits = table[word & ((1 << _PEEK) - 1)]
        self.at += bits
        if not bits or self.at > self.end:
            raise ValueError("a code that does not exist")
        return value

    def run(self, colour: int) -> int:
        """Return the length of a run."""
        length = 0
        while (part := self.code(_RUNS[colour])) >= 64:
            length += part
        return length + part

    def row(self) -> list[int]:
        """Read a row that does not depend on the one above."""
        changes, at, colour = [], 0, 0
        while at < self.width:
            at += self.run(colour)
            changes.append(at)
            colour ^= 1
        if at > self.width:
            raise ValueError("a row that is too long")
        return changes

    def row_after(self, above: list[int]) -> list[int]:
        """Read a row that is stored as differences from the one above."""
        width = self.width
        above = [*above, width, width, width]
        changes: list[int] = []
        at, colour, place = -1, 0, 0
        while at < width:
            while above[place] <= at and above[place] < width:
                place += 2
            mode = self.code(_MODE)
            if mode == _PASS:
                at = above[place + 1]
                continue
            if mode == _HORIZONTAL:
                first = max(at, 0) + self.run(colour)
                at = first + self.run(colour ^ 1)
                changes += (first, at)
            else:
                before, at = max(at, 0), above[place] + mode
                if at < before:
                    raise ValueError("a row that runs backwards")
                changes.append(at)
                colour ^= 1
                place += -1 if place else 1
            if at > width:
                raise ValueError("a row that is too long")
        return changes

    def row_mark(self) -> None:
        """Skip the mark that begins a row: 11 or more zeros, and a 1."""
        start = self.at
        while self.at < self.end and not self.bit():
            pass
        if self.at - start < 12:
            raise ValueError("a row without its mark")

    def check_end(self, method: int) -> None:
        """Refuse data after the last row, which are there if a damaged code was misread."""
        rest = "".join(f"{octet:08b}" for octet in self.data[self.at >> 3 :][:8])
        rest = rest[self.at & 7 :][: self.end - self.at]
        ended = method == 4 and rest.startswith(_END_OF_BLOCK)
        if method != 3 and not ended and (len(rest) >= 16 or "1" in rest):
            raise ValueError("data after the last row")

    def bit(self) -> int:
        """Return the next bit."""
        self.at += 1
        return self.data[self.at - 1 >> 3] >> (-self.at & 7) & 1


def unpack(data: bytes, width: int, height: int, method: int, options: int) -> bytes:
    """Return the rows of a strip, 8 pixels to a byte, black as 1.

    Args:
        data: The packed strip.
        width: Pixels in a row.
        height: Rows.
        method: TIFF's compression: 2, 3 or 4.
        options: TIFF's `T4Options`; its lowest bit allows rows that need the one above.

    Raises:
        ValueError: The data are damaged, or end too early.
    """
    reader, above = _Reader(data, width), list[int]()
    rows: Pixels = np.zeros((height, width), np.uint8)
    for row in rows:
        if method == 4:
            above = reader.row_after(above)
        elif method == 2:
            above = reader.row()
            reader.at = -(-reader.at // 8) * 8
        else:
            reader.row_mark()
            plain = not options & 1 or reader.bit()
            above = reader.row() if plain else reader.row_after(above)
        for start, end in zip(above[::2], [*above[1::2], width], strict=False):
            row[start:end] = 1
    reader.check_end(method)
    return np.packbits(rows, axis=1).tobytes()
