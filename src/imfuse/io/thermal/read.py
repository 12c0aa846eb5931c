"""Read infrared pictures from any file: temperatures where it holds them, else its pixels."""

import os
from dataclasses import replace

import numpy as np

from imfuse.errors import BadValues, UnreadableImage, UnsupportedImage
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.finish import finish
from imfuse.io.images import MAX_PIXELS, open_source, read_image
from imfuse.io.thermal import dji_tool
from imfuse.io.thermal.dji import is_dji, read_dji
from imfuse.io.thermal.flir import is_flir, read_flir
from imfuse.io.thermal.irg import is_irg, read_irg
from imfuse.io.thermal.thermogram import Physics, Thermogram
from imfuse.io.thermal.units import with_unit
from imfuse.radiometry import Conditions, Reading, Resolved
from imfuse.types import Calibration, Picture, Pixels

_RADIOMETRIC = frozenset({None, "celsius", "counts"})
"""Units in which thermal files can be read: they know their own."""


def read_thermogram(source: Source) -> Thermogram | None:
    """Return the content of a thermal file, recognised by its content; None for other files.

    Raises:
        UnreadableImage: It is truncated or contradicts itself.
        UnsupportedImage: Its raw picture is packed in a way that is not read here.
        ImageTooLarge: Its raw picture has too many pixels.
    """
    with source.decoding("the reader of thermal files"):
        if is_irg(source.data):
            return read_irg(source)
        try:
            if is_flir(source.data):
                return read_flir(source)
            if is_dji(source.data):
                return read_dji(source)
        except (UnreadableImage, UnsupportedImage) as error:
            preview = (
                "Or take the picture that viewers show: --ir-unit preview (ir_unit='preview')."
            )
            raise type(error)(
                error.found,
                file=error.file,
                expected=error.expected,
                remedy=f"{error.remedy} {preview}",
            ) from error
    return None


def read_infrared(
    source: str | os.PathLike[str] | bytes,
    *,
    reading: Reading | None = None,
    max_pixels: int = MAX_PIXELS,
    name: str | None = None,
) -> Picture:
    """Read an infrared picture: the temperatures of a thermal file, the pixels of any other.

    Thermal files are those of FLIR, DJI and InfiRay; see the page on thermal files. Temperatures
    are float32 degrees Celsius, pixels without one are marked in `nodata`, and `calibration` says
    with which parameters they were computed and where those came from.

    Args:
        source: A path, or the content of a file.
        reading: How to read it; None: as the file says.
        max_pixels: Largest number of pixels that a header may announce.
        name: Name of the picture in messages; default: the path or `<bytes>`.

    Raises:
        ImfuseError: The file can't be read, does not hold what `reading` asks for, or the
            conditions have no effect on it.
    """
    reading = reading or Reading()
    content = open_source(source, max_pixels=max_pixels, name=name)
    found = None
    if reading.unit != "preview" or is_irg(content.data):
        found = read_thermogram(content)
    return picture_of(content, found, reading)


def picture_of(content: Source, found: Thermogram | None, reading: Reading) -> Picture:
    """Return the infrared picture of a file whose thermal content was read already."""
    if found is not None and found.preview is not None and reading.unit == "preview":
        picture = finish(Decoded(pixels=found.preview), content.name, None)
        return without_thermal_data(picture, reading)
    if found is None or reading.unit == "preview":
        picture = read_image(content.data, max_pixels=content.max_pixels, name=content.name)
        return without_thermal_data(picture, reading)
    if reading.unit not in _RADIOMETRIC:
        raise BadValues(
            f"--ir-unit {reading.unit} (ir_unit='{reading.unit}') for a {found.kind}",
            file=content.name,
            expected="celsius, counts or preview: such a file knows its own unit",
            remedy="Leave it out.",
        )
    if reading.unit == "counts":
        _refuse_conditions(reading.conditions, content.name, "for raw counts")
        return _of_counts(content, found)
    if found.physics is not None:
        return _of_temperatures(content, found, found.physics, reading.conditions)
    if found.kind.startswith("DJI"):
        return _of_dji(content, found, reading)
    if reading.degrees:
        raise BadValues(
            "; ".join(found.notes) or "its counts can't be turned into temperatures",
            file=content.name,
            expected="the constants of the camera",
            remedy="Use its counts: --ir-unit counts --ir-range auto (ir_unit='counts', "
            "ir_range='auto').",
        )
    return _of_counts(content, found)


def without_thermal_data(picture: Picture, reading: Reading) -> Picture:
    """Return an ordinary picture as infrared, with the unit of its numbers if that is known.

    Raises:
        BadValues: Conditions were given, which mean nothing for it; or it can't hold such numbers.
    """
    _refuse_conditions(reading.conditions, picture.name, "for a picture without raw counts")
    return with_unit(picture, reading.unit)


def _refuse_conditions(given: Conditions, name: str, what: str) -> None:
    if given.values:
        raise BadValues(
            f"{min(given.values).replace('_', ' ')} {what}",
            file=name,
            expected="temperatures of a radiometric file, as of FLIR's",
            remedy="Leave it out.",
        )


def _of_dji(content: Source, found: Thermogram, reading: Reading) -> Picture:
    if not (reading.ranged or reading.degrees):
        return read_image(content.data, max_pixels=content.max_pixels, name=content.name)
    if reading.degrees or dji_tool.installed():
        values = dji_tool.measure(content, reading.conditions)
        resolved = found.conditions.resolved(reading.conditions).without_defaults()
        return _finished(content, found, values, _celsius(resolved))
    note = f"raw counts, not temperatures; those need the program {dji_tool.PROGRAM}"
    return _of_counts(content, replace(found, notes=(*found.notes, note)))


def _of_counts(content: Source, found: Thermogram) -> Picture:
    calibration = Calibration(unit="counts", sources={"unit": "file"}, shown=found.shown)
    return _finished(content, found, found.counts, calibration)


def _of_temperatures(
    content: Source, found: Thermogram, physics: Physics, wanted: Conditions
) -> Picture:
    resolved = found.conditions.resolved(wanted)
    if not physics.adjustable:
        _refuse_conditions(wanted, content.name, "for a file whose temperatures are final")
        resolved = replace(resolved.without_defaults(), notes=())
    values = physics.celsius(found.counts, resolved.values)
    shown = None
    if found.shown is not None:
        ends = np.clip(np.rint([found.shown]), 0, (1 << 16) - 1).astype(np.uint16)
        low, high = (float(end) for end in physics.celsius(ends, resolved.values)[0])
        shown = (low, high) if low < high else None
    noted = replace(found, notes=(*found.notes, *resolved.notes))
    return _finished(content, noted, values, _celsius(resolved, shown))


def _celsius(resolved: Resolved, shown: tuple[float, float] | None = None) -> Calibration:
    return Calibration(
        unit="celsius",
        sources={"unit": "file", **resolved.sources},
        parameters=resolved.values,
        shown=shown,
    )


def _finished(
    content: Source, found: Thermogram, pixels: Pixels, calibration: Calibration
) -> Picture:
    decoded = Decoded(pixels=pixels, exif=found.exif, notes=found.notes)
    return replace(finish(decoded, content.name, None), calibration=calibration)
