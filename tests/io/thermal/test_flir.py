"""Radiometric files of FLIR: made-up ones with known temperatures, and real ones."""

import json
import struct

import numpy as np
import pytest

from imfuse.errors import BadValues, ImageTooLarge, ImfuseError, UnreadableImage, UnsupportedImage
from imfuse.io.formats.container import Source
from imfuse.io.images import read_image
from imfuse.io.thermal.flir import read_flir
from imfuse.io.thermal.read import read_infrared
from imfuse.radiometry import Conditions, Reading
from reference import thermal_files as made

SCENE = np.linspace(-5, 80, 24 * 32).reshape(24, 32) + 3 * np.sin(np.arange(32))
COUNTS = np.rint(made.counts_of(SCENE)).astype(np.uint16)


def source(data, most=10**8):
    return Source(data=data, name="made.jpg", max_pixels=most)


@pytest.mark.parametrize("directory", "<>")
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["plain", "png", "swapped"])
@pytest.mark.parametrize("size", [65_000, 700])
def test_byte_orders_and_parts_make_no_difference(directory, order, kind, size):
    records = [
        (made.RAW, made.raw_record(COUNTS, order, kind)),
        (made.CAMERA, made.camera_record(order)),
    ]
    data = made.flir_jpeg(made.container(records, directory), size=size)
    picture = read_infrared(data)
    np.testing.assert_allclose(picture.pixels, SCENE, atol=0.02)
    assert picture.pixels.dtype == np.float32
    assert picture.calibration.unit == "celsius"
    assert picture.calibration.parameters == pytest.approx(made.CONDITIONS, abs=1e-4)
    assert set(picture.calibration.sources.values()) == {"file"}
    np.testing.assert_array_equal(read_flir(source(data)).counts, COUNTS)


def test_a_container_without_a_jpeg():
    data = made.container(
        [(made.CAMERA, made.camera_record()), (made.RAW, made.raw_record(COUNTS))]
    )
    np.testing.assert_allclose(read_infrared(data).pixels, SCENE, atol=0.02)
    assert read_flir(source(data)).kind == "FLIR FFF file"
    with pytest.raises(UnsupportedImage, match="FLIR"):
        read_image(data)


def test_facts_about_camera_and_time():
    data = made.flir_file(SCENE, shown=(16000, 2000), west=-120)
    found = read_flir(source(data))
    assert found.camera == "Made-up T1"
    assert found.time == "2023-11-15 00:13:20.250+02:00"
    assert found.shown == (15000, 17000)
    shown = read_infrared(data).calibration.shown
    np.testing.assert_allclose(made.counts_of(np.array(shown)), (15000, 17000), atol=0.1)
    nameless = made.flir_file(SCENE, model="*", exif=made.exif_of("Maker", "Maker M1"), seconds=0)
    found = read_flir(source(nameless))
    assert (found.camera, found.time) == ("Maker M1", "2024-05-31 14:08:59")


def test_what_a_user_says_replaces_what_the_file_says():
    data = made.flir_file(SCENE, emissivity=0.5, reflected=50.0)
    wrong = read_infrared(data)
    known = ~wrong.nodata  # the coldest counts are less than what would be reflected
    assert known.mean() > 0.8
    again = made.counts_of(wrong.pixels.astype(np.float64), emissivity=0.5, reflected=50.0)
    np.testing.assert_allclose(again[known], made.counts_of(SCENE)[known], atol=1)
    given = Conditions({"emissivity": 0.9, "reflected": 22.0})
    right = read_infrared(data, reading=Reading(conditions=given))
    np.testing.assert_allclose(right.pixels, SCENE, atol=0.02)
    sources = right.calibration.sources
    assert (sources["emissivity"], sources["distance"]) == ("user", "file")


def test_humidity_in_percent_is_usual_and_needs_no_note():
    picture = read_infrared(made.flir_file(SCENE, humidity=60.0))
    np.testing.assert_allclose(picture.pixels, SCENE, atol=0.02)
    assert picture.notes == ()


