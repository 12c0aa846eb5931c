"""Numbers that describe a pair: noise of known size is measured, and told from texture."""

import numpy as np
import pytest

from imfuse.engines.scene import BLOCK, NOISIEST, NOISY, SCENE, describe, in_blocks
from imfuse.scenes import render


def noise_of(picture):
    """Return grain and stripes of a picture, as standard deviations."""
    return NOISY * describe(in_blocks(picture), in_blocks(picture))[-2:]


def even(value=0.5, size=(480, 640)):
    return np.full(size, value, np.float32)


@pytest.mark.parametrize("size", [0.01, 0.03, 0.06])
def test_grain_is_measured(rng, size):
    grain, stripes = noise_of(even() + size * rng.standard_normal((480, 640), np.float32))
    assert grain == pytest.approx(size, rel=0.15)
    assert stripes < 0.3 * size


@pytest.mark.parametrize("size", [0.01, 0.03, 0.06])
def test_stripes_are_measured(rng, size):
    stripes = size * rng.standard_normal((1, 640), np.float32)
    found = noise_of(even() + stripes)
    assert found[0] < 1e-6
    assert found[1] == pytest.approx(size, rel=0.3)  # of the calm blocks, hence rather less


def test_edges_and_a_few_busy_places_are_no_noise(rng):
    picture = even()
    picture[:, 100:] += 0.3
    picture[200:] -= 0.2
    picture[:96, :96] = rng.random((96, 96), np.float32)
    assert max(noise_of(picture)) < 1e-6


@pytest.mark.parametrize("kind", ["street-day", "street-night"])
def test_a_rendered_street_is_calmer_than_with_noise(rng, kind):
    vis = render(kind, seed=3).vis.mean(axis=2)
    noisy = (vis + 0.05 * rng.standard_normal(vis.shape)).astype(np.float32)
    assert noise_of(noisy)[0] > noise_of(vis.astype(np.float32))[0] + 0.02


def test_noise_beyond_any_counts_as_the_most(rng):
    numbers = describe(*[in_blocks(rng.random((64, 64), np.float32) * 4)] * 2)
    assert numbers.shape == (SCENE,)
    assert numbers[-4:] == pytest.approx(NOISIEST)


def test_blocks_of_a_part_are_those_of_the_whole(rng):
    """Tiles that begin at whole blocks see the same blocks."""
    picture = rng.random((8 * BLOCK, 10 * BLOCK), np.float32)
    part = picture[2 * BLOCK : 6 * BLOCK, 3 * BLOCK :]
    np.testing.assert_array_equal(in_blocks(part), in_blocks(picture)[:, 2:6, 3:])
