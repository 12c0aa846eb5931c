"""`imfuse palette`, and `imfuse fuse --palette`, on files."""

import json

import numpy as np
import pytest
from PIL import Image

from imfuse import read_image
from reference.false_colour import scene, shown, with_marks


@pytest.fixture
def thermal(tmp_path):
    path = tmp_path / "thermal.jpg"
    rgb, _, _ = with_marks("iron", scene("street-day", 2))
    Image.fromarray(rgb).save(path, quality=90)
    return path


def test_values_are_written_in_16_bits_with_marks_transparent(run, thermal, tmp_path):
    out = tmp_path / "values.png"
    code, stdout, stderr = run("palette", thermal, "-o", out)
    assert (code, stdout) == (0, "")
    assert "iron turned back into values" in stderr
    assert "writing and other marks hide" in stderr
    written = read_image(out)
    assert written.pixels.dtype == np.uint16
    clear = written.alpha > 0
    assert 0.8 < clear.mean() < 0.99
    assert np.abs(written.pixels / 65535 - scene("street-day", 2))[clear].mean() < 0.015


def test_tiff_holds_degrees_and_json_the_errors(run, thermal, tmp_path):
    out = tmp_path / "degrees.tif"
    code, stdout, _ = run("palette", thermal, "-o", out, "--palette-range", "10C:30C", "--json")
    assert code == 0
    found = json.loads(stdout)["reading"]
    assert found["palette"] == "iron"
    assert 0 < found["mean_off"] < 5
    assert found["bar"]["columns"][0] > 290
    written = read_image(out)
    clear = ~written.nodata
    truth = 10 + 20 * scene("street-day", 2)
    assert np.abs(written.pixels - truth)[clear].mean() < 0.3


def test_gray_pictures_are_copied_and_said_to_be_gray(run, tmp_path):
    gray = tmp_path / "gray.png"
    Image.fromarray(shown("white-hot", scene())[..., 0]).save(gray)
    code, stdout, stderr = run("palette", gray, "-o", tmp_path / "out.png", "--json")
    assert code == 0
    assert json.loads(stdout)["reading"] is None
    code, _, stderr = run("palette", gray, "-o", tmp_path / "out.png")
    assert "gray as it was" in stderr


def test_what_is_no_palette_is_refused_and_writes_nothing(run, tmp_path, rng):
    photo = tmp_path / "photo.png"
    blocks = rng.integers(0, 255, (20, 20, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    Image.fromarray(blocks).save(photo)
    code, _, stderr = run("palette", photo, "-o", tmp_path / "out.png")
    assert code == 3
    assert "levels off the nearest palette" in stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--palette", "irn"], "iron"),
        (["--palette-range", "12:40"], "unit"),
        (["--palette-range", "40C:12C"], "cold end first"),
    ],
)
def test_usage_errors_name_the_option(run, thermal, tmp_path, arguments, found):
    code, _, stderr = run("palette", thermal, "-o", tmp_path / "out.png", *arguments)
    assert code == 2
    assert found in stderr


def test_truncated_and_foreign_files_are_refused(run, thermal, tmp_path):
    broken = tmp_path / "broken.jpg"
    for content in (thermal.read_bytes()[:2000], b"no picture", b""):
        broken.write_bytes(content)
        code, _, _ = run("palette", broken, "-o", tmp_path / "out.png")
        assert code == 3
    code, _, _ = run("palette", thermal, "-o", thermal)
    assert code == 3


def test_files_are_fused_by_their_values(run, thermal, tmp_path):
    vis, out = tmp_path / "vis.png", tmp_path / "out.png"
    Image.fromarray(np.zeros((256, 320), np.uint8)).save(vis)
    code, stdout, _ = run(
        "fuse", thermal, vis, "-o", out, "-m", "max", "--palette", "auto", "--json"
    )
    assert code == 0
    history = json.loads(stdout)["outputs"][0]["history"]
    assert history["palette"]["palette"] == "iron"
    assert history["options"]["palette"] == "auto"
    fused = read_image(out).pixels / 255
    shown_there = fused > 0
    assert np.abs(fused - scene("street-day", 2))[shown_there].mean() < 0.02


def test_folders_share_a_range_of_values(run, tmp_path):
    ir, vis = tmp_path / "ir", tmp_path / "vis"
    ir.mkdir()
    vis.mkdir()
    values = scene("street-day", 2)
    for name, strength in (("a", 1), ("b", 0.5)):
        Image.fromarray(shown("rainbow", values * strength)).save(ir / f"{name}.png")
        Image.fromarray(np.zeros((256, 320), np.uint8)).save(vis / f"{name}.png")
    out = tmp_path / "out"
    code, _, stderr = run(
        "fuse", ir, vis, "-o", out, "-m", "max", "--palette", "rainbow", "--ir-range", "auto"
    )
    assert code == 0
    assert "infrared range" in stderr
    first, second = (read_image(out / f"{name}.png").pixels.mean() for name in "ab")
    assert second < 0.75 * first