def test_implausible_conditions_are_told():
    notes = read_infrared(made.flir_file(SCENE, emissivity=90.0)).notes
    assert any("emissivity 90 in the file was taken as 90 %" in note for note in notes)


def test_counts_and_the_preview_on_demand():
    data = made.flir_file(SCENE)
    counts = read_infrared(data, reading=Reading(unit="counts"))
    np.testing.assert_array_equal(counts.pixels, COUNTS)
    assert counts.calibration.unit == "counts"
    preview = read_infrared(data, reading=Reading(unit="preview"))
    np.testing.assert_array_equal(preview.pixels, read_image(data).pixels)
    given = Conditions({"emissivity": 0.5})
    for unit in ("counts", "preview"):
        with pytest.raises(BadValues, match="emissivity for"):
            read_infrared(data, reading=Reading(unit=unit, conditions=given))
    with pytest.raises(BadValues, match="knows its own unit"):
        read_infrared(data, reading=Reading(unit="kelvin"))


def test_files_without_constants_hold_counts():
    data = made.flir_jpeg(made.container([(made.RAW, made.raw_record(COUNTS))]))
    picture = read_infrared(data)
    np.testing.assert_array_equal(picture.pixels, COUNTS)
    assert picture.calibration.unit == "counts"
    assert "constants" in picture.notes[0]
    with pytest.raises(BadValues, match="constants"):
        read_infrared(data, reading=Reading(degrees=True))
    for broken in ({"r1": 0.0}, {"b": float("nan")}, {"r2": -1.0}):
        assert read_infrared(made.flir_file(SCENE, **broken)).calibration.unit == "counts"


def test_counts_of_no_temperature_are_no_data():
    counts = COUNTS.copy()
    counts[3, 4] = 0
    records = [(made.RAW, made.raw_record(counts)), (made.CAMERA, made.camera_record())]
    picture = read_infrared(made.flir_jpeg(made.container(records)))
    assert picture.nodata.sum() == 1
    assert picture.nodata[3, 4]
    assert np.isfinite(picture.pixels).all()


def test_orientation_of_the_file_turns_the_temperatures():
    exif = made.exif_of("M", "N", orientation=6)
    picture = read_infrared(made.flir_file(SCENE, exif=exif))
    np.testing.assert_allclose(picture.pixels, np.rot90(SCENE, -1), atol=0.02)


def test_a_file_of_flir_without_counts_is_an_ordinary_picture():
    data = made.flir_jpeg(made.container([(made.CAMERA, made.camera_record())]))
    picture = read_infrared(data)
    assert picture.calibration is None
    assert picture.format == "JPEG"


def broken_raw(head, body=b""):
    return made.flir_jpeg(made.container([(made.RAW, head.ljust(32, b"\0") + body)]))


def without_middle():
    whole = made.container([(made.RAW, made.raw_record(COUNTS))])
    cut = [whole[:700], whole[700:1400], whole[1400:]]
    parts = [(0xE1, b"FLIR\0" + bytes((1, i, 2)) + one) for i, one in enumerate(cut) if i != 1]
    return made.with_segments(made.jpeg(), parts)


