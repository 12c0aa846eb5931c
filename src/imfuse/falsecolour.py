"""Infrared pictures in false colour, turned back into values from cold to hot.

The values are those that the camera coloured, after its own curve of brightness. Degrees are made
of them only if the user says which temperatures the ends of the palette stand for.
"""

from dataclasses import replace

import numpy as np

from imfuse.degrees import DegreeRange
from imfuse.errors import BadValues
from imfuse.infrared import is_gray
from imfuse.ops import color
from imfuse.ops.colourbars import Bar, find_bar
from imfuse.ops.curves import CHROMA, Curve, read_values
from imfuse.ops.marks import drawn_marks
from imfuse.ops.palettes import coloured, named
from imfuse.ops.recognition import LEAST_COLOUR, MOST, Match, Sample, recognise, smooth_colours
from imfuse.ops.tracing import as_curve, directed, followed
from imfuse.options import FuseOptions
from imfuse.readings import OFF, PaletteReading, Recovered, as_recovered, summary_of
from imfuse.types import RAW_TYPES, SCALES, Float, Mask, Picture, Pixels

_GRAY = ("auto", "white-hot", "black-hot")
"""Names that gray pictures may be read by."""

_MOST_NAMED = 6.0
"""Largest misfit in levels where the user named the palette."""

_CLEARLY = 1.0
"""Difference of misfits in levels from which one palette fits better."""

_MOST_OFF = 0.4
"""Largest share of pixels off the palette, besides marks."""

_LEAST_MARKED = 0.0005
"""Share of the picture below which what looks like a mark is part of the scene."""

_MOST_MARKED = 0.6
"""Largest share of the picture that marks may hide."""


def recovered(picture: Picture, options: FuseOptions) -> Picture:
    """Turn an infrared picture in false colour back into values, if the options ask for it.

    Gray pictures stay as they are, unless the options name black-hot or give temperatures.

    Args:
        picture: The infrared picture as read.
        options: `palette` and `palette_range`.

    Returns:
        The picture itself, or a `Recovered` one: float32, marks of the camera without data, with a
        calibration in degrees only if `palette_range` gives the ends of the palette.

    Raises:
        BadValues: The picture is not in the colours of the palette, or of any.
    """
    name, ends = options.palette, options.degrees
    if name is None or isinstance(picture, Recovered):
        return picture
    if picture.pixels.dtype in RAW_TYPES:
        return _unless_asked(picture, name, ends)
    if picture.pixels.ndim == 2 or is_gray(picture.pixels):
        if name in _GRAY:
            return _from_gray(picture, name, ends)
        _check_colours(picture, name)
    rgb = _eight_bits(picture.pixels)
    curve, reading, notes = _chosen(picture, rgb, options)
    values, off = read_values(rgb, curve)
    bar = find_bar(values)
    if reading.palette == "unknown":
        values, reason = directed(values, curve, bar)
        notes.append(
            f"{picture.name}: {reason}; --ir-range 1:0 (ir_range='1:0') turns hot and cold round"
        )
    marked = drawn_marks(rgb, values, off, bar)
    marked &= marked.mean() > _LEAST_MARKED
    reading = _measured(reading, off, marked, bar)
    _check(picture, reading)
    notes.insert(0, summary_of(picture, reading))
    if ends is not None:
        notes.append(
            f"{picture.name}: {ends} for the ends of the palette, and colours in equal steps in "
            "between; a camera that equalises brightness makes steps unequal, and degrees wrong"
        )
    return as_recovered(picture, values, marked, ends, reading, notes)


def _unless_asked(picture: Picture, name: str, ends: DegreeRange | None) -> Picture:
    """Return measurements as they are, which have no palette; refuse to read them by one."""
    if name == "auto" and ends is None:
        return picture
    raise BadValues(
        f"{picture.pixels.dtype} values, which have no palette",
        file=picture.name,
        expected="a picture in 8 bits for --palette and --palette-range (palette=, palette_range=)",
        remedy="Leave these options out.",
    )


def _from_gray(picture: Picture, name: str, ends: DegreeRange | None) -> Picture:
    """Return the values of a gray picture, or the picture itself if they are what it holds."""
    if ends is None and name != "black-hot":
        return picture
    values = picture.pixels.astype(np.float32) / np.float32(SCALES[picture.pixels.dtype])
    gray = color.luma(values) if values.ndim == 3 else values
    if not (gray.min() >= 0 and gray.max() <= 1):
        return _unless_asked(picture, name, ends)
    if name == "black-hot":
        gray = 1 - gray
    reading = PaletteReading(palette="black-hot" if name == "black-hot" else "white-hot")
    none = np.zeros(gray.shape, bool)
    return as_recovered(picture, gray, none, ends, reading, [])


