"""Conditions of a measurement as users and files give them."""

import pytest

from imfuse.errors import UsageError
from imfuse.options import FuseOptions
from imfuse.radiometry import DEFAULTS, Conditions, checked_condition


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("emissivity", 0.9, 0.9),
        ("emissivity", "90%", 0.9),
        ("emissivity", " .9 ", 0.9),
        ("reflected", "-40", -40),
        ("reflected", "293.15K", 20),
        ("reflected", "68 F", 20),
        ("reflected", "20°C", 20),
        ("reflected", "300C", 300),
        ("atmosphere", 5, 5),
        ("distance", "3.5m", 3.5),
        ("humidity", "50 %", 0.5),
        ("humidity", 0, 0),
        ("window_transmission", "1", 1),
        ("window_temperature", None, None),
    ],
)
def test_conditions_are_read_as_people_write_them(name, given, expected):
    found = checked_condition(name, given)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@pytest.mark.parametrize(
    ("name", "given", "hint"),
    [
        ("emissivity", 95, "0.95, or 95%"),
        ("humidity", "50", "0.5, or 50%"),
        ("window_transmission", 70.0, "0.7, or 70%"),
        ("reflected", 293.15, "write 293.15K"),
        ("atmosphere", "290", "write 290K"),
        ("emissivity", 0, ""),
        ("emissivity", -0.5, ""),
        ("emissivity", float("nan"), ""),
        ("distance", -1, ""),
        ("distance", "far", ""),
        ("reflected", "-300C", ""),
        ("reflected", "1e9K", ""),
        ("humidity", True, ""),
        ("humidity", [], ""),
        ("humidity", "", ""),
        ("reflected", "20%", ""),
    ],
)
def test_implausible_conditions_are_refused_with_what_was_probably_meant(name, given, hint):
    with pytest.raises(UsageError, match=name) as caught:
        checked_condition(name, given)
    assert hint in caught.value.remedy
    assert bool(hint) == bool(caught.value.remedy)
    with pytest.raises(UsageError):
        FuseOptions(**{name: given})


def test_options_hold_numbers():
    options = FuseOptions(emissivity="90%", reflected="283.15K")
    assert options.emissivity == 0.9
    assert options.reflected == pytest.approx(10)
    assert options.conditions.values == {
        "emissivity": 0.9,
        "reflected": pytest.approx(10),
    }
    assert options.reading.degrees
    assert options.as_dict()["emissivity"] == 0.9
    with pytest.raises(UsageError, match="centikelvin"):
        FuseOptions(ir_unit="rankine")


def test_what_a_user_says_wins_and_nobody_means_the_default():
    resolved = Conditions({"emissivity": 0.8, "distance": 3.0}).resolved(
        Conditions({"emissivity": 0.7})
    )
    assert set(resolved.values) == set(DEFAULTS)
    assert (resolved.values["emissivity"], resolved.sources["emissivity"]) == (0.7, "user")
    assert (resolved.values["distance"], resolved.sources["distance"]) == (3.0, "file")
    assert (resolved.values["humidity"], resolved.sources["humidity"]) == (0.5, "default")
    assert resolved.notes == ()


@pytest.mark.parametrize(
    ("name", "stored", "expected", "source", "note"),
    [
        ("emissivity", 95.0, 0.95, "file", "taken as 95 %"),
        ("humidity", 50.0, 0.5, "file", "taken as 50 %"),
        ("reflected", 20 - 273.15, 20, "file", "20 K in the file was taken as degrees Celsius"),
        ("reflected", 298.0, 298, "file", "implausible"),
        ("emissivity", 0.0, 0.95, "default", "makes no sense"),
        ("emissivity", float("nan"), 0.95, "default", "makes no sense"),
        ("distance", -5.0, 1.0, "default", "makes no sense"),
        ("reflected", -273.15, 20, "default", "makes no sense"),
        ("atmosphere", 1e30, 20, "default", "makes no sense"),
    ],
)
def test_implausible_values_of_a_file_are_told(name, stored, expected, source, note):
    resolved = Conditions({name: stored}).resolved(Conditions())
    assert resolved.values[name] == pytest.approx(expected, abs=1e-9)
    assert resolved.sources[name] == source
    (told,) = resolved.notes
    assert note in told
    assert f"({name}=)" in told
