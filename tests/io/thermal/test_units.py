"""Ordinary pictures whose numbers are temperatures."""

import numpy as np
import pytest
from tifffile import imwrite

from imfuse.errors import BadValues
from imfuse.infrared import prepare_infrared
from imfuse.io.images import read_image, write_image
from imfuse.io.thermal.read import read_infrared
from imfuse.options import FuseOptions, InfraredRange
from imfuse.radiometry import UNITS, Reading
from imfuse.types import Metadata, Picture

SCENE = np.linspace(-10, 60, 20 * 30).reshape(20, 30)
STORED = {
    "celsius": SCENE.astype(np.float32),
    "kelvin": (SCENE + 273.15).astype(np.float32),
    "fahrenheit": (SCENE * 9 / 5 + 32).astype(np.float32),
    "decicelsius": np.rint(10 * SCENE).astype(np.int16),
    "centicelsius": np.rint(100 * SCENE).astype(np.int32),
    "decikelvin": np.rint(10 * (SCENE + 273.15)).astype(np.uint16),
    "centikelvin": np.rint(100 * (SCENE + 273.15)).astype(np.uint16),
}


def in_celsius(picture):
    known = picture.calibration
    values = known.slope * picture.pixels.astype(np.float64) + known.offset
    return values - 273.15 if known.unit == "kelvin" else values


@pytest.mark.parametrize("unit", STORED)
def test_units_that_a_user_names(tmp_path, unit):
    file = tmp_path / "scene.tif"
    imwrite(file, STORED[unit])
    picture = read_infrared(file, reading=Reading(unit=unit))
    np.testing.assert_allclose(in_celsius(picture), SCENE, atol=0.051)
    np.testing.assert_array_equal(picture.pixels, STORED[unit])
    assert picture.calibration.sources["unit"] == "user"
    assert read_infrared(file).calibration is None


def test_sixteen_bit_png(tmp_path):
    file = tmp_path / "scene.png"
    write_image(file, Picture(pixels=STORED["centikelvin"]))
    picture = read_infrared(file, reading=Reading(unit="centikelvin"))
    np.testing.assert_allclose(in_celsius(picture), SCENE, atol=0.01)


@pytest.mark.parametrize("text", ["-10C:60C", "263.15K:333.15K", "14F:140F", "-10 °c : 60 °c"])
@pytest.mark.parametrize("unit", STORED)
def test_ranges_in_any_degrees_fit_any_unit(tmp_path, unit, text):
    file = tmp_path / "scene.tif"
    imwrite(file, STORED[unit])
    picture = read_infrared(file, reading=Reading(unit=unit))
    ready = prepare_infrared(picture, InfraredRange.parse(text), [])
    shown = ready.read((slice(0, 20), slice(0, 30)))
    np.testing.assert_allclose(shown, (SCENE + 10) / 70, atol=1e-3)


def test_degrees_of_unknown_numbers_are_refused():
    picture = Picture(pixels=STORED["centikelvin"], name="x.tif")
    with pytest.raises(BadValues, match="in degrees, and no unit is known") as caught:
        prepare_infrared(picture, InfraredRange.parse("10C:40C"), [])
    assert "ir_unit='centikelvin'" in caught.value.remedy
    counts = read_infrared_array(STORED["centikelvin"], "counts")
    with pytest.raises(BadValues, match="its values are counts"):
        prepare_infrared(counts, InfraredRange.parse("10C:40C"), [])


def read_infrared_array(values, unit):
    from imfuse.io.thermal.units import with_unit

    return with_unit(Picture(pixels=values), unit)


@pytest.mark.parametrize(
    ("stored", "named", "right"),
    [
        ("centikelvin", "kelvin", "centikelvin"),
        ("centikelvin", "celsius", "centikelvin"),
        ("decikelvin", "centikelvin", "decikelvin"),
        ("celsius", "kelvin", "celsius"),
    ],
)
def test_units_that_give_impossible_temperatures_are_refused(stored, named, right):
    with pytest.raises(BadValues, match="would be") as caught:
        read_infrared_array(STORED[stored], named)
    assert f"in {right}" in caught.value.remedy


def test_brightness_has_no_unit():
    for pixels in (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.float32)):
        with pytest.raises(BadValues, match="ir_unit='celsius'"):
            read_infrared_array(pixels, "celsius")


def declared(unit, scale="", offset=""):
    items = f'<Item name="U" sample="0" role="unittype">{unit}</Item>'
    if scale:
        items += f'<Item name="S" sample="0" role="scale">{scale}</Item>'
    if offset:
        items += f"<Item name='O' sample='0' role='offset'>{offset}</Item>"
    return f"<GDALMetadata>{items}</GDALMetadata>"


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("celsius", declared("Celsius")),
        ("kelvin", declared(" K ")),
        ("centikelvin", declared("kelvin", "0.01", "0")),
        ("centikelvin", declared("degC", "0.01", "-273.15")),
    ],
)
def test_units_that_gdals_metadata_declare(tmp_path, stored, text):
    file = tmp_path / "scene.tif"
    imwrite(file, STORED[stored], extratags=[(42112, "s", 0, text, True)])
    picture = read_infrared(file)
    np.testing.assert_allclose(in_celsius(picture), SCENE, atol=0.01)
    assert picture.calibration.sources["unit"] == "file"
    assert read_image(file).calibration is None


@pytest.mark.parametrize(
    "text",
    [
        declared("metre"),
        declared("Celsius", "nan"),
        declared("Celsius", "x"),
        declared("Celsius", "0"),
        "<GDALMetadata>",
    ],
)
def test_other_metadata_declare_nothing(tmp_path, text):
    file = tmp_path / "scene.tif"
    imwrite(file, STORED["celsius"], extratags=[(42112, "s", 0, text, True)])
    assert read_infrared(file).calibration is None


LINEAR = '<rdf:Description xmlns:Camera="x"{}/>'


@pytest.mark.parametrize(
    ("packet", "gain"),
    [
        (LINEAR.format(' Camera:TlinearGain="0.04"'), 0.04),
        ("<Camera:TlinearGain>0.4</Camera:TlinearGain>", 0.4),
        (LINEAR.format(' Camera:TlinearGain="0"'), None),
        (LINEAR.format(' Camera:TlinearGain="7"'), None),
        (LINEAR.format(' Camera:TlinearGain="-0.04"'), None),
        (LINEAR.format(' Camera:TlinearGain=""'), None),
    ],
)
def test_the_gain_of_flirs_linear_mode(tmp_path, packet, gain):
    stored = np.rint((SCENE + 273.15) / (gain or 0.04)).astype(np.uint16)
    file = tmp_path / "scene.tif"
    write_image(file, Picture(pixels=stored, metadata=Metadata(xmp=packet.encode())))
    picture = read_infrared(file)
    if gain is None:
        assert picture.calibration is None
    else:
        np.testing.assert_allclose(in_celsius(picture), SCENE, atol=gain)
        assert picture.calibration.sources["unit"] == "file"
    write_image(file, Picture(pixels=np.zeros((4, 5), np.uint8)))
    assert read_infrared(file).calibration is None


def test_conditions_mean_nothing_for_them(tmp_path):
    file = tmp_path / "scene.tif"
    imwrite(file, STORED["celsius"])
    with pytest.raises(BadValues, match="emissivity for a picture without raw counts"):
        read_infrared(file, reading=FuseOptions(emissivity=0.9).reading)


def test_all_units_are_tested():
    assert set(STORED) | {"counts"} == set(UNITS)
