"""Folders to labels, and labels against true ones."""

import numpy as np
import pytest
import tifffile

from imfuse.errors import BadValues, OutputError, PairMismatch, UnreadableImage, UnsupportedImage
from imfuse.io.images import write_image
from imfuse.io.labels import read_labels, write_labels
from imfuse.types import Picture
from imfuse.vision.labelling import REST, as_values, label_folder, score_folders


class Thresholds:
    """Class 0, 1 or 2 by the red value; fails where it is told to."""

    def __init__(self, error=None):
        self.error = error

    def label(self, picture):
        if self.error is not None and picture.shape[1] == 5:
            raise self.error
        red = picture if picture.ndim == 2 else picture[..., 0]
        return np.digitize(red, [0.3, 0.6]).astype(np.uint8)


def write(path, pixels):
    write_image(path, Picture(pixels=pixels))


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "pictures"
    folder.mkdir()
    write(folder / "a.png", rng.integers(0, 256, (6, 4, 3), np.uint8))
    write(folder / "b.png", rng.integers(0, 65536, (6, 4), np.uint16))
    write(folder / "c.tif", rng.random((6, 4), np.float32))
    return folder


def test_every_picture_of_any_depth_gets_labels_of_its_name(pictures, tmp_path):
    out = tmp_path / "labels"
    done = list(label_folder(Thresholds(), pictures, out))
    assert [one.out.name for one in done] == ["a.png", "b.png", "c.png"]
    assert all(one.error is None for one in done)
    from imfuse.io.images import read_image

    for one in done:
        expected = Thresholds().label(as_values(read_image(one.picture)))
        found = read_labels(one.out)
        assert (found == expected).all()
        assert one.counts == {i: n for i, n in enumerate(np.bincount(found.ravel())) if n}
        assert len(one.counts) > 1


class Warm:
    """Class 1 where infrared, the last of four channels, is above a half."""

    def label(self, picture):
        assert picture.shape[2] == 4
        return (picture[..., 3] > 0.5).astype(np.uint8) + 2 * (picture[..., 0] > 0.5)


def test_pairs_are_labelled_together(tmp_path, rng):
    ir, vis, out = (tmp_path / name for name in ("ir", "vis", "out"))
    ir.mkdir()
    vis.mkdir()
    pixels = {}
    for name, other in (("1_ir", "1_vis"), ("2_ir", "2_vis"), ("7_ir", None), (None, "8_vis")):
        if name is not None:
            pixels[name] = rng.integers(0, 256, (6, 4), np.uint8)
            write(ir / f"{name}.png", pixels[name])
        if other is not None:
            pixels[other] = rng.integers(0, 256, (6, 4, 3), np.uint8)
            write(vis / f"{other}.tif", pixels[other])
    write(ir / "2_ir.png", np.zeros((3, 4), np.uint8))
    done = {
        one.picture.name: one
        for one in label_folder(Warm(), vis, out, infrared=ir, pair_regex=r"(\d)")
    }
    assert list(done) == ["1_vis.tif", "2_vis.tif", "8_vis.tif"]
    expected = (pixels["1_ir"] > 127).astype(np.uint8) + 2 * (pixels["1_vis"][..., 0] > 127)
    assert (read_labels(out / "1_vis.png") == expected).all()
    assert "the infrared picture is 4x3" in str(done["2_vis.tif"].error)
    assert "no infrared picture of this name" in str(done["8_vis.tif"].error)
    with pytest.raises(PairMismatch, match="no names match"):
        list(label_folder(Warm(), vis, out, infrared=ir))
    for folder in (ir, vis):
        with pytest.raises(OutputError, match="input folder"):
            list(label_folder(Warm(), vis, folder, infrared=ir, pair_regex=r"(\d)"))


def test_pairs_in_one_folder_are_told_apart_by_their_names(tmp_path, rng):
    folder = tmp_path / "both"
    folder.mkdir()
    for name in ("1_ir", "1_vis"):
        write(folder / f"{name}.png", rng.integers(0, 256, (6, 4), np.uint8))
    pattern = r"(?P<key>\d)_((?P<ir>ir)|(?P<vis>vis))"
    out = tmp_path / "out"
    done = list(label_folder(Warm(), folder, out, infrared=folder, pair_regex=pattern))
    assert [(one.picture.name, one.error) for one in done] == [("1_vis.png", None)]


