"""`imfuse align`, `imfuse rig` and `fuse --align` as somebody types them."""

import json

import numpy as np
import pytest

from imfuse.io.images import read_image, write_image
from imfuse.scenes import render
from imfuse.types import Picture
from reference.false_colour import shown
from reference.two_cameras import SIZE, cut, moved

TRUTH = moved(0.9, 1.0, (8.0, -5.0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of infrared and visible pictures of one rig, named alike."""
    root = tmp_path_factory.mktemp("rig")
    for kind in ("ir", "vis"):
        (root / kind).mkdir()
    for seed in range(4):
        scene = render("street-day" if seed % 2 else "street-night", size=SIZE, seed=600 + seed)
        as_bytes = [np.rint(255 * one).astype(np.uint8) for one in (scene.ir, scene.vis)]
        pair = cut(tuple(as_bytes), TRUTH, SIZE)
        write_image(root / "ir" / f"{seed}.png", pair.ir)
        write_image(root / "vis" / f"{seed}.png", pair.vis)
    return root


def one(folders, index=0):
    return folders / "ir" / f"{index}.png", folders / "vis" / f"{index}.png"


def test_align_prints_the_contract(run, folders, tmp_path):
    out, page = tmp_path / "warped.png", tmp_path / "page.html"
    code, printed, _ = run("align", *one(folders), "--json", "-o", out, "--report", page)
    found = json.loads(printed)
    assert code == 0
    assert set(found) == {
        *("status", "reason", "matrix", "confidence", "rms_px", "estimator", "seconds")
    }
    assert (found["status"], found["reason"]) == ("registered", None)
    np.testing.assert_allclose(np.array(found["matrix"])[:2, :2], TRUTH[:2, :2], atol=0.02)
    warped = read_image(out)
    assert warped.size == SIZE
    assert warped.alpha[0, 0] == 0  # the infrared picture sees less than the visible one
    text = page.read_text()
    assert text.count("<img ") == 4
    assert "http" not in text.replace("http-equiv", "")


def test_infrared_in_false_colour_is_turned_back(run, folders, tmp_path):
    ir, vis = one(folders, 1)
    (tmp_path / "ir").mkdir()
    coloured, gray, plain = tmp_path / "ir" / "1.png", tmp_path / "gray.png", tmp_path / "plain.png"
    write_image(coloured, Picture(pixels=shown("rainbow", read_image(ir).pixels / 255, 95)))
    assert run("align", ir, vis, "-o", plain)[0] == 0
    code, _, said = run("align", coloured, vis, "-o", gray, "--palette", "rainbow")
    assert code == 0, said
    expected, found = (read_image(path).pixels[100:-100, 100:-100] for path in (plain, gray))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.98
    (tmp_path / "vis").mkdir()
    write_image(tmp_path / "vis" / "1.png", read_image(vis))
    asked = "rig", "calibrate", tmp_path / "ir", tmp_path / "vis", "-o", tmp_path / "rig.json"
    code, _, said = run(*asked, "--palette", "no-such")
    assert code == 2
    assert "no-such" in said
    assert run(*asked, "--palette", "rainbow")[0] == 0
    asked = "rig", "check", tmp_path / "rig.json", coloured, vis, "--palette", "rainbow", "--json"
    assert json.loads(run(*asked)[1])["moved_px"] < 2


def test_what_is_not_sure_is_refused_and_writes_nothing(run, folders, tmp_path):
    ir, other = folders / "ir" / "0.png", tmp_path / "other.png"
    vis = read_image(folders / "vis" / "3.png")
    write_image(other, Picture(pixels=np.ascontiguousarray(vis.pixels[:, ::-1])))
    out = tmp_path / "fused.png"
    code, printed, said = run("align", ir, other, "--json", "-o", out)
    found = json.loads(printed)
    assert (code, found["status"]) == (3, "refused")
    assert found["reason"] in {"low_confidence", "estimators_disagree", "no_overlap"}
    assert "--align off" in said
    code, _, said = run("fuse", ir, other, "-o", out, "--align", "auto", "-m", "max")
    assert (code, found["reason"] in said) == (3, True)
    assert not out.exists()


def test_a_folder_goes_on_without_refused_pairs(run, folders, tmp_path):
    blank = tmp_path / "vis"
    blank.mkdir()
    for index in range(2):
        vis = read_image(folders / "vis" / f"{index}.png")
        pixels = vis.pixels if index else np.zeros_like(vis.pixels)
        write_image(blank / f"{index}.png", Picture(pixels=pixels))
    ir = tmp_path / "ir"
    ir.mkdir()
    for index in range(2):
        write_image(ir / f"{index}.png", read_image(folders / "ir" / f"{index}.png"))
    out = tmp_path / "out"
    code, printed, _ = run("fuse", ir, blank, "-o", out, "--align", "auto", "-m", "max", "--json")
    told = json.loads(printed)
    assert code == 3
    assert [row["out"].rpartition("/")[2] for row in told["outputs"]] == ["1.png"]
    assert "too_few_matches" in told["failed"][0]["error"]


def test_a_rig_is_calibrated_shown_checked_and_used(run, folders, tmp_path):
    rig = tmp_path / "rig.json"
    code, _, said = run("rig", "calibrate", folders / "ir", folders / "vis", "-o", rig)
    assert (code, "pairs" in said) == (0, True)
    code, printed, said = run("rig", "show", rig)
    assert (code, "infrared sees 90 % of the visible width" in said) == (0, True)
    code, printed, _ = run("rig", "check", rig, folders / "ir", folders / "vis", "--json")
    assert (code, json.loads(printed)["status"]) == (0, "fits")
    for frame, size in (("vis", SIZE), ("ir", SIZE)):
        out = tmp_path / f"{frame}.png"
        options = ("-o", out, "-m", "max", "--align", rig, "--frame", frame, "--json")
        code, printed, _ = run("fuse", *one(folders), *options)
        assert (code, read_image(out).size) == (0, size)
        told = json.loads(printed)["outputs"][0]["history"]
        assert told["registration"]["estimator"] == "rig"
        assert told["options"]["align"] == "rig.json"  # without the user's folders
    run("fuse", *one(folders), "-o", out, "-m", "max", "--align", rig, "--frame", "overlap")
    assert read_image(out).size < SIZE


def test_sources_are_never_replaced(run, folders, tmp_path):
    ir, vis = one(folders)
    before = vis.read_bytes(), ir.read_bytes()
    for options in (("-o", vis), ("--report", ir)):
        assert run("align", ir, vis, *options)[0] == 3
    named = folders / "ir" / "0.json"
    assert (
        run("rig", "calibrate", folders / "ir", folders / "vis", "-o", tmp_path / "a.txt")[0] == 2
    )
    assert not named.exists()
    assert before == (vis.read_bytes(), ir.read_bytes())


def test_one_folder_and_one_file_make_no_rig(run, folders, tmp_path):
    code, _, said = run("rig", "calibrate", *one(folders), "-o", tmp_path / "rig.json")
    assert (code, "two folders" in said) == (2, True)
