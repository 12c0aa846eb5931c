"""Ordinary pictures whose numbers are temperatures: the file or the user says in which unit."""

import math
import re
from dataclasses import replace
from typing import Literal

import numpy as np

from imfuse.errors import BadValues
from imfuse.radiometry import UNITS, ZERO_CELSIUS, Scale, Unit
from imfuse.types import Calibration, Picture

_GDAL_METADATA = 42112
_ITEM = r"<Item\b[^>]*\brole\s*=\s*[\"']{}[\"'][^>]*>([^<]*)</Item>"
_GAIN = rb"\bTlinearGain\s*(?:=\s*[\"']|>)\s*(\d{1,3}(?:\.\d{1,9})?)\s*[\"'<]"
_NAMES = {
    **dict.fromkeys(("celsius", "degc", "deg c", "°c", "c", "degree celsius"), "celsius"),
    **dict.fromkeys(("degrees celsius", "degree_celsius", "degrees_celsius"), "celsius"),
    **dict.fromkeys(("kelvin", "k", "degrees kelvin"), "kelvin"),
}
_USUAL = (-40.0, 80.0)
_COLDEST, _HOTTEST = -100.0, 3000.0  # degrees Celsius of half the pixels of a real scene


def with_unit(picture: Picture, unit: Unit | None) -> Picture:
    """Return an infrared picture with the calibration that its file declares or the user names.

    Args:
        picture: A picture from a file without thermal data of its own.
        unit: Unit of its numbers; None: as the file declares, if it does (GDAL's metadata in
            TIFF, or the gain of FLIR's linear mode in XMP).

    Raises:
        BadValues: The picture can't hold numbers in this unit.
    """
    if unit is None or unit == "preview":
        declared = _declared(picture)
        if declared is None or picture.is_colour:
            return picture
        return replace(picture, calibration=_calibration(declared, "file"))
    _check(picture, unit)
    return replace(picture, calibration=_calibration(UNITS[unit], "user"))


def _calibration(scale: Scale, source: Literal["file", "user"]) -> Calibration:
    return Calibration(
        unit=scale.unit,
        slope=scale.slope,
        offset=scale.offset,
        sources={"unit": source, "slope": source, "offset": source},
    )


def _declared(picture: Picture) -> Scale | None:
    """Return the scale of temperatures that the file declares; None: it declares none."""
    return _by_gdal(picture) or _by_flir(picture)


def _by_flir(picture: Picture) -> Scale | None:
    """Return the scale of FLIR's linear mode, whose counts are Kelvin times the gain in the XMP."""
    found = re.search(_GAIN, (picture.metadata.xmp or b"")[: 1 << 16])
    gain = float(found[1]) if found else 0.0
    if picture.pixels.dtype != np.uint16 or not 0 < gain <= 1:
        return None
    return Scale("kelvin", gain)


def _by_gdal(picture: Picture) -> Scale | None:
    text = str(picture.metadata.geo.get(_GDAL_METADATA, ""))[: 1 << 16]
    parts = [re.search(_ITEM.format(role), text) for role in ("unittype", "scale", "offset")]
    name = _NAMES.get(parts[0][1].strip().lower()) if parts[0] else None
    if name is None:
        return None
    try:
        slope, offset = (
            float(part[1]) if part else usual
            for part, usual in zip(parts[1:], (1.0, 0.0), strict=True)
        )
    except ValueError:
        return None
    if not (math.isfinite(slope) and math.isfinite(offset) and slope):
        return None
    return Scale("celsius" if name == "celsius" else "kelvin", slope, offset)


def _check(picture: Picture, unit: Unit) -> None:
    option = f"--ir-unit {unit} (ir_unit='{unit}')"
    if picture.is_colour or picture.pixels.dtype == np.uint8:
        kind = "colours" if picture.is_colour else "8-bit values"
        raise BadValues(
            f"{kind} with {option}",
            file=picture.name,
            expected="one channel of 16 bits or more, or floats",
            remedy="Such a picture shows brightness, not measurements; leave the unit out.",
        )
    if unit == "counts":
        return
    values = picture.pixels if picture.nodata is None else picture.pixels[~picture.nodata]
    middle = float(np.median(values))
    if _COLDEST <= _in_celsius(middle, UNITS[unit]) <= _HOTTEST:
        return
    fitting = fitting_units(middle)
    raise BadValues(
        f"the median {middle:g} would be {_in_celsius(middle, UNITS[unit]):.0f} °C with {option}",
        file=picture.name,
        expected=f"temperatures from {_COLDEST:g} to {_HOTTEST:g} °C",
        remedy=f"Units that would fit: {', '.join(fitting)}." if fitting else "Use counts.",
    )


def fitting_units(value: float) -> list[str]:
    """Return the units in which a number would be a usual temperature, each with that one."""
    low, high = _USUAL
    return [
        f"{_in_celsius(value, scale):.1f} °C in {name}"
        for name, scale in UNITS.items()
        if scale.unit != "counts" and low <= _in_celsius(value, scale) <= high
    ]


def _in_celsius(value: float, scale: Scale) -> float:
    found = scale.slope * value + scale.offset
    return found - ZERO_CELSIUS if scale.unit == "kelvin" else found