def test_classes_get_other_numbers(pictures, tmp_path):
    plain, mapped, rest = (tmp_path / name for name in ("plain", "mapped", "rest"))
    list(label_folder(Thresholds(), pictures, plain))
    list(label_folder(Thresholds(), pictures, mapped, {2: 0, 0: 2}))
    list(label_folder(Thresholds(), pictures, rest, {1: 8, REST: 255}))
    for name in ("a.png", "b.png", "c.png"):
        before = read_labels(plain / name)
        assert (read_labels(mapped / name) == 2 - before).all()
        assert (read_labels(rest / name) == np.where(before == 1, 8, 255)).all()


def test_unknown_pixels_stay_unknown(pictures, tmp_path):
    class Unknown:
        def label(self, picture):
            return np.full(picture.shape[:2], 255, np.uint8)

    list(label_folder(Unknown(), pictures, tmp_path / "out", {REST: 3}))
    assert (read_labels(tmp_path / "out" / "a.png") == 255).all()


def test_one_bad_picture_stops_no_other(pictures, tmp_path):
    (pictures / "aa.png").write_bytes(b"no picture")
    write(pictures / "b.tif", np.zeros((6, 4), np.uint8))
    done = list(label_folder(Thresholds(), pictures, tmp_path / "out"))
    assert {one.picture.name for one in done if one.error is not None} == {"aa.png", "b.tif"}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.png"]


def test_pictures_are_never_replaced(pictures):
    with pytest.raises(OutputError, match="input folder"):
        list(label_folder(Thresholds(), pictures, pictures))


