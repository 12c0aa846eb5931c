"""Segmenters in ONNX files that others made: sizes, ranges of values, and kinds of output."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto  # noqa: E402 - after the skip

from imfuse.errors import BadValues, WeightsError  # noqa: E402
from imfuse.vision.segmenter import OnnxSegmenter, SegmenterSpec  # noqa: E402

STRIPES = np.repeat(np.array([0, 1, 2], np.uint8), 8)[:, None] * np.ones(20, np.uint8)


@pytest.mark.parametrize("output", ["logits", "classes"])
def test_logits_and_classes_are_understood(model, picture, output):
    labels = OnnxSegmenter(model(output=output)).label(picture)
    assert labels.dtype == np.uint8
    assert (labels == STRIPES).all()


def test_small_pictures_are_mirrored_as_the_fuser_does(model, rng, monkeypatch):
    picture = rng.random((24, 20, 3), np.float32)
    spec = SegmenterSpec(name="s", classes=("a", "b", "c"), minimum=32)
    segmenter = OnnxSegmenter(model(metadata=spec.model_dump_json()))
    seen, run = [], segmenter._run
    monkeypatch.setattr(segmenter, "_run", lambda values: run(seen.append(values) or values))
    assert segmenter.label(picture).shape == (24, 20)
    (values,) = seen
    assert values.shape == (1, 3, 32, 32)
    below = np.concatenate([picture, picture[::-1][:8]])
    whole = np.concatenate([below, below[:, ::-1][:, :12]], axis=1)
    np.testing.assert_array_equal(values[0].transpose(1, 2, 0), whole)


PAIR = SegmenterSpec(name="p", classes=("a", "b", "c"), on="pair", minimum=16, multiple=16)


def test_a_segmenter_of_pairs_gets_infrared_last_and_its_own_sizes(model, picture, monkeypatch):
    pair = np.dstack([np.zeros_like(picture), picture[..., 0]])
    file = model(channels=4, eye=3, metadata=PAIR.model_dump_json())
    segmenter = OnnxSegmenter(file, mean=(0.3, 0.3, 0.3), std=(0.5, 0.5, 0.5))
    seen, run = [], segmenter._run
    monkeypatch.setattr(segmenter, "_run", lambda values: run(seen.append(values.shape) or values))
    assert segmenter.pairs
    assert (segmenter.label(pair) == STRIPES).all()
    assert seen == [(1, 4, 32, 32)]
    with pytest.raises(WeightsError, match="unfused pairs.*segment run MODEL VIS --ir IR"):
        segmenter.refuse_pairs()
    OnnxSegmenter(model()).refuse_pairs()
    with pytest.raises(WeightsError, match=r"expected one input of floats \(1, 4,"):
        OnnxSegmenter(model(metadata=PAIR.model_dump_json()))


def test_gray_pictures_are_shown_thrice(model, picture):
    assert (OnnxSegmenter(model()).label(picture[..., 0]) == STRIPES).all()


def test_values_are_brought_to_the_range_of_the_file(model, picture):
    assert (OnnxSegmenter(model(white=255.0), scale=255).label(picture) == STRIPES).all()
    assert (OnnxSegmenter(model(white=255.0)).label(picture) == 0).all()
    # (x - 0.5) / 0.25 of what the file takes: dark and bright as far from middling.
    normed = OnnxSegmenter(model(white=2.0), mean=(0.5, 0, 0), std=(0.25, 1, 1))
    assert np.unique(normed.label(picture)[4::8]).tolist() == [0, 2]


@pytest.mark.parametrize("output", ["logits", "classes"])
def test_a_fixed_size_is_the_file_s_and_labels_the_picture_s(model, picture, output):
    labels = OnnxSegmenter(model(size=(48, 40), output=output)).label(picture)
    assert labels.shape == (24, 20)
    assert (labels == STRIPES).mean() > 0.9


def test_a_size_can_be_asked_for(model, picture):
    labels = OnnxSegmenter(model(), size=(12, 10)).label(picture)
    assert labels.shape == (24, 20)
    assert (labels == STRIPES).mean() > 0.8


def test_coarse_logits_are_enlarged(model, picture):
    labels = OnnxSegmenter(model(stride=4)).label(picture)
    assert labels.shape == (24, 20)
    assert (labels == STRIPES).mean() > 0.8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 1}, r"expected one input of floats \(1, 3, height, width\)"),
        ({"kind": TensorProto.UINT8}, "tensor\\(uint8\\)"),
        ({"metadata": "{}"}, "bad metadata imfuse.segmenter"),
    ],
)
def test_other_files_are_refused(model, changes, message):
    with pytest.raises(WeightsError, match=message):
        OnnxSegmenter(model(**changes))


def test_a_size_that_the_file_can_not_take_says_so(model, picture):
    with pytest.raises(WeightsError, match="picture of 10x12.*--size"):
        OnnxSegmenter(model(size=(48, 40)), size=(12, 10)).label(picture)


def test_outputs_that_are_no_classes_are_refused(model, picture):
    with pytest.raises(WeightsError, match=r"outputs of the shapes \(\)"):
        OnnxSegmenter(model(output="mean")).label(picture)
    with pytest.raises(BadValues, match="class 400"):
        OnnxSegmenter(model(output="hundreds")).label(picture)


def test_the_candidates_of_a_detector_are_no_classes(model, picture, monkeypatch):
    segmenter = OnnxSegmenter(model())
    candidates = [np.zeros((1, 8400, 84), np.float32)]
    monkeypatch.setattr(segmenter._file, "run", lambda *_: candidates)
    for look in (lambda: segmenter.label(picture), lambda: segmenter.class_names(("a",))):
        with pytest.raises(WeightsError, match=r"\(1, 8400, 84\).*--task detect --detector"):
            look()


def test_no_onnx_file_at_all(tmp_path):
    file = tmp_path / "model.onnx"
    with pytest.raises(WeightsError, match="can't read"):
        OnnxSegmenter(file)
    file.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a readable ONNX file"):
        OnnxSegmenter(file)
