"""Temperatures from counts against the same formula in the other direction."""

import numpy as np
import pytest

from imfuse.ops.planck import Air, Planck, celsius, of_counts, transmission
from reference.thermal_files import AIR, CONDITIONS, PLANCK, counts_of

CAMERA, HAZE = Planck(**PLANCK), Air(**AIR)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"emissivity": 1.0, "window_transmission": 1.0, "distance": 0.0},
        {"emissivity": 0.3, "reflected": -40.0},
        {"distance": 300.0, "humidity": 1.0, "atmosphere": 35.0},
        {"window_transmission": 0.5, "window_temperature": 60.0},
    ],
)
def test_temperatures_come_back(changed):
    known = CONDITIONS | changed
    scene = np.linspace(-30, 400, 500)
    found = of_counts(counts_of(scene, **changed), CAMERA, HAZE, known)
    np.testing.assert_allclose(found, scene, atol=1e-8)


def test_counts_are_rounded_to_a_tenth_of_a_degree_or_better():
    scene = np.linspace(0, 150, 4000).reshape(50, 80)
    counts = np.rint(counts_of(scene)).astype(np.uint16)
    found = celsius(counts, CAMERA, HAZE, CONDITIONS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scene, atol=0.02)


def test_air_is_clear_where_there_is_none():
    assert transmission(HAZE, distance=0, atmosphere=20, humidity=0.5) == pytest.approx(1)
    near, far = (
        transmission(HAZE, distance=one, atmosphere=20, humidity=0.5) for one in (10, 1000)
    )
    assert 0 < far < near < 1


def test_counts_of_no_temperature_have_none():
    dark = np.array([[0, 1, 20000]], np.uint16)
    found = celsius(dark, CAMERA, HAZE, CONDITIONS)
    assert np.isnan(found[0, :2]).all()
    assert np.isfinite(found[0, 2])


@pytest.mark.parametrize(
    "changed", [{"reflected": -273.15}, {"atmosphere": 5000.0}, {"distance": 1e4}, {"humidity": 1}]
)
def test_absurd_conditions_give_no_warnings(changed):
    found = celsius(np.arange(2**16, dtype=np.uint16)[None], CAMERA, HAZE, CONDITIONS | changed)
    assert not np.isinf(found).any()
