"""Metadata of files: EXIF in a tidy form, resolution, and colour profiles."""

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from PIL import Image, TiffTags
from PIL.TiffImagePlugin import IFDRational

LARGEST_VALUE = 1 << 20
"""Largest size in bytes of a tag's value that is read."""
INCH = 0.0254
"""Metres in an inch: PNG and BMP give the resolution per metre."""

_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_DESCRIPTION, _ORIENTATION, _X, _Y, _UNIT = 270, 274, 282, 283, 296
# What a main directory says about the scene; the rest describes how pixels are stored.
_KEPT = {269, 270, 271, 272, 274, 305, 306, 315, 316, 18246, 18249, 33432, _EXIF, _GPS, 50341}
_KEPT |= set(range(40091, 40096))
_MACHINE_MADE = ("{", "ImageJ=", "<?xml", "<OME")  # descriptions of a file's arrays
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


@dataclass(frozen=True)
class Tidy:
    """Content of an EXIF block, and the block to write (None if nothing is left)."""

    block: bytes | None = None
    orientation: int = 1
    dpi: tuple[float, float] | None = None
    lost: int = 0
    """Entries that were damaged and are left out."""


def tidy(data: bytes, directory: int | None = None) -> Tidy | None:
    """Read an EXIF block, or a directory in a TIFF file; return None if it is damaged.

    The orientation is set to 1; the thumbnail and the tags that describe how the original pixels
    are stored are dropped. Pillow writes the rest, in the original byte order.
    """
    if directory is None:
        data += bytes(4)  # some cameras leave out the end of the last directory
    try:
        order = _ORDERS[data[:4]]
        file = io.BytesIO(data)  # shares its bytes with `data` until the first write
        if directory is None:
            directory = struct.unpack_from(f"{order}I", data, 4)[0]
        lost = _Mender(file, data, order).mend(directory)
        again = _Mender(file, file.getvalue(), order)
        if again.mend(directory) or again.emptied:
            return None  # its parts overlap, so repairing one damages another
        found, carried = Image.Exif(), Image.Exif()
        found.endian = carried.endian = order
        found.load_from_fp(file, directory)
        for tag in sorted(_KEPT & set(found)):
            value = found.get_ifd(tag) if tag in {_EXIF, _GPS} else found[tag]
            if tag != _DESCRIPTION or not str(value).startswith(_MACHINE_MADE):
                carried[tag] = _writable(value)
        orientation = int(found.get(_ORIENTATION, 1))
        if _ORIENTATION in carried:
            carried[_ORIENTATION] = 1
        block = carried.tobytes().removeprefix(b"Exif\0\0") if len(carried) else None
        dpi = resolution(found.get(_X), found.get(_Y), found.get(_UNIT, 2))
    except Exception:  # noqa: BLE001 - Pillow raises dozens of kinds, and pixels matter more
        return None
    return Tidy(block, orientation, dpi, lost)


def _writable(value: Any) -> Any:  # noqa: ANN401 - whatever an EXIF tag may hold
    if isinstance(value, dict):
        return {tag: _writable(v) for tag, v in value.items() if tag != _INTEROPERABILITY}
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1")  # Pillow reads text as latin-1, but would write it as ASCII
    return value


@dataclass
class _Mender:
    """Empties entries that Pillow would warn about: warnings can't be silenced per thread."""

    file: io.BytesIO
    data: bytes
    order: str
    weight: int = 0
    entries: int = 0
    emptied: int = 0

    def mend(self, at: int, group: int | None = None) -> int:
        """Empty damaged entries of a directory and those below; return how many of them mattered.

        Raises:
            ValueError: Entries share bytes, and would add up to more than the file.
            struct.error: The directory lies outside the data.
        """
        entries = struct.unpack_from(f"{self.order}H", self.data, at)[0]
        end = at + 2 + 12 * entries
        struct.unpack_from("4x", self.data, end)
        self.entries += entries
        if 12 * self.entries > len(self.data):
            raise ValueError("directories overlap")
        lost = 0
        for place in range(at + 2, end, 12):
            tag, kind, count, value = struct.unpack_from(f"{self.order}HHII", self.data, place)
            size = count * _SIZES.get(kind, 0)
            sound = kind in _SIZES and (size <= 4 or value + size <= len(self.data))
            sound = sound and size <= LARGEST_VALUE
            if kind not in {1, 2, 7} and TiffTags.lookup(tag, group).length == 1:
                sound = sound and count == 1
            if sound and count and group is None and tag in {_EXIF, _GPS}:
                try:
                    lost += self.mend(value, tag)
                    sound = kind in {4, 13}
                except struct.error:
                    sound = False
            if sound:
                self.weight += size if size > 4 else 0
            else:
                self.file.seek(place + 2)
                self.file.write(struct.pack(f"{self.order}HI", 1, 0))
                self.emptied += 1
                lost += group is not None or tag in _KEPT
        if self.weight > len(self.data):
            raise ValueError("entries share their bytes")
        return lost


def resolution(x: Any, y: Any, unit: Any) -> tuple[float, float] | None:  # noqa: ANN401 - of files
    """Return dots per inch from the values of a directory, or None if they are unusable."""
    factor = {2: 1.0, 3: 2.54}.get(unit)
    if factor is None or x is None or y is None:
        return None
    values = round(float(x) * factor, 4), round(float(y) * factor, 4)
    return values if all(0 < value < 2**31 for value in values) else None


def directory(block: bytes | None, dpi: tuple[float, float] | None) -> Image.Exif:
    """Return a tidy block as Pillow's object, with the resolution among its tags."""
    found = Image.Exif()
    found.endian = "<"
    if block is not None:
        found.load(block)
        for tag in {_EXIF, _GPS} & set(found):
            found[tag] = _writable(found.get_ifd(tag))
        for tag in set(found) - {_EXIF, _GPS}:
            found[tag] = _writable(found[tag])
    if dpi is not None:
        found[_UNIT] = 2
        for tag, value in zip((_X, _Y), dpi, strict=True):
            most = min(10_000, int((2**32 - 1) / max(value, 1)))
            found[tag] = IFDRational(Fraction(value).limit_denominator(most))
    return found


def tidy_dpi(x: int, y: int) -> tuple[float, float] | None:
    """Return dots per inch from whole pixels per metre.

    72 dpi are stored as 2835 per metre, which are 72.009 dpi: of all values that are stored alike,
    return the one with the fewest decimals, so that writing and reading agree.
    """
    return (_tidy(x), _tidy(y)) if x > 0 and y > 0 else None


def per_metre(dpi: tuple[float, float] | None) -> tuple[int, int]:
    """Return the resolution in whole pixels per metre, zeros for None."""
    x, y = (min(round(value / INCH), 2**31 - 1) for value in dpi or (0, 0))
    return x, y


def _tidy(metre: int) -> float:
    for decimals in (0, 1, 2):
        value = round(metre * INCH, decimals)
        if value and round(value / INCH) == metre:
            return value
    return metre * INCH


def profile_fits(icc: bytes, *, colour: bool) -> bool:
    """Return True if an ICC profile fits the pixels: a gray one gray, an RGB one colour."""
    whole = 132 <= int.from_bytes(icc[:4], "big") <= len(icc)
    return whole and icc[36:40] == b"acsp" and icc[16:20] == (b"RGB " if colour else b"GRAY")
