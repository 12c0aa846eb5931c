import numpy as np
import pytest

from imfuse.ops.selection import blend, select, votes
from reference import coefficients


def coefficient_pair(rng, shape):
    """Return multiples of 1/64 with many exact ties, some of opposite sign."""
    first = rng.integers(-9, 10, shape) / 64
    second = np.where(rng.random(shape) < 0.5, -first, rng.integers(-9, 10, shape) / 64)
    return first.astype(np.float32), second.astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (2, 2), (9, 14), (31, 20)])
def test_select_equals_plain_loops(rng, shape):
    first, second = coefficient_pair(rng, shape)
    expected = coefficients.select(first.astype(np.float64), second.astype(np.float64))
    np.testing.assert_allclose(select(first, second), expected, atol=1e-7)


def test_select_takes_complex_coefficients_by_magnitude(rng):
    first, second = (
        (rng.normal(size=(12, 15)) + 1j * rng.normal(size=(12, 15))).astype(np.complex64)
        for _ in range(2)
    )
    np.testing.assert_allclose(select(first, second), coefficients.select(first, second), atol=1e-6)


def test_a_lone_large_coefficient_is_outvoted_and_a_large_area_is_not():
    weak, strong = np.full((20, 20), 0.1, np.float32), np.zeros((20, 20), np.float32)
    strong[4, 4] = 1  # its 3x3 maximum wins 9 votes, so around it every window has a majority
    strong[12:18, 12:18] = 1
    chosen = select(strong, weak)
    assert chosen[4, 4] == 1
    assert (chosen[12:18, 12:18] == 1).all()
    assert chosen[8, 8] == pytest.approx(0.1)


def test_rounding_does_not_decide_between_opposite_contrasts(rng):
    first = rng.normal(0, 0.1, (40, 40)).astype(np.float32)
    noise = rng.uniform(-1e-7, 1e-7, first.shape).astype(np.float32)
    np.testing.assert_allclose(select(first, -first + noise), 0, atol=1e-6)


def test_votes_count_to_18_and_blend_follows_them():
    larger, smaller = np.ones((5, 5), np.float32), np.zeros((5, 5), np.float32)
    assert (votes(larger, smaller) == 18).all()
    assert (votes(smaller, larger) == 0).all()
    assert (votes(larger, larger) == 9).all()
    assert blend(larger, smaller, votes(smaller, smaller)) == pytest.approx(0.5)
