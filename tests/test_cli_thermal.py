"""Thermal files on the command line: what people type first."""

import json

import numpy as np
import pytest

import imfuse
from imfuse.io.images import read_image, read_temperature, write_image
from imfuse.types import Picture
from reference import thermal_files as made

SCENE = 20 + 15 * np.sin(np.arange(48 * 64).reshape(48, 64) / 40)


@pytest.fixture
def flir(tmp_path):
    file = tmp_path / "flir.jpg"
    low, high = made.counts_of(np.array([10.0, 30.0]))
    shown = (round((low + high) / 2), round(high - low))
    file.write_bytes(made.flir_file(SCENE, visible=(128, 96), placement=(1.6, 4, -6), shown=shown))
    return file


@pytest.fixture
def vis(tmp_path):
    file = tmp_path / "vis.png"
    picture = np.full((48, 64, 3), 80, np.uint8)
    picture[10:30, 20:40] = (200, 120, 60)
    write_image(file, Picture(pixels=picture))
    return file


def test_one_file_that_holds_both(run, flir, tmp_path):
    out = tmp_path / "out.png"
    code, printed, said = run("fuse", flir, "-o", out, "-m", "average")
    assert (code, printed) == (0, "")
    assert "the range that the camera showed" in said
    assert read_image(out).size == (96, 128)
    assert imfuse.read_history(out)["registration"]["estimator"] == "file"


@pytest.mark.parametrize("text", ["10C:40C", "283.15K:313.15K", "50F:104F", "10:40"])
def test_the_same_range_in_any_unit(run, flir, vis, tmp_path, text):
    out = tmp_path / "out.png"
    code, printed, _ = run("fuse", flir, vis, "-o", out, "-m", "max", "--ir-range", text, "--json")
    assert code == 0
    (row,) = json.loads(printed)["outputs"]
    assert row["history"]["ir_range"] == pytest.approx([10, 40])
    assert row["history"]["infrared"]["unit"] == "celsius"
    shown = read_image(out).pixels.astype(float) @ (0.299, 0.587, 0.114)
    expected = 255 * np.clip((SCENE - 10) / 30, 0, 1)
    lighter = expected > 100  # than the visible picture
    lighter[10:30, 20:40] = False  # whose colours have no room for more light
    assert lighter.any()
    np.testing.assert_allclose(shown[lighter], expected[lighter], atol=2)


def test_conditions_change_the_temperatures(run, flir, vis, tmp_path):
    outs = []
    for name, more in (
        ("a", ()),
        ("b", ("--emissivity", "45%", "--reflected", "293K", "--distance", "9")),
    ):
        out = tmp_path / f"{name}.tif"
        code, _, said = run(
            *("fuse", flir, vis, "-o", out, "-m", "max", "--ir-range", "0C:60C"),
            *("--keep-temperature", *more),
        )
        assert code == 0, said
        outs.append(out)
    first, second = map(read_temperature, outs)
    np.testing.assert_allclose(first, SCENE, atol=0.02)
    changed = made.counts_of(second.astype(float), emissivity=0.45, reflected=19.85, distance=9)
    np.testing.assert_allclose(changed, made.counts_of(SCENE), atol=1)
    known = imfuse.read_history(outs[1])["infrared"]
    assert known["sources"]["emissivity"] == "user"
    assert known["sources"]["humidity"] == "file"


def test_kept_temperatures_are_untouched(run, flir, vis, tmp_path):
    out = tmp_path / "out.tif"
    assert run("fuse", flir, vis, "-o", out, "--keep-temperature", "-m", "max")[0] == 0
    np.testing.assert_array_equal(read_temperature(out), imfuse.read_infrared(flir).pixels)


