"""Which pairs a benchmark takes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imfuse
from imfuse.data.opening import open_for_comparing, open_source
from imfuse.data.rendered import render_pairs
from imfuse.data.sources import Joined, Selection
from imfuse.errors import DatasetNotFound, PairMismatch, UsageError
from imfuse.io.images import read_image
from imfuse.types import Metadata, Picture

COPIES = Path(__file__).parent


def make(folder, names, value):
    folder.mkdir(parents=True)
    for name in names:
        imfuse.write_image(folder / name, Picture(pixels=np.full((3, 4), value, np.uint8)))


@pytest.mark.parametrize(("ir", "vis"), [("ir", "vis"), ("Ir", "Vi"), ("Infrared", "Visible")])
def test_folders_of_many_names(tmp_path, ir, vis):
    make(tmp_path / ir, ["a.png", "b.png"], 1)
    make(tmp_path / vis, ["b.png", "a.png", "c.png"], 2)
    found = open_for_comparing(tmp_path).pairs()
    assert [pair.name for pair in found] == ["a", "b"]
    loaded = found[0].load()
    assert (loaded.ir.pixels.max(), loaded.vis.pixels.max()) == (1, 2)


def test_lists_and_limits(tmp_path):
    for folder in ("ir", "vis"):
        make(tmp_path / folder, ["1.png", "2.png", "x.5.png"], 1)
    names = tmp_path / "names.txt"
    names.write_text("2.png\nx.5\n")
    assert open_for_comparing(tmp_path, names=names).names == ("2", "x.5")
    assert open_for_comparing(tmp_path, names=names, limit=1).names == ("2",)
    names.write_text("3\n")
    with pytest.raises(PairMismatch, match=r"1 names have no pair \(3\)"):
        open_for_comparing(tmp_path, names=names)
    names.write_text("")
    with pytest.raises(UsageError, match="no pairs"):
        open_for_comparing(tmp_path, names=names)
    with pytest.raises(DatasetNotFound, match="can't read the list"):
        open_for_comparing(tmp_path, names=tmp_path / "none.txt")


def test_what_is_no_set_is_refused(tmp_path):
    make(tmp_path / "ir", ["a.png"], 1)
    with pytest.raises(DatasetNotFound, match="no layout that we know.*ir/ and vis/ below it"):
        open_for_comparing(tmp_path)
    with pytest.raises(DatasetNotFound, match="there is no such folder"):
        open_for_comparing(tmp_path / "none")


def test_scenes_are_rendered_when_they_are_needed(tmp_path):
    source = open_for_comparing("scenes:7")
    found = source.pairs()
    assert len({pair.name for pair in found}) == len(found) == 7
    first, again = found[5].load(), found[5].load()
    assert first.vis.size == (480, 640)
    np.testing.assert_array_equal(first.vis.pixels, again.vis.pixels)
    assert len(open_for_comparing("scenes")) == 20
    for wrong in ("scenes:0", "scenes:-1", "scenes:x"):
        with pytest.raises(UsageError, match="scenes:N"):
            open_for_comparing(wrong)
    # The same scenes by the same names as `imfuse scenes` writes.
    (row,) = render_pairs(tmp_path, ["street-day"], count=1, size=(480, 640), seed=0)
    assert found[0].name == row["name"]
    np.testing.assert_array_equal(
        found[0].load().ir.pixels, read_image(tmp_path / "ir" / f"{row['name']}.png").pixels
    )


def test_the_test_split_is_taken_where_there_is_one(tmp_path):
    msrs = COPIES / "msrs"
    assert open_for_comparing(msrs).names == ("00004N", "00055D")
    assert len(open_for_comparing(msrs, split="all")) == 5
    assert open_for_comparing(msrs, split="train").names == ("00001D", "00002D", "00003N")
    assert len(open_for_comparing(COPIES / "plain")) == 3
    assert {e.split for e in open_for_comparing(COPIES / "plain-splits").entries} == {
        "train",
        "val",
    }
    names = tmp_path / "names.txt"
    names.write_text("00001D.png\n")
    assert open_for_comparing(msrs, names=names).names == ("00001D",)
    with pytest.raises(UsageError, match="split 'some'"):
        open_for_comparing(msrs, split="some")
    with pytest.raises(DatasetNotFound):
        open_for_comparing(COPIES / "plain", layout="mfnet")


LAYOUTS = sorted(
    str(path.relative_to(COPIES))
    for path in [
        *COPIES.iterdir(),
        *(COPIES / "harvard").iterdir(),
        COPIES / "harvard-flat/MRI_PET",
    ]
    if path.is_dir() and path.name not in ("harvard", "harvard-flat", "__pycache__")
)


@pytest.mark.parametrize("folder", LAYOUTS)
def test_pictures_of_every_layout_are_those_of_its_samples(folder):
    source = open_for_comparing(COPIES / folder, split="all")
    for index, named in enumerate(source.pairs()):
        sample, pair = source.load(index), named.load()
        assert named.name == sample.name
        assert pair.ir.size == pair.vis.size == sample.size
        assert pair.vis.alpha is None
        vis = pair.vis.pixels if pair.vis.is_colour else np.dstack([pair.vis.pixels] * 3)
        np.testing.assert_array_equal(vis, sample.vis)
        if not pair.ir.is_colour:
            np.testing.assert_array_equal(pair.ir.pixels, sample.ir)


def test_pictures_keep_their_depth_and_metadata(tmp_path):
    ir = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    for folder in ("ir", "vis"):
        (tmp_path / folder).mkdir()
    imfuse.write_image(
        tmp_path / "ir" / "a.png", Picture(pixels=ir, metadata=Metadata(dpi=(72, 72)))
    )
    Image.new("RGBA", (4, 3), (1, 2, 3, 4)).save(tmp_path / "vis" / "a.png")
    source = open_source(tmp_path)
    for one in (source, Selection(source, [0]), Joined([source, open_source("scenes:1")])):
        pair = one.pair(0)
        assert pair.ir.pixels.dtype == np.uint16
        np.testing.assert_array_equal(pair.ir.pixels, ir)
        assert pair.ir.metadata.dpi == pytest.approx((72, 72), abs=0.1)
        assert pair.ir.name == str(tmp_path / "ir" / "a.png")
        np.testing.assert_array_equal(pair.vis.alpha, np.full((3, 4), 4))


def test_names_of_any_kind(tmp_path):
    """Names in two Unicode forms, and names that are not UTF-8, make pairs and can be listed."""
    for folder, name in (("ir", "u\u0308"), ("vis", "ü")):
        make(tmp_path / folder, [f"{name}.png", os.fsdecode(b"caf\xe9.png")], 1)
    names = tmp_path / "names.txt"
    names.write_bytes("u\u0308\n".encode() + b"caf\xe9.png\n")
    source = open_for_comparing(tmp_path, names=names)
    assert sorted(source.names) == sorted(["ü", os.fsdecode(b"caf\xe9")])
    assert source.unmatched == ()
    assert [pair.load().ir.size for pair in source.pairs()] == [(3, 4)] * 2
    assert len(source.fingerprint) == 64
    shutil.copytree(tmp_path / "ir", tmp_path / "labels")
    assert all(entry.labelled for entry in open_source(tmp_path).entries)