def test_a_picture_that_a_link_makes_the_output_is_not_replaced(pictures, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (pictures / "a.png").rename(out / "a.png")
    (pictures / "a.png").symlink_to(out / "a.png")
    before = (out / "a.png").read_bytes()
    done = {one.picture.name: one.error for one in label_folder(Thresholds(), pictures, out)}
    assert isinstance(done["a.png"], OutputError)
    assert "one of the inputs" in str(done["a.png"])
    assert done["b.png"] is None
    assert (out / "a.png").read_bytes() == before


def test_an_unforeseen_error_stops_no_other_picture(pictures, tmp_path):
    write(pictures / "b.png", np.zeros((6, 5), np.uint8))
    segmenter = Thresholds(ValueError("by design"))
    done = {
        one.picture.name: one.error for one in label_folder(segmenter, pictures, tmp_path / "o")
    }
    assert "unexpected ValueError: by design" in str(done["b.png"])
    assert done["a.png"] is done["c.tif"] is None


def test_labels_are_gray_or_palettes_and_never_colours(tmp_path):
    from PIL import Image

    labels = np.array([[0, 3], [8, 255]], np.uint8)
    write_labels(tmp_path / "plain.png", labels)
    indexed = Image.fromarray(labels, mode="P")
    indexed.putpalette([9 * i % 256 for i in range(768)])
    indexed.save(tmp_path / "palette.png")
    for name in ("plain.png", "palette.png"):
        assert (read_labels(tmp_path / name) == labels).all()
    indexed.convert("RGB").save(tmp_path / "colour.png")
    with pytest.raises(UnsupportedImage, match="mode RGB"):
        read_labels(tmp_path / "colour.png")
    with pytest.raises(UnreadableImage):
        read_labels(tmp_path / "none.png")


@pytest.fixture
def labelled(tmp_path):
    """Two pictures: what was found, and what is true."""
    found, true = tmp_path / "found", tmp_path / "true"
    arrays = {
        "a": ([[0, 0, 1], [1, 1, 2]], [[0, 0, 0], [1, 1, 1]]),
        "b": ([[2, 2, 2], [0, 0, 0]], [[2, 255, 2], [0, 0, 1]]),
    }
    for folder in (found, true):
        folder.mkdir()
    for name, (one, other) in arrays.items():
        write_labels(found / f"{name}.png", np.array(one, np.uint8))
        write_labels(true / f"{name}.png", np.array(other, np.uint8))
    return found, true


def test_scores_are_of_all_pixels_together(labelled):
    result = score_folders(*labelled, classes=4)
    # By hand: class 0 is found in 5 pixels and true in 5, both in 4; class 1 in 3 and 4, both 2;
    # class 2 in 3 that count and 2, both 2; 3 nowhere.
    np.testing.assert_allclose(result.scores.iou, [4 / 6, 2 / 5, 2 / 3, np.nan])
    np.testing.assert_allclose(result.scores.recall, [4 / 5, 2 / 4, 1, np.nan])
    assert result.scores.accuracy == pytest.approx(8 / 11)
    assert result.scores.mean_iou == pytest.approx((4 / 6 + 2 / 5 + 2 / 3) / 3)
    assert result.scored == ("a", "b")
    without = score_folders(*labelled, classes=4, exclude=[0])
    assert without.scores.mean_iou == pytest.approx((2 / 5 + 2 / 3) / 2)


def test_what_can_not_be_compared_is_told(labelled):
    found, true = labelled
    write_labels(found / "c.png", np.zeros((2, 2), np.uint8))
    write_labels(true / "c.png", np.zeros((2, 3), np.uint8))
    write_labels(found / "d.png", np.zeros((2, 2), np.uint8))
    write_labels(true / "e.png", np.zeros((2, 2), np.uint8))
    result = score_folders(found, true, classes=4)
    assert result.scored == ("a", "b")
    assert result.unmatched == ("d", "e")
    (error,) = result.failed
    assert isinstance(error, PairMismatch)
    assert "c.png against" in str(error)
    assert "the labels are 2x2, the true ones 3x2" in str(error)
    assert "Resize the labels" in error.remedy
    assert "classes=" not in str(error)
    few = score_folders(found, true, classes=2)
    assert "prediction 2" in str(few.failed[0])
    assert "--classes (classes=)" in few.failed[0].remedy
    for name in "abc":
        (found / f"{name}.png").unlink()
    with pytest.raises(PairMismatch, match="no names match"):
        score_folders(found, true, classes=4)


def test_labels_of_other_names_are_matched_by_the_pattern_that_the_error_gives(labelled):
    found, true = labelled
    for number, name in enumerate("ab"):
        (found / f"{name}.png").rename(found / f"{number:03d}_pred.png")
        (true / f"{name}.png").rename(true / f"{number:03d}.png")
    with pytest.raises(
        PairMismatch, match=r"no names match.*--pair-regex (.*) \(pair_regex=\)"
    ) as no:
        score_folders(found, true, classes=4)
    assert "gives 2 pairs, such as 000_pred with 000" in str(no.value)
    assert "--pairs" not in str(no.value)
    result = score_folders(found, true, classes=4, pair_regex=r"(\d+)")
    assert result.scored == ("000", "001")
    with pytest.raises(PairMismatch, match=r"000_pred.png and 001_pred.png share the key '0'"):
        score_folders(found, true, classes=4, pair_regex="0")
    for name, other in (("000_pred", "park"), ("001_pred", "street")):
        (found / f"{name}.png").rename(found / f"{other}.png")
    with pytest.raises(PairMismatch, match="Rename the files"):
        score_folders(found, true, classes=4)


@pytest.mark.parametrize(("dtype", "values"), [(np.int16, (180, 360)), (np.float32, (20, 34))])
def test_pictures_without_white_are_refused_by_name(pictures, tmp_path, dtype, values):
    tifffile.imwrite(pictures / "degrees.tif", np.array([values] * 2, dtype))
    done = {
        one.picture.name: one.error
        for one in label_folder(Thresholds(), pictures, tmp_path / "out")
    }
    assert isinstance(done["degrees.tif"], BadValues)
    assert "Scale the picture first" in str(done["degrees.tif"])
    assert done["a.png"] is None
