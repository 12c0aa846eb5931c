"""Marks of cameras on rendered scenes, where it is known what was drawn; and on real pictures."""

import cv2
import numpy as np
import pytest

from imfuse.ops.colourbars import find_bar
from imfuse.ops.curves import Curve, read_values
from imfuse.ops.marks import drawn_marks
from imfuse.ops.palettes import PALETTES
from reference.false_colour import jpeg, scene, shown, with_marks


def read(rgb, name, levels="full"):
    values, off = read_values(rgb, Curve.of(PALETTES[name].colours(levels)))
    bar = find_bar(values)
    return values, bar, drawn_marks(rgb, values, off, bar)


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("name", ["iron", "iron-red", "rainbow", "rainbow-hc", "arctic", "lava"])
def test_what_was_drawn_is_hidden_and_the_rest_is_right(name, quality):
    truth = scene("street-day", 2)
    rgb, bar, drawn = with_marks(name, truth)
    values, found, marked = read(jpeg(rgb, quality), name)
    assert found is not None
    assert found.upright
    assert found.high > found.low
    assert marked[bar].mean() > 0.97
    assert marked[drawn].mean() > 0.75
    far = cv2.dilate(drawn.astype(np.uint8), np.ones((15, 15))) == 0
    assert marked[far].mean() < 0.03
    assert np.abs(values - truth)[~marked].mean() < (0.03 if quality == 60 else 0.015)


@pytest.mark.parametrize("name", ["iron", "iron-red", "rainbow", "inferno", "jet"])
@pytest.mark.parametrize(("kind", "seed"), [("street-night", 1), ("street-day", 2), ("random", 3)])
def test_nothing_is_hidden_where_nothing_was_drawn(name, kind, seed):
    _, bar, marked = read(shown(name, scene(kind, seed), 90), name)
    assert bar is None
    assert marked.mean() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (10, 400), (400, 10), (30, 30)])
def test_any_size_is_looked_at(size):
    values = np.zeros(size, np.float32)
    rgb = np.zeros((*size, 3), np.uint8)
    assert find_bar(values) is None
    assert not drawn_marks(rgb, values, np.zeros(size, np.float32), None).any()
