"""The formats that imfuse reads and writes, and those that packages add.

A package adds a format by an entry point in the group `imfuse.formats` that points at a `Format`.
"""

from functools import cache
from importlib.metadata import entry_points

from imfuse.errors import ImfuseError
from imfuse.io.formats.bmp import BMP
from imfuse.io.formats.format import Format
from imfuse.io.formats.jpeg import JPEG
from imfuse.io.formats.png import PNG
from imfuse.io.formats.tiff import TIFF
from imfuse.io.formats.webp import WEBP

_OURS = (PNG, JPEG, TIFF, BMP, WEBP)


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats; a plug-in can't replace one of ours.

    Raises:
        ImfuseError: The package behind a plug-in can't be imported.
    """
    found = {one.name: one for one in _OURS}
    for plug_in in entry_points(group="imfuse.formats"):
        try:
            one = plug_in.load()
        except (ImportError, AttributeError) as error:
            raise ImfuseError(
                f"the plug-in format {plug_in.name!r} ({plug_in.value}) can't be loaded: {error}",
                remedy="Update or uninstall the package that brings it.",
            ) from error
        found.setdefault(one.name, one)
    return tuple(found.values())


def find_format(name: str) -> Format | None:
    """Return the format of a name, such as `PNG`; None where there is none."""
    return next((one for one in formats() if one.name == name), None)


def recognise(data: bytes) -> Format | None:
    """Return the format that the content of a file has; None where it is none of ours."""
    return next((one for one in formats() if one.recognise(data)), None)


SUFFIXES: dict[str, str] = {suffix: one.name for one in formats() for suffix in one.suffixes}
"""Name of the format that stands behind each ending of a file name."""
