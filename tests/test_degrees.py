"""Ranges of temperatures with units."""

import pytest

from imfuse.degrees import DegreeRange
from imfuse.errors import UsageError
from imfuse.infrared_range import InfraredRange


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("12C:40C", 12, 40, "celsius"),
        ("-11c:13c", -11, 13, "celsius"),
        (" 12 : 40 °C ", 12, 40, "celsius"),
        ("285K:313.5K", 285, 313.5, "kelvin"),
        ("32F:212F", 0, 100, "celsius"),
        ("50:68f", 10, 20, "celsius"),
        (".5C:+1.5C", 0.5, 1.5, "celsius"),
    ],
)
def test_ranges_are_read(text, low, high, unit):
    found = DegreeRange.parse(text)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.unit == unit
    assert DegreeRange.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "12", "12C", ":", "12:40", "12C:40", "12C:40K", "40C:12C", "12C:12C", "-1K:5K"),
        *("-300C:0C", "1e400C:2C", "nanC:1C", "12C:40C:50C", "C:C", "1" * 5000 + "C:2C"),
    ],
)
def test_others_are_refused(text):
    with pytest.raises(UsageError, match="palette-range"):
        DegreeRange.parse(text)


def test_one_unit_may_stand_for_both_ends_of_infrared_ranges_too():
    assert InfraredRange.parse("18:36C") == InfraredRange.parse("18C:36C")
    for text in ("18:36%", "18C:36", "18K:36C"):
        with pytest.raises(UsageError, match="ir-range"):
            InfraredRange.parse(text)
