"""The record of a FLIR file that describes camera and measurement.

Offsets are those of exiftool's table `CameraInfo`. Temperatures are in Kelvin there.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from imfuse.io.camera import text_of
from imfuse.io.thermal.thermogram import Physics
from imfuse.ops.planck import Air, Planck, celsius
from imfuse.radiometry import ZERO_CELSIUS, Conditions
from imfuse.types import Float, Pixels

_FRACTIONS = {"emissivity": 0x20, "window_transmission": 0x34, "humidity": 0x3C}
_TEMPERATURES = {"reflected": 0x28, "atmosphere": 0x2C, "window_temperature": 0x30}
_DISTANCE = 0x24
_PLANCK = (0x58, 0x5C, 0x60)
_AIR = (0x70, 0x74, 0x78, 0x7C, 0x80)
_MODEL, _MODEL_LENGTH = 0xD4, 32
_PLANCK_O, _PLANCK_R2 = 0x308, 0x30C
_MEDIAN, _SPAN = 0x338, 0x33C
_TIME = 0x384
_USUAL_AIR = Air(0.006569, 0.01262, -0.002276, -0.00667, 1.9)
"""Constants that all cameras of FLIR share."""

_MOST_MINUTES = 24 * 60


@dataclass(frozen=True)
class FlirPhysics:
    """Planck's law with the constants of one camera."""

    planck: Planck
    air: Air
    adjustable: bool = True

    def celsius(self, counts: Pixels, conditions: Mapping[str, float]) -> Float:
        """Return degrees Celsius, NaN where no temperature gives such counts."""
        return celsius(counts, self.planck, self.air, conditions)


@dataclass(frozen=True)
class Camera:
    """A camera and its measurement.

    Attributes:
        name: Model; empty if not known.
        time: When the picture was taken; empty likewise.
        conditions: Conditions of the measurement.
        physics: How counts become temperatures; None: the constants are missing.
        shown: Counts that the camera showed as black and white; None: not known.
        notes: What a user should know.
    """

    name: str = ""
    time: str = ""
    conditions: Conditions = field(default_factory=Conditions)
    physics: Physics | None = None
    shown: tuple[float, float] | None = None
    notes: tuple[str, ...] = ("the constants that turn counts into temperatures are missing",)


def read_camera(record: bytes) -> Camera:
    """Read the record; what lies beyond its end is not known."""
    order = "<" if record[1:2] == b"\0" else ">"

    def at(kind: str, place: int) -> float | None:
        if place + struct.calcsize(kind) > len(record):
            return None
        return float(struct.unpack_from(order + kind, record, place)[0])

    values = {name: at("f", place) for name, place in _FRACTIONS.items()}
    values["distance"] = at("f", _DISTANCE)
    for name, place in _TEMPERATURES.items():
        kelvin = at("f", place)
        values[name] = None if kelvin is None else kelvin - ZERO_CELSIUS
    humidity = values["humidity"]
    if humidity is not None and humidity > 2:  # some cameras store it in percent
        values["humidity"] = humidity / 100
    known = {name: value for name, value in values.items() if value is not None}
    planck = _planck([*(at("f", one) for one in _PLANCK), at("i", _PLANCK_O), at("f", _PLANCK_R2)])
    physics = None
    if planck is not None:
        physics = FlirPhysics(planck, _air([at("f", place) for place in _AIR]))
    return Camera(
        name=text_of(record[_MODEL : _MODEL + _MODEL_LENGTH]),
        time=_time(record, order),
        conditions=Conditions(known),
        physics=physics,
        shown=_shown(at("H", _MEDIAN), at("H", _SPAN)),
        notes=Camera.notes if physics is None else (),
    )


def _planck(constants: list[float | None]) -> Planck | None:
    found = [one for one in constants if one is not None and math.isfinite(one)]
    if len(found) < len(constants):
        return None
    planck = Planck(*found)
    return planck if min(planck.r1, planck.b, planck.r2, planck.f) > 0 else None


def _air(constants: list[float | None]) -> Air:
    found = [one for one in constants if one is not None and math.isfinite(one)]
    return Air(*found) if len(found) == len(constants) and any(found) else _USUAL_AIR


def _shown(median: float | None, span: float | None) -> tuple[float, float] | None:
    if not median or not span:
        return None
    return median - span / 2, median + span / 2


def _time(record: bytes, order: str) -> str:
    """Return the time in its own zone, which the file gives in minutes west of Greenwich."""
    if len(record) < _TIME + 10:
        return ""
    seconds, milliseconds, west = struct.unpack_from(f"{order}IIh", record, _TIME)
    if not seconds or abs(west) >= _MOST_MINUTES:
        return ""
    moment = datetime.fromtimestamp(seconds, UTC)
    moment += timedelta(milliseconds=milliseconds & 0xFFFF)
    return moment.astimezone(timezone(timedelta(minutes=-west))).isoformat(" ", "milliseconds")
