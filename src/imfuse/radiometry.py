"""Conditions of a thermal measurement and units of temperature, as users and files give them."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from imfuse.errors import UsageError

Unit: TypeAlias = Literal[
    "celsius",
    "kelvin",
    "fahrenheit",
    "decicelsius",
    "centicelsius",
    "decikelvin",
    "centikelvin",
    "counts",
    "preview",
]
"""Meaning of the numbers in an infrared file; see `UNITS`, and `preview` for the 8-bit picture."""

ZERO_CELSIUS = 273.15
"""The freezing point of water in Kelvin."""


@dataclass(frozen=True)
class Scale:
    """How stored numbers become physical ones: `slope * stored + offset`, in a unit.

    Attributes:
        unit: Unit of the result.
        slope: Physical units per stored unit.
        offset: Physical value of a stored 0.
    """

    unit: Literal["celsius", "kelvin", "counts"]
    slope: float = 1.0
    offset: float = 0.0


UNITS: Mapping[str, Scale] = {
    "celsius": Scale("celsius"),
    "kelvin": Scale("kelvin"),
    "fahrenheit": Scale("celsius", 5 / 9, -160 / 9),
    "decicelsius": Scale("celsius", 0.1),
    "centicelsius": Scale("celsius", 0.01),
    "decikelvin": Scale("kelvin", 0.1),
    "centikelvin": Scale("kelvin", 0.01),
    "counts": Scale("counts"),
}
"""Units that an infrared file may be in, by the name that users give."""

Degrees: TypeAlias = Literal["celsius", "kelvin", "fahrenheit"]
"""Unit of a temperature."""

_LETTERS: Mapping[str, Degrees] = {"C": "celsius", "K": "kelvin", "F": "fahrenheit"}
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)"


@dataclass(frozen=True)
class _Kind:
    """A kind of condition: how users write it, and which values are plausible."""

    read: Callable[[str], float | None]
    low: float
    high: float
    expected: str
    hint: Callable[[float], str]


def to_celsius(value: float, unit: Degrees) -> float:
    """Return a temperature in degrees Celsius."""
    if unit == "kelvin":
        return value - ZERO_CELSIUS
    return (value - 32) * 5 / 9 if unit == "fahrenheit" else value


def temperature_unit(letter: str) -> Degrees:
    """Return the unit that a letter (`C`, `K`, `F`, also with a degree sign) stands for."""
    return _LETTERS[letter.lstrip("°").upper()]


def _fraction(text: str) -> float | None:
    found = re.fullmatch(f"{_NUMBER}\\s*(%?)", text.strip(), re.IGNORECASE)
    return None if found is None else float(found[1]) / (100 if found[2] else 1)


def _temperature(text: str) -> float | None:
    found = re.fullmatch(f"{_NUMBER}\\s*(°?[CKF])?", text.strip(), re.IGNORECASE)
    if found is None:
        return None
    return to_celsius(float(found[1]), temperature_unit(found[2])) if found[2] else float(found[1])


def _metres(text: str) -> float | None:
    found = re.fullmatch(f"{_NUMBER}\\s*(?:m)?", text.strip(), re.IGNORECASE)
    return None if found is None else float(found[1])


def _percent(value: float) -> str:
    return f"A fraction is meant: {value / 100:g}, or {value:g}%." if 1 < value <= 100 else ""


def _kelvin(value: float) -> str:
    inside = -100 <= value - ZERO_CELSIUS <= _HOTTEST
    return f"Degrees Celsius are meant; for Kelvin, write {value:g}K." if inside else ""


def _nothing(_value: float) -> str:
    return ""


_COLDEST, _HOTTEST = -100.0, 150.0
"""Degrees Celsius that surroundings can have; the sky reflects some -60."""

_FARTHEST = 10_000.0
_LEAST = 0.01

_FRACTION = _Kind(_fraction, 0.0, 1.0, "a fraction from 0 to 1, or a percentage like 50%", _percent)
_SHARE = _Kind(
    _fraction, _LEAST, 1.0, "a fraction from 0.01 to 1, or a percentage like 95%", _percent
)
_WARMTH = _Kind(
    _temperature,
    _COLDEST,
    _HOTTEST,
    "degrees Celsius from -100 to 150, or a value with its unit like 20C, 293K, 68F",
    _kelvin,
)
_DISTANCE = _Kind(_metres, 0.0, _FARTHEST, "metres from 0 to 10000", _nothing)

_KINDS: Mapping[str, _Kind] = {
    "emissivity": _SHARE,
    "reflected": _WARMTH,
    "atmosphere": _WARMTH,
    "distance": _DISTANCE,
    "humidity": _FRACTION,
    "window_temperature": _WARMTH,
    "window_transmission": _SHARE,
}

DEFAULTS: Mapping[str, float] = {
    "emissivity": 0.95,
    "reflected": 20.0,
    "atmosphere": 20.0,
    "distance": 1.0,
    "humidity": 0.5,
    "window_temperature": 20.0,
    "window_transmission": 1.0,
}
"""Conditions that are assumed where neither a file nor a user says something plausible.

