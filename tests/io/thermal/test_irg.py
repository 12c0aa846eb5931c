"""IRG files of InfiRay."""

import numpy as np
import pytest

from imfuse.errors import BadValues, ImageTooLarge, UnreadableImage, UnsupportedImage
from imfuse.io.images import read_image
from imfuse.io.thermal.read import read_infrared
from imfuse.radiometry import Conditions, Reading
from reference import thermal_files as made

SCENE = np.linspace(-20, 120, 24 * 32).reshape(24, 32)


@pytest.mark.parametrize(
    ("counts", "how"),
    [
        (16 * (SCENE + 273.15), {}),
        (10 * (SCENE + 273.15), {"magic": b"\xba\xab"}),
        (64 * (SCENE + 25), {"flag": 1}),
    ],
)
def test_temperatures(counts, how):
    picture = read_infrared(made.irg(np.rint(counts).astype(np.uint16), **how))
    np.testing.assert_allclose(picture.pixels, SCENE, atol=0.051)
    known = picture.calibration
    assert known.unit == "celsius"
    assert known.parameters == pytest.approx(
        {"emissivity": 0.95, "reflected": 20, "atmosphere": 21, "distance": 2.5}
    )
    assert set(known.sources.values()) == {"file"}


def test_final_temperatures_take_no_other_conditions():
    data = made.irg(np.full((24, 32), 5000, np.uint16))
    with pytest.raises(BadValues, match="temperatures are final"):
        read_infrared(data, reading=Reading(conditions=Conditions({"emissivity": 0.5})))


def test_odd_conditions_of_final_temperatures_are_not_spoken_of():
    whole = made.irg(np.full((24, 32), 5000, np.uint16) + np.eye(24, 32, dtype=np.uint16))
    picture = read_infrared(whole[:30] + bytes(16) + whole[46:])
    assert picture.notes == ()
    assert set(picture.calibration.sources.values()) == {"file"}


def test_the_preview_is_the_8_bit_picture_inside():
    counts = (np.arange(24 * 32).reshape(24, 32) + 5000).astype(np.uint16)
    picture = read_infrared(made.irg(counts), reading=Reading(unit="preview"))
    np.testing.assert_array_equal(picture.pixels, (counts // 256).astype(np.uint8))


def test_damaged_files_are_refused_by_name():
    whole = made.irg(np.full((24, 32), 5000, np.uint16))
    for cut in (4, 40, 127):
        with pytest.raises(UnreadableImage, match="within its header"):
            read_infrared(whole[:cut])
    with pytest.raises(UnreadableImage, match="truncated"):
        read_infrared(whole[:-1])
    with pytest.raises(UnreadableImage, match="has 999 bytes"):
        read_infrared(whole[:4] + (999).to_bytes(4, "little") + whole[8:])
    with pytest.raises(UnsupportedImage, match="empty"):
        read_infrared(whole[:8] + bytes(4) + whole[12:])
    with pytest.raises(ImageTooLarge):
        read_infrared(whole[:8] + b"\xff" * 4 + whole[12:], max_pixels=10**6)
    with pytest.raises(UnsupportedImage, match="InfiRay") as caught:
        read_image(whole)
    assert "read_infrared" in caught.value.remedy


def test_a_real_file(data):
    picture = read_infrared(data / "thermal" / "infiray_c200.irg")
    assert picture.pixels.shape == (256, 192)
    assert picture.pixels.min() == pytest.approx(25.85, abs=0.01)
    assert picture.pixels.max() == pytest.approx(49.23, abs=0.01)
