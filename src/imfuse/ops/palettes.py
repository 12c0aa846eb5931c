"""Palettes of thermal cameras: how cold to hot is shown in colour, as curves through RGB.

A palette is a few colours with their positions from 0 (cold) to 1 (hot), and straight lines between
them. `iron` and `rainbow-hc` are the tables that FLIR's files carry, reduced to their corners;
`iron-red`, `ironbow` and `tint` were measured from pictures of DJI's and another maker's cameras,
whose counts or brightness give the order of the colours but, as the cameras equalise histograms,
their positions only roughly. The other palettes of cameras follow published tables of their
colours, within a few levels. Six maps of OpenCV are known by its own tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

Levels: TypeAlias = Literal["full", "studio"]
"""Range of a picture's levels: 0 to 255, or 16 to 235 as in video, which many cameras store."""

STEPS = 256
"""Number of colours of a palette's table."""

_BLACK, _SPAN = 16.0, 219.0
"""Level of black and the levels from there to white in video."""


@dataclass(frozen=True)
class Palette:
    """A palette of a thermal camera.

    Attributes:
        name: Name on the command line.
        title: Cameras that have it, and its colours from cold to hot.
        corners: Position and red, green and blue of each corner. Colours may leave 0 to 255, and
            are then shown clipped. Two corners at one position are a jump.
        levels: Range that the corners are given in.
        family: Name that stands for several palettes of one kind.
        gray: True if it has no colours, so that it can't be recognised.
    """

    name: str
    title: str
    corners: "tuple[Corner, ...]" = ()
    levels: Levels = "full"
    family: str = ""
    gray: bool = False
    opencv: int | None = None

    def colours(self, levels: Levels = "full") -> Float:
        """Return the colours from cold to hot, `(STEPS, 3)` RGB from 0 to 255."""
        return _colours(self, levels)


@cache
def _colours(palette: Palette, levels: Levels) -> Float:
    if palette.opencv is not None:
        ramp = np.arange(STEPS, dtype=np.uint8)[:, None]
        table = cv2.applyColorMap(ramp, palette.opencv)[:, 0, ::-1].astype(np.float64)
    else:
        corners = np.array(palette.corners)
        # A jump is a hair's breadth wide, so that positions grow.
        at = corners[:, 0] + 1e-9 * np.arange(len(corners))
        steps = np.linspace(0, 1, STEPS)
        table = np.stack([np.interp(steps, at, corners[:, k]) for k in (1, 2, 3)], axis=1)
    if palette.levels == "studio" and levels == "full":
        table = (table - _BLACK) * (255 / _SPAN)
    elif palette.levels == "full" and levels == "studio":
        table = table * (_SPAN / 255) + _BLACK
    result = np.clip(table, 0, 255).astype(np.float32)
    result.flags.writeable = False
    return result


Corner: TypeAlias = tuple[float, float, float, float]
"""Position, red, green and blue."""


def _corners(text: str) -> tuple[Corner, ...]:
    """Read corners from a text such as `0 16 16 16, 1 235 235 235`."""
    rows = (tuple(map(float, part.split())) for part in text.split(","))
    return tuple((at, red, green, blue) for at, red, green, blue in rows)


def _stripes(*colours: tuple[int, int, int]) -> tuple[Corner, ...]:
    """Return the corners of a palette of stripes of one colour each."""
    width = 1 / len(colours)
    return tuple((at * width, *colour) for k, colour in enumerate(colours) for at in (k, k + 1))