Temperatures are in degrees Celsius, distances in metres, and the others are fractions.
"""

DIMENSIONS: Mapping[str, str] = {
    "reflected": "°C",
    "atmosphere": "°C",
    "distance": "m",
    "window_temperature": "°C",
}
"""Units of conditions; the others are fractions."""


def checked_condition(name: str, value: object) -> float | None:
    """Return a condition that a user gave as a number; None stays None.

    Args:
        name: Name of the condition; see `DEFAULTS`.
        value: A number in the condition's own unit, or a text such as `95%`, `293K` or `3m`.

    Raises:
        UsageError: It is not a number, or not a plausible one.

    Examples:
        >>> checked_condition("humidity", "50%"), checked_condition("reflected", 22)
        (0.5, 22.0)
    """
    if value is None:
        return None
    kind = _KINDS[name]
    unit_given = isinstance(value, str) and value.strip()[-1:].upper() in _LETTERS
    try:
        number = kind.read(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = None
    low, high = kind.low, kind.high
    if unit_given:  # who names the unit means it
        low, high = -ZERO_CELSIUS, 5000.0
    if number is None or isinstance(value, bool) or not low <= number <= high:
        hint = kind.hint(number) if number is not None and math.isfinite(number) else ""
        raise UsageError(
            f"--{name.replace('_', '-')} ({name}=) {value}", expected=kind.expected, remedy=hint
        )
    return number


@dataclass(frozen=True)
class Resolved:
    """The conditions that a measurement is computed with, and where each came from.

    Attributes:
        values: Value of each condition; see `DEFAULTS` for names and units.
        sources: Origin of each.
        notes: What is odd about those of the file.
    """

    values: Mapping[str, float]
    sources: Mapping[str, Literal["file", "user", "default"]]
    notes: tuple[str, ...] = ()

    def without_defaults(self) -> "Resolved":
        """Return only what a file or a user says, for temperatures that others computed."""
        said = {name: origin for name, origin in self.sources.items() if origin != "default"}
        return Resolved({name: self.values[name] for name in said}, said, self.notes)


@dataclass(frozen=True)
class Conditions:
    """Conditions that somebody gave; those that nobody gave are missing.

    Attributes:
        values: Value of each condition by name; see `DEFAULTS` for names and units.
    """

    values: Mapping[str, float] = field(default_factory=dict)

    def resolved(self, wanted: "Conditions") -> Resolved:
        """Return all conditions: those a user wants, those of this file, or the defaults."""
        values: dict[str, float] = {}
        sources: dict[str, Literal["file", "user", "default"]] = {}
        notes: list[str] = []
        for name, usual in DEFAULTS.items():
            values[name], sources[name] = usual, "default"
            if name in wanted.values:
                values[name], sources[name] = wanted.values[name], "user"
            elif name in self.values:
                found = _plausible(name, self.values[name], notes)
                if found is not None:
                    values[name], sources[name] = found, "file"
        return Resolved(values, sources, tuple(notes))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read an infrared file.

    Attributes:
        unit: Unit of the numbers in an ordinary picture. For a thermal file, `counts` leaves its
            raw numbers as they are, and `preview` takes the 8-bit picture that every viewer shows.
        conditions: Conditions of the measurement that replace those in the file.
        ranged: Whether somebody says which values become black and white; without, counts of DJI
            are of no use, and the preview is read.
        degrees: Whether only temperatures will do.
    """

    unit: Unit | None = None
    conditions: Conditions = field(default_factory=Conditions)
    ranged: bool = True
    degrees: bool = False


def _plausible(name: str, value: float, notes: list[str]) -> float | None:
    """Return a file's condition, corrected where the mistake is plain; None: it makes no sense."""
    kind, title = _KINDS[name], name.replace("_", " ")
    option = f"--{name.replace('_', '-')} ({name}=)"
    if math.isfinite(value) and kind.low <= value <= kind.high:
        return value
    if kind in (_FRACTION, _SHARE) and 1 < value <= 100:
        notes.append(f"{title} {value:g} in the file was taken as {value:g} %; {option} sets it")
        return value / 100
    as_kelvin = value + ZERO_CELSIUS  # a file that should hold Kelvin, and holds Celsius
    if kind is _WARMTH and 0 < as_kelvin <= _HOTTEST:
        notes.append(
            f"{title} {as_kelvin:.4g} K in the file was taken as degrees Celsius; {option} sets it"
        )
        return as_kelvin
    if kind is _WARMTH and _HOTTEST < value < 5000:
        notes.append(f"{title} {value:.4g} °C in the file is implausible; {option} sets it")
        return value
    notes.append(
        f"{title} {value:.4g} in the file makes no sense; {DEFAULTS[name]:g} was assumed, and "
        f"{option} sets it"
    )
    return None