GRAY8 = np.zeros((24, 32), np.uint8)
DAMAGED = {
    "no header": (made.flir_jpeg(b"ABC" * 50), UnreadableImage, "no header"),
    "unknown version": (made.flir_jpeg(b"FFF\0" + bytes(100)), UnreadableImage, "unknown version"),
    "a part missing": (without_middle(), UnreadableImage, "part 2 of 3"),
    "many records": (
        made.flir_jpeg((b"FFF\0" + bytes(16) + struct.pack(">III", 100, 64, 2**31)).ljust(99)),
        UnreadableImage,
        "records",
    ),
    "short record": (
        made.flir_jpeg(made.container([(made.RAW, b"\2\0")])),
        UnreadableImage,
        "too short",
    ),
    "few counts": (
        broken_raw(struct.pack("<HHH", 2, 60, 60), bytes(50)),
        UnreadableImage,
        "50 bytes instead of 7,200",
    ),
    "empty": (broken_raw(struct.pack("<HHH", 2, 0, 60)), UnsupportedImage, "empty"),
    "another size": (
        broken_raw(struct.pack("<HHH", 2, 60, 60), made.png(COUNTS)),
        UnreadableImage,
        "32x24 of uint16, and its record says 60x60",
    ),
    "8 bits": (
        broken_raw(struct.pack("<HHH", 2, 32, 24), made.png(GRAY8)),
        UnreadableImage,
        "uint8",
    ),
    "broken PNG": (
        broken_raw(struct.pack("<HHH", 2, 32, 24), made.png(COUNTS)[:-30]),
        UnreadableImage,
        "truncated",
    ),
    "JPEG": (
        broken_raw(struct.pack("<HHH", 2, 32, 24), made.jpeg()),
        UnsupportedImage,
        "packed as JPEG",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_by_name(name):
    data, kind, found = DAMAGED[name]
    with pytest.raises(kind, match=found) as caught:
        read_infrared(data, name="made.jpg")
    assert caught.value.file == "made.jpg"
    assert "ir_unit='preview'" in caught.value.remedy
    preview = read_infrared(data, reading=Reading(unit="preview"))
    np.testing.assert_array_equal(preview.pixels, read_image(data).pixels)


def test_sizes_are_checked_before_anything_is_allocated():
    huge = broken_raw(struct.pack("<HHH", 2, 65535, 65535))
    with pytest.raises(ImageTooLarge):
        read_infrared(huge, max_pixels=10**6)
    small = made.flir_file(SCENE)
    with pytest.raises(ImageTooLarge):
        read_infrared(small, max_pixels=100)


def test_a_bomb_inside_is_bounded(tmp_path):
    black = made.png(np.zeros((4000, 4000), np.uint16))
    data = broken_raw(struct.pack("<HHH", 2, 4000, 4000), black)
    assert len(data) < 200_000
    with pytest.raises(ImfuseError):
        read_infrared(data, max_pixels=10**6)


NAMES = ("flir_b60", "flir_e30bx", "flir_e60", "flir_i7", "flir_infracam", "flir_t420")


@pytest.mark.parametrize("name", NAMES)
def test_real_files_agree_with_the_makers_export(data, name):
    exported = np.load(data / "thermal" / f"{name}_celsius.npz")["celsius"]
    facts = json.loads((data / "thermal" / "temperatures.json").read_text())["files"][name]
    picture = read_infrared(data / "thermal" / f"{name}.jpg")
    above = exported > -40  # the export clips there
    assert above.mean() > 0.95
    np.testing.assert_allclose(picture.pixels[above], exported[above], atol=0.001)
    known = picture.calibration.parameters
    assert known["emissivity"] == pytest.approx(facts["Emissivity"])
    assert known["reflected"] == pytest.approx(facts["ReflectedApparentTemperature"], abs=1e-3)
    assert known["humidity"] == pytest.approx(facts["RelativeHumidity"])


OTHERS = {  # shape, and range of temperatures in degrees Celsius
    "flir_ax8": ((60, 80), (24.35, 25.46)),
    "flir_e40": ((120, 160), (17.86, 24.67)),
    "flir_one": ((320, 240), (25.93, 62.23)),
    "dji_xt2": ((512, 640), (21.81, 82.27)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_real_files_without_an_export(data, name):
    shape, ends = OTHERS[name]
    picture = read_infrared(data / "thermal" / f"{name}.jpg")
    assert picture.pixels.shape == shape
    assert (picture.pixels.min(), picture.pixels.max()) == pytest.approx(ends, abs=0.01)


def test_the_file_whose_counts_were_taken_out_says_so(data):
    with pytest.raises(UnreadableImage, match="8x8 of uint8 in colour.*120x120 of 16 bits"):
        read_infrared(data / "thermal" / "flir_i7_tiny.jpg")
