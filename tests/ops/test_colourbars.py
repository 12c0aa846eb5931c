"""Colour bars, drawn on rendered scenes and on real pictures."""

import numpy as np
import pytest

from imfuse.ops.colourbars import find_bar
from imfuse.ops.curves import Curve, read_values
from imfuse.ops.marks import drawn_marks
from imfuse.ops.palettes import PALETTES
from reference.false_colour import photograph, scene


def read(rgb, name, levels="full"):
    values, off = read_values(rgb, Curve.of(PALETTES[name].colours(levels)))
    bar = find_bar(values)
    return values, bar, drawn_marks(rgb, values, off, bar)


@pytest.mark.parametrize("turn", range(4))
def test_bars_are_found_along_any_edge(turn):
    truth = scene("street-day", 2).copy()
    truth[50:200, 6:14] = np.linspace(1, 0, 150)[:, None]
    truth = np.ascontiguousarray(np.rot90(truth, turn))
    bar = find_bar(truth)
    assert bar.upright == (turn % 2 == 0)
    # Turned by 90 or 180 degrees, the hot end comes to lie left or below.
    assert (bar.high > bar.low) == (turn in {0, 3})
    where = np.zeros((256, 320), bool)
    where[50:200, 6:14] = True
    assert np.rot90(where, turn)[bar.window].mean() > 0.9


def test_a_smooth_sky_is_no_bar():
    sky = np.linspace(1, 0, 240, dtype=np.float32)[:, None].repeat(320, 1)
    assert find_bar(sky) is None


@pytest.mark.parametrize(
    ("file", "name", "levels", "left"),
    [
        ("flir_e40", "iron", "studio", 304),
        ("flir_e60", "iron", "studio", 304),
        ("flir_t420", "rainbow-hc", "full", 615),
        ("flir_ax8", "rainbow-hc", "full", 620),
        ("flir_e30bx", "rainbow-hc", "studio", 304),
    ],
)
def test_bars_of_real_pictures(data, file, name, levels, left):
    rgb = photograph(data / "thermal" / f"{file}.jpg")
    _, bar, marked = read(rgb, name, levels)
    assert bar.upright
    assert bar.high > bar.low
    assert bar.columns[0] >= left
    assert marked[bar.window].all()
    assert 0.01 < marked.mean() < 0.35


@pytest.mark.parametrize("file", ["flir_i7", "flir_infracam"])
def test_lying_bars_of_real_pictures(data, file):
    rgb = photograph(data / "thermal" / f"{file}.jpg")
    _, bar, _ = read(rgb, "iron", "studio")
    assert not bar.upright
    assert bar.high > bar.low
    assert bar.rows[0] > 220
