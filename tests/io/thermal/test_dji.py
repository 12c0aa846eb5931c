"""Radiometric JPEGs of DJI's, and the program that knows their temperatures."""

import stat
import sys

import numpy as np
import pytest

from imfuse.errors import BadValues, UnreadableImage
from imfuse.io.formats.container import Source
from imfuse.io.images import read_image, write_image
from imfuse.io.thermal.dji import read_dji
from imfuse.io.thermal.read import read_infrared
from imfuse.options import FuseOptions
from imfuse.radiometry import Conditions, Reading
from imfuse.types import Picture
from reference import thermal_files as made

COUNTS = (np.arange(160 * 128).reshape(128, 160) % 3000 + 17000).astype(np.uint16)


def source(data):
    return Source(data=data, name="made.jpg", max_pixels=10**8)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.mark.parametrize("form", ["H20T", "M2EA", "M30T", "M3T"])
def test_counts_and_conditions_of_all_forms(form):
    found = read_dji(source(made.dji_jpeg(COUNTS, form)))
    np.testing.assert_array_equal(found.counts, COUNTS)
    assert found.camera == f"DJI {form}"
    expected = {"emissivity": 0.95, "humidity": 0.7, "distance": 5.0, "reflected": 23.0}
    if form != "M30T":
        expected["atmosphere"] = 21.0
    assert found.conditions.values == pytest.approx(expected)


def test_counts_are_read_where_somebody_gives_a_range_for_them():
    data = made.dji_jpeg(COUNTS)
    picture = read_infrared(data, reading=FuseOptions(ir_range="auto").reading)
    np.testing.assert_array_equal(picture.pixels, COUNTS)
    assert picture.calibration.unit == "counts"
    assert "dji-thermal-cli" in picture.notes[0]
    without = read_infrared(data, reading=FuseOptions().reading)
    np.testing.assert_array_equal(without.pixels, read_image(data).pixels)
    assert "DJI" in without.notes[0]


@pytest.mark.parametrize(
    "options", [{"ir_range": "10C:40C"}, {"keep_temperature": True}, {"emissivity": 0.9}]
)
def test_degrees_without_the_program_are_refused_with_what_to_do(options):
    with pytest.raises(BadValues, match="dji-thermal-cli, which is missing") as caught:
        read_infrared(made.dji_jpeg(COUNTS), reading=FuseOptions(**options).reading)
    assert "pipx install" in caught.value.remedy
    assert "ir_unit='counts'" in caught.value.remedy


def test_counts_that_fit_no_size_are_refused():
    data = made.dji_jpeg(COUNTS)
    at = data.index(b"\xff\xc0") + 5
    other = data[:at] + b"\0\x33" + data[at + 2 :]
    with pytest.raises(UnreadableImage, match="40,960 bytes of counts don't fit"):
        read_infrared(other)


def test_other_makers_and_small_segments_are_ordinary_pictures():
    assert read_infrared(made.dji_jpeg(COUNTS, maker="Kodak")).calibration is None
    assert read_infrared(made.dji_jpeg(COUNTS[:10, :10])).calibration is None


PROGRAM = """#!{python}
import pathlib, shutil, sys
assert sys.argv[1] == "process"
given = dict(one.removeprefix("--").split("=") for one in sys.argv[2:])
pathlib.Path({told!r}).write_text(repr(given))
{body}
out = pathlib.Path(given["output-dir"])
out.mkdir()
shutil.copy({tiff!r}, out / (pathlib.Path(given["input-dir"]).stem + "_temp_c.tiff"))
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Install a made-up dji-thermal-cli that gives counts / 1000 degrees; return its arguments."""

    def install(body="", values=None):
        tiff, told = tmp_path / "values.tif", tmp_path / "told"
        if values is None:
            values = (COUNTS / 1000).astype(np.float32)
            values[0, 0] = -273.15  # the program's mark of no data
        write_image(tiff, Picture(pixels=values))
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        file = folder / "dji-thermal-cli"
        file.write_text(
            PROGRAM.format(python=sys.executable, told=str(told), tiff=str(tiff), body=body)
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return told

    return install


def test_temperatures_of_the_program(program):
    told = program()
    given = Conditions({"emissivity": 0.8, "humidity": 0.4, "reflected": -12.5})
    picture = read_infrared(made.dji_jpeg(COUNTS), reading=Reading(conditions=given, degrees=True))
    np.testing.assert_allclose(picture.pixels.ravel()[1:], COUNTS.ravel()[1:] / 1000, rtol=1e-6)
    assert picture.nodata.sum() == 1
    assert picture.calibration.unit == "celsius"
    assert picture.calibration.parameters["emissivity"] == 0.8
    assert picture.calibration.sources["emissivity"] == "user"
    assert picture.calibration.sources["distance"] == "file"
    arguments = eval(told.read_text())  # noqa: S307 - written by our own script above
    assert arguments["emissivity"] == "0.8"
    assert arguments["humidity"] == "40"
    assert arguments["reflected-temp"] == "-12.5"
    assert arguments["distance"] == "embedded"
    assert arguments["output"] == "temp_c:tiff"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("sys.exit('this format is not known')", "this format is not known"),
        ("sys.exit(0)", "wrote no temperatures"),
        ("pathlib.Path({tiff!r}).write_bytes(b'II*')", "unreadable file"),
    ],
)
def test_failures_of_the_program_are_told(program, tmp_path, body, found):
    program(body.format(tiff=str(tmp_path / "values.tif")))
    with pytest.raises(BadValues, match=found):
        read_infrared(made.dji_jpeg(COUNTS), reading=Reading(degrees=True))


def test_a_size_of_its_own_and_other_values_are_refused(program):
    program(values=np.zeros((5, 5), np.uint8))
    with pytest.raises(BadValues, match="uint8 values"):
        read_infrared(made.dji_jpeg(COUNTS), reading=Reading(degrees=True))


def test_windows_mean_nothing_to_the_program(program):
    program()
    given = Conditions({"window_transmission": 0.9})
    with pytest.raises(BadValues, match="window transmission"):
        read_infrared(made.dji_jpeg(COUNTS), reading=Reading(conditions=given, degrees=True))


@pytest.mark.parametrize("name", ["dji_h20t", "dji_m2ea", "dji_m30t", "dji_m3t"])
def test_real_files(data, name):
    file = data / "thermal" / f"{name}.jpg"
    picture = read_infrared(file)
    assert picture.pixels.shape == (512, 640)
    assert picture.pixels.dtype == np.uint16
    preview = read_image(file).pixels.astype(float).mean(axis=2)
    order = [values.ravel()[::7].argsort().argsort() for values in (picture.pixels, preview)]
    assert abs(np.corrcoef(*order)[0, 1]) > 0.8  # they show the same scene
    found = read_dji(Source(data=file.read_bytes(), name=name, max_pixels=10**8))
    assert found.conditions.values["distance"] == 5
    with pytest.raises(BadValues, match="dji-thermal-cli"):
        read_infrared(file, reading=Reading(degrees=True))
