"""The content of a picture file, and what to do with it: the facts behind `imfuse inspect`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from imfuse.infrared import calibration_of, is_gray
from imfuse.io.camera import camera_of, time_of
from imfuse.io.formats.container import Source
from imfuse.io.formats.tiff_temperature import temperature_in
from imfuse.io.history import history_in
from imfuse.io.images import MAX_PIXELS, open_source
from imfuse.io.thermal.inside import visible_in
from imfuse.io.thermal.read import picture_of, read_thermogram
from imfuse.io.thermal.segments import frame_size
from imfuse.io.thermal.thermogram import Thermogram
from imfuse.io.thermal.units import fitting_units
from imfuse.radiometry import DIMENSIONS, Conditions, Reading
from imfuse.samples import spread
from imfuse.types import Float, Picture

PERCENTILES = (1, 50, 99)
"""Percentiles that are told."""


@dataclass(frozen=True)
class Parameter:
    """A condition of a measurement.

    Attributes:
        name: Its name; see `imfuse.radiometry.DEFAULTS`.
        value: Its value.
        unit: `°C` or `m`; empty for fractions.
        source: Where it comes from: `file`, `user` or `default`.
    """

    name: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The content of a picture file.

    Attributes:
        file: Path of the file, or its name in messages.
        kind: Kind of file, such as `FLIR radiometric JPEG` or `PNG`.
        camera: Make and model; empty if the file does not say.
        time: When the picture was taken; empty likewise.
        width: Width in pixels.
        height: Height in pixels.
        channels: Number of channels without alpha.
        gray: Whether there is one channel, or three that are equal apart from coding noise.
        bits: Bits per sample.
        numbers: `unsigned`, `signed` or `float`.
        alpha: Whether there is transparency.
        unit: Unit of the values; None where nobody says it.
        least: Smallest value, in that unit.
        most: Largest value.
        usual: Smallest and largest value without the 0.1 % at either end.
        percentiles: Some percentiles of the values.
        missing: Number of pixels without a value.
        shown: Values that the camera itself showed as black and white; None: not known.
        preview: Height and width of the picture that viewers show, where it is another one.
        parameters: Conditions of the measurement.
        visible: Width, height and format of a visible picture inside; None: there is none.
        placement: How the infrared picture lies on that one: `ratio` of both widths, and the
            offset of its centre in visible pixels, `right` and `down`; None: the file does not say.
        keeps_temperature: Whether a second page holds the temperatures behind a fused picture.
        fused_by: imfuse's version and method that made the picture; None: something else did.
        notes: What is odd.
    """

    file: str
    kind: str
    camera: str
    time: str
    width: int
    height: int
    channels: int
    gray: bool
    bits: int
    numbers: str
    alpha: bool
    unit: str | None
    least: float
    most: float
    usual: tuple[float, float]
    percentiles: Mapping[int, float]
    missing: int
    shown: tuple[float, float] | None
    preview: tuple[int, int] | None = None
    parameters: tuple[Parameter, ...] = ()
    visible: tuple[int, int, str] | None = None
    placement: Mapping[str, float] | None = None
    keeps_temperature: bool = False
    fused_by: str | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return all facts as plain values, for `--json`."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        found["parameters"] = [vars(one) for one in self.parameters]
        found["percentiles"] = {str(part): value for part, value in self.percentiles.items()}
        found["range"] = [found.pop("least"), found.pop("most")]
        if self.preview is not None:
            found["preview"] = {"width": self.preview[1], "height": self.preview[0]}
        if self.visible is not None:
            found["visible"] = dict(zip(("width", "height", "format"), self.visible, strict=True))
        return found


def inspect(
    source: str | os.PathLike[str] | bytes,
    *,
    reading: Reading | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Inspection:
    """Return what a picture file holds: any picture that imfuse reads, thermal or not.

    Args:
        source: A path, or the content of a file.
        reading: How to read it as an infrared picture; None: as the file says.
        max_pixels: Largest number of pixels that a header may announce.

    Raises:
        ImfuseError: The file can't be read.
    """
    content = open_source(source, max_pixels=max_pixels)
    found = read_thermogram(content)
    picture = picture_of(content, found, reading or Reading())
    values = _values(picture)
    known = picture.calibration
    pixels = picture.pixels
    return Inspection(
        file=content.name,
        kind=found.kind if found else picture.format or "",
        camera=found.camera if found else camera_of(picture.metadata.exif),
        time=found.time if found else time_of(picture.metadata.exif),
        width=picture.size[1],
        height=picture.size[0],
        channels=3 if picture.is_colour else 1,
        gray=is_gray(pixels),
        bits=8 * (found.counts.itemsize if found else pixels.itemsize),
        numbers={"u": "unsigned", "i": "signed", "f": "float"}[
            (found.counts if found else pixels).dtype.kind
        ],
        alpha=picture.alpha is not None,
        unit=None if known is None else known.unit,
        least=float(values.min()),
        most=float(values.max()),
        usual=spread(values),
        percentiles={part: float(np.percentile(values, part)) for part in PERCENTILES},
        missing=0 if picture.nodata is None else int(picture.nodata.sum()),
        shown=None if known is None else known.shown,
        preview=frame_size(content.data) if found else None,
        parameters=_parameters(picture, found),
        **_inside(content, found),
        keeps_temperature=found is None and temperature_in(content) is not None,
        fused_by=_maker(picture),
        notes=(*picture.notes, *_advice(picture, values)),
    )


def _values(picture: Picture) -> Float:
    """Return the physical values of all pixels that have one, as a flat array."""
    pixels = picture.pixels
    if picture.nodata is not None:
        pixels = pixels[~picture.nodata]
    slope, offset = calibration_of(picture)
    values = np.asarray(pixels, np.float64).ravel()
    return np.asarray(values * slope + offset, np.float32)


def _parameters(picture: Picture, found: Thermogram | None) -> tuple[Parameter, ...]:
    known = picture.calibration
    if known is None:
        return ()
    values, sources = known.parameters, known.sources
    if not values and found is not None:  # counts: what the file says all the same
        said = found.conditions.resolved(Conditions()).without_defaults()
        values, sources = said.values, said.sources
    return tuple(
        Parameter(name, round(float(value), 6), DIMENSIONS.get(name, ""), sources[name])
        for name, value in values.items()
    )


def _inside(content: Source, found: Thermogram | None) -> dict[str, Any]:
    if found is None or found.visible is None:
        return {}
    vis = visible_in(content, found)
    placed = found.placement
    return {
        "visible": (vis.size[1], vis.size[0], vis.format or ""),
        "placement": None if placed is None else vars(placed),
    }


def _maker(picture: Picture) -> str | None:
    history = history_in(picture.metadata.xmp)
    if history is None:
        return None
    return f"imfuse {history.get('imfuse', '')} {history.get('model', '')}"


def _advice(picture: Picture, values: Float) -> list[str]:
    """Return units that the numbers of a picture would fit, where nobody says the unit."""
    if picture.calibration is not None or picture.is_colour or picture.pixels.dtype == np.uint8:
        return []
    fitting = fitting_units(float(np.median(values)))
    if not fitting:
        return []
    return [
        "the unit is not known, perhaps counts; the median would be "
        f"{' or '.join(fitting)} (--ir-unit, ir_unit=)"
    ]
