"""The scale of the metrics, what planes remember, and what they refuse."""

import numpy as np
import pytest

from imfuse.errors import BadValues, PairMismatch
from imfuse.metrics.planes import Plane, Trio, total_of


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (float, 1)])
def test_every_depth_comes_to_255(dtype, white):
    array = np.array([[0, white]], dtype)
    trio = Trio.of(array, array, array, data_range=white)
    for plane in (trio.fused, *trio.sources):
        assert plane.values.tolist() == [[0, 255]]
        assert plane.values.dtype == np.float32


def test_levels_round_half_to_even():
    assert Plane(np.array([[0.5, 1.5, 2.4, 254.6]], np.float32)).levels.tolist() == [[0, 2, 2, 255]]


def test_moments(rng):
    values = rng.uniform(0, 255, (31, 17)).astype(np.float32)
    plane = Plane(values)
    assert plane.mean == pytest.approx(values.astype(np.float64).mean(), rel=1e-12)
    assert plane.variance == pytest.approx(values.astype(np.float64).var(), rel=1e-12)


def test_computed_once_per_function_and_arguments():
    calls = []

    def work(plane, factor, other):
        calls.append(factor)
        return factor * float(plane.values.sum() + other.values.sum())

    one, two = Plane(np.ones((2, 2), np.float32)), Plane(np.zeros((2, 2), np.float32))
    assert [one.once(work, 3, two), one.once(work, 3, two), one.once(work, 2, one)] == [12, 12, 16]
    assert calls == [3, 2]


def test_whole_gray_levels_are_told_and_change_no_value(rng):
    levels = rng.integers(0, 256, (31, 17)).astype(np.uint8)
    known, found = Plane.of_levels(levels), Plane(levels.astype(np.float32))
    broken = Plane(levels + np.float32(0.25))
    assert known.is_whole
    assert found.is_whole
    assert not broken.is_whole
    assert not known.on_unit_scale().is_whole
    np.testing.assert_array_equal(known.values, found.values)
    np.testing.assert_array_equal(known.levels, found.levels)
    for plane in (known, found):
        assert plane.mean == levels.mean()
        assert plane.variance == pytest.approx(levels.astype(np.float64).var(), rel=1e-12)


def test_the_unit_scale_keeps_the_histogram():
    plane = Plane(np.array([[0, 51.4, 255]], np.float32))
    unit = plane.on_unit_scale()
    np.testing.assert_allclose(unit.values, plane.values / 255, rtol=1e-6)
    np.testing.assert_array_equal(unit.levels, [[0, 51, 255]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 2, 3), (0, 2)])
def test_shapes_that_are_refused(shape):
    good = np.zeros((2, 2))
    with pytest.raises(PairMismatch, match="three gray arrays of one shape"):
        Trio.of(good, np.zeros(shape), good, data_range=1)


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan, np.inf])
def test_values_out_of_range_are_refused_by_name(value):
    good, bad = np.zeros((2, 2)), np.full((2, 2), value)
    with pytest.raises(BadValues, match=r"vis: values from .*expected values in 0\.\.1"):
        Trio.of(good, good, bad, data_range=1)


def test_sums_do_not_depend_on_the_position_in_memory(rng):
    """Else the same pictures have scores that differ in the last digit."""
    values = (rng.random((480, 640)) ** 6 * 300).astype(np.float32)
    found = set()
    for offset in range(0, 64, 4):
        room = np.empty(values.nbytes + 128, np.uint8)
        start = (-room.ctypes.data) % 64 + offset
        moved = room[start : start + values.nbytes].view(np.float32).reshape(values.shape)
        moved[...] = values
        found.add(total_of(moved))
    assert len(found) == 1
    assert found.pop() == pytest.approx(values.sum(dtype=np.float64), rel=1e-12)
