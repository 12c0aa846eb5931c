"""The tricks do what they say, in every depth, and raise what they are known to raise."""

import numpy as np
import pytest

import imfuse
from imfuse.bench.audit import TRICKS, noisy, sharpened, stretched
from imfuse.types import SCALES, Picture
from reference.pictures import pair


@pytest.fixture(params=[np.uint8, np.uint16, np.float32])
def picture(request):
    white = SCALES[np.dtype(request.param)]
    gray = 0.2 + 0.5 * pair(60, 70, seed=1)[0]
    values = np.dstack([gray, gray / 2, gray]) * white
    if request.param is not np.float32:
        values = np.rint(values)
    return Picture(pixels=values.astype(request.param))


@pytest.mark.parametrize("trick", TRICKS)
def test_size_depth_and_range_stay(trick, picture):
    found = TRICKS[trick](picture, "a").pixels
    assert found.dtype == picture.pixels.dtype
    assert found.shape == picture.pixels.shape
    assert found.min() >= 0
    assert found.max() <= SCALES[found.dtype]
    assert not np.array_equal(found, picture.pixels)


def test_stretched_reaches_both_ends_and_keeps_the_order(picture):
    found = stretched(picture, "a").pixels
    assert found.min() == 0
    assert found.max() == SCALES[found.dtype]
    before = picture.pixels.astype(np.float64).ravel()
    scaled = (before - before.min()) / np.ptp(before) * SCALES[found.dtype]
    np.testing.assert_allclose(found.ravel(), scaled, atol=0.51, rtol=1e-5)


def test_a_constant_picture_survives(picture):
    flat = Picture(pixels=np.full_like(picture.pixels, 1))
    for alter in TRICKS.values():
        assert np.isfinite(alter(flat, "a").pixels).all()


def test_sharpening_is_the_picture_twice_less_its_blur():
    """An impulse: beside it, unsharp masking undershoots by the Gaussian's own values."""
    pixels = np.full((31, 31), 0.5, np.float32)
    pixels[15, 15] = 0.6
    found = sharpened(Picture(pixels=pixels), "a").pixels
    x = np.arange(-15, 16)
    bell = np.exp(-(x**2) / (2 * 1.5**2))
    bell = np.outer(bell, bell) / bell.sum() ** 2
    np.testing.assert_allclose(found, 2 * pixels - (0.5 + 0.1 * bell), atol=2e-4)


def test_noise_has_5_gray_levels_and_is_the_same_for_a_name(picture):
    flat = Picture(pixels=np.full((200, 200), 0.5, np.float32))
    found = noisy(flat, "a").pixels
    assert 255 * found.std() == pytest.approx(5, rel=0.03)
    assert found.mean() == pytest.approx(0.5, abs=1e-3)
    np.testing.assert_array_equal(found, noisy(flat, "a").pixels)
    assert not np.array_equal(found, noisy(flat, "b").pixels)
    colours = noisy(Picture(pixels=np.full((20, 20, 3), 0.5, np.float32)), "a").pixels
    np.testing.assert_array_equal(colours[..., 0], colours[..., 2])


def test_tricks_raise_the_scores_that_they_are_known_to_raise():
    ir, vis = (np.rint(60 + 120 * x).astype(np.uint8) for x in pair(90, 110, seed=4))
    fused = Picture(pixels=imfuse.fuse(ir, vis, "average"))
    before = imfuse.evaluate(fused, ir, vis, metrics=["EN", "SD", "SF", "AG", "SSIM"])
    for trick, raised in (
        ("stretched", ("SD", "SF", "AG")),
        ("sharpened", ("SF", "AG")),
        ("noisy", ("EN", "SF", "AG")),
    ):
        altered = TRICKS[trick](fused, "a")
        after = imfuse.evaluate(altered, ir, vis, metrics=list(before))
        for symbol in raised:
            assert after[symbol] > before[symbol], (trick, symbol)
        assert after["SSIM"] < before["SSIM"] or trick == "stretched"
