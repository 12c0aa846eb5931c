import numpy as np

from imfuse.ops.color import LUMA_WEIGHTS, luma, with_luma


def test_luma_is_bt601_full_range(rng):
    rgb = rng.random((5, 7, 3)).astype(np.float32)
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    np.testing.assert_allclose(luma(rgb), 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-6)
    assert abs(sum(LUMA_WEIGHTS) - 1) < 1e-15


def test_gray_keeps_its_value(rng):
    gray = rng.random((4, 6)).astype(np.float32)
    np.testing.assert_allclose(luma(np.dstack([gray] * 3)), gray, atol=1e-6)


def test_recombination_equals_ycbcr_there_and_back(rng):
    rgb = rng.random((6, 5, 3))
    new = rng.random((6, 5))
    old = rgb @ np.array(LUMA_WEIGHTS)
    # The definition: Cb and Cr from the visible picture, Y exchanged, converted back (BT.601).
    cr, cb = (rgb[..., 0] - old) / (2 * (1 - 0.299)), (rgb[..., 2] - old) / (2 * (1 - 0.114))
    red, blue = new + 2 * (1 - 0.299) * cr, new + 2 * (1 - 0.114) * cb
    green = (new - 0.299 * red - 0.114 * blue) / 0.587
    expected = np.dstack([red, green, blue])
    arrays = [a.astype(np.float32) for a in (rgb, old, new)]
    np.testing.assert_allclose(with_luma(*arrays), expected, atol=2e-6)


def test_the_same_luma_changes_nothing(rng):
    rgb = rng.random((6, 5, 3)).astype(np.float32)
    assert np.array_equal(with_luma(rgb, luma(rgb), luma(rgb)), rgb)
