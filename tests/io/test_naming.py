"""Hints on patterns, for names as cameras and sets give them.

The oracle is the true pairing, written out here from the makers' own rules. A hint may be missing
where names leave doubt, but it must never pair two files that do not belong together.
"""

import os
import re
import shlex
import unicodedata

import numpy as np
import pytest

from imfuse.errors import PairMismatch
from imfuse.io.pairs import match_folders, match_triples

MINUTES = [f"20230815{9 + i // 60:02d}{i % 60:02d}{(7 * i) % 60:02d}" for i in range(70)]


def later(stamp, seconds):
    return f"{int(stamp) + seconds:014d}"  # the seconds below stay under 60


FOUND = {
    "DJI H20T and M3T: own times, one running number": [
        (
            f"DJI_202308151215{2 * i:02d}_{i + 1:04d}_T",
            f"DJI_202308151215{2 * i + 1:02d}_{i + 1:04d}_W",
        )
        for i in range(20)
    ],
    "DJI over two days: numbers begin again": [
        (
            f"DJI_202308{day}1215{2 * i:02d}_{i + 1:04d}_THRM",
            f"DJI_202308{day}1215{2 * i:02d}_{i + 1:04d}_WIDE",
        )
        for day in (15, 16)
        for i in range(20)
    ],
    "DJI, one pair": [("DJI_20230815121500_0001_W", "DJI_20230815121501_0001_T")],
    "TNO, one numbering": [(f"IR{i:02d}", f"VIS{i}") for i in range(1, 26)],
    "TNO, one pair": [("IR01", "VIS1")],
    "TNO, names of scenes": [
        (f"{scene}_IR", f"{scene}_Vis")
        for scene in (
            "Kaptein_1123",
            "soldier_in_trench_1",
            "airplane_in_trees",
            "bench",
            "Kaptein_19",
        )
    ],
    "KAIST, flattened": [
        (f"set{s:02d}_V{v:03d}_I{i:05d}_lwir", f"set{s:02d}_V{v:03d}_I{i:05d}_visible")
        for s in (0, 6)
        for v in (0, 1)
        for i in range(0, 100, 20)
    ],
    "LLVIP, with words": [(f"{i:06d}_infrared", f"{i:06d}_visible") for i in range(10001, 10040)],
    "M3FD, words before": [(f"Ir_{i:05d}", f"Vis_{i:05d}") for i in range(60)],
    "CVC-14, times to the microsecond": [
        (f"FIR_2014_05_01_13_{m:02d}_48_617000", f"Visible_2014_05_01_13_{m:02d}_48_617000")
        for m in range(10, 40)
    ],
    "FLIR ADAS 1, previews": [(f"FLIR_{i:05d}_thermal", f"FLIR_{i:05d}_rgb") for i in range(1, 50)],
    "FLIR Duo Pro R: time and milliseconds": [
        (
            f"20180816_0934{i:02d}_{(i * 37) % 1000:03d}_IR",
            f"20180816_0934{i:02d}_{(i * 37) % 1000:03d}_8b",
        )
        for i in range(30)
    ],
    "Teledyne FLIR handhelds: one time for both": [
        (f"{stamp[:8]}_{stamp[8:]}_IR", f"{stamp[:8]}_{stamp[8:]}_VIS") for stamp in MINUTES
    ],
    "RGBT234: a letter behind the number": [(f"{i:05d}i", f"{i:05d}v") for i in range(30)],
    "LasHeR: a letter before it": [(f"i{i:06d}", f"v{i:06d}") for i in range(30)],
    "VEDAI": [(f"{i:08d}_ir", f"{i:08d}_co") for i in range(30)],
    "Freiburg thermal: epoch in the middle": [
        (f"fl_ir_aligned_157893{i:04d}_93", f"fl_rgb_aligned_157893{i:04d}_93") for i in range(30)
    ],
    "two numbered cameras": [(f"cam0_{i:04d}", f"cam1_{i:04d}") for i in range(30)],
    "takes with the same frames": [
        (f"take3a_frame_{i:04d}", f"take3b_frame_{i:04d}") for i in range(1, 10)
    ],
    "other order": [(f"{i:04d}-thermal", f"rgb-{i}") for i in range(1, 12)],
    "words that are patterns": [(f"[a+b] (ir) {i}", f"[a+b] (vis) {i}") for i in range(1, 12)],
    "a quote": [(f"it's {i} ir", f"it's {i} vis") for i in range(1, 12)],
}

