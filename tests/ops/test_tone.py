"""Lifting of dark pictures."""

import numpy as np
import pytest

from imfuse import Fuser, ImagePair, Picture, UsageError
from imfuse.ops.tone import lift_for, lifted, log_brightness, with_lift


@pytest.mark.parametrize(("tone", "wanted"), [("auto", 0.25), ("night", 0.4)])
def test_a_lift_brings_the_brightness_to_the_wanted_one(tone, wanted):
    for found in (0.12, 0.2):
        even = np.full((3, 4), found, np.float32)
        lift = lift_for(log_brightness(even, 0 * even), tone)
        assert lifted(even, lift)[0, 0] == pytest.approx(wanted, abs=1e-6)
    bright = np.full((3, 4), wanted + 1e-3, np.float32)
    assert lift_for(log_brightness(bright, bright), tone) == 0
    black = log_brightness(0 * bright, 0 * bright)
    assert (lift_for(black, "night"), lift_for(black, "off")) == (8, 0)


def test_lifts_keep_order_and_ends():
    x = np.linspace(0, 1, 257, dtype=np.float32)
    for lift in (0.5, 8.0):
        found = lifted(x, lift)
        assert (np.diff(found) > 0).all()
        assert (found[0], found[-1]) == (0, 1)
        assert (found >= x).all()
    assert lifted(np.float32([-0.2, 1.3]), 2.0).tolist() == [0, 1]


def test_brightness_is_that_of_the_brighter_source_and_lamps_count_little():
    dark, half = np.full((30, 40), 0.1, np.float32), np.full((30, 40), 0.5, np.float32)
    assert log_brightness(dark, half) == log_brightness(half, dark)
    assert np.exp(log_brightness(dark, half)) == pytest.approx(0.5 + 0.02, abs=1e-6)
    lamps = dark.copy()
    lamps[0, :24] = 1
    assert np.exp(log_brightness(dark, lamps)) - 0.02 < 0.107 < lamps.mean()


def test_gray_stays_gray_and_hues_stay():
    gray = np.repeat(np.linspace(0, 1, 11, dtype=np.float32)[None, :, None], 3, 2)
    found = with_lift(gray, 2.0)
    np.testing.assert_allclose(found, np.repeat(lifted(gray[..., :1], 2.0), 3, 2), atol=1e-6)
    red = with_lift(np.float32([[[0.2, 0.1, 0.1]]]), 2.0)[0, 0]
    assert red[0] > red[1] == pytest.approx(red[2], abs=1e-6)
    assert red[0] - red[1] == pytest.approx(0.2, abs=1e-6)  # twice the chroma


def night(colour):
    rng = np.random.default_rng(1)
    shape = (70, 90, 3) if colour else (70, 90)
    return ImagePair(
        ir=Picture(pixels=rng.integers(5, 40, (70, 90), np.uint8)),
        vis=Picture(pixels=rng.integers(0, 50, shape, np.uint8)),
    )


@pytest.mark.parametrize("colour", [False, True])
def test_only_dark_results_change(colour):
    pair = night(colour)
    usual, auto, most = (Fuser("max", tone=tone).fuse(pair) for tone in ("off", "auto", "night"))
    assert usual.pixels.mean() + 10 < auto.pixels.mean() < most.pixels.mean() - 10
    assert auto.history["options"]["tone"] == "auto"
    day = ImagePair(ir=pair.ir, vis=Picture(pixels=pair.vis.pixels + 150))
    assert (Fuser("max", tone="night").fuse(day).pixels == Fuser("max").fuse(day).pixels).all()


def test_places_without_infrared_are_lifted_alike():
    even = np.full((64, 96), 0.08, np.float32)
    nodata = np.zeros(even.shape, bool)
    nodata[:, 48:] = True
    pair = ImagePair(ir=Picture(pixels=even, nodata=nodata), vis=Picture(pixels=even))
    found = Fuser("max", tone="auto").fuse(pair).pixels
    assert found.mean() > 0.15
    assert np.ptp(found) < 1e-6


def test_tiles_are_lifted_alike():
    rng = np.random.default_rng(2)
    fade = np.linspace(10, 60, 900)[:, None] * np.ones(700)
    ir, vis = (rng.normal(fade, 4).clip(0, 255).astype(np.uint8) for _ in range(2))
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    whole = Fuser("max", tone="auto").fuse(pair).pixels
    assert (Fuser("max", tone="auto", max_memory=10**7).fuse(pair).pixels == whole).all()


def test_another_tone_is_refused():
    with pytest.raises(UsageError, match=r"--tone \(tone=\) 'bright'.*off, auto, night"):
        Fuser("max", tone="bright")