_ALL = (
    Palette(
        "white-hot", "all cameras: black to white", ((0, 0, 0, 0), (1, 255, 255, 255)), gray=True
    ),
    Palette(
        "black-hot", "all cameras: white to black", ((0, 255, 255, 255), (1, 0, 0, 0)), gray=True
    ),
    Palette(
        "iron",
        "FLIR: black, blue, purple, orange, yellow, white",
        _corners(
            "0 -22 31 37, 0.049 17 20 91, 0.108 61 11 134, 0.148 86 9 151, "
            "0.22 127 13 163, 0.318 172 30 148, 0.422 206 58 106, 0.52 228 93 61, "
            "0.632 241 136 18, 0.682 244 155 9, 0.74 244 177 10, 0.803 242 198 27, "
            "0.874 239 218 73, 0.915 234 227 113, 0.951 231 233 158, 1 225 239 239"
        ),
        levels="studio",
        family="iron",
    ),
    Palette(
        "iron-red",
        "DJI: dark blue, purple, red, orange, yellow, white",
        _corners(
            "0 0 0 35, 0.06 15 1 62, 0.11 27 2 84, 0.165 52 2 106, 0.33 166 4 159, "
            "0.365 192 8 138, 0.39 217 28 86, 0.455 254 70 0, 0.9 254 252 2, "
            "1 254 255 220"
        ),
        family="iron",
    ),
    Palette(
        "ironbow",
        "other makers: dark blue, purple, red, orange, yellow",
        _corners(
            "0 20 0 70, 0.06 37 0 94, 0.15 75 0 112, 0.33 162 0 151, 0.39 203 11 72, "
            "0.425 226 38 22, 0.455 235 63 2, 1 248 255 24"
        ),
        family="iron",
    ),
    Palette(
        "rainbow",
        "FLIR, DJI: dark blue, blue, green, yellow, orange, red, pink",
        _corners(
            "0 1 3 74, 0.03 0 3 82, 0.09 0 46 130, 0.225 0 102 217, 0.243 0 109 223, "
            "0.282 3 129 212, 0.34 15 149 140, 0.385 78 175 48, 0.425 128 193 14, "
            "0.502 212 215 3, 0.573 242 203 9, 0.663 255 155 24, 0.725 254 69 47, "
            "0.753 251 33 59, 0.796 248 24 73, 0.84 248 55 94, 0.882 251 102 113, "
            "0.95 255 191 165, 1 255 233 208"
        ),
        family="rainbow",
    ),
    Palette(
        "rainbow-hc",
        "FLIR: black, magenta, blue, cyan, green, yellow, red, white",
        _corners(
            "0 16 16 16, 0.121 217 14 217, 0.242 16 16 150, 0.363 12 214 214, "
            "0.484 15 85 15, 0.614 213 215 7, 0.744 121 15 15, 0.87 204 56 56, "
            "1 233 229 228"
        ),
        levels="studio",
        family="rainbow",
    ),
    Palette(
        "arctic",
        "FLIR, DJI: dark blue, blue, cyan, gray, orange, yellow, white",
        _corners(
            "0 15 15 146, 0.1 16 16 237, 0.151 14 74 238, 0.285 54 227 233, "
            "0.33 66 220 220, 0.395 87 175 175, 0.505 102 102 102, 0.722 237 101 13, "
            "0.865 235 202 12, 1 235 230 195"
        ),
        levels="studio",
    ),
    Palette(
        "lava",
        "FLIR: black, blue, green, purple, red, orange, yellow, white",
        _corners(
            "0 16 16 16, 0.084 44 74 156, 0.172 13 105 158, 0.335 14 137 131, "
            "0.418 120 58 121, 0.586 194 34 48, 0.674 238 63 44, 0.749 237 94 12, "
            "0.916 235 202 12, 1 235 235 235"
        ),
        levels="studio",
    ),
    Palette(
        "glowbow",
        "FLIR: black, red, orange, yellow, white",
        _corners("0 16 16 16, 0.25 195 35 48, 0.5 237 94 12, 0.75 235 202 12, 1 235 235 235"),
        levels="studio",
    ),
    Palette(
        "medical",
        "FLIR: ten stripes from blue over green, purple and red to yellow",
        _stripes(
            (36, 36, 198),
            (70, 71, 238),
            (25, 172, 193),
            (14, 158, 13),
            (15, 15, 123),
            (237, 65, 197),
            (238, 28, 28),
            (236, 152, 93),
            (230, 125, 12),
            (236, 196, 37),
        ),
        levels="studio",
    ),
    Palette(
        "tint",
        "DJI: black to gray, the hottest part purple, orange and yellow",
        _corners(
            "0 0 0 0, 0.55 145 145 145, 0.55 88 22 115, 0.65 112 35 100, 0.75 180 100 90, "
            "0.85 243 190 150, 1 240 230 138"
        ),
    ),
    Palette(
        "hottest",
        "FLIR: black to light gray, the hottest part red",
        ((0.00, 16, 16, 16), (0.86, 206, 206, 206), (0.86, 190, 14, 13), (1.0, 190, 14, 13)),
        levels="studio",
    ),
    Palette("inferno", "Matplotlib, OpenCV", opencv=cv2.COLORMAP_INFERNO, family="iron"),
    Palette("plasma", "Matplotlib, OpenCV", opencv=cv2.COLORMAP_PLASMA),
    Palette("magma", "Matplotlib, OpenCV", opencv=cv2.COLORMAP_MAGMA),
    Palette("hot", "MATLAB, OpenCV: black, red, yellow, white", opencv=cv2.COLORMAP_HOT),
    Palette("jet", "MATLAB, OpenCV", opencv=cv2.COLORMAP_JET, family="rainbow"),
    Palette("turbo", "Google, OpenCV", opencv=cv2.COLORMAP_TURBO, family="rainbow"),
)

PALETTES: dict[str, Palette] = {one.name: one for one in _ALL}
"""Palettes by name."""


def coloured() -> tuple[Palette, ...]:
    """Return the palettes that have colours."""
    return tuple(one for one in _ALL if not one.gray)


def variants(palettes: tuple[Palette, ...]) -> Iterator[tuple[Palette, Levels]]:
    """Yield each palette in both ranges of levels."""
    for palette in palettes:
        yield palette, "full"
        yield palette, "studio"


def named(name: str) -> tuple[Palette, ...]:
    """Return the palettes that a name stands for: one, or all of a family; empty if none."""
    family = tuple(one for one in _ALL if one.family == name)
    return family or ((PALETTES[name],) if name in PALETTES else ())


def as_picture(values: Float, colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Show values from 0 to 1 in the colours of a palette, `(H, W)` to `(H, W, 3)` RGB."""
    index = np.rint(np.clip(values, 0, 1) * (len(colours) - 1)).astype(np.intp)
    return np.rint(colours).astype(np.uint8)[index]
