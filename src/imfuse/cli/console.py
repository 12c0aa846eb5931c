"""Shared parts of the commands: where output goes, and how options with units are read.

Results go to stdout (with `--json`, as one JSON value); everything else goes to stderr.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.errors import UsageError, printable

if TYPE_CHECKING:
    from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]

_NARROWEST = 16
"""Minimum width in characters of a column that may wrap."""

_GAP = 2
"""Maximum number of characters between two columns."""

_MOST_BRACKETS = 100
"""Maximum number of lists, or of mappings, in a setting, which also bounds how deep they nest."""

_UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


def say(text: str) -> None:
    """Write one message for humans to stderr."""
    sys.stderr.write(_lines(text) + "\n")


def show(text: str) -> None:
    """Write one line of a result to stdout."""
    sys.stdout.write(_lines(text) + "\n")


def _lines(text: str) -> str:
    """Escape control characters in the lines of a text, as file names may contain them."""
    return "\n".join(map(printable, text.split("\n")))


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 pair` or `2 pairs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_json(value: Mapping[str, object] | list[dict[str, object]]) -> None:
    """Write the one JSON value of a command to stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(table: "Table") -> None:
    """Write a table to stdout; on a narrow terminal its lines overflow rather than lose digits."""
    from rich.cells import cell_len
    from rich.console import Console

    needed = 0
    for column in table.columns:
        cells = (cell_len(str(cell)) for cell in (column.header, *column.cells))
        needed += (max(cells) if column.no_wrap else column.min_width or _NARROWEST) + _GAP
    console = Console()
    console.width = max(console.width, needed)
    console.print(table)


def say_list(title: str, lines: Iterable[str], most: int = 10) -> None:
    """Write a title with a count, and the first lines below it, to stderr."""
    all_lines = list(lines)
    if not all_lines:
        return
    say(f"{title} ({len(all_lines)}):")
    for line in all_lines[:most]:
        say(f"  {line}")
    if len(all_lines) > most:
        say(f"  ... and {len(all_lines) - most} more (all of them with --json)")


def parse_bytes(text: str) -> int:
    """Read an amount of memory such as `800MB`, `1GB` or `2GiB`.

    Raises:
        UsageError: The text is not an amount.
    """
    found = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)\s*([KMG]I?)?B?", text.strip().upper(), re.I)
    try:
        amount = int(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
    except (ValueError, OverflowError):  # several dots, or more than floats hold
        amount = 0
    if amount <= 0:
        raise UsageError(f"{text!r} is not an amount of memory", expected="e.g. 800MB or 2GiB")
    return amount


def parse_settings(texts: Iterable[str]) -> dict[str, object]:
    """Read settings such as `levels=3`, `fusion=mean` or `refine=true`.

    A value in JSON syntax is read as JSON; anything else is a string.

    Raises:
        UsageError: One has no `=`.
    """
    settings: dict[str, object] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(
                f"{text!r} is not a setting", expected="NAME=VALUE, e.g. residual=none"
            )
        if max(value.count("["), value.count("{")) > _MOST_BRACKETS:
            raise UsageError(f"{name[:40]}={value[:40]}...", expected="a value that nests less")
        try:
            settings[name] = json.loads(value)
        except ValueError:  # including integers of thousands of digits
            settings[name] = value
    return settings


def parse_words(texts: Iterable[str]) -> dict[str, str]:
    """Read settings such as `range=-1:1`; all values stay strings.

    Raises:
        UsageError: One has no `=`.
    """
    pairs = [text.partition("=") for text in texts]
    for name, sign, value in pairs:
        if not (name and sign):
            raise UsageError(f"{name + sign + value!r} is not a setting", expected="NAME=VALUE")
    return {name: value for name, _, value in pairs}


def parse_size(text: str) -> tuple[int, int]:
    """Read a picture size `WIDTHxHEIGHT` and return height and width.

    Raises:
        UsageError: The text is not a size.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text.strip())
    if not found:
        raise UsageError(f"{text!r} is not a size", expected="WIDTHxHEIGHT, e.g. 640x480")
    return int(found[2]), int(found[1])


def parse_preference(text: str) -> dict[str, float]:
    """Read wishes such as `ir=0.6` or `vis,detail=1.2`, and return options of `FuseOptions`.

    Raises:
        UsageError: A part is no wish, is there twice, or its weight is out of its range.
    """
    from imfuse.options import WISHES

    limits = {"ir": 1.0, "vis": 1.0, **WISHES}
    del limits["prefer_ir"]  # `ir` or `vis` here
    found: dict[str, float] = {}
    for part in text.split(","):
        name, given, number = (side.strip() for side in part.partition("="))
        most = limits.get(name)
        try:
            weight = float(number) if given else 1.0
        except ValueError:
            weight = -1.0
        option = "prefer_ir" if name in ("ir", "vis") else name
        if most is None or not 0 <= weight <= most or option in found:
            known = ", ".join(f"{one}=0..{limit:g}" for one, limit in limits.items())
            raise UsageError(
                f"--prefer {text}", expected=f"some of {known}; ir or vis, each once; no number: 1"
            )
        found[option] = 1 - weight if name == "vis" else weight
    return found
