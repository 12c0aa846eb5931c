"""Palettes against what is known of them."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from imfuse.ops.palettes import PALETTES, as_picture, coloured, named
from imfuse.options import PALETTE_NAMES


def test_the_option_names_all_palettes():
    assert sorted(PALETTE_NAMES) == sorted({"auto", "estimate", *PALETTES})


def test_families_have_members_and_names_of_palettes_stand_for_themselves():
    assert {one.name for one in named("iron")} == {"iron", "iron-red", "ironbow", "inferno"}
    assert {one.name for one in named("rainbow")} == {"rainbow", "rainbow-hc", "jet", "turbo"}
    assert [one.name for one in named("lava")] == ["lava"]
    assert named("chrome") == ()


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("levels", ["full", "studio"])
def test_tables_hold_colours(name, levels):
    colours = PALETTES[name].colours(levels)
    assert colours.shape == (256, 3)
    assert colours.min() >= 0
    assert colours.max() <= 255
    assert not colours.flags.writeable
    if levels == "studio" and PALETTES[name].levels == "full":
        assert colours.min() >= 16
        assert colours.max() <= 235.001


@pytest.mark.parametrize(
    ("name", "at", "colour"),
    [  # entries of 224 in the tables of FLIR's files: Y, Cr, Cb
        ("iron", 0, (16, 101, 140)),
        ("iron", 223, (235, 121, 130)),
        ("rainbow-hc", 0, (16, 128, 128)),
        ("rainbow-hc", 223, (230, 130, 127)),
    ],
)
def test_ends_are_those_of_the_files_of_cameras(name, at, colour):
    rgb = PALETTES[name].colours("studio")[round(at / 223 * 255)]
    red, green, blue = map(float, rgb)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    found = luma, 128 + (red - luma) / 1.402, 128 + (blue - luma) / 1.772
    # Colours that RGB can't hold are clipped, which costs the darkest ones some levels.
    assert np.abs(np.subtract(found, colour)).max() < (17 if (name, at) == ("iron", 0) else 3)


def test_brightness_of_iron_and_its_kin_grows_from_cold_to_hot():
    for palette in named("iron"):
        luma = palette.colours() @ np.float32([0.299, 0.587, 0.114])
        assert np.diff(luma).min() > -0.6, palette.name


def test_opencvs_maps_are_its_own():
    ramp = np.arange(256, dtype=np.uint8)[None]
    jet = cv2.applyColorMap(ramp, cv2.COLORMAP_JET)[0, :, ::-1]
    assert np.array_equal(PALETTES["jet"].colours(), jet.astype(np.float32))


def test_stripes_and_jumps_are_sharp():
    medical = PALETTES["medical"].colours()
    assert len(np.unique(medical.round(), axis=0)) <= 10 + 1
    tint = PALETTES["tint"].colours()
    steps = np.abs(np.diff(tint, axis=0)).max(axis=1)
    assert (steps > 40).sum() == 1


def test_pictures_show_values_in_the_colours_of_a_table():
    values = np.float32([[0, 0.5, 1, 1.2, -3]])
    shown = as_picture(values, PALETTES["white-hot"].colours())
    assert shown.dtype == np.uint8
    assert shown[0, :, 0].tolist() == [0, 128, 255, 255, 0]


def test_names_are_unique_and_gray_ones_have_no_colour():
    assert len({one.name for one in coloured()}) == len(coloured()) == len(PALETTES) - 2
    for first, second in pairwise(coloured()):
        assert np.abs(first.colours() - second.colours()).max() > 40
