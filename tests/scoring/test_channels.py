"""Gray levels against Pillow, OpenCV and MATLAB's printed example; every depth; shared planes."""

import cv2
import numpy as np
import PIL.Image
import pytest

from imfuse.errors import BadValues
from imfuse.scoring.channels import Looks, trios
from imfuse.types import Picture


@pytest.fixture
def colour(rng):
    return rng.integers(0, 256, (120, 150, 3), dtype=np.uint8)


def values(pixels, channel, rounding="float32"):
    return [plane.values for plane in Looks(Picture(pixels=pixels)).planes(channel, rounding)]


def test_y_is_exact_luma(colour):
    (found,) = values(colour, "y")
    np.testing.assert_allclose(found, colour.astype(float) @ [0.299, 0.587, 0.114], atol=1e-4)


def test_pillow_rounding_is_pillows(colour):
    (found,) = values(colour, "gray", "pillow")
    np.testing.assert_array_equal(found, np.array(PIL.Image.fromarray(colour).convert("L")))


def test_float_rounding_is_opencvs_on_floats(colour):
    (found,) = values(colour, "gray", "float32")
    bgr = colour[..., ::-1].astype(np.float32)
    np.testing.assert_array_equal(found, np.round(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)))


def test_matlab_rounding_is_of_its_documented_weights(colour):
    """rgb2gray: 0.2989 R + 0.5870 G + 0.1140 B, by the inverse of the NTSC matrix."""
    weights = np.linalg.inv([[1, 0.956, 0.621], [1, -0.272, -0.647], [1, -1.106, 1.703]])[0]
    exact = colour.astype(float) @ weights
    (found,) = values(colour, "gray", "matlab")
    assert np.abs(found - exact).max() <= 0.5 + 1e-6
    assert values(np.full((1, 1, 3), 255, np.uint8), "gray", "matlab")[0].item() == 255


def test_the_three_roundings_differ_by_ties_only(colour):
    found = [values(colour, "gray", rounding)[0] for rounding in ("float32", "pillow", "matlab")]
    for other in found[1:]:
        assert np.abs(found[0] - other).max() <= 1
        assert (found[0] != other).mean() < 0.01


def test_rgb_mean_has_a_plane_a_channel(colour):
    red, green, blue = values(colour, "rgb-mean")
    np.testing.assert_array_equal(np.dstack([red, green, blue]), colour)


@pytest.mark.parametrize("channel", ["y", "gray", "rgb-mean"])
def test_three_equal_channels_are_gray(rng, channel):
    pixels = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    (found,) = values(np.dstack([pixels] * 3), channel, "pillow")
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("channel", ["y", "gray", "rgb-mean"])
def test_gray_pictures_of_8_bits_look_the_same_through_all_channels(rng, channel):
    pixels = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    (found,) = values(pixels, channel, "matlab")
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1)])
def test_other_depths_are_scaled_by_the_range_of_their_type(rng, dtype, white):
    eight = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    pixels = (eight.astype(np.float64) / 255 * white).astype(dtype)
    np.testing.assert_allclose(values(pixels, "y")[0], eight, atol=1e-4)
    np.testing.assert_array_equal(values(pixels, "gray")[0], eight)


def test_16_bits_keep_their_fractions_on_y_and_lose_them_on_gray():
    pixels = np.array([[128]], np.uint16)  # 0.498 gray levels
    assert values(pixels, "y")[0].item() == pytest.approx(128 / 257)
    assert values(pixels, "gray")[0].item() == 0


def test_floats_out_of_range_are_refused():
    with pytest.raises(BadValues, match=r"a\.tif: float values from 0 to 255.*0\.\.1"):
        Looks(Picture(pixels=np.array([[0, 255]], np.float32), name="a.tif"))


def test_a_gray_picture_serves_in_all_channels_as_one_plane(colour):
    gray = Looks(Picture(pixels=colour[..., 0].copy()))
    found = trios(gray, gray, Looks(Picture(pixels=colour)), "rgb-mean", "matlab")
    assert len(found) == 3
    assert found[0].ir is found[2].ir
    assert found[0].vis is not found[2].vis


def test_planes_are_made_once(colour):
    look = Looks(Picture(pixels=colour))
    assert look.planes("gray", "pillow")[0] is look.planes("gray", "pillow")[0]
    assert look.planes("gray", "pillow")[0] is not look.planes("gray", "matlab")[0]
