import numpy as np
import pytest

from imfuse.ops.variation import _reciprocal, l1_tv
from reference import optimisation
from reference.pictures import pair


@pytest.mark.parametrize("seed", range(3))
def test_objective_comes_near_an_independent_minimum(seed):
    ir, vis = pair(24, 24, seed)
    best = optimisation.transfer(ir, vis, steps=5000)
    ours = vis + l1_tv(ir - vis, 4.0)
    lowest = optimisation.transfer_objective(best, ir, vis)
    # 6 %: five loops of reweighting, as the method prescribes, stop short of the minimum
    assert lowest <= optimisation.transfer_objective(ours, ir, vis) < 1.06 * lowest


def test_large_shapes_remain_and_small_ones_vanish():
    """A disc of radius r survives for r / 2 > strength; its contrast then stays whole."""
    y, x = np.mgrid[:80, :120]
    target = ((x - 35) ** 2 + (y - 40) ** 2 < 22**2).astype(np.float32)
    small = (x - 95) ** 2 + (y - 40) ** 2 < 4**2
    u = l1_tv(target + small.astype(np.float32), 4.0)
    assert u[40, 35] == pytest.approx(1, abs=0.05)
    assert u[40, 95] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_tiny_pictures(rng, shape):
    target = rng.random(shape, np.float32)
    u = l1_tv(target, 4.0)
    assert np.isfinite(u).all()
    assert target.min() - 1e-3 <= u.min() <= u.max() <= target.max() + 1e-3


def test_a_constant_stays():
    np.testing.assert_allclose(l1_tv(np.full((9, 9), -0.4, np.float32), 4.0), -0.4, atol=1e-6)
    assert not l1_tv(np.zeros((9, 9), np.float32), 4.0).any()


def test_the_smallest_lengths_count_as_their_quantile():
    lengths = np.linspace(0, 1, 101, dtype=np.float32)
    weights = _reciprocal(lengths.copy(), 0.05)
    np.testing.assert_allclose(weights[:6], 20, rtol=1e-5)
    np.testing.assert_allclose(weights[6:], 1 / lengths[6:], rtol=1e-5)
    assert _reciprocal(np.zeros(9, np.float32), 0.05) == pytest.approx(1000)