def _check_colours(picture: Picture, name: str) -> None:
    """Refuse pictures of one channel, which a palette with colours can't have made."""
    if picture.pixels.ndim == 2:
        raise BadValues(
            f"a gray picture, for the palette {name}",
            file=picture.name,
            expected="a picture in its colours",
            remedy="Give --palette auto (palette='auto'), which leaves gray pictures as they are.",
        )


def _eight_bits(pixels: Pixels) -> Pixels:
    """Return colours in 8 bits, the depth of all false colour."""
    if pixels.dtype == np.uint8:
        return pixels
    scale = 255 / SCALES[pixels.dtype]
    values = np.nan_to_num(pixels.astype(np.float32)) * np.float32(scale)
    return np.asarray(np.rint(np.clip(values, 0, 255)), np.uint8)


def _chosen(
    picture: Picture, rgb: Pixels, options: FuseOptions
) -> tuple[Curve, PaletteReading, list[str]]:
    """Return the palette to read a picture by, as a curve, with what to say about it."""
    name, sample = options.palette or "auto", smooth_colours(rgb)
    match: Match | None = None
    if name == "auto" and sample.share < LEAST_COLOUR:
        raise _foreign(picture, None, MOST)
    if name != "estimate":
        asked = coloured() if name == "auto" else named(name)
        match = recognise(sample, asked)
        if match.misfit <= (MOST if name == "auto" else _MOST_NAMED):
            curve = Curve.of(match.palette.colours(match.levels))
            reading = PaletteReading(palette=match.palette.name, levels=match.levels)
            return curve, reading, _better(picture, sample, match) if name != "auto" else []
        if name != "auto":
            raise _foreign(picture, match, _MOST_NAMED)
    points = followed(rgb)
    if points is None:
        raise _foreign(picture, match, MOST)
    if options.degrees is not None:
        raise BadValues(
            "an unknown palette, whose steps in temperature are not known",
            file=picture.name,
            expected="a known palette for --palette-range (palette_range=)",
            remedy="Leave the temperatures out; values then keep their order, but no unit.",
        )
    weighted = points * np.array([1, CHROMA, CHROMA], np.float32)
    note = (
        f"{picture.name}: no known palette; it was followed from colour to colour, so that values "
        "keep their order, but not their distances"
    )
    return as_curve(weighted), PaletteReading(palette="unknown"), [note]


def _better(picture: Picture, sample: Sample, match: Match) -> list[str]:
    """Return a note if another palette fits clearly better than the one that was named."""
    best = recognise(sample, coloured())
    if best.misfit > match.misfit - _CLEARLY:
        return []
    return [
        f"{picture.name}: the palette {best.palette.name} fits better: {best.misfit:.1f} levels "
        f"off, rather than {match.misfit:.1f}"
    ]


def _measured(reading: PaletteReading, off: Float, marked: Mask, bar: Bar | None) -> PaletteReading:
    """Return a reading with its errors."""
    clear = off[~marked]
    if not clear.size:
        return replace(reading, marked=1.0, bar=bar)
    return replace(
        reading,
        mean_off=float(clear.mean()),
        share_off=float((clear > OFF).mean()),
        marked=float(marked.mean()),
        bar=bar,
    )


def _check(picture: Picture, reading: PaletteReading) -> None:
    """Refuse a picture of which too little is in the colours of the palette."""
    if reading.marked <= _MOST_MARKED and reading.share_off <= _MOST_OFF:
        return
    outside = max(reading.marked, reading.share_off)
    raise BadValues(
        f"{outside:.0%} of the picture is not in the colours of the palette {reading.palette}",
        file=picture.name,
        expected=f"at most {_MOST_OFF:.0%}, and writing and other marks on at most "
        f"{_MOST_MARKED:.0%}",
        remedy="If a part of it is a photograph, as in a picture in the picture, cut it out.",
    )


def _foreign(picture: Picture, match: Match | None, most: float) -> BadValues:
    """Return the error for a picture in no palette, or not in the one that was named."""
    if match is None:
        found = "the colours, of which there may be few, don't lie on one curve"
    else:
        name = match.palette.name
        found = f"the colours are {match.misfit:.1f} levels off the nearest palette, {name}"
    return BadValues(
        found,
        file=picture.name,
        expected=f"infrared in the colours of one palette, at most {most:g} levels off",
        remedy="Infrared comes first; were the two swapped? Without --palette (palette=), the "
        "luma of the colours is used.",
    )
