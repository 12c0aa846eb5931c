"""Unknown palettes, followed through pictures of known values."""

import numpy as np
import pytest

from imfuse.ops.colourbars import find_bar
from imfuse.ops.curves import CHROMA, read_values
from imfuse.ops.palettes import as_picture
from imfuse.ops.tracing import as_curve, directed, followed
from reference.false_colour import jpeg, photograph, scene, shown

OURS = np.float32([(10, 30, 60), (20, 120, 110), (150, 170, 60), (240, 150, 90), (255, 240, 230)])
"""Corners of a palette that no camera has."""


def invented(values, quality=85):
    at = np.linspace(0, 1, 256)
    colours = [np.interp(at, np.linspace(0, 1, len(OURS)), OURS[:, k]) for k in range(3)]
    return jpeg(as_picture(values, np.stack(colours, 1).astype(np.float32)), quality)


def values_of(rgb):
    points = followed(rgb)
    assert points is not None
    curve = as_curve(points * np.float32([1, CHROMA, CHROMA]))
    values, _ = read_values(rgb, curve)
    return directed(values, curve, find_bar(values))


def rank_correlation(first, second):
    return np.corrcoef(*(one.ravel().argsort().argsort() for one in (first, second)))[0, 1]


@pytest.mark.parametrize(("kind", "seed"), [("street-day", 2), ("random", 3)])
def test_the_order_of_values_is_found(kind, seed):
    truth = scene(kind, seed)
    values, reason = values_of(invented(truth))
    assert rank_correlation(values, truth) > 0.985
    assert "brighter end" in reason


def test_a_known_palette_is_followed_as_well():
    truth = scene("street-day", 2)
    values, _ = values_of(shown("inferno", truth, 85))
    assert rank_correlation(values, truth) > 0.985


def test_a_bar_says_which_end_is_hot():
    truth = scene("street-day", 2).copy()
    truth[40:200, 300:310] = np.linspace(0, 1, 160)[:, None]  # the dark end is up
    values, reason = values_of(invented(truth))
    assert "upper end of the colour bar" in reason
    assert rank_correlation(values, truth) < -0.98


def test_colours_in_a_volume_lie_on_no_curve(rng):
    blocks = rng.integers(0, 255, (20, 20, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    assert followed(blocks) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 40, 40)])
def test_one_colour_is_no_palette(colour):
    assert followed(np.full((50, 60, 3), colour, np.uint8)) is None
    assert followed(np.full((1, 1, 3), colour, np.uint8)) is None


def test_gray_pictures_have_none():
    assert followed(shown("white-hot", scene(), 85)) is None


def test_photographs_lie_on_no_curve(data):
    files = sorted((data / "roadscene" / "vis").glob("*.jpg"))[::6]
    files += sorted((data / "msrs" / "test" / "vis").glob("*.webp"))[::20]
    assert len(files) > 40
    for path in files:
        assert followed(photograph(path)) is None, path
