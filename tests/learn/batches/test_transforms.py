"""Variants keep pictures and labels aligned; patches are those of the papers; nothing is random."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.data import open_source
from imfuse.data.boxes import Boxes
from imfuse.data.sample import IGNORED, Sample
from imfuse.errors import UsageError
from imfuse.learn.batches.patches import PatchSource, contrast, corners
from imfuse.learn.batches.transforms import Augmentation, crop, relight, resize
from reference.patches import candidate_corners, ninety_over_ten

COPIES = Path(__file__).parents[2] / "data"


def traced(height, width):
    """A sample in which every array tells row and column of each pixel."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint16)
    place = rows * 256 + columns
    vis = np.dstack([place, place + 1, place + 2])
    return Sample("traced", place, vis, (place % 251).astype(np.uint8))


def places(sample):
    """Row * 256 + column of each pixel's origin, by the infrared picture."""
    return sample.ir.astype(int)


def assert_aligned(sample):
    place = places(sample)
    for channel in range(3):
        np.testing.assert_array_equal(sample.vis[..., channel], place + channel)
    inside = sample.labels != IGNORED
    np.testing.assert_array_equal(sample.labels[inside], (place % 251)[inside])


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_pictures_and_labels_stay_aligned(height, width, side, flip, vertical, rotate, seed):
    augmentation = Augmentation(crop=(side, side), flip=flip, flip_vertical=vertical, rotate=rotate)
    out = augmentation.apply(traced(height, width), np.random.default_rng(seed))
    assert out.size == (side, side)
    assert_aligned(out)
    if side <= min(height, width):
        place = places(out)
        assert len(np.unique(place)) == side * side
        assert np.ptp(place // 256) == np.ptp(place % 256) == side - 1
        assert (out.labels != IGNORED).all()


def boxed(height, width, seed):
    """Return a sample for each of some boxes, with the pixels inside it marked in its labels."""
    rng = np.random.default_rng(seed)
    blank = np.zeros((height, width), np.uint8)
    for index in range(6):
        left, right = sorted(rng.choice(width + 1, 2, replace=False))
        top, bottom = sorted(rng.choice(height + 1, 2, replace=False))
        labels = blank.copy()
        labels[top:bottom, left:right] = 1
        xyxy = np.array([[left, top, right, bottom]], np.float32)
        kind, ignored = np.array([index]), np.array([index % 2 == 0])
        boxes = Boxes(xyxy, kind, tuple("abcdef"), ignored)
        yield Sample("boxed", blank, np.dstack([blank] * 3), labels, boxes)


@given(
    st.integers(2, 40),
    st.integers(2, 40),
    st.integers(1, 50),
    st.sampled_from([1.0, 1.0, 2.0, 3.0]),
    st.integers(0, 2**31),
)
def test_boxes_stay_around_what_they_were_drawn_around(height, width, side, factor, seed):
    """The pixels of each box are marked in the labels, and looked for after all changes."""
    augmentation = Augmentation(
        crop=(side, side), scale=(factor, factor), flip=True, flip_vertical=True, rotate=True
    )
    for sample in boxed(height, width, seed):
        out = augmentation.apply(sample, np.random.default_rng(seed))
        rows, columns = np.nonzero(out.labels == 1)
        whole = (sample.labels == 1).sum() * factor**2
        if len(rows) == 0 or len(rows) < whole / 4:
            assert len(out.boxes) == len(out.boxes.classes) == len(out.boxes.ignored) == 0
            continue
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_array_equal(out.boxes.xyxy, [edges])
        assert out.boxes.xyxy.dtype == np.float32
        assert out.boxes.of_each() == sample.boxes.of_each()
        assert out.boxes.ignored.tolist() == sample.boxes.ignored.tolist()


def test_boxes_shrink_with_their_picture_and_none_remain_none():
    (sample, *_) = boxed(30, 40, 3)
    out = resize(sample, 0.5)
    np.testing.assert_allclose(out.boxes.xyxy, sample.boxes.xyxy / 2)
    assert Augmentation(flip=True).apply(traced(5, 5), np.random.default_rng(0)).boxes is None


def test_labels_are_unknown_where_a_small_picture_is_reflected():
    out = Augmentation(crop=(8, 10)).apply(traced(5, 10), np.random.default_rng(0))
    known = out.labels != IGNORED
    assert known.any(axis=1).tolist() == [False, True, True, True, True, True, False, False]
    assert places(out)[:, 0].tolist() == [256 * r for r in (1, 0, 1, 2, 3, 4, 3, 2)]


def test_all_crops_mirrors_and_turns_occur():
    augmentation = Augmentation(crop=(4, 4), flip=True, flip_vertical=True, rotate=True)
    rng = np.random.default_rng(5)
    seen, tops = set(), set()
    for _ in range(400):
        place = places(augmentation.apply(traced(6, 7), rng))
        rows, columns = place // 256, place % 256
        tops.add((rows.min(), columns.min()))
        down = (int(rows[1, 0] - rows[0, 0]), int(columns[1, 0] - columns[0, 0]))
        across = (int(rows[0, 1] - rows[0, 0]), int(columns[0, 1] - columns[0, 0]))
        seen.add((down, across))
    assert tops == {(row, column) for row in range(3) for column in range(4)}
    assert len(seen) == 8  # the symmetries of the square


@pytest.mark.parametrize("step", ["flip", "flip_vertical"])
def test_mirrors_come_every_other_time(step):
    augmentation = Augmentation(**{step: True})
    whole = places(traced(3, 4))
    mirrored = whole[:, ::-1] if step == "flip" else whole[::-1]
    rng = np.random.default_rng(1)
    found = [places(augmentation.apply(traced(3, 4), rng)) for _ in range(300)]
    plain = sum(np.array_equal(one, whole) for one in found)
    assert plain + sum(np.array_equal(one, mirrored) for one in found) == 300
    assert 110 < plain < 190


def test_without_steps_nothing_changes():
    sample = traced(9, 11)
    out = Augmentation().apply(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(places(out), sample.ir)
    assert_aligned(out)


def test_a_step_switched_on_leaves_the_others_as_they_were():
    plain, mirrored = Augmentation(crop=(4, 4)), Augmentation(crop=(4, 4), flip=True)
    for seed in range(20):
        one = places(plain.apply(traced(9, 9), np.random.default_rng(seed)))
        two = places(mirrored.apply(traced(9, 9), np.random.default_rng(seed)))
        assert np.array_equal(one, two) or np.array_equal(one, two[:, ::-1])


def test_sizes_change_together_and_labels_stay_classes():
    labels = np.zeros((20, 30), np.uint8)
    labels[:, 15:] = 7
    ir = (labels * 20).astype(np.uint8)
    out = resize(Sample("s", ir, np.dstack([ir] * 3), labels), 1.7)
    assert out.size == out.labels.shape == (34, 51)
    assert set(np.unique(out.labels)) == {0, 7}
    step = np.argmax(out.labels[0] > 0)
    assert abs(step - 25.5) <= 1
    assert abs(np.argmax(out.ir[0] > 70) - step) <= 1
    scales = {
        Augmentation(scale=(0.5, 2)).apply(traced(20, 20), np.random.default_rng(s)).size
        for s in range(60)
    }
    assert min(scales) < (13, 13)
    assert max(scales) > (37, 37)
    assert all(10 <= size[0] == size[1] <= 40 for size in scales)


def test_light_changes_the_visible_picture_only_and_by_the_formula(rng):
    vis = rng.random((5, 6, 3)).astype(np.float32)
    weights = np.array([0.299, 0.587, 0.114])
    lit = np.clip(vis * 0.8, 0, 1)
    lit = np.clip((lit @ weights).mean() * (1 - 1.3) + lit * 1.3, 0, 1)
    lit = np.clip((lit @ weights)[..., None] * (1 - 0.6) + lit * 0.6, 0, 1)
    np.testing.assert_allclose(relight(vis, 0.8, 1.3, 0.6), lit, atol=1e-6)
    np.testing.assert_allclose(relight(vis, 1, 1, 1), vis, atol=1e-6)
    sample = Sample("s", vis[..., 0], vis, None)
    out = Augmentation(jitter=(0.5, 0.5, 0.5)).apply(sample, rng)
    np.testing.assert_array_equal(out.ir, sample.ir)
    assert np.abs(out.vis - vis).max() > 0.01
    assert 0 <= out.vis.min() <= out.vis.max() <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotate": True},
        {"rotate": True, "crop": (4, 5)},
        {"crop": (0, 5)},
        {"scale": (0, 1)},
        {"scale": (2, 1)},
        {"jitter": (2, 0, 0)},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(UsageError):
        Augmentation(**wrong)


@given(st.integers(1, 500), st.integers(1, 700), st.integers(1, 300), st.integers(1, 300))
def test_patches_lie_where_the_papers_put_them(height, width, size, stride):
    found = list(corners((height, width), size, stride))
    assert found == candidate_corners(height, width, size, stride)


def test_six_patches_of_128_every_200_fit_into_msrs():
    assert list(corners((480, 640), 128, 200)) == [
        (0, 0),
        (0, 200),
        (0, 400),
        (200, 0),
        (200, 200),
        (200, 400),
    ]


@given(st.lists(st.integers(0, 255), min_size=1, max_size=40))
def test_contrast_is_by_percentiles(values):
    found = contrast(np.array(values, np.uint8))
    assert found == pytest.approx(ninety_over_ten(values), abs=1e-9)


def test_patches_without_contrast_in_either_picture_are_left_out(tmp_path):
    from PIL import Image

    flat, rich = np.full((24, 32), 90, np.uint8), np.arange(768, dtype=np.uint16).reshape(24, 32)
    rich = (rich % 200).astype(np.uint8)
    half = rich.copy()
    half[:, :16] = 50
    for name, ir, vis in (
        ("a", rich, rich),
        ("b", flat, rich),
        ("c", rich, flat),
        ("d", rich, half),
    ):
        for folder, pixels in (("ir", ir), ("vis", vis)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    source = open_source(tmp_path)
    patches = PatchSource(source, size=16, stride=16)
    assert patches.names == ("a/0-0", "a/0-16", "d/0-16")
    np.testing.assert_array_equal(patches.load(2).vis[..., 0], half[:16, 16:])
    assert patches.load(2).name == "d/0-16"
    assert patches.entries[2].group == "d"
    assert len(PatchSource(source, size=16, stride=16, least_contrast=0)) == 8
    with pytest.raises(UsageError, match="smaller patches"):
        PatchSource(source, size=64)
    with pytest.raises(UsageError, match="at least 1"):
        PatchSource(source, stride=0)


def test_patches_keep_their_labels():
    source = open_source(COPIES / "msrs")
    patches = PatchSource(source, size=8, stride=8, least_contrast=0)
    whole = source.load(0)
    for index, corner in enumerate(corners(whole.size, 8, 8)):
        part = crop(whole, corner, (8, 8))
        np.testing.assert_array_equal(patches.load(index).labels, part.labels)
        np.testing.assert_array_equal(patches.load(index).ir, part.ir)
