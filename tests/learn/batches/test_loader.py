"""Batches: the same for a seed whatever the workers do, resumed exactly, decoded once."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imfuse.data import open_source
from imfuse.data.boxes import Boxes
from imfuse.data.catalogue import LAYOUTS
from imfuse.data.sample import Sample
from imfuse.data.sources import Entry, Source
from imfuse.errors import PairMismatch, UnreadableImage, UsageError
from imfuse.learn.batches.cache import CachedSource
from imfuse.learn.batches.loader import Batches, PairDataset, collate
from imfuse.learn.batches.patches import PatchSource
from imfuse.learn.batches.stream import SampleStream
from imfuse.learn.batches.transforms import Augmentation

# On a machine with few cores PyTorch warns of the number of workers, which is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

COPIES = Path(__file__).parents[2] / "data"
VARIED = Augmentation(crop=(8, 8), flip=True, flip_vertical=True, rotate=True)


class Counted(Source):
    """Samples of random pixels that count how often each is loaded in this process."""

    layout = LAYOUTS["plain"]

    def __init__(self, count, labelled=True, size=(12, 10), broken=()):
        self.entries = tuple(Entry(f"n{i}", "train", f"n{i}", labelled) for i in range(count))
        self.size, self.labelled_too, self.broken = size, labelled, broken
        self.loads = Counter()

    def load(self, index):
        self.loads[index] += 1
        if index in self.broken:
            raise UnreadableImage("it is broken", file=f"n{index}.png")
        rng = np.random.default_rng(index)
        labels = rng.integers(0, 9, self.size, np.uint8) if self.labelled_too else None
        ir = rng.integers(0, 256, self.size, np.uint8)
        return Sample(f"n{index}", ir, rng.integers(0, 256, (*self.size, 3), np.uint8), labels)


def take(batches, count):
    return list(itertools.islice(iter(batches), count))


def assert_equal(one, two):
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert a.names == b.names
        assert torch.equal(a.ir, b.ir)
        assert torch.equal(a.vis, b.vis)
        assert torch.equal(a.labels, b.labels)


def test_shapes_types_and_values():
    source = Counted(3)
    batch = take(Batches(source, 3, ordered=True, workers=0), 1)[0]
    assert batch.names == ("n0", "n1", "n2")
    assert batch.ir.shape == (3, 1, 12, 10)
    assert batch.vis.shape == (3, 3, 12, 10)
    assert batch.ir.dtype == batch.vis.dtype == torch.float32
    assert batch.labels.shape == (3, 12, 10)
    assert batch.labels.dtype == torch.int64
    for index in range(3):
        sample = source.load(index)
        np.testing.assert_allclose(batch.ir[index, 0], sample.ir / 255, atol=1e-7)
        np.testing.assert_allclose(batch.vis[index], sample.vis.transpose(2, 0, 1) / 255, atol=1e-7)
        np.testing.assert_array_equal(batch.labels[index], sample.labels)
    moved = batch.to("cpu")
    assert torch.equal(moved.vis, batch.vis)


def test_missing_labels_are_unknown_and_none_at_all_is_none():
    labelled, bare = Counted(1).load(0).as_float(), Counted(1, labelled=False).load(0).as_float()
    batch = collate([labelled, bare], labelled=True)
    np.testing.assert_array_equal(batch.labels[0], labelled.labels)
    assert (batch.labels[1] == 255).all()
    assert take(Batches(Counted(4, labelled=False), 2, workers=0), 1)[0].labels is None


def test_workers_send_eight_bits_and_deeper_pictures_as_float():
    packed = next(iter(Batches(Counted(2), 2, ordered=True, workers=1).loader()))
    assert packed.ir.dtype == packed.vis.dtype == packed.labels.dtype == torch.uint8
    deep = (np.arange(120, dtype=np.uint16) * 500).reshape(12, 10)
    deep = Sample("deep", deep, np.dstack([deep] * 3), None)
    batch = collate([Counted(1).load(0), deep], labelled=False)
    np.testing.assert_allclose(batch.ir[1, 0], deep.ir / 65535, atol=1e-7)
    np.testing.assert_allclose(batch.ir[0, 0], Counted(1).load(0).ir / 255, atol=1e-7)
    lit = take(Batches(Counted(2), 2, Augmentation(jitter=(0.5, 0, 0)), workers=0), 1)[0]
    assert lit.vis.dtype == torch.float32
    assert 0 <= lit.vis.min() <= lit.vis.max() <= 1


def test_an_epoch_holds_every_sample_once_and_the_next_another_order():
    stream = itertools.islice(iter(SampleStream(10, 4, seed=3)), 5)
    items = [item for batch in stream for item in batch]
    epochs = [[index for epoch, index in items if epoch == e] for e in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]
    assert next(iter(SampleStream(10, 10, seed=4))) != next(iter(SampleStream(10, 10, seed=3)))


def test_an_epoch_takes_the_samples_of_a_set_as_often_as_asked_each_time_another_variant():
    folders = [COPIES / "TNO", COPIES / "plain"]
    source = CachedSource(open_source(folders, times={"plain": 3}))
    batches = take(Batches(source, 11, Augmentation(crop=(8, 8)), workers=0), 2)
    wanted = {name: 3 if name.startswith("plain/") else 1 for name in source.names}
    assert [Counter(batch.names) for batch in batches] == [wanted, wanted]
    for name, times in wanted.items():
        places = [index for index, one in enumerate(batches[0].names) if one == name]
        variants = {batches[0].vis[place].numpy().tobytes() for place in places}
        assert len(variants) == times
    assert [b.names for b in Batches(source, 5, ordered=True, workers=0)] == [source.names]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_change_nothing(workers):
    source = CachedSource(open_source(COPIES / "msrs"))
    alone = take(Batches(open_source(COPIES / "msrs"), 2, VARIED, seed=5, workers=0), 8)
    assert_equal(alone, take(Batches(source, 2, VARIED, seed=5, steps=8, workers=workers), 8))


@pytest.mark.parametrize("seen", [1, 6, 7, 23])
def test_it_goes_on_exactly_where_it_was(seen):
    source = Counted(7)
    whole = take(Batches(source, 1, VARIED, seed=9, workers=0), seen + 12)
    rest = take(Batches(source, 1, VARIED, seed=9, seen=seen, workers=0), 12)
    assert_equal(whole[seen:], rest)


def test_another_seed_gives_other_variants_and_another_epoch_too():
    dataset, other = (
        PairDataset(Counted(2), VARIED, seed=1),
        PairDataset(Counted(2), VARIED, seed=2),
    )
    one, again = dataset[0, 0], dataset[0, 0]
    np.testing.assert_array_equal(one.ir, again.ir)
    assert not np.array_equal(one.ir, other[0, 0].ir)
    assert not np.array_equal(one.ir, dataset[1, 0].ir)
    assert len(dataset) == 2


def test_two_processes_share_what_one_would_take_with_twice_the_batch():
    whole = list(itertools.islice(iter(SampleStream(7, 6, seed=1, seen=6)), 4))
    parts = [
        list(itertools.islice(iter(SampleStream(7, 3, seed=1, seen=6, rank=r, world=2)), 4))
        for r in (0, 1)
    ]
    assert [a + b for a, b in zip(*parts, strict=True)] == whole


def test_in_order_every_sample_comes_once():
    found = list(Batches(Counted(5), 2, ordered=True, workers=2))
    assert [batch.names for batch in found] == [("n0", "n1"), ("n2", "n3"), ("n4",)]


def test_training_numbers_are_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    take(Batches(Counted(4), 2, VARIED, steps=2, workers=2), 2)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_sample_is_named_without_a_traceback(workers):
    with pytest.raises(UnreadableImage, match=r"^n2\.png: it is broken$"):
        list(Batches(Counted(4, broken=(2,)), 2, ordered=True, workers=workers))


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_of_several_sizes_need_a_crop(workers):
    source = open_source([COPIES / "m3svd", COPIES / "TNO"])
    with pytest.raises(PairMismatch, match="crop=256"):
        list(Batches(source, 26, ordered=True, workers=workers))
    batch = next(iter(Batches(source, 26, VARIED, ordered=True, workers=workers)))
    assert batch.ir.shape == (26, 1, 8, 8)


def test_nonsense_is_refused():
    for wrong in ({"batch": 0}, {"batch": 1, "seen": -1}, {"batch": 1, "ranks": (2, 2)}):
        with pytest.raises(UsageError):
            Batches(Counted(3), workers=0, **wrong)


def test_a_cache_decodes_once_and_gives_the_same():
    source = Counted(5)
    cached = CachedSource(source)
    plain = take(Batches(Counted(5), 2, VARIED, workers=0), 20)
    assert_equal(plain, take(Batches(cached, 2, VARIED, workers=0), 20))
    assert set(source.loads.values()) == {1}
    assert cached.kept == 5


def test_what_a_worker_decoded_the_others_and_the_next_run_have():
    source = Counted(6)
    cached = CachedSource(source)
    list(Batches(cached, 1, ordered=True, workers=2))
    assert cached.kept == 6
    assert not source.loads
    for index in range(6):
        np.testing.assert_array_equal(cached.load(index).vis, Counted(6).load(index).vis)
    assert not source.loads


class Boxed(Counted):
    """Samples with as many boxes as their number."""

    def load(self, index):
        xyxy = np.arange(4 * index, dtype=np.float32).reshape(index, 4)
        kinds, ignored = np.arange(index) % 2, np.zeros(index, bool)
        return replace(super().load(index), boxes=Boxes(xyxy, kinds, ("car", "person"), ignored))


@pytest.mark.parametrize("labelled", [True, False])
def test_a_cache_and_patches_keep_boxes(labelled):
    cached = CachedSource(Boxed(3, labelled))
    for index in (0, 1, 2, 0, 1, 2):
        found, given = cached.load(index), Boxed(3, labelled).load(index)
        np.testing.assert_array_equal(found.boxes.xyxy, given.boxes.xyxy)
        assert found.boxes.of_each() == given.boxes.of_each()
        np.testing.assert_array_equal(found.vis, given.vis)
    assert cached.kept == 3
    patches = PatchSource(cached, size=8, stride=4, least_contrast=0)
    (whole,) = (i for i, name in enumerate(patches.names) if name == "n1/0-0")
    np.testing.assert_array_equal(patches.load(whole).boxes.xyxy, [[0, 1, 2, 3]])


def test_a_cache_keeps_to_its_bound():
    size = 12 * 10 * 5
    source = Counted(5)
    cached = CachedSource(source, 3 * size + 100)
    for _ in range(2):
        for index in range(5):
            np.testing.assert_array_equal(cached.load(index).ir, Counted(5).load(index).ir)
    assert cached.kept == 3
    assert source.loads == {0: 1, 1: 1, 2: 1, 3: 2, 4: 2}
    assert cached.fill_video() == 3
    assert source.loads == {0: 1, 1: 1, 2: 1, 3: 2, 4: 2}  # none of them is video


def test_video_fills_the_cache_up_to_its_bound():
    frame = 48 * 64 * 4
    cached = CachedSource(open_source([COPIES / "plain", COPIES / "m3svd"]), 5 * frame)
    assert cached.fill_video() == 5
    assert CachedSource(open_source(COPIES / "m3svd"), 0).fill_video() == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("labelled", [False, True])
def test_a_cache_keeps_every_type(dtype, labelled, rng):
    class One(Counted):
        def load(self, index):
            ir = (rng.random((5, 7)) * (1 if dtype is np.float32 else 250)).astype(dtype)
            labels = (rng.random((5, 7)) * 9).astype(np.uint8) if labelled else None
            self.last = Sample("n0", ir, np.dstack([ir, ir * 0, ir // 2]), labels)
            return self.last

    source = One(1)
    cached = CachedSource(source)
    cached.load(0)
    found = cached.load(0)
    assert found.ir.dtype == found.vis.dtype == dtype
    np.testing.assert_array_equal(found.ir, source.last.ir)
    np.testing.assert_array_equal(found.vis, source.last.vis)
    if labelled:
        np.testing.assert_array_equal(found.labels, source.last.labels)
    else:
        assert found.labels is None
    with pytest.raises(ValueError, match="read-only"):
        found.ir[0, 0] = 1


def test_video_is_decoded_in_order_before_the_workers_start(monkeypatch):
    from imfuse.data.clips import Clip

    asked = []
    real = Clip.frame
    monkeypatch.setattr(
        Clip, "frame", lambda clip, number: (asked.append(number), real(clip, number))[1]
    )
    cached = CachedSource(open_source(COPIES / "m3svd"))
    take(Batches(cached, 4, VARIED, steps=20, workers=2), 20)
    assert asked == [number for _ in range(2) for number in range(12) for _ in range(2)]


def test_real_pairs_in_parallel(data):
    source = CachedSource(open_source(data / "msrs/train34"))
    crops = Augmentation(crop=(64, 64), flip=True)
    one = take(Batches(source, 8, crops, seed=2, steps=3, workers=2), 3)
    two = take(Batches(open_source(data / "msrs/train34"), 8, crops, seed=2, workers=0), 3)
    for a, b in zip(one, two, strict=True):
        assert a.names == b.names
        assert torch.equal(a.vis, b.vis)