@pytest.mark.parametrize(
    ("arguments", "code", "found"),
    [
        (("--emissivity", "95"), 2, "0.95, or 95%"),
        (("--reflected", "293"), 2, "write 293K"),
        (("--ir-unit", "kelvin"), 3, "knows its own unit"),
        (("--ir-range", "10C:40K"), 2, "LOW:HIGH"),
        (("--ir-range", "10C:40"), 2, "LOW:HIGH"),
        (("--keep-temperature",), 3, ".png files can't keep temperatures"),
    ],
)
def test_refusals(run, flir, vis, tmp_path, arguments, code, found):
    result = run("fuse", flir, vis, "-o", tmp_path / "out.png", *arguments)
    assert result[0] == code
    assert found in result[2]
    assert not (tmp_path / "out.png").exists()


def test_units_of_ordinary_pictures(run, vis, tmp_path):
    raw = tmp_path / "raw.png"
    write_image(raw, Picture(pixels=np.rint(100 * (SCENE + 273.15)).astype(np.uint16)))
    out = tmp_path / "out.tif"
    command = ("fuse", raw, vis, "-o", out, "-m", "max", "--ir-range", "10C:40C")
    code, _, said = run(*command)
    assert code == 3
    assert "--ir-unit" in said
    code, _, said = run(*command, "--ir-unit", "centikelvin", "--keep-temperature")
    assert (code, said.count("warning")) == (0, 0)
    np.testing.assert_allclose(read_temperature(out), SCENE, atol=0.01)
    without = run("fuse", raw, vis, "-o", out, "--ir-range", "auto", "--keep-temperature")
    assert without[0] == 3
    assert "the unit of the values is not known" in without[2]


def test_files_that_hold_no_second_picture(run, vis, tmp_path):
    code, _, said = run("fuse", vis, "-o", tmp_path / "out.png")
    assert code == 3
    assert "no visible picture inside" in said


def test_a_folder_of_files_that_hold_both(run, flir, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.jpg").write_bytes(flir.read_bytes())
    counts = (np.arange(24 * 32).reshape(24, 32) + 4600).astype(np.uint16)
    (folder / "c.irg").write_bytes(made.irg(counts, visible=made.jpeg(64, 48)))
    (folder / "d.jpg").write_bytes(made.flir_file(SCENE))  # without a visible picture
    command = ("fuse", folder, "-o", out, "-m", "average", "--ir-range", "10C:40C", "--json")
    code, printed, _ = run(*command)
    assert code == 3
    found = json.loads(printed)
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "b.png", "c.png"]
    assert "no visible picture inside" in found["failed"][0]["error"]
    assert len(json.loads(run(*command, "--resume")[1])["skipped"]) == 3
    alone = tmp_path / "alone.png"
    run("fuse", flir, "-o", alone, "-m", "average", "--ir-range", "10C:40C")
    np.testing.assert_array_equal(read_image(out / "a.png").pixels, read_image(alone).pixels)
    code, _, said = run("fuse", folder, "-o", out, "--pair-regex", "(.)")
    assert code == 2
    assert "--pair-regex" in said
    with pytest.warns(imfuse.ImfuseWarning):
        imfuse.fuse(folder, out=tmp_path / "again", model="average", ir_range="10C:40C")
    assert (tmp_path / "again" / "b.png").exists()


def test_inspect_tells_what_a_thermal_file_holds(run, flir, vis, tmp_path):
    code, printed, said = run("inspect", flir, vis)
    assert (code, said) == (0, "")
    for text in (
        "FLIR radiometric JPEG, Made-up T1, 2023-11-15 00:13:20.250+02:00",
        "64x48, 16 bits, gray",
        "°C (1 %",
        "by the camera",
        "emissivity           0.9 (file)",
        "reflected            22 °C (file)",
        "32x24, which viewers show",
        "128x96 JPEG inside; infrared covers 62% of its width, off centre by 4, -6",
        f"imfuse fuse {flir} -o fused.png",
        "64x48, 8 bits, colour",
        f"imfuse fuse IR {vis} -o fused.png",
    ):
        assert text in printed
    code, printed, _ = run("inspect", flir, "--json", "--emissivity", "0.5")
    (row,) = json.loads(printed)["files"]
    assert row["unit"] == "celsius"
    assert row["visible"] == {"width": 128, "height": 96, "format": "JPEG"}
    assert row["placement"] == pytest.approx({"ratio": 1.6, "right": 4, "down": -6})
    assert {"name": "emissivity", "value": 0.5, "unit": "", "source": "user"} in row["parameters"]
    assert row["next"].startswith("imfuse fuse ")


