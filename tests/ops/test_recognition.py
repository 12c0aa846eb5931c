"""Recognition of palettes: each among all others, and none in photographs."""

import numpy as np
import pytest

from imfuse.ops.palettes import PALETTES, coloured
from imfuse.ops.recognition import LEAST_COLOUR, MOST, recognise, smooth_colours
from reference.false_colour import photograph, scene, shown

FULL = [one.name for one in coloured() if one.name not in {"tint", "hottest"}]
"""Palettes that show colours everywhere."""


@pytest.mark.parametrize("levels", ["full", "studio"])
@pytest.mark.parametrize("name", FULL)
def test_each_palette_is_told_from_the_others(name, levels):
    for kind, seed, quality in (("street-day", 2, 50), ("street-night", 1, 90)):
        sample = smooth_colours(shown(name, scene(kind, seed), quality, levels))
        match = recognise(sample, coloured())
        assert (match.palette.name, match.levels) == (name, levels)
        assert match.misfit < 0.75 * MOST
        assert sample.share > LEAST_COLOUR


def test_gray_pictures_have_no_colours(rng):
    sample = smooth_colours(shown("white-hot", scene(), 80))
    assert sample.share == 0
    assert len(sample.gray) > 500


def test_colours_in_a_volume_fit_no_palette(rng):
    rgb = rng.integers(0, 255, (16, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    assert recognise(smooth_colours(rgb), coloured()).misfit > 3 * MOST


def test_marks_on_a_quarter_of_the_picture_do_not_count():
    rgb = shown("iron", scene(), 85).copy()
    rgb[:56] = (20, 200, 40)
    assert recognise(smooth_colours(rgb), coloured()).palette.name == "iron"


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 50)])
def test_smallest_pictures_are_sampled(size):
    rgb = np.full((*size, 3), (200, 30, 30), np.uint8)
    assert len(smooth_colours(rgb).coloured) == size[0] * size[1]


def test_photographs_fit_no_palette(data):
    found = taken = 0
    for folder, step in (("msrs/test/vis", 7), ("roadscene/vis", 5), ("llvip256/train", 40)):
        for path in sorted((data / folder).iterdir())[::step]:
            if path.suffix not in {".webp", ".jpg", ".png"}:
                continue
            sample = smooth_colours(photograph(path))
            if sample.share > LEAST_COLOUR:
                found += 1
                taken += recognise(sample, coloured()).misfit <= MOST
    assert found > 40
    assert taken == 0


@pytest.mark.parametrize(
    ("file", "name", "levels"),
    [
        ("dji_h20t", "iron-red", "full"),
        ("dji_m2ea", "iron-red", "studio"),
        ("flir_ax8", "rainbow-hc", "full"),
        ("flir_e30bx", "rainbow-hc", "studio"),
        ("flir_e40", "iron", "studio"),
        ("flir_e60", "iron", "studio"),
        ("flir_i7", "iron", "studio"),
        ("flir_infracam", "iron", "studio"),
        ("flir_one", "iron", "studio"),
        ("flir_t420", "rainbow-hc", "full"),
    ],
)
def test_palettes_of_cameras_are_those_that_their_files_name(data, file, name, levels):
    rgb = photograph(data / "thermal" / f"{file}.jpg")
    match = recognise(smooth_colours(rgb), coloured())
    assert (match.palette.name, match.levels) == (name, levels)
    assert PALETTES[name] is match.palette
    assert match.misfit < 3
