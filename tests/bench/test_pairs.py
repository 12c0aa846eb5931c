"""Which pairs a benchmark takes."""

import numpy as np
import pytest

import imfuse
from imfuse.bench.pairs import find_pairs
from imfuse.errors import DatasetNotFound, PairMismatch, UsageError
from imfuse.types import Picture


def make(folder, names, value):
    folder.mkdir(parents=True)
    for name in names:
        imfuse.write_image(folder / name, Picture(pixels=np.full((3, 4), value, np.uint8)))


@pytest.mark.parametrize(("ir", "vis"), [("ir", "vis"), ("Ir", "Vi"), ("Infrared", "Visible")])
def test_folders_of_many_names(tmp_path, ir, vis):
    make(tmp_path / ir, ["a.png", "b.png"], 1)
    make(tmp_path / vis, ["b.png", "a.png", "c.png"], 2)
    found = find_pairs(str(tmp_path))
    assert [pair.name for pair in found] == ["a", "b"]
    loaded = found[0].load()
    assert (loaded.ir.pixels.max(), loaded.vis.pixels.max()) == (1, 2)


def test_lists_and_limits(tmp_path):
    for folder in ("ir", "vis"):
        make(tmp_path / folder, ["1.png", "2.png", "x.5.png"], 1)
    names = tmp_path / "names.txt"
    names.write_text("2.png\nx.5\n")
    assert [pair.name for pair in find_pairs(str(tmp_path), names=names)] == ["2", "x.5"]
    assert [pair.name for pair in find_pairs(str(tmp_path), names=names, limit=1)] == ["2"]
    names.write_text("3\n")
    with pytest.raises(PairMismatch, match=r"1 names have no pair \(3\)"):
        find_pairs(str(tmp_path), names=names)
    names.write_text("")
    with pytest.raises(UsageError, match="no pairs"):
        find_pairs(str(tmp_path), names=names)
    with pytest.raises(DatasetNotFound, match="can't read the list"):
        find_pairs(str(tmp_path), names=tmp_path / "none.txt")


def test_missing_folders_say_what_was_expected(tmp_path):
    make(tmp_path / "ir", ["a.png"], 1)
    with pytest.raises(DatasetNotFound, match="no folder of visible pictures.*vis, vi, visible"):
        find_pairs(str(tmp_path))
    with pytest.raises(DatasetNotFound, match="there is no such folder"):
        find_pairs(str(tmp_path / "none"))


def test_scenes_are_rendered_when_they_are_needed():
    found = find_pairs("scenes:7")
    assert len(found) == 7
    assert len({pair.name for pair in found}) == 7
    first, again = found[5].load(), found[5].load()
    assert first.vis.size == (480, 640)
    np.testing.assert_array_equal(first.vis.pixels, again.vis.pixels)
    assert len(find_pairs("scenes")) == 20
    for wrong in ("scenes:0", "scenes:-1", "scenes:x"):
        with pytest.raises(UsageError, match="scenes:N"):
            find_pairs(wrong)