def test_inspect_goes_on_after_a_file_that_cannot_be_read(run, vis, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(vis.read_bytes()[:-20])
    code, printed, said = run("inspect", broken, vis, "--json")
    assert code == 3
    assert "truncated" in said
    found = json.loads(printed)
    assert [row["file"] for row in found["files"]] == [str(vis)]
    assert found["failed"][0]["type"] == "UnreadableImage"


def test_inspect_suggests_a_range_for_raw_values(run, tmp_path):
    raw = tmp_path / "raw.png"
    write_image(raw, Picture(pixels=np.rint(100 * (SCENE + 273.15)).astype(np.uint16)))
    printed = run("inspect", raw)[1]
    assert "the unit is not known" in printed
    assert "in centikelvin" in printed
    assert "--ir-range 2" in printed
    printed = run("inspect", raw, "--ir-unit", "centikelvin")[1]
    assert " K (1 %" in printed
    assert "--ir-range 278K:309K" in printed


def test_inspect_knows_our_own_results(run, flir, tmp_path):
    out = tmp_path / "out.tif"
    run("fuse", flir, "-o", out, "--keep-temperature", "-m", "average")
    printed = run("inspect", out)[1]
    assert "temperatures in degrees Celsius" in printed
    assert "average" in printed
    assert f"imfuse evaluate {out} IR VIS" in printed


def test_every_real_file_opens_or_says_why_not(run, data):
    files = sorted((data / "thermal").glob("*.[ij][rp]g"))
    assert len(files) == 16
    code, printed, said = run("inspect", *files, "--json")
    assert code == 3
    found = json.loads(printed)
    assert [row["file"].rsplit("/", 1)[1] for row in found["failed"]] == ["flir_i7_tiny.jpg"]
    assert "8x8 of uint8" in said
    units = {row["file"].rsplit("/", 1)[1]: row["unit"] for row in found["files"]}
    assert {name for name, unit in units.items() if unit == "counts"} == {
        *("dji_h20t.jpg", "dji_m2ea.jpg", "dji_m30t.jpg", "dji_m3t.jpg")
    }


def test_evaluate_reads_the_same_infrared(run, flir, vis, tmp_path):
    out = tmp_path / "out.png"
    ends = ("--ir-range", "10C:40C")
    assert run("fuse", flir, vis, "-o", out, "-m", "average", *ends)[0] == 0
    code, printed, said = run("evaluate", out, flir, vis, *ends, "--metrics", "EN,CC", "--json")
    assert code == 0, said
    assert json.loads(printed)["mean"]["CC"] > 0.5
    raw = tmp_path / "raw.png"
    write_image(raw, Picture(pixels=np.rint(100 * (SCENE + 273.15)).astype(np.uint16)))
    unit = ("--ir-unit", "centikelvin")
    command = ("evaluate", out, raw, vis, *ends, "--metrics", "EN,CC", "--json")
    assert "--ir-unit" in run(*command)[2]
    code, again, said = run(*command, *unit)
    assert code == 0, said
    first, second = (json.loads(text)["mean"]["CC"] for text in (printed, again))
    assert second == pytest.approx(first, abs=0.01)
    assert run("explain", "CC", out, raw, vis, *ends, *unit, "--json")[0] == 0
    with pytest.warns(imfuse.ImfuseWarning):
        found = imfuse.evaluate(
            out, raw, vis, metrics=["CC"], ir_range="10C:40C", ir_unit="centikelvin"
        )
    assert found["CC"] == pytest.approx(second)
