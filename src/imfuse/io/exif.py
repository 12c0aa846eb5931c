"""EXIF blocks in one tidy form: upright, without thumbnail, with the same bytes in every format."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from imfuse.io.ifd import (
    CHILDREN,
    INTEROPERABILITY,
    RATIONAL,
    Block,
    DamagedBlock,
    Entry,
    header,
    integers,
    ratio,
    serialise,
    short,
)

ORIENTATION = 274
_X, _Y, _UNIT = 282, 283, 296
# Tags of a TIFF directory that describe how pixels are stored, not what they show.
_STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, *range(277, 282)}
)
_STRUCTURE |= {_X, _Y, 284, 285, *range(286, 294), _UNIT, 297, 301, 317, 318, 319, *range(320, 326)}
_STRUCTURE |= {330, *range(332, 337), *range(338, 348), *range(512, 522), *range(529, 533)}
_STRUCTURE |= {700, 33723, 34377, 34675, 50838, 50839, 37724}
_STRUCTURE |= {32995, 32996, 32997, 32998, 33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113}
_MACHINE_MADE = (b'{"shape"', b"ImageJ=", b"<?xml", b"<OME")  # descriptions of a file's arrays


@dataclass(frozen=True)
class Tidy:
    """What an EXIF block says, and the block to carry on (None where nothing is left)."""

    block: bytes | None
    orientation: int
    dpi: tuple[float, float] | None
    lost: int
    """Entries that were damaged and are left out."""


NOTHING = Tidy(None, 1, None, 0)
"""What a file without an EXIF block says."""


def tidy(block: bytes) -> Tidy | None:
    """Return an EXIF block in the form that is carried on, None where it is damaged.

    The orientation is set to 1; the thumbnail, and what describes the storage of the original
    pixels, are dropped. Maker notes are kept byte by byte; those that refer to places in their
    old file lose that reference.
    """
    try:
        source = Block.over(block)
        directory, lost = source.directory(source.first)
    except DamagedBlock:
        return None
    if source.big:
        return None
    return from_directory(directory, source.order, lost=lost, most=len(block))


def from_directory(
    directory: Mapping[int, Entry], order: str, *, lost: int = 0, most: int
) -> Tidy | None:
    """Return the tidy form of a directory; None where it refers to more than `most` bytes."""
    if _weight(directory) > most:  # entries that share their bytes could add up to gigabytes
        return None
    kept = {tag: entry for tag, entry in directory.items() if _is_kept(tag, entry)}
    orientation = 1
    if ORIENTATION in kept:
        try:
            orientation = integers(kept[ORIENTATION], order)[0]
        except DamagedBlock:
            lost += 1
        kept[ORIENTATION] = short(1, order=order)
    carried = header(order) + serialise(kept, order) if kept else None
    return Tidy(carried, orientation, resolution(directory, order), lost)


def _is_kept(tag: int, entry: Entry) -> bool:
    if tag in CHILDREN:
        return tag != INTEROPERABILITY and entry.child is not None
    if tag == 270 and bytes(entry.data[:8]).lstrip().startswith(_MACHINE_MADE):
        return False
    return tag not in _STRUCTURE and entry.kind < 14


def _weight(directory: Mapping[int, Entry]) -> int:
    return sum(
        12 + (_weight(entry.child) if entry.child is not None else _outside(entry))
        for entry in directory.values()
    )


def _outside(entry: Entry) -> int:
    return len(entry.data) if len(entry.data) > 4 else 0


def resolution(directory: Mapping[int, Entry], order: str) -> tuple[float, float] | None:
    """Return a directory's resolution in dots per inch, None where it has no usable one."""
    if _X not in directory or _Y not in directory:
        return None
    unit = int(ratio(directory[_UNIT], order)) if _UNIT in directory else 2
    factor = {2: 1.0, 3: 2.54}.get(unit, 0.0)
    x, y = (round(ratio(directory[tag], order) * factor, 4) for tag in (_X, _Y))
    return (x, y) if 0 < x < 2**31 and 0 < y < 2**31 else None


def resolution_entries(dpi: tuple[float, float], order: str) -> dict[int, Entry]:
    """Return the entries that `resolution` reads."""
    entries = {_UNIT: short(2, order=order)}
    for tag, value in zip((_X, _Y), dpi, strict=True):
        part = Fraction(value).limit_denominator(min(10_000, int((2**32 - 1) / max(value, 1))))
        packed = struct.pack(f"{order}II", part.numerator, part.denominator)
        entries[tag] = Entry(RATIONAL, 1, packed)
    return entries


def entries(block: bytes | None) -> tuple[dict[int, Entry], str]:
    """Return the entries of a tidy block and their byte order; none for None."""
    if block is None:
        return {}, "<"
    try:
        source = Block.over(block)
        return source.directory(source.first)[0], source.order
    except DamagedBlock:
        return {}, "<"


def with_resolution(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return an EXIF block that also holds the resolution, for formats with no other place."""
    found, order = entries(block)
    return header(order) + serialise(found | resolution_entries(dpi, order), order)
