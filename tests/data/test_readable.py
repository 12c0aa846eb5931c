"""Training's early check: what can't be read is named before the first step, all of it."""

import shutil
import time
from pathlib import Path

import pytest
from PIL import Image

from imfuse.data import Source, open_source
from imfuse.data.checks import check_readable
from imfuse.data.sources import Joined, Selection
from imfuse.errors import PairMismatch, UnreadableImage

COPIES = Path(__file__).parent


@pytest.fixture
def spoilt(tmp_path):
    """A set of which every pair but `b` is broken, each in another way."""
    folder = shutil.copytree(COPIES / "plain", tmp_path / "plain")
    a, c = folder / "ir" / "a.png", folder / "vis" / "c.png"
    a.write_bytes(a.read_bytes()[: a.stat().st_size // 2])
    Image.new("L", (5, 5)).save(c)
    return folder


def test_broken_files_are_named_together_and_in_order(spoilt):
    found = check_readable(open_source(spoilt))
    assert [(name, type(error)) for name, error in found] == [
        ("a", UnreadableImage),
        ("c", PairMismatch),
    ]
    assert str(spoilt / "ir" / "a.png") in str(found[0][1])


def test_sources_made_of_others_are_checked_too(spoilt):
    assert check_readable(Selection(open_source(spoilt), [1])) == []
    joined = Joined([open_source("scenes:2"), open_source(spoilt), open_source(COPIES / "m3svd")])
    assert [name for name, _ in check_readable(joined)] == ["plain/a", "plain/c"]


def test_scenes_are_not_rendered_for_it():
    started = time.perf_counter()
    assert check_readable(open_source("scenes:2000")) == []
    assert time.perf_counter() - started < 5


def test_an_unforeseen_error_is_a_named_one():
    class Broken(Source):
        def __init__(self):
            self.entries = open_source(COPIES / "plain").entries

        def load(self, index):
            raise ZeroDivisionError(index)

    found = check_readable(Broken())
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert "This is a bug in imfuse" in str(found[0][1])


def test_only_the_ends_of_clips_are_decoded():
    source = open_source(COPIES / "m3svd")
    decoded = []
    source.load = decoded.append
    assert check_readable(source) == []
    groups = [entry.group for entry in source.entries]
    ends = [
        i
        for g in dict.fromkeys(groups)
        for i in (groups.index(g), len(groups) - 1 - groups[::-1].index(g))
    ]
    assert decoded == ends
    assert len(decoded) < len(source)
