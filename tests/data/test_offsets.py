"""Pairs that line up better elsewhere are found, and those of public sets are left in peace."""

import re

import cv2
import numpy as np
import pytest

from imfuse.data import open_source
from imfuse.data.checks import examine, report
from imfuse.data.offsets import displaced, find_offset
from imfuse.data.rendered import render_pairs
from imfuse.data.sample import gray
from imfuse.data.sources import Selection
from imfuse.scenes import SCENES, render


@pytest.fixture(scope="module")
def pairs():
    scenes = [render(SCENES[i % len(SCENES)], size=(240, 320), seed=70 + i) for i in range(6)]
    return [(scene.ir, gray(scene.vis)) for scene in scenes]


@pytest.mark.parametrize(("dx", "dy"), [(4, 0), (0, -4), (-7, 5), (15, -15)])
@pytest.mark.parametrize("sign", [1, -1])
def test_known_shifts_are_found_whatever_is_brighter(pairs, dx, dy, sign):
    moved = [
        (np.roll(sign * ir + (sign < 0), (-dy, -dx), (0, 1)).astype(np.float32), vis)
        for ir, vis in pairs
    ]
    offsets = [find_offset(*pair) for pair in moved]
    assert sum((o.dx, o.dy, o.clear) == (dx, dy, True) for o in offsets) >= 4
    message = displaced(offsets)
    assert f"about {dx:+d} columns and {dy:+d} rows" in message
    assert f"of {len(pairs)} pairs" in message


def test_pairs_in_place_and_pictures_without_edges(pairs):
    assert displaced([find_offset(*pair) for pair in pairs]) == ""
    flat = np.full((240, 320), 7, np.uint8)
    assert find_offset(flat, flat) is None
    assert find_offset(np.zeros((63, 500), np.uint8), np.zeros((63, 500), np.uint8)) is None
    noise = np.random.default_rng(1).random((24, 100, 120), dtype=np.float32)
    assert displaced([find_offset(noise[i], noise[-1 - i]) for i in range(12)]) == ""
    assert displaced([]) == ""


def test_offsets_of_large_pictures_are_in_their_own_pixels(pairs):
    ir, vis = (cv2.resize(p, (1600, 1200), interpolation=cv2.INTER_CUBIC) for p in pairs[0])
    found = find_offset(np.roll(ir, -20, 1), vis)
    assert abs(found.dx - 20) <= 2.5
    assert abs(found.dy) <= 2.5
    assert found.clear


@pytest.mark.parametrize(("misalign", "found"), [(0, False), (4, True)])
def test_check_of_rendered_pairs(tmp_path, misalign, found):
    render_pairs(tmp_path, SCENES, count=10, size=(240, 320), seed=40, misalign=misalign)
    source = open_source(tmp_path)
    findings = report(source, list(examine(source))).findings
    assert [finding.kind for finding in findings] == ["offset"] * found


@pytest.mark.parametrize("folder", ["msrs/test", "roadscene", "llvip256/train"])
def test_public_sets_are_left_in_peace(data, folder):
    source = open_source(data / folder, layout="side-by-side" if "llvip" in folder else None)
    some = Selection(source, np.linspace(0, len(source) - 1, 48).astype(int).tolist())
    findings = report(some, list(examine(some))).findings
    assert not {"offset", "swapped", "boxes"} & {finding.kind for finding in findings}


@pytest.mark.parametrize(("dx", "dy"), [(6, 0), (9, 6), (-5, 4)])
@pytest.mark.parametrize("folder", ["msrs/test", "roadscene"])
def test_a_shift_of_all_pairs_is_found_even_at_night(data, folder, dx, dy):
    source = open_source(data / folder)
    samples = [source.load(i) for i in np.linspace(0, len(source) - 1, 16).astype(int).tolist()]
    moved = [np.roll(sample.ir, (-dy, -dx), (0, 1)) for sample in samples]
    pairs = zip(moved, [gray(sample.vis) for sample in samples], strict=True)
    message = displaced([find_offset(*pair) for pair in pairs])
    found = re.search(r"about ([+-]\d+) columns and ([+-]\d+) rows", message)
    assert abs(int(found[1]) - dx) <= 2
    assert abs(int(found[2]) - dy) <= 2


def test_swapped_folders_are_said_once(tmp_path):
    render_pairs(tmp_path, ["random"], count=3, size=(24, 32), seed=0)
    source = open_source(tmp_path)
    assert report(source, list(examine(source))).findings == ()
    (tmp_path / "ir").rename(tmp_path / "x")
    (tmp_path / "vis").rename(tmp_path / "ir")
    (tmp_path / "x").rename(tmp_path / "vis")
    source = open_source(tmp_path)
    (finding,) = report(source, list(examine(source))).findings
    assert (finding.kind, finding.where) == ("swapped", "all")
    assert "in 3 of 3 pairs the infrared picture is coloured" in finding.message


def test_single_swapped_pairs_are_named(tmp_path):
    render_pairs(tmp_path, ["random"], count=5, size=(24, 32), seed=0)
    ir, vis = (sorted((tmp_path / role).iterdir()) for role in ("ir", "vis"))
    for place in (1, 3):
        first, second = ir[place].read_bytes(), vis[place].read_bytes()
        ir[place].write_bytes(second)
        vis[place].write_bytes(first)
    source = open_source(tmp_path)
    findings = report(source, list(examine(source))).findings
    assert [(one.kind, one.where) for one in findings] == [
        ("swapped", ir[place].stem) for place in (1, 3)
    ]