NONE = {
    "takes whose frames differ": [("take3a_frame_0001", "take3b_frame_0009")],
    "takes whose counters are shifted": [
        (f"take3a_frame_{i:04d}", f"take3b_frame_{i + 8:04d}") for i in range(1, 40)
    ],
    "two takes": [(f"take3_{i:04d}_ir", f"take4_{i:04d}_vis") for i in range(1, 40)],
    "FLIR E-series: the photo has the next number": [
        (f"IR_{2 * i + 1:04d}", f"DC_{2 * i + 2:04d}") for i in range(30)
    ],
    "counters shifted by one": [(f"IR_{i:04d}", f"VIS_{i + 1:04d}") for i in range(1, 100)],
    "FLIR and GoPro, counters of their own": [
        (f"FLIR{i:04d}", f"GOPR{i + 113:04d}") for i in range(1, 30)
    ],
    "FLIR and GoPro, counters that overlap": [
        (f"FLIR{i:04d}", f"GOPR{i + 3:04d}") for i in range(1, 30)
    ],
    "FLIR ADAS 2: ids of video and frame differ": [
        (
            f"video-57kWWRyeqqHs3Byei-frame-{i + 71:06d}-b6tuLjNco8MfoBs3d",
            f"video-BzZspxAweF8AnKhWK-frame-{i:06d}-SSCRtAHcFjphNPczJ",
        )
        for i in range(0, 300, 10)
    ],
    "DJI, numbers of two flights": [
        (f"DJI_2023081512{i:02d}00_{i + 1:04d}_T", f"DJI_2023081514{i:02d}00_{i + 9:04d}_W")
        for i in range(30)
    ],
    "DJI, one pair of two days": [("DJI_20230815121500_0001_W", "DJI_20230816121500_0002_T")],
    "cameras with clocks of their own": [
        (f"{stamp}_IR", f"{later(stamp, 3)}_VIS")
        for stamp in (f"20230815121{i}00" for i in range(9))
    ],
    "other scenes": [("house_1", "tree_2"), ("house_2", "tree_3"), ("house_3", "tree_1")],
    "numbers in another order": [(f"ir_{i}_{20 - i}", f"vis_{20 - i}_{i}") for i in range(10)],
}


def make(tmp_path, pairs, seed=0):
    rng = np.random.default_rng(seed)
    folders = []
    for which, suffix in ((0, ".tiff"), (1, ".jpg")):
        folder = tmp_path / ("ir", "vis")[which]
        folder.mkdir()
        for pair in rng.permutation(pairs).tolist():
            (folder / (pair[which] + suffix)).touch()
        folders.append(folder)
    return folders


def hint_of(ir, vis):
    with pytest.raises(PairMismatch) as caught:
        match_folders(ir, vis)
    words = shlex.split(caught.value.remedy.replace(";", " ;"))
    return words[1] if words[0] == "--pair-regex" else None, caught.value.remedy


@pytest.mark.parametrize("name", FOUND)
def test_hints_give_the_true_pairs(tmp_path, name):
    ir, vis = make(tmp_path, FOUND[name])
    pattern, remedy = hint_of(ir, vis)
    assert pattern is not None, remedy
    matching = match_folders(ir, vis, pattern)
    assert sorted((p.ir.stem, p.vis.stem) for p in matching.pairs) == sorted(FOUND[name])
    assert matching.ambiguous == ()
    count = len(FOUND[name])
    assert f"gives {count} pair{'' if count == 1 else 's'}, such as" in remedy
    shown = re.search("such as (.*) with (.*); otherwise", remedy)
    assert (shown[1], shown[2]) in FOUND[name]
    assert "--pairs FILE.csv" in remedy


@pytest.mark.parametrize("name", NONE)
def test_names_that_leave_doubt_get_no_hint(tmp_path, name):
    pattern, remedy = hint_of(*make(tmp_path, NONE[name]))
    assert pattern is None, remedy
    assert "--pairs FILE.csv" in remedy


