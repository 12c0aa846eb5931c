"""Prepare infrared pictures for fusion: gray, without holes, calibrated, in one range."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imfuse.errors import BadValues
from imfuse.ops import color
from imfuse.ops.holes import fill_nearest
from imfuse.options import InfraredRange
from imfuse.radiometry import ZERO_CELSIUS, to_celsius
from imfuse.samples import sample_values, spread
from imfuse.types import RAW_TYPES, SCALES, Float, Mask, Picture, Pixels

_GRAY_TOLERANCE = 0.02
"""Mean channel difference below which three channels count as gray; JPEG noise stays below it."""

_NARROW = {np.dtype(np.uint8): 1 / 8, np.dtype(np.uint16): 1 / 4, np.dtype(np.float32): 1 / 4}
"""Part of a type's range below which infrared hardly shows. 14-bit counts fill 1/4 of 16 bits."""

_NARROW_MEASUREMENTS = 1 / 4
"""The same part of a given range, for types that have no range of their own."""

_STRIP_ROWS = 256


@dataclass(frozen=True)
class Infrared:
    """An infrared picture that is ready to be read window by window.

    Attributes:
        pixels: `(H, W)` or `(H, W, 3)` as stored, holes filled.
        missing: `(H, W)`, True where the sensor gave no value; None: nowhere.
        slope: Physical units per stored unit.
        offset: Physical value of a stored 0.
        low: Physical value that becomes 0.
        high: Physical value that becomes 1.
        clips: True if values outside the range are clipped.
    """

    pixels: Pixels
    missing: Mask | None
    slope: float
    offset: float
    low: float
    high: float
    clips: bool

    def physical(self, window: tuple[slice, slice]) -> Float:
        """Return the calibrated values of a window, `(H, W)`."""
        values = self.pixels[window].astype(np.float32)
        gray = color.luma(values) if values.ndim == 3 else values
        if (self.slope, self.offset) != (1.0, 0.0):
            gray = gray * np.float32(self.slope) + np.float32(self.offset)
        return gray

    def read(self, window: tuple[slice, slice]) -> Float:
        """Return a window in [0, 1], `(H, W)`."""
        gray = self.physical(window)
        if (self.low, self.high) == (0.0, 1.0) and not self.clips:
            return gray
        if self.low:
            gray -= np.float32(self.low)
        gray /= np.float32(self.high - self.low)
        return np.clip(gray, 0, 1, out=gray) if self.clips else gray


def prepare_infrared(picture: Picture, wanted: InfraredRange | None, notes: list[str]) -> Infrared:
    """Prepare an infrared picture for fusion.

    Args:
        picture: The picture as read.
        wanted: Values that become black and white; None: the full range of the pixels' type.
        notes: List that gets a line for everything that the user should know.

    Raises:
        BadValues: No pixel has data; float values are outside [0, 1] and no range was given; or
            the pixels' type has no range of its own and none was given.
    """
    missing = missing_in(picture)
    pixels = picture.pixels
    if missing is not None:
        count, total = int(missing.sum()), missing.size
        if count == total:
            raise BadValues(
                "no pixel has data",
                file=picture.name,
                expected="an infrared picture that is not transparent all over",
                remedy="Export it again, or leave it out.",
            )
        notes.append(
            f"{picture.name}: {count:,} of {total:,} pixels have no data and show the visible "
            "picture"
        )
        pixels = fill_nearest(pixels, missing)
    slope, offset = calibration_of(picture)
    sample = sample_values(pixels, missing)
    shown = None if picture.calibration is None else picture.calibration.shown
    if wanted is None and shown is not None:
        low, high = shown
        notes.append(
            f"{picture.name}: infrared from {low:.5g} to {high:.5g}, the range that the camera "
            f"showed; {_option('LOW:HIGH')} sets another"
        )
    elif wanted is None:
        white = _full_range(picture, pixels, sample, notes)
        low, high = offset, slope * white + offset
    else:
        values = slope * sample + offset
        low, high = (
            ends_of(values, wanted, picture.name) if wanted.percent else in_unit_of(picture, wanted)
        )
        _note_misfit(picture, values, (low, high), notes)
    clips = wanted is not None or shown is not None
    return Infrared(pixels, missing, slope, offset, low, high, clips=clips)


def is_gray(pixels: Pixels) -> bool:
    """Return True for one channel, or three that are equal apart from coding noise."""
    if pixels.ndim == 2:
        return True
    difference = 0.0
    for start in range(0, pixels.shape[0], _STRIP_ROWS):  # strips bound memory
        strip = pixels[start : start + _STRIP_ROWS]
        red, green, blue = cv2.split(strip)
        difference += cv2.norm(red, green, cv2.NORM_L1)
        difference += cv2.norm(blue, green, cv2.NORM_L1)
    mean = difference / (2 * pixels.shape[0] * pixels.shape[1] * SCALES.get(pixels.dtype, 1.0))
    return bool(mean < _GRAY_TOLERANCE)


def calibration_of(picture: Picture) -> tuple[float, float]:
    """Return slope and offset; 1 and 0 where the picture has no calibration."""
    known = picture.calibration
    return (1.0, 0.0) if known is None else (known.slope, known.offset)


def in_unit_of(picture: Picture, wanted: InfraredRange) -> tuple[float, float]:
    """Return the ends of a range of values in the unit of a picture.

    Raises:
        BadValues: The range is in degrees, and the picture's values are not temperatures.
    """
    if wanted.unit is None:
        return wanted.low, wanted.high
    known = None if picture.calibration is None else picture.calibration.unit
    if known not in {"celsius", "kelvin"}:
        found = "no unit is known for its values" if known is None else f"its values are {known}"
        raise BadValues(
            f"the range {wanted} is in degrees, and {found}",
            file=picture.name,
            expected="temperatures",
            remedy="Say in which unit they are, such as --ir-unit centikelvin "
            "(ir_unit='centikelvin'), or give the range in the file's own numbers.",
        )
    shift = ZERO_CELSIUS if known == "kelvin" else 0.0
    low, high = (to_celsius(end, wanted.unit) + shift for end in (wanted.low, wanted.high))
    return low, high


