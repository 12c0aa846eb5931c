"""Sliding inference against the whole picture, and against a mean taken pixel by pixel."""

import json

import cv2
import numpy as np
import pytest

from imfuse.errors import UsageError, WeightsError
from imfuse.vision.sliding import Windows, mean_logits


def _column_logits(picture):
    """Return logits that depend on where a pixel lies within the window."""
    place = np.arange(picture.shape[1], dtype=np.float32)
    return np.stack([picture[..., 0] * place, picture[..., 1] - place])


def test_bffrs_windows_on_its_pictures():
    tops = sorted({rows.start for rows, _ in Windows.of((240, 320)).over((480, 640))})
    lefts = sorted({columns.start for _, columns in Windows.of((240, 320)).over((480, 640))})
    assert tops == [0, 120, 240]
    assert lefts == [0, 160, 320]


@pytest.mark.parametrize("picture", [(5, 7), (12, 17), (30, 23), (13, 4)])
@pytest.mark.parametrize(("size", "stride"), [((6, 8), (3, 4)), ((5, 5), (5, 5)), ((9, 4), (2, 3))])
def test_the_last_windows_end_with_the_picture(picture, size, stride):
    seen = np.zeros(picture, int)
    for rows, columns in Windows(size, stride).over(picture):
        assert rows.stop <= picture[0] or rows.start == 0
        assert columns.stop <= picture[1] or columns.start == 0
        seen[rows, columns] += 1
    assert seen.min() >= 1


def test_each_pixel_gets_the_mean_of_its_windows(rng):
    picture = rng.random((11, 14, 3), np.float32)
    found = mean_logits(_column_logits, picture, Windows((5, 6), (3, 4)))
    for y in (0, 4, 10):
        for x in (0, 5, 9, 13):
            # Starts written out by hand: every 3 rows up to 6, every 4 columns up to 8.
            lefts = [left for left in (0, 4, 8) if left <= x < left + 6]
            place = np.mean([x - left for left in lefts])
            expected = picture[y, x, 0] * place, picture[y, x, 1] - place
            np.testing.assert_allclose(found[:, y, x], expected, rtol=1e-5)


def test_windows_that_would_leave_gaps_are_refused():
    with pytest.raises(UsageError, match="a stride of 9x2 for windows of 8x4"):
        Windows((4, 8), (2, 9))
    with pytest.raises(UsageError, match="at least 1 pixel"):
        Windows((0, 8), (1, 1))


@pytest.mark.parametrize("windows", [(8, 9), (24, 20), (400, 500)])
def test_a_segmenter_of_single_pixels_labels_alike(model, picture, windows):
    from imfuse.vision.segmenter import OnnxSegmenter

    noisy = (picture + np.linspace(0, 0.1, 20, dtype=np.float32)[:, None]).astype(np.float32)
    whole = OnnxSegmenter(model()).label(noisy)
    slid = OnnxSegmenter(model(), windows=Windows.of(windows)).label(noisy)
    assert len(np.unique(whole)) == 3
    assert (slid == whole).all()


def test_a_segmenter_of_fixed_size_sees_windows_of_it(model, picture):
    """Whole pictures are shrunk for it, which loses thin stripes; windows are not."""
    from imfuse.vision.segmenter import OnnxSegmenter

    stripes = np.ascontiguousarray(picture[::4].repeat(2, axis=0)[:12].repeat(2, axis=1))
    stripes[1::2] = stripes[1::2][::-1]
    file = model(size=(6, 20))
    exact = OnnxSegmenter(model()).label(stripes)
    file = model(size=(6, 20))
    assert (OnnxSegmenter(file).label(stripes) != exact).any()
    assert (OnnxSegmenter(file, windows=Windows.of((6, 20))).label(stripes) == exact).all()


def test_classes_can_not_be_averaged(model, picture):
    from imfuse.vision.segmenter import OnnxSegmenter

    segmenter = OnnxSegmenter(model(output="classes"), windows=Windows.of((8, 8)))
    with pytest.raises(WeightsError, match="classes instead of logits"):
        segmenter.label(picture)


def test_the_command_slides(model, picture, run, tmp_path):
    (tmp_path / "vis").mkdir()
    shown = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "vis" / "1.png"), shown)
    given = ("segment", "run", model(), tmp_path / "vis", "-o", tmp_path / "labels")
    code, said, err = run(*given, "--window", "10x8", "--stride", "5x4", "--json")
    assert code == 0, err
    assert json.loads(said)["pixels"] == {"0": 160, "1": 160, "2": 160}
    code, _, err = run(*given, "--stride", "5x4")
    assert code == 2
    assert "without --window" in err
    code, _, err = run(*given, "--window", "10x8", "--stride", "11x4")
    assert code == 2
    assert "leaves no gaps" in " ".join(err.split())
