"""Nearest points on palettes, against trying all of them in float64, and against known values."""

import numpy as np
import pytest

from imfuse.ops.curves import CHROMA, Colours, Curve, as_points, nearest, read_values
from imfuse.ops.palettes import PALETTES, as_picture, coloured
from reference.false_colour import jpeg, nearest_exactly, scene, shown

SMOOTH = [one.name for one in coloured() if one.name not in {"medical", "tint", "hottest"}]


@pytest.mark.parametrize("name", ["iron", "rainbow", "rainbow-hc", "arctic", "jet"])
def test_the_nearest_point_is_that_of_the_reference(name, rng):
    table = PALETTES[name].colours()
    colours = rng.uniform(0, 255, (60, 3)).astype(np.float32)
    positions, distances = nearest(Curve.of(table), as_points(colours))
    expected, least = nearest_exactly(colours, table, CHROMA)
    assert np.abs(distances - least).max() < 0.05
    # Two points may be as near as each other; elsewhere, positions agree.
    assert np.median(np.abs(positions - expected)) < 1e-3
    assert (np.abs(positions - expected) < 4e-3).mean() > 0.95


@pytest.mark.parametrize("name", SMOOTH)
def test_colours_of_a_palette_give_their_positions_back(name):
    values = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, 0)
    found, off = read_values(shown(name, values), Curve.of(PALETTES[name].colours()))
    assert np.abs(found - values).max() < 0.02
    assert off.max() < 3


@pytest.mark.parametrize("quality", [60, 75, 90, 95])
@pytest.mark.parametrize("name", [one.name for one in coloured()])
def test_values_survive_jpeg(name, quality):
    most = {60: 0.03, 75: 0.025, 90: 0.015, 95: 0.015}[quality]
    if name == "medical":  # ten stripes: values are uncertain by a quarter of their width
        most += 0.025
    values = scene("street-day", 2)
    found, _ = read_values(shown(name, values, quality), Curve.of(PALETTES[name].colours()))
    assert np.abs(found - values).mean() < most
    if name not in {"medical", "hottest", "tint"}:
        ranks = [one.ravel().argsort().argsort() for one in (found, values)]
        assert np.corrcoef(*ranks)[0, 1] > 0.97


def test_a_wrong_palette_gives_wrong_values():
    values = scene("street-day", 2)
    found, off = read_values(shown("rainbow", values, 90), Curve.of(PALETTES["iron"].colours()))
    assert np.abs(found - values).mean() > 0.1
    assert off.mean() > 10


def test_neighbours_decide_where_a_colour_has_two_places():
    # Black to gray, then a jump to colours that come back to the same gray.
    table = np.concatenate([np.linspace(0, 120, 128)] * 3).reshape(3, 128).T
    back = np.linspace((120, 20, 20), (120, 120, 120), 128)
    table = np.concatenate([table, back]).astype(np.float32)
    values = np.full((20, 20), 0.97, np.float32)
    values[10, 10] = 127 / 255  # the gray that both parts reach
    values[5, 5] = 1
    found, _ = read_values(as_picture(values, table), Curve.of(table))
    assert found[5, 5] == pytest.approx(1, abs=0.02)
    assert found[10, 10] == pytest.approx(1, abs=0.02)


def test_each_colour_is_looked_up_once(rng):
    rgb = rng.integers(0, 255, (40, 50, 3), np.uint8)
    colours = Colours.of(rgb)
    assert colours.index.shape == (40, 50)
    assert colours.index.max() == len(colours.points) - 1
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(colours.points[colours.index][..., 0] - luma).max() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 1), (5, 5)])
def test_smallest_pictures_are_read(size):
    values = np.full(size, 0.4, np.float32)
    found, off = read_values(shown("iron", values), Curve.of(PALETTES["iron"].colours()))
    assert np.abs(found - 0.4).max() < 0.01
    assert off.shape == size


def test_a_table_of_one_colour_is_a_point():
    curve = Curve.of(np.full((256, 3), 90, np.float32))
    positions, distances = nearest(curve, as_points(np.float32([[90, 90, 90], [100, 100, 100]])))
    assert positions.tolist() == [0.5, 0.5]
    assert distances == pytest.approx([0, 10], abs=1e-3)


def test_chroma_at_half_the_size_costs_little():
    values = scene("street-day", 2)
    rgb = shown("rainbow", values)
    curve = Curve.of(PALETTES["rainbow"].colours())
    plain, _ = read_values(rgb, curve)
    half, _ = read_values(jpeg(rgb, 95), curve)
    assert np.abs(plain - values).mean() < 0.004
    assert np.abs(half - values).mean() < 0.01
