"""Ranges of temperatures with their unit, as people write them: `12C:40C`, `285K:313K`."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from imfuse.errors import UsageError

_NUMBER = r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*°?\s*([CKF])\s*"
_ZERO = 273.15


@dataclass(frozen=True)
class DegreeRange:
    """Temperatures at the two ends of a colour bar.

    Attributes:
        low: Temperature of the cold end, in `unit`.
        high: Temperature of the hot end; above `low`.
        unit: Unit of both. Fahrenheit is read, and converted to Celsius.

    Raises:
        UsageError: The temperatures are not finite, in the wrong order, or below absolute zero.
    """

    low: float
    high: float
    unit: Literal["celsius", "kelvin"] = "celsius"

    def __post_init__(self) -> None:
        """Check both ends."""
        least = 0.0 if self.unit == "kelvin" else -_ZERO
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not finite or not least <= self.low < self.high:
            expected = "the cold end first, then a hotter one, none below absolute zero"
            raise UsageError(f"--palette-range (palette_range=) {self}", expected=expected)

    def __str__(self) -> str:
        """Return the range as written on the command line."""
        letter = "K" if self.unit == "kelvin" else "C"
        return f"{self.low:g}{letter}:{self.high:g}{letter}"

    @classmethod
    def parse(cls, text: str) -> "DegreeRange":
        """Read `LOW:HIGH` with a unit, C, K or F, after each number or after the last.

        Raises:
            UsageError: It is no such range.

        Examples:
            >>> DegreeRange.parse("12C:40C"), str(DegreeRange.parse("50:104F"))
            (DegreeRange(low=12.0, high=40.0, unit='celsius'), '10C:40C')
        """
        low, _, high = text.strip().upper().partition(":")
        second = re.fullmatch(_NUMBER, high)
        first = re.fullmatch(_NUMBER, low) or (
            second and re.fullmatch(_NUMBER, f"{low}{second[2]}")
        )
        if first is None or second is None or first[2] != second[2]:
            raise UsageError(
                f"--palette-range (palette_range=) {text}",
                expected="the temperatures at the cold and the hot end of the colour bar with "
                "their unit, C, K or F, such as 12C:40C",
            )
        ends = float(first[1]), float(second[1])
        if first[2] == "F":
            ends = (ends[0] - 32) / 1.8, (ends[1] - 32) / 1.8
        return cls(*ends, unit="kelvin" if first[2] == "K" else "celsius")
