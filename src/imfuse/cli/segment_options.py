"""Options of `imfuse segment`, read from text."""

import math
from typing import TYPE_CHECKING

from imfuse.cli.console import parse_size
from imfuse.errors import UsageError

if TYPE_CHECKING:
    from imfuse.vision.sliding import Windows


def parse_windows(window: str | None, stride: str | None) -> "Windows | None":
    """Return the windows of sliding inference, if any.

    Raises:
        UsageError: There is a stride without a window, or a text is not a size.
    """
    from imfuse.vision.sliding import Windows

    if window is None:
        if stride is not None:
            raise UsageError(f"--stride {stride} without --window", expected="a window to move")
        return None
    return Windows.of(parse_size(window), None if stride is None else parse_size(stride))


def parse_map(text: str) -> dict[int | str, int]:
    """Read a map of classes such as `2=1,0=2,*=0`.

    Raises:
        UsageError: The text is not a map.
    """
    classes: dict[int | str, int] = {}
    for part in text.split(","):
        old, _, new = (side.strip() for side in part.partition("="))
        rest = old == "*"
        if not (_is_class(new) and (rest or _is_class(old))):
            expected = "A=B,... with classes from 0 to 255, or * for the rest"
            raise UsageError(f"--map {part.strip()!r}", expected=expected)
        classes[old if rest else int(old)] = int(new)
    return classes


def _is_class(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= 255


def parse_classes(option: str, text: str, *, below: int) -> list[int]:
    """Read classes such as `0,6`, each below a number.

    Raises:
        UsageError: The text is not a list of such classes.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(_is_class(part) and int(part) < below for part in parts):
        raise UsageError(f"{option} {text}", expected=f"A,B,... with classes from 0 to {below - 1}")
    return [int(part) for part in parts]


def parse_channels(option: str, text: str) -> tuple[float, float, float]:
    """Read a number for each of red, green, blue; those of `--std` are not 0.

    Raises:
        UsageError: The text is not three such numbers.
    """
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        red = green = blue = float("nan")
    if not all(map(math.isfinite, (red, green, blue))):
        expected = "three numbers, red first, e.g. 0.485,0.456,0.406"
        raise UsageError(f"{option} {text}", expected=expected)
    if option == "--std" and 0 in (red, green, blue):
        raise UsageError(f"{option} {text}", expected="numbers other than 0")
    return red, green, blue