def in_celsius(values: Float | None, unit: str | None, name: str) -> Float:
    """Return physical values in degrees Celsius.

    Args:
        values: The values; None: there are none.
        unit: Their unit; see `Calibration`.
        name: Name of the picture in messages.

    Raises:
        BadValues: They are not temperatures.
    """
    if values is not None and unit == "celsius":
        return values
    if values is not None and unit == "kelvin":
        return np.asarray(values - np.float32(ZERO_CELSIUS), np.float32)
    reason = f"the values are {unit}" if unit else "the unit of the values is not known"
    raise BadValues(
        f"there are no temperatures to keep: {reason}",
        file=name,
        expected="infrared from a thermal file, or in a unit that is known",
        remedy="Say in which unit its numbers are, such as --ir-unit centikelvin "
        "(ir_unit='centikelvin'), or leave --keep-temperature (keep_temperature=) out.",
    )


def as_one_of_many(picture: Picture) -> Picture:
    """Return a picture without what its camera showed: frames must not get ranges of their own."""
    known = picture.calibration
    if known is None or known.shown is None:
        return picture
    return replace(picture, calibration=replace(known, shown=None))


def missing_in(picture: Picture) -> Mask | None:
    """Return a mask of pixels without data (as the reader found, or transparent); None: none."""
    missing = picture.nodata
    if picture.alpha is not None and not picture.alpha.all():
        clear = picture.alpha == 0
        missing = clear if missing is None else missing | clear
    return missing if missing is not None and missing.any() else None


def ends_of(values: Float, wanted: InfraredRange, file: object) -> tuple[float, float]:
    """Return the values of two percentiles."""
    if values.size:
        low, high = (float(np.percentile(values, end)) for end in (wanted.low, wanted.high))
        if low != high:
            return low, high
    raise BadValues(
        "the infrared values don't vary" if values.size else "there are no infrared values",
        file=file,
        expected=f"values that differ between {wanted}",
        remedy=f"Say which values are black and white, e.g. {_option('20:40')}.",
    )


def _full_range(picture: Picture, pixels: Pixels, values: Float, notes: list[str]) -> float:
    """Return the white value of a type; refuse values that don't fit, and note a narrow range."""
    kind = pixels.dtype
    low, high = spread(values, whole_bytes=kind == np.uint8 and pixels.ndim == 2)
    advice = _option(f"{low:g}:{high:g}" if low < high else "LOW:HIGH")
    remedy = f"Say which values are black and white, e.g. {advice}, or {_option('auto')}."
    if picture.calibration is not None and kind == np.float32:
        remedy += " Or take the picture that viewers show: --ir-unit preview (ir_unit='preview')."
    if kind in RAW_TYPES:
        raise BadValues(
            f"{kind} infrared values, most of them from {low:g} to {high:g}",
            file=picture.name,
            expected="a range, as this type has no black and white of its own",
            remedy=remedy,
        )
    check_scale(picture.name, pixels, remedy=remedy)
    white = SCALES[kind]
    if 0 < high - low < _NARROW[kind] * white:
        scale = {1.0: "0 to 1", 255.0: "0 to 255"}.get(white, "0 to 65535")
        notes.append(
            f"{picture.name}: infrared uses only {low:g} to {high:g} of {scale} and will hardly "
            f"show; {advice} spreads it"
        )
    return white


def _option(ends: str) -> str:
    """Return the option for a range, as the command line and as Python take it."""
    return f"--ir-range {ends} (ir_range='{ends}')"


def _note_misfit(
    picture: Picture, values: Float, ends: tuple[float, float], notes: list[str]
) -> None:
    """Add a note if a range misses a picture, or is so wide that the picture hardly shows."""
    least, most = min(ends), max(ends)
    share = float(np.mean((values < least) | (values > most)))
    low, high = spread(values)
    narrow = _NARROW.get(picture.pixels.dtype, _NARROW_MEASUREMENTS) * (most - least)
    if share > 0.5:
        notes.append(
            f"{picture.name}: {share:.0%} of the infrared lies outside the range {ends[0]:g} to "
            f"{ends[1]:g}; most of its values are from {low:g} to {high:g}"
        )
    elif low < high and min(high, most) - max(low, least) < narrow:
        better = f"{low:g}:{high:g}" if ends[0] < ends[1] else f"{high:g}:{low:g}"
        notes.append(
            f"{picture.name}: infrared uses only {low:g} to {high:g} of the range {ends[0]:g} to "
            f"{ends[1]:g} and will hardly show; {_option(better)} spreads it"
        )


def check_scale(name: str, pixels: Pixels, *, remedy: str) -> None:
    """Refuse values whose black and white are unknown: measurements, and floats outside [0, 1].

    Raises:
        BadValues: The pixels hold such values.
    """
    kind = pixels.dtype
    if kind not in RAW_TYPES and kind != np.float32:
        return
    least, most = float(pixels.min()), float(pixels.max())
    if kind in RAW_TYPES:
        expected = "8 bits, 16 bits without sign, or floats in 0..1"
        found = f"{kind} values from {least:g} to {most:g}"
        raise BadValues(found, file=name, expected=expected, remedy=remedy)
    if not (least >= 0 and most <= 1):  # also true for NaN, which compares false
        found = f"float values from {least:g} to {most:g}"
        raise BadValues(found, file=name, expected="values in 0..1", remedy=remedy)
