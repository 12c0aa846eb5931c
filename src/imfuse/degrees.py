"""Ranges of temperatures with their unit, as people write them: `12C:40C`, `285K:313K`."""

import math
from dataclasses import dataclass
from typing import Literal

from imfuse.errors import UsageError
from imfuse.infrared_range import InfraredRange
from imfuse.radiometry import ZERO_CELSIUS, to_celsius


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
        least = 0.0 if self.unit == "kelvin" else -ZERO_CELSIUS
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
        refusal = UsageError(
            f"--palette-range (palette_range=) {text}",
            expected="the temperatures at the cold and the hot end of the colour bar with "
            "their unit, C, K or F, such as 12C:40C",
        )
        try:
            found = InfraredRange.parse(text)
        except UsageError as error:
            raise refusal from error
        if found.unit is None:
            raise refusal
        if found.unit == "kelvin":
            return cls(found.low, found.high, "kelvin")
        return cls(to_celsius(found.low, found.unit), to_celsius(found.high, found.unit))
