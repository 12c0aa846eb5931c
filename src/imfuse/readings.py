"""Values that were read from false colours, with how they were read and how well they fit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from imfuse.degrees import DegreeRange
from imfuse.infrared import missing_in
from imfuse.ops.colourbars import Bar
from imfuse.types import Calibration, Float, Mask, Picture

OFF = 20.0
"""Distance from the palette in levels from which a pixel is off it."""


@dataclass(frozen=True, kw_only=True)
class PaletteReading:
    """How a picture in false colour was read.

    Attributes:
        palette: Name of the palette; `unknown` if it was followed from colour to colour.
        levels: Range of its levels: `full`, or `studio` (16 to 235).
        mean_off: Mean distance of the colours from the palette, in levels of luma, marks left out.
        share_off: Share of pixels that are more than 20 levels off, marks left out.
        marked: Share of the picture hidden by marks, such as the colour bar and writing.
        bar: Colour bar; None if none was found.
    """

    palette: str
    levels: str = "full"
    mean_off: float = 0.0
    share_off: float = 0.0
    marked: float = 0.0
    bar: Bar | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for `--json` and histories."""
        bar = self.bar
        return {
            "palette": self.palette,
            "levels": self.levels,
            "mean_off": round(self.mean_off, 3),
            "share_off": round(self.share_off, 5),
            "marked": round(self.marked, 5),
            "bar": None if bar is None else {"rows": [*bar.rows], "columns": [*bar.columns]},
        }


@dataclass(frozen=True, kw_only=True)
class Recovered(Picture):
    """A picture whose pixels are values from 0 (cold) to 1 (hot), read from false colours.

    Attributes:
        reading: How they were read.
    """

    reading: PaletteReading


def summary_of(picture: Picture, reading: PaletteReading) -> str:
    """Return what was read, with its errors, for the user."""
    kind = (
        "an unknown palette" if reading.palette == "unknown" else f"the palette {reading.palette}"
    )
    text = (
        f"{picture.name}: false colours of {kind} turned back into values; they are "
        f"{reading.mean_off:.1f} levels off it, {reading.share_off:.1%} of them more than {OFF:g}"
    )
    if reading.marked:
        text += f"; writing and other marks hide {reading.marked:.1%}"
    return text


def as_recovered(
    picture: Picture,
    values: Float,
    marked: Mask,
    ends: DegreeRange | None,
    reading: PaletteReading,
    notes: list[str],
) -> Recovered:
    """Return a picture of values, with everything else from the one in false colour.

    Args:
        picture: The picture in false colour.
        values: `(H, W)` from 0 (cold) to 1 (hot).
        marked: `(H, W)`, True where the camera drew a mark; there is no data there.
        ends: Temperatures of 0 and 1; None: values have no unit.
        reading: How the values were read.
        notes: Notes to add to those of the picture.
    """
    missing = missing_in(picture)
    hidden = marked if missing is None else marked | missing
    calibration = None
    if ends is not None:
        calibration = Calibration(
            unit=ends.unit,
            slope=ends.high - ends.low,
            offset=ends.low,
            sources={"unit": "user", "slope": "user", "offset": "user"},
        )
    return Recovered(
        pixels=np.ascontiguousarray(values, np.float32),
        nodata=hidden if hidden.any() else None,
        calibration=calibration,
        metadata=picture.metadata,
        name=picture.name,
        format=picture.format,
        notes=(*picture.notes, *notes),
        reading=reading,
    )
