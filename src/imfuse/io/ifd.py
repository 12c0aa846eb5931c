"""Directories of tags: the structure that TIFF files and EXIF blocks share."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

SIGNATURES = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})
"""First bytes of a TIFF structure: two byte orders, classic and BigTIFF."""

EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
CHILDREN = frozenset({EXIF, GPS, INTEROPERABILITY})
"""Tags whose value is the place of another directory."""

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_CODES |= {16: "Q", 17: "q", 18: "Q"}


class DamagedBlock(ValueError):
    """A directory or a value lies outside the data, or is malformed."""


@dataclass(frozen=True)
class Entry:
    """One tag's value, as raw bytes in the byte order of its block."""

    kind: int
    count: int
    data: bytes | memoryview
    child: "dict[int, Entry] | None" = None


@dataclass(frozen=True)
class Block:
    """A TIFF structure whose directories can be read.

    Attributes:
        data: The whole structure; offsets count from its start.
        order: `<` or `>`.
        big: Whether offsets have 64 bits (BigTIFF).
    """

    data: memoryview
    order: str
    big: bool

    @classmethod
    def over(cls, data: bytes) -> "Block":
        """Recognise the byte order and the width of offsets.

        Raises:
            DamagedBlock: The data do not start like a TIFF structure.
        """
        if data[:4] not in SIGNATURES or len(data) < 8:
            raise DamagedBlock("it does not start with a TIFF header")
        return cls(memoryview(data), "<" if data[:1] == b"I" else ">", 43 in data[2:4])

    def number(self, at: int, size: int) -> int:
        """Return the unsigned number of `size` bytes that stands at an offset."""
        return int.from_bytes(self.slice(at, size), "little" if self.order == "<" else "big")

    def slice(self, at: int, size: int) -> memoryview:
        """Return bytes, or raise DamagedBlock where they lie outside."""
        if at + size > len(self.data):
            raise DamagedBlock(f"it refers to byte {at + size:,} of {len(self.data):,}")
        return self.data[at : at + size]

    @property
    def first(self) -> int:
        """Where the first directory stands."""
        return self.number(8, 8) if self.big else self.number(4, 4)

    def count(self, at: int) -> tuple[int, int, int]:
        """Return where a directory's entries start, their number, and the next directory."""
        width, entry = (8, 20) if self.big else (2, 12)
        entries = self.number(at, width)
        end = at + width + entries * entry
        return at + width, entries, self.number(end, 8 if self.big else 4)

    def directory(
        self, at: int, needed: frozenset[int] = frozenset()
    ) -> tuple[dict[int, Entry], int]:
        """Read a directory and those below it.

        Entries of unknown kind, and those whose value lies outside the data, are left out, unless
        their tags are among those that are needed.

        Returns:
            The entries by tag, and how many were left out.

        Raises:
            DamagedBlock: The directory itself, or a needed entry, lies outside the data.
        """
        start, entries, _ = self.count(at)
        found: dict[int, Entry] = {}
        lost = 0
        for place in range(start, start + entries * self._step, self._step):
            tag = self.number(place, 2)
            try:
                entry = self.entry(place)
                if tag in CHILDREN:
                    below, missing = self._child(tag, entry)
                    entry = Entry(entry.kind, entry.count, entry.data, below)
                    lost += missing
            except DamagedBlock:
                if tag in needed:
                    raise
                lost += 1
            else:
                found.setdefault(tag, entry)
        return found, lost

    @property
    def _step(self) -> int:
        return 20 if self.big else 12

    def entry(self, place: int) -> Entry:
        """Read the entry that stands at a place."""
        kind, width = self.number(place + 2, 2), 8 if self.big else 4
        if kind not in _SIZES:
            raise DamagedBlock(f"an entry of unknown kind {kind}")
        count = self.number(place + 4, width)
        size = count * _SIZES[kind]
        at = place + 4 + width
        return Entry(kind, count, self.slice(at if size <= width else self.number(at, width), size))

    def _child(self, tag: int, entry: Entry) -> tuple[dict[int, Entry], int]:
        found, lost = self.directory(integers(entry, self.order)[0])
        # Only Exif has a directory below it. Others would let a loop go on for ever.
        below = {INTEROPERABILITY} if tag == EXIF else set()
        return {key: item for key, item in found.items() if key not in CHILDREN - below}, lost


def integers(entry: Entry, order: str) -> tuple[int, ...]:
    """Return the values of an entry of whole numbers.

    Raises:
        DamagedBlock: It has none, or another kind of values.
    """
    code = _CODES.get(entry.kind, "f")
    if code in "fd" or not entry.count:
        raise DamagedBlock("an entry that should hold whole numbers does not")
    return struct.unpack(f"{order}{entry.count}{code}", entry.data)


def ratio(entry: Entry, order: str) -> float:
    """Return the first value of an entry as a float; 0 where it has none."""
    if entry.kind == RATIONAL and entry.count:
        above, below = struct.unpack(f"{order}II", entry.data[:8])
        return above / below if below else 0.0
    code = _CODES.get(entry.kind)
    if code is None or not entry.count:
        return 0.0
    return float(struct.unpack(f"{order}{code}", entry.data[: _SIZES[entry.kind]])[0])


def short(*values: int, order: str) -> Entry:
    """Return an entry of 16-bit numbers."""
    return Entry(SHORT, len(values), struct.pack(f"{order}{len(values)}H", *values))


def long(*values: int, order: str) -> Entry:
    """Return an entry of 32-bit numbers."""
    return Entry(LONG, len(values), struct.pack(f"{order}{len(values)}I", *values))


def serialise(directory: Mapping[int, Entry], order: str, at: int = 8) -> bytes:
    """Return a classic directory that stands at offset `at`, with its values behind it.

    The layout depends on nothing but the entries, so equal entries give equal bytes.
    """
    table = bytearray(struct.pack(f"{order}H", len(directory)))
    values = bytearray()
    start = at + 2 + 12 * len(directory) + 4
    for tag in sorted(directory):
        entry = directory[tag]
        place = struct.pack(f"{order}I", start + len(values))
        if entry.child is not None:
            table += struct.pack(f"{order}HHI", tag, LONG, 1) + place
            values += serialise(entry.child, order, start + len(values))
        else:
            table += struct.pack(f"{order}HHI", tag, entry.kind, entry.count)
            if len(entry.data) <= 4:
                table += bytes(entry.data).ljust(4, b"\0")
            else:
                table += place
                values += entry.data
        values += b"\0" * (len(values) % 2)
    return bytes(table + b"\0\0\0\0" + values)


def header(order: str) -> bytes:
    """Return the first 8 bytes of a classic TIFF structure; the directory follows them."""
    return (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
