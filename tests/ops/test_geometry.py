import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.ops.geometry import pad_to, padded_size, resize, tiles
from imfuse.types import SizeRule, TileRule


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(1, 16))
def test_padded_size_is_the_smallest_allowed(height, width, minimum, multiple):
    rule = SizeRule(minimum=minimum, multiple=multiple)
    for before, after in zip((height, width), padded_size(height, width, rule), strict=True):
        allowed = [n for n in range(1, 200) if n >= max(before, minimum) and n % multiple == 0]
        assert after == allowed[0]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30))
def test_padding_mirrors_at_the_edge(height, width, below, right):
    array = np.arange(height * width, dtype=np.float32).reshape(height, width)
    padded = pad_to(array, height + below, width + right)
    for y in range(height + below):
        for x in range(width + right):
            fold_y, fold_x = y % (2 * height), x % (2 * width)
            source_y = fold_y if fold_y < height else 2 * height - 1 - fold_y
            source_x = fold_x if fold_x < width else 2 * width - 1 - fold_x
            assert padded[y, x] == array[source_y, source_x]


def test_padding_keeps_channels():
    assert pad_to(np.zeros((2, 3, 3), np.float32), 5, 4).shape == (5, 4, 3)


@given(
    st.integers(1, 150),
    st.integers(1, 150),
    st.integers(0, 12),
    st.sampled_from([1, 2, 8]),
    st.integers(1, 20_000),
)
def test_tiles_cover_once_stay_small_and_have_their_halo(height, width, halo, stride, most):
    cut = tiles(height, width, TileRule(halo=halo, stride=stride), most)
    reach = -(-halo // stride) * stride
    if cut is None:
        assert most < (2 * reach + stride) ** 2 + max(height, width) * (2 * reach + stride)
        return
    covered = np.zeros((height, width), int)
    for tile in cut:
        covered[tile.core] += 1
        sides = [w.stop - w.start for w in tile.window]
        assert sides[0] * sides[1] <= most
        for core, window, length in zip(tile.core, tile.window, (height, width), strict=True):
            assert window.start % stride == 0
            assert window.start == 0 or core.start - window.start >= halo
            assert window.stop == length or window.stop - core.stop >= halo
        window_of = np.arange(height * width).reshape(height, width)[tile.window]
        expected = np.arange(height * width).reshape(height, width)[tile.core]
        assert np.array_equal(window_of[tile.core_in_window], expected)
    assert (covered == 1).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resize_keeps_constants_dtype_and_range(dtype):
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    flat = np.full((7, 9), white, dtype)
    for size in ((3, 4), (20, 30), (1, 1), (7, 30)):
        out = resize(flat, *size)
        assert out.dtype == dtype
        assert out.shape == size
        np.testing.assert_allclose(out, white, rtol=1e-6)


def test_resize_does_not_overshoot():
    step = np.zeros((8, 8), np.float32)
    step[:, 4:] = 1
    out = resize(step, 32, 32)
    assert out.min() >= 0
    assert out.max() <= 1


def test_resize_down_averages_areas(rng):
    picture = rng.random((8, 12)).astype(np.float32)
    blocks = picture.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(picture, 4, 6), blocks, atol=1e-6)
