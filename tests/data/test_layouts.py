"""Every layout is recognised in its tiny copy, with the right pairs in the right slots."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imfuse.data import LAYOUTS, open_source
from imfuse.data.catalogue import MSRS_CLASSES
from imfuse.data.folders import find_pairs
from imfuse.data.lists import known_names
from imfuse.errors import DatasetNotFound, PairMismatch, UnknownName, UsageError

COPIES = Path(__file__).parent

EXPECTED = [
    ("msrs", "msrs", {"train": 3, "test": 2}, True),
    ("msrs-seafusion", "msrs", {"train": 3, "test": 2}, True),
    ("mfnet", "mfnet", {"train": 2, "val": 1, "test": 2}, True),
    ("m3fd", "m3fd", {"": 2}, False),
    ("M3FD_Fusion", "m3fd", {"": 3}, False),
    ("fmb", "fmb", {"train": 3, "test": 1}, True),
    ("llvip", "llvip", {"train": 3, "test": 1}, False),
    ("llvip-pairs", "llvip", {"train": 3, "test": 1}, False),
    ("roadscene", "roadscene", {"train": 3, "test": 2}, False),
    ("roadscene-lists", "roadscene", {"train": 4, "test": 1}, False),
    ("TNO", "tno", {"test": 2}, False),
    ("harvard/mri-ct", "harvard-mri-ct", {"train": 2, "test": 1}, False),
    ("harvard/mri-pet", "harvard-mri-pet", {"train": 2, "test": 1}, False),
    ("harvard/mri-spect", "harvard-mri-spect", {"train": 2, "test": 1}, False),
    ("harvard-flat/MRI_PET", "harvard-mri-pet", {"": 2}, False),
    ("m3svd", "m3svd", {"": 24}, False),
    ("plain", "plain", {"": 3}, True),
    ("plain-splits", "plain", {"train": 2, "val": 1}, False),
]


@pytest.mark.parametrize(("folder", "name", "splits", "labelled"), EXPECTED)
def test_it_is_recognised_with_its_splits(folder, name, splits, labelled):
    source = open_source(COPIES / folder)
    assert source.layout is LAYOUTS[name]
    assert Counter(entry.split for entry in source.entries) == splits
    assert len(set(source.names)) == len(source) == sum(splits.values())
    for index in range(len(source)):
        sample = source.read(index)
        assert sample.name == source.names[index]
        assert sample.ir.shape == sample.size
        assert sample.vis.shape == (*sample.size, 3)
        assert sample.ir.dtype == sample.vis.dtype == np.float32
        assert 0 <= sample.ir.min() <= sample.ir.max() <= 1
        assert (sample.labels is not None) == labelled == source.labelled
        if labelled:
            assert sample.labels.dtype == np.uint8
            assert sample.labels.max() < len(MSRS_CLASSES)


def test_every_layout_has_a_copy():
    covered = {name for _, name, _, _ in EXPECTED}
    assert set(LAYOUTS) - covered == {"side-by-side"}  # see below: it must be named


def test_splits_are_disjoint_and_make_up_the_whole():
    for folder, _, splits, _ in EXPECTED:
        whole = open_source(COPIES / folder)
        parts = [open_source(COPIES / folder, split=split) for split in splits if split]
        if parts:
            names = [name for part in parts for name in part.names]
            assert sorted(names) == sorted(whole.names)


def test_the_slots_hold_what_they_say():
    for folder, ir, vis in [
        ("msrs", "train/ir/00001D.png", "train/vi/00001D.png"),
        ("msrs-seafusion", "Infrared/train/MSRS/00001D.png", "Visible/train/MSRS/00001D.png"),
        ("harvard/mri-ct", "train/ct/16003.png", "train/mri/16003.png"),
        ("harvard/mri-pet", "train/mri/16003.png", "train/pet/16003.png"),
        ("TNO", "ir/01.png", "vi/01.png"),
    ]:
        sample = open_source(COPIES / folder).load(0)
        np.testing.assert_array_equal(sample.ir, np.asarray(Image.open(COPIES / folder / ir)))
        visible = np.asarray(Image.open(COPIES / folder / vis))
        np.testing.assert_array_equal(sample.vis, np.atleast_3d(visible) * np.ones(3, np.uint8))


def test_four_channels_are_colour_then_thermal():
    source = open_source(COPIES / "mfnet")
    index = source.names.index("00093D")
    pixels = np.asarray(Image.open(COPIES / "mfnet" / "images" / "00093D.png"))
    assert pixels.shape[2] == 4
    np.testing.assert_array_equal(source.load(index).vis, pixels[..., :3])
    np.testing.assert_array_equal(source.load(index).ir, pixels[..., 3])
    assert source.entries[index].split == "test"
    assert not any("flip" in name for name in source.names)


def test_side_by_side_is_visible_left_infrared_right():
    pixels = np.asarray(Image.open(COPIES / "llvip-pairs" / "train" / "010001.jpg"))
    sample = open_source(COPIES / "llvip-pairs" / "train").load(0)
    assert sample.size == (24, 32)
    np.testing.assert_array_equal(sample.vis, pixels[:, :32])
    assert np.abs(sample.ir.astype(int) - pixels[:, 32:, 1]).max() <= 2  # JPEG's chroma


def test_other_double_pictures_must_be_named(tmp_path):
    shutil.copy(COPIES / "llvip-pairs" / "train" / "010001.jpg", tmp_path / "any.jpg")
    with pytest.raises(DatasetNotFound, match="side-by-side"):
        open_source(tmp_path)
    assert open_source(tmp_path, layout="side-by-side").read(0).size == (24, 32)


def test_a_split_by_itself_keeps_its_name():
    assert {e.split for e in open_source(COPIES / "msrs" / "test").entries} == {"test"}
    assert {e.split for e in open_source(COPIES / "fmb" / "train").entries} == {"train"}


def test_folders_are_found_whatever_their_case(tmp_path):
    shutil.copytree(COPIES / "msrs" / "train" / "ir", tmp_path / "TRAIN" / "IR")
    shutil.copytree(COPIES / "msrs" / "train" / "vi", tmp_path / "TRAIN" / "Vi")
    assert open_source(tmp_path).layout.name == "msrs"


def test_known_test_names_are_those_that_papers_use(data):
    here = (data / "roadscene" / "test50.txt").read_text().split()
    assert sorted(known_names("roadscene-test50.txt")) == sorted(Path(n).stem for n in here)


def test_known_checksums_cover_the_whole_set():
    words = known_names("roadscene.sha256")
    paths = [Path(path) for path in words[1::2]]
    assert Counter(path.parent.name for path in paths) == {
        "cropinfrared": 221,
        "crop_LR_visible": 221,
    }
    tested = set(known_names("roadscene-test50.txt"))
    assert len(tested) == 50
    assert tested <= {path.stem for path in paths}


def test_real_sets_have_their_official_counts(data):
    for folder, splits in [
        ("msrs", {"test": 361}),
        ("roadscene", {"train": 171, "test": 50}),
        ("tno25", {"test": 25}),
        ("llvip256", {"train": 1152}),
        ("m3svd", {"": 1913}),
        ("harvard/mri-ct", {"train": 147, "test": 21}),
        ("harvard/mri-pet", {"train": 245, "test": 42}),
        ("harvard/mri-spect", {"train": 304, "test": 73}),
    ]:
        source = open_source(data / folder)
        assert Counter(entry.split for entry in source.entries) == splits, folder


def test_a_folder_of_sets_names_them():
    with pytest.raises(DatasetNotFound, match=r"several sets: mri-ct \(harvard-mri-ct\), mri-pet"):
        open_source(COPIES / "harvard")


@pytest.mark.parametrize(
    "spec", ["nowhere", "scenes:0", "scenes:x", "scenes:-1", "scenes:1000001", f"scenes:{10**30}"]
)
def test_nonsense_is_refused(spec, tmp_path):
    with pytest.raises((DatasetNotFound, UsageError)):
        open_source(str(tmp_path / spec) if spec == "nowhere" else spec)


def test_names_that_no_folder_can_have():
    for name in ("a" * 5000, "a\0b", __file__):
        with pytest.raises(DatasetNotFound, match="no such folder"):
            open_source(name)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DatasetNotFound, match="no layout that we know"):
        open_source(tmp_path)
    with pytest.raises(DatasetNotFound, match="not laid out as msrs is"):
        open_source(tmp_path, layout="msrs")
    with pytest.raises(UnknownName, match="Did you mean msrs"):
        open_source(tmp_path, layout="msr")
    with pytest.raises(UsageError, match="split"):
        open_source(tmp_path, split="trian")


def test_what_has_no_partner_is_told(tmp_path):
    shutil.copytree(COPIES / "plain", tmp_path / "set")
    (tmp_path / "set" / "ir" / "a.png").unlink()
    (tmp_path / "set" / "vis" / "b.png").unlink()
    (tmp_path / "set" / "labels" / "c.png").unlink()
    found = find_pairs(tmp_path / "set")
    assert [pair.name for pair in found.pairs] == ["c"]
    told = {(path.parent.name, path.name, why) for path, why in found.unmatched}
    assert told == {
        ("labels", "a.png", "labels without a pair"),
        ("vis", "a.png", "no infrared picture"),
        ("ir", "b.png", "no visible picture"),
        ("vis", "c.png", "a pair without labels"),
    }


def test_names_of_a_list_without_a_pair_are_told(tmp_path):
    shutil.copytree(COPIES / "mfnet", tmp_path / "set")
    with (tmp_path / "set" / "test.txt").open("a") as file:
        file.write("99999D\n")
    found = find_pairs(tmp_path / "set")
    assert [why for _, why in found.unmatched] == ["it lists 99999D, but there is no such pair"]


def test_pictures_of_two_sizes_are_refused_with_both(tmp_path):
    shutil.copytree(COPIES / "plain", tmp_path / "set")
    Image.new("L", (10, 12)).save(tmp_path / "set" / "ir" / "a.png")
    with pytest.raises(PairMismatch, match="infrared 10x12, visible 32x24, labels 32x24"):
        open_source(tmp_path / "set").read(0)


def test_labels_are_read_by_value_or_palette_index_but_not_by_colour(tmp_path):
    shutil.copytree(COPIES / "plain", tmp_path / "set")
    path = tmp_path / "set" / "labels" / "a.png"
    classes = np.asarray(Image.open(path))
    indexed = Image.fromarray(classes).convert("L").copy()
    indexed.putpalette([c for k in range(256) for c in (255 - k, k, 7)])
    indexed.save(path)
    with Image.open(path) as saved:
        assert saved.mode == "P"
    np.testing.assert_array_equal(open_source(tmp_path / "set").load(0).labels, classes)
    Image.fromarray(np.dstack([classes, 0 * classes, 9 + classes])).save(path)
    with pytest.raises(ValueError, match="mode RGB"):
        open_source(tmp_path / "set").load(0)


def test_sixteen_bit_infrared_beside_eight_bit_visible(tmp_path):
    shutil.copytree(COPIES / "plain", tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "labels")
    deep = (np.arange(24 * 32, dtype=np.uint16) * 85).reshape(24, 32)
    Image.fromarray(deep).save(tmp_path / "set" / "ir" / "a.png")
    sample = open_source(tmp_path / "set").read(0)
    np.testing.assert_allclose(sample.ir, deep / 65535, atol=1e-7)