@pytest.mark.parametrize("seed", range(30))
def test_a_file_too_many_and_counters_of_their_own(tmp_path, seed):
    """Against chance: whatever is suggested for such names, every pair of it is a true one."""
    rng = np.random.default_rng(seed)
    shift = int(rng.choice([0, 0, 1, 2, 50]))
    head, tail = rng.choice(["", "a", "Xy", "take", "B"], 2)
    pairs = [
        (f"{head}{i:04d}{tail}_ir", f"{head}{i + shift:04d}{tail}_vis")
        for i in rng.choice(1000, int(rng.integers(5, 60)), replace=False)
    ]
    ir, vis = make(tmp_path, pairs, seed)
    (vis / "a title picture.jpg").touch()
    pattern, _ = hint_of(ir, vis)
    found = match_folders(ir, vis, pattern).pairs if pattern else ()
    assert {(p.ir.stem, p.vis.stem) for p in found} <= set(pairs)
    assert (pattern is not None) == (shift == 0)


def test_fused_pictures_get_a_hint_that_keeps_the_pairs_of_sources(tmp_path):
    ir, vis = make(tmp_path, [(f"{i:05d}D", f"{i:05d}D") for i in range(5)])
    fused = tmp_path / "fused"
    fused.mkdir()
    for i in range(5):
        (fused / f"{i:05d}D_SomeMethod.png").touch()
    with pytest.raises(PairMismatch, match="--pair-regex") as caught:
        match_triples(fused, ir, vis)
    pattern = shlex.split(caught.value.remedy)[1]
    triples = match_triples(fused, ir, vis, pattern).triples
    assert [t.fused.stem for t in triples] == [f"{t.ir.stem}_SomeMethod" for t in triples]
    assert [t.ir.stem for t in triples] == [t.vis.stem for t in triples]
    for path in fused.iterdir():
        path.rename(fused / f"{99 - int(path.name[:5])}.png")
    with pytest.raises(PairMismatch, match=r"Fused|fused.*--pairs FILE\.csv") as caught:
        match_triples(fused, ir, vis)
    assert "--pair-regex" not in str(caught.value)


@pytest.mark.parametrize(("one", "other"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_unicode_forms_of_a_name_match_and_open(tmp_path, one, other):
    name = "Züge über Genève が"
    ir, vis = make(tmp_path, [tuple(unicodedata.normalize(form, name) for form in (one, other))])
    (pair,) = match_folders(ir, vis).pairs
    assert pair.ir.exists()
    assert pair.vis.exists()
    assert pair.key == unicodedata.normalize("NFC", name)
    (pair,) = match_folders(ir, vis, "(ü.*è)").pairs
    assert pair.key == unicodedata.normalize("NFC", "üge über Genè")


def test_two_forms_of_one_name_in_one_folder_are_ambiguous(tmp_path):
    ir, vis = make(tmp_path, [("é", "é")])
    (vis / (unicodedata.normalize("NFD", "é") + ".png")).touch()
    matching = match_folders(ir, vis)
    assert (matching.pairs, len(matching.ambiguous)) == ((), 1)


def test_names_that_are_not_utf_8_match_and_print(tmp_path):
    latin = os.fsdecode(b"caf\xe9 \x1b[31m")
    ir, vis = make(tmp_path, [(latin, latin)])
    (pair,) = match_folders(ir, vis).pairs
    assert pair.ir.exists()
    (vis / pair.vis.name).rename(vis / "other.png")
    with pytest.raises(PairMismatch) as caught:
        match_folders(ir, vis)
    assert r"caf\xe9 \x1b[31m.tiff" in str(caught.value)
    (ir / f"{latin}.png").touch()
    (vis / f"{latin}.png").touch()
    ((_, message),) = match_folders(ir, vis).ambiguous
    assert r"caf\xe9 \x1b[31m.png" in message
    message.encode()


def test_names_that_differ_in_case_only_are_two_names(tmp_path):
    with pytest.raises(PairMismatch):
        match_folders(*make(tmp_path, [("A", "a")]))
