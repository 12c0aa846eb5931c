"""Ranges of infrared values: numbers, degrees, or percentiles."""

import math
import re
from dataclasses import dataclass

from imfuse.errors import UsageError
from imfuse.radiometry import Degrees, temperature_unit

_PART = r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(%|°?[CKF])?\s*"

_LETTERS = {"celsius": "C", "kelvin": "K", "fahrenheit": "F"}


@dataclass(frozen=True)
class InfraredRange:
    """Infrared values that become black and white.

    Attributes:
        low: Value, or percentile, that becomes 0.
        high: Value, or percentile, that becomes 1. If below `low`, black-hot becomes white-hot.
        percent: True if both are percentiles of the infrared picture, 0 to 100; otherwise they are
            values in the picture's own units, or in `unit`.
        unit: Unit of both values if they are temperatures: `celsius`, `kelvin` or `fahrenheit`.

    Raises:
        UsageError: The two are equal or not finite, or are percentiles outside 0 to 100.
    """

    low: float
    high: float
    percent: bool = False
    unit: Degrees | None = None

    def __post_init__(self) -> None:
        """Check the two ends."""
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not finite or self.low == self.high:
            raise UsageError(f"infrared range {self}", expected="two different finite numbers")
        if self.percent and not all(0 <= end <= 100 for end in (self.low, self.high)):
            raise UsageError(f"infrared range {self}", expected="percentiles from 0% to 100%")

    def __str__(self) -> str:
        """Return the range as written on the command line."""
        unit = "%" if self.percent else _LETTERS.get(self.unit or "", "")
        return f"{self.low:g}{unit}:{self.high:g}{unit}"

    @classmethod
    def parse(cls, text: str) -> "InfraredRange":
        """Read `LOW:HIGH`, also in degrees as in `10C:40C` or `10:40C`; `LOW%:HIGH%`; or `auto`.

        Raises:
            UsageError: It is none of these.

        Examples:
            >>> InfraredRange.parse("18:36"), str(InfraredRange.parse("auto"))
            (InfraredRange(low=18.0, high=36.0, percent=False, unit=None), '0.5%:99.5%')
            >>> InfraredRange.parse("283K:313K").unit
            'kelvin'
        """
        if text.strip().lower() == "auto":
            return AUTO_RANGE
        found = re.fullmatch(f"{_PART}:{_PART}", text, re.IGNORECASE)
        units = {(found[part] or "").upper().lstrip("°") for part in (2, 4)} if found else set()
        if found and not found[2] and units & set(_LETTERS.values()):
            units.discard("")  # the unit after the second number is that of both
        if found is None or len(units) > 1:
            raise UsageError(
                f"--ir-range (ir_range=) {text}",
                expected="LOW:HIGH, LOW%:HIGH%, degrees like 18C:36C (K, F), or auto",
            )
        low, high, unit = float(found[1]), float(found[3]), units.pop()
        if unit in {"", "%"}:
            return cls(low, high, percent=unit == "%")
        return cls(low, high, unit=temperature_unit(unit))


AUTO_RANGE = InfraredRange(0.5, 99.5, percent=True)
"""The range that `auto` stands for."""
