"""Every finding of a check, each from a copy that is spoilt in one way."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from imfuse.data import LAYOUTS, Sample, Source, open_source
from imfuse.data.checks import check_readable, examine, report
from imfuse.data.entries import Entry
from imfuse.data.findings import Finding
from imfuse.errors import BadValues

COPIES = Path(__file__).parent


def check(folder, **official):
    source = open_source(folder)
    if official:
        source.layout = replace(source.layout, **official)
    return report(source, list(examine(source)))


SOUND = {"counts": {"train": 3, "test": 2}, "size": (24, 32)}


@pytest.fixture
def msrs(tmp_path):
    shutil.copytree(COPIES / "msrs", tmp_path / "msrs")
    return tmp_path / "msrs"


def kinds(result):
    return [finding.kind for finding in result.findings]


def edit(path, change):
    with Image.open(path) as image:
        pixels = np.array(image)
    change(pixels)
    Image.fromarray(pixels).save(path)


def test_a_sound_set_has_no_findings(msrs):
    result = check(msrs, **SOUND)
    assert result.findings == ()
    assert result.pairs == {"train": 3, "test": 2}
    assert result.sizes == {"32x24": 5}
    assert result.labelled == 5
    assert json.loads(json.dumps(result.as_dict()))["ok"] is True


def test_counts_are_compared_for_the_splits_that_are_there(msrs):
    found = check(msrs, counts={"train": 1083, "test": 2}, size=None).findings
    assert found == (Finding("count", "train", "3 pairs; the official split has 1083"),)
    assert check(msrs / "test", counts={"train": 1083, "test": 2}, size=None).findings == ()
    # Sets without splits: any of the published subsets will do.
    assert kinds(check(COPIES / "TNO")) == ["count"]
    assert check(COPIES / "TNO", counts={"": 25, "a subset": 2}).findings == ()


def test_sizes_within_a_pair_and_against_the_set(msrs):
    Image.new("RGB", (20, 24)).save(msrs / "train/vi/00001D.png")
    result = check(msrs, **SOUND)
    assert [(f.kind, f.where) for f in result.findings] == [("size", "00001D")]
    assert result.findings[0].message == "infrared 32x24, visible 20x24, labels 32x24"
    assert result.sizes == {"32x24": 4}
    found = check(COPIES / "msrs", counts={}, size=(24, 30)).findings
    assert {f.message for f in found} == {"32x24; the set's are 30x24"}
    assert len(found) == 5


def test_unmatched_files(msrs):
    (msrs / "test/ir/00004N.png").unlink()
    found = check(msrs, counts={}, size=None).findings
    assert {(f.kind, Path(f.where).parent.name, f.message) for f in found} == {
        ("unmatched", "vi", "no infrared picture"),
        ("unmatched", "Segmentation_labels", "labels without a pair"),
    }


@pytest.mark.parametrize("folder", ["ir", "vi", "Segmentation_labels"])
def test_unreadable_files(msrs, folder):
    path = msrs / "train" / folder / "00002D.png"
    path.write_bytes(path.read_bytes()[:45])
    found = check(msrs, **SOUND).findings
    assert [(f.kind, f.where) for f in found] == [("unreadable", "00002D")]
    assert str(path) in found[0].message


def test_labels_out_of_range(msrs):
    def spoil(labels):
        labels[0, :3] = 9, 200, 200
        labels[1, :5] = 255  # unknown, and allowed

    edit(msrs / "train/Segmentation_labels/00003N.png", spoil)
    found = check(msrs, **SOUND).findings
    message = "3 pixels with labels outside 0..8 and 255: 9, 200"
    assert found == (Finding("labels", "00003N", message),)


def test_identical_pairs(msrs):
    shutil.copy(msrs / "train/ir/00001D.png", msrs / "train/vi/00001D.png")
    found = check(msrs, **SOUND).findings
    message = "infrared and visible picture are the same"
    assert found == (Finding("identical", "00001D", message),)


def test_a_picture_that_occurs_twice(msrs):
    shutil.copy(msrs / "train/vi/00001D.png", msrs / "train/vi/00003N.png")
    found = check(msrs, **SOUND).findings
    assert found == (Finding("repeated", "00003N", "the visible picture of 00001D again"),)


def test_leaks_between_splits_are_found_by_pixels_whatever_the_file(msrs):
    with Image.open(msrs / "train/ir/00001D.png") as image:
        image.save(msrs / "test/ir/00055D.bmp")
    (msrs / "test/ir/00055D.png").unlink()
    found = check(msrs, **SOUND).findings
    message = "the infrared picture of 00001D (train) again"
    assert found == (Finding("leak", "00055D (test)", message),)


def test_one_value_everywhere_is_no_repetition(msrs):
    for name in ("00001D", "00002D"):
        Image.new("L", (32, 24), 3).save(msrs / f"train/ir/{name}.png")
    assert check(msrs, **SOUND).findings == ()


class Still(Source):
    """Frames that all show the same."""

    layout = replace(LAYOUTS["m3svd"], size=None)

    def __init__(self, clips):
        self.entries = tuple(
            Entry(f"{clip}/{n}", "", clip, video=True) for clip in clips for n in range(3)
        )

    def load(self, index):
        ir = np.arange(12, dtype=np.uint8).reshape(3, 4)
        return Sample(self.entries[index].name, ir, np.dstack([ir, ir + 90, ir]))


def test_standing_video_is_no_repetition_but_a_second_clip_is(tmp_path):
    def found(*clips):
        source = Still(clips)
        return [f.where for f in report(source, list(examine(source))).findings]

    assert found("a") == []
    assert found("a", "b") == ["b/0", "b/1", "b/2"] * 2
    assert check(COPIES / "m3svd", size=None).findings == ()
    shutil.copytree(COPIES / "m3svd", tmp_path / "set")
    shutil.copy(tmp_path / "set/visible/0111_1716.mp4", tmp_path / "set/visible/1230_1202.mp4")
    assert kinds(check(tmp_path / "set", size=None)) == ["repeated"] * 12


def test_real_sets(data):
    for folder in ("tno25", "harvard/mri-ct/test"):
        assert check(data / folder).findings == (), folder


def test_the_repeated_slices_of_real_medical_sets_are_found(data):
    pet = check(data / "harvard/mri-pet" / "test")
    assert kinds(pet) == ["repeated"] * 21
    assert pet.findings[0] == Finding("repeated", "32", "the visible picture of 11 again")


@pytest.mark.parametrize(
    ("dtype", "values", "words"),
    [
        ("float32", (20, 34), "float values from 20 to 34"),
        ("int16", (180, 360), "int16 values from 180 to 360"),
        ("int32", (180, 360), "int32 values from 180 to 360"),
        ("uint32", (180, 360), "uint32 values from 180 to 360"),
    ],
)
def test_values_of_no_known_black_and_white(tmp_path, dtype, values, words):
    """Training could not tell what is white, and took all degrees above 1 for it."""
    folder = shutil.copytree(COPIES / "plain", tmp_path / "plain")
    file = folder / "ir" / "b.png"
    with Image.open(file) as image:
        shape = image.size[::-1]
    file.unlink()
    tifffile.imwrite(
        file.with_suffix(".tif"), np.linspace(*values, np.prod(shape)).reshape(shape).astype(dtype)
    )
    (found,) = [one for one in check(folder).findings if one.kind == "values"]
    assert found.where == "b"
    assert words in found.message
    assert "--ir-range (ir_range=)" in found.message
    assert "bug" not in found.message
    ((name, error),) = check_readable(open_source(folder))
    assert (name, type(error)) == ("b", BadValues)
    with pytest.raises(BadValues, match=words):
        open_source(folder).read(1)
