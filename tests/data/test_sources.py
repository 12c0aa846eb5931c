"""Joined sources, splits, validation parts, rendered scenes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.data import hold_out, open_source
from imfuse.data.catalogue import LAYOUTS
from imfuse.data.entries import Entry
from imfuse.data.rendered import RenderedPairs
from imfuse.data.sample import Sample
from imfuse.data.sources import Source
from imfuse.errors import UnknownName, UsageError
from imfuse.scenes import render

COPIES = Path(__file__).parent


class Made(Source):
    """Samples that hold their own number."""

    layout = LAYOUTS["plain"]

    def __init__(self, entries):
        self.entries = tuple(entries)

    def load(self, index):
        pixels = np.full((4, 6), index, np.uint8)
        return Sample(self.entries[index].name, pixels, np.dstack([pixels] * 3))


def numbered(count, split="train"):
    return Made(Entry(f"n{index}", split, f"n{index}") for index in range(count))


def test_joined_sources_keep_their_order_and_tell_themselves_apart():
    joined = open_source([COPIES / "TNO", COPIES / "plain", COPIES / "TNO"])
    assert joined.names == (
        "tno/01",
        "tno/02",
        "plain/a",
        "plain/b",
        "plain/c",
        "tno-2/01",
        "tno-2/02",
    )
    alone = open_source(COPIES / "plain")
    np.testing.assert_array_equal(joined.read(3).vis, alone.read(1).vis)
    assert joined.read(3).name == "plain/b"
    assert joined.labelled
    with pytest.raises(UsageError, match="no source"):
        open_source([])
    again = open_source([COPIES / "TNO", COPIES / "plain", COPIES / "TNO"], times={"tno-2": 4})
    assert [entry.times for entry in again.entries] == [1] * 5 + [4] * 2
    with pytest.raises(UnknownName, match="'tno-3'.*tno-2"):
        open_source([COPIES / "TNO", COPIES / "TNO"], times={"tno-3": 4})


def test_pairs_without_a_split_train_and_test_but_do_not_validate():
    assert len(open_source(COPIES / "plain", split="train")) == 3
    assert len(open_source(COPIES / "plain", split="test")) == 3
    with pytest.raises(UsageError, match="hold_out"):
        open_source(COPIES / "plain", split="val")
    with pytest.raises(UsageError, match="expected one of: test"):
        open_source(COPIES / "msrs" / "test", split="train")
    with pytest.raises(UsageError, match=r"TNO: no samples.*tno is for testing only"):
        open_source(COPIES / "TNO", split="train")


@given(st.integers(2, 60), st.floats(0.01, 0.99))
def test_a_validation_part_is_disjoint_stable_and_never_empty(count, share):
    source = numbered(count)
    kept, out = hold_out(source, share)
    assert sorted(kept.names + out.names) == sorted(source.names)
    assert len(kept) > 0
    assert len(out) > 0
    assert hold_out(source, share)[1].names == out.names


def test_adding_pairs_moves_no_other_one():
    few, many = hold_out(numbered(400), 0.2), hold_out(numbered(1000), 0.2)
    assert set(few[1].names) <= set(many[1].names)
    assert set(few[0].names) <= set(many[0].names)
    assert 150 < len(many[1]) < 250


def test_the_held_out_names_are_the_same_on_every_machine():
    # By hand: the first 8 bytes of SHA-256 over 2**64 fall below 0.1 for these and no others.
    assert hold_out(numbered(30), 0.1)[1].names == ("n2", "n8", "n23", "n26")


def test_nothing_is_cut_from_a_test_split():
    with pytest.raises(UsageError, match="test split"):
        hold_out(open_source(COPIES / "msrs"))
    for share in (0, 1, -0.5, 2):
        with pytest.raises(UsageError, match="share"):
            hold_out(numbered(5), share)
    with pytest.raises(UsageError, match="at least two"):
        hold_out(numbered(1))


def test_frames_of_a_clip_stay_together():
    kept, out = hold_out(open_source(COPIES / "m3svd"), 0.3)
    groups = [{entry.group for entry in part.entries} for part in (kept, out)]
    assert groups[0] | groups[1] == {"0111_1716", "1230_1202"}
    assert not groups[0] & groups[1]


def test_a_selection_reads_the_right_samples():
    kept, out = hold_out(numbered(50), 0.2)
    for part in (kept, out):
        for index, name in enumerate(part.names):
            assert part.load(index).ir[0, 0] == int(name[1:])
            assert part.load(index).name == name


def test_fingerprints_tell_lists_apart():
    assert numbered(5).fingerprint == numbered(5).fingerprint
    assert numbered(5).fingerprint != numbered(6).fingerprint


def test_rendered_pairs_are_those_of_the_renderer(monkeypatch):
    scene = render("street-night", size=(24, 32), seed=1_000_001)
    asked = []

    def known(kind, **how):
        asked.append((kind, how))
        return scene

    monkeypatch.setattr("imfuse.data.rendered.render", known)
    sample = RenderedPairs(7, size=(24, 32)).load(6)
    assert asked == [("street-night", {"size": (24, 32), "seed": 1_000_001})]
    assert sample.name == "1000001-street-night"
    np.testing.assert_array_equal(sample.labels, scene.labels)
    assert np.abs(sample.ir / 255 - scene.ir).max() <= 0.5 / 255 + 1e-6
    assert np.abs(sample.vis / 255 - scene.vis).max() <= 0.5 / 255 + 1e-6


def test_training_scenes_are_not_those_of_benchmarks():
    train = open_source("scenes:50", split="train")
    test = open_source("scenes:50", split="test")
    assert test.names[0] == "00000-street-day"
    assert not set(train.names) & set(test.names)
    assert len(open_source("scenes")) == 200
