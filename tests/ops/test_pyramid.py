import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.ops.pyramid import analyse, expand, reduce, synthesise
from reference import coefficients
from reference.pictures import textured


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (2, 3), (7, 5), (16, 12), (21, 34)])
def test_reduce_and_expand_equal_plain_loops(rng, shape):
    picture = rng.random(shape, np.float32)
    small = coefficients.reduce(picture.astype(np.float64))
    np.testing.assert_allclose(reduce(picture), small, atol=3e-7)
    expected = coefficients.expand(small, shape)
    np.testing.assert_allclose(expand(small.astype(np.float32), shape), expected, atol=3e-7)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 6))
def test_synthesis_undoes_analysis(height, width, levels):
    picture = textured(height, width, 3)
    bands = analyse(picture, levels)
    assert len(bands) == levels + 1
    np.testing.assert_allclose(synthesise(bands), picture, atol=1e-6)


def test_a_constant_has_no_detail():
    *details, low = analyse(np.full((37, 50), 0.3, np.float32), 4)
    assert all(np.abs(detail).max() < 1e-6 for detail in details)
    np.testing.assert_allclose(low, 0.3, atol=1e-6)


def test_a_sample_depends_on_its_surroundings_alone_to_the_last_bit():
    """Why the fused picture does not change where a tile ends, however near a tie is."""
    picture = textured(203, 301, 5)
    whole = analyse(picture, 4)
    for width in range(144, 288, 16):
        part = analyse(picture[:160, :width], 4)
        for tile, full in zip(part, whole, strict=True):
            keep = tuple(slice(0, side - 4) for side in tile.shape)  # what the cut edge reaches
            np.testing.assert_array_equal(tile[keep], full[keep])
