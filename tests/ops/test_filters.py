import numpy as np
import pytest

from imfuse.ops.filters import clipped_mean, guided_filter
from reference import guided
from reference.pictures import pair


@pytest.mark.parametrize("shape", [(1, 1), (4, 9), (23, 17), (40, 31)])
@pytest.mark.parametrize("radius", [1, 7, 45])
def test_clipped_mean_equals_plain_loops(rng, shape, radius):
    picture = rng.random(shape, np.float32)
    expected = [
        [
            picture[guided.window(y, x, radius, shape)].mean(dtype=np.float64)
            for x in range(shape[1])
        ]
        for y in range(shape[0])
    ]
    np.testing.assert_allclose(clipped_mean(picture, radius), expected, atol=1e-6)


@pytest.mark.parametrize(("radius", "epsilon"), [(45, 0.3), (7, 1e-6), (2, 1e-2)])
def test_guided_filter_equals_a_regression_per_window(radius, epsilon):
    guide, other = pair(19, 26, seed=4)
    target = (other > np.median(other)).astype(np.float32)
    expected = guided.guided_filter(
        guide.astype(np.float64), target.astype(np.float64), radius, epsilon
    )
    # 2e-5: slopes reach 500 where the guide is nearly flat, and float32 means carry 6e-8 of that
    np.testing.assert_allclose(guided_filter(guide, target, radius, epsilon), expected, atol=2e-5)


def test_variance_survives_a_bright_and_nearly_flat_guide(rng):
    """In float32 the variance of such a guide, 1e-6, would drown in rounding."""
    guide = (0.9 + 1e-3 * rng.normal(size=(30, 30))).astype(np.float32)
    target = (rng.random((30, 30)) < 0.5).astype(np.float32)
    expected = guided.guided_filter(guide.astype(np.float64), target.astype(np.float64), 7, 1e-6)
    np.testing.assert_allclose(guided_filter(guide, target, 7, 1e-6), expected, atol=2e-5)


def test_guided_filter_keeps_constants_and_is_linear(rng):
    guide, target = rng.random((25, 33), np.float32), rng.random((25, 33), np.float32)
    np.testing.assert_allclose(
        guided_filter(guide, np.full_like(guide, 0.7), 5, 1e-4), 0.7, atol=1e-6
    )
    both = guided_filter(guide, target, 5, 1e-4) + guided_filter(guide, 1 - target, 5, 1e-4)
    np.testing.assert_allclose(both, 1, atol=1e-5)


def test_edges_of_the_guide_survive():
    step = np.zeros((40, 40), np.float32)
    step[:, 20:] = 1
    np.testing.assert_allclose(guided_filter(step, step, 7, 1e-6), step, atol=1e-4)
    assert 0.3 < guided_filter(np.zeros_like(step), step, 7, 1e-6)[20, 20] < 0.7
