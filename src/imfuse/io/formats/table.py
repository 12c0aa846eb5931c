"""The formats that imfuse reads and writes, and those that other packages add.

A package adds a format through the entry-point group `imfuse.formats`, whose values refer to an
`imfuse.io.formats.format.Format`, like the lines of the table here.
"""

from functools import cache
from importlib.metadata import entry_points

from imfuse.io.formats.bmp import BMP
from imfuse.io.formats.format import Format
from imfuse.io.formats.jpeg import JPEG
from imfuse.io.formats.png import PNG
from imfuse.io.formats.tiff import TIFF
from imfuse.io.formats.webp import WEBP

_OURS = (  # in the order in which they are tried
    PNG,
    JPEG,
    TIFF,
    BMP,
    WEBP,
)


@cache
def _plug_ins() -> tuple[tuple[Format, ...], tuple[str, ...]]:
    """Return the formats that packages add, and error messages of those that can't be loaded."""
    loaded, broken = [], []
    for plug_in in entry_points(group="imfuse.formats"):
        try:
            found = plug_in.load()
        except Exception as error:  # noqa: BLE001 - a broken package must not stop PNG from working
            broken.append(f"the plug-in format {plug_in.name!r} can't be loaded: {error}"[:200])
            continue
        if isinstance(found, Format):
            loaded.append(found)
        else:
            broken.append(f"the plug-in format {plug_in.name!r} is no Format object")
    return tuple(loaded), tuple(broken)


@cache
def formats() -> dict[str, Format]:
    """Return all formats by name, ours first; a plug-in can't replace one of ours."""
    found = {one.name: one for one in _OURS}
    for one in _plug_ins()[0]:
        found.setdefault(one.name, one)
    return found


def broken_plug_ins() -> tuple[str, ...]:
    """Return a sentence for each plug-in that can't be loaded."""
    return _plug_ins()[1]


def recognise(data: bytes) -> Format | None:
    """Return the format of a file's content; None if it is unknown."""
    return next((one for one in formats().values() if one.recognise(data)), None)


def suffixes() -> dict[str, str]:
    """Return the name of the format for each suffix of a file name, ours first."""
    found: dict[str, str] = {}
    for one in formats().values():
        for suffix in one.suffixes:
            found.setdefault(suffix, one.name)
    return found
