"""A segmenter of pairs on rendered scenes: warm pixels are one class, all others another."""

import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from imfuse.data.opening import open_for_comparing  # noqa: E402
from imfuse.engines.onnx import SEGMENTER_KEY  # noqa: E402
from imfuse.vision.segmenter import SegmenterSpec  # noqa: E402

WARM = 0.5


@pytest.fixture
def model(tmp_path):
    """Write a segmenter that calls pixels above `WARM` in infrared persons (class 2)."""
    weights = np.zeros((3, 4, 1, 1), np.float32)
    weights[2, 3] = 1
    tensors = {"weights": weights, "bias": np.array([WARM, -9, 0], np.float32)}
    file = helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", ["pictures", "weights", "bias"], ["logits"])],
            "segmenter",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [1, 4, "h", "w"])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3, "h", "w"])],
            [numpy_helper.from_array(value, name) for name, value in tensors.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    spec = SegmenterSpec(name="warm", classes=("unlabelled", "car", "person"), on="pair")
    helper.set_model_props(file, {SEGMENTER_KEY: spec.model_dump_json()})
    path = tmp_path / "warm.onnx"
    path.write_bytes(file.SerializeToString())
    return path


def test_the_pixels_of_all_pairs_count_together(experiment, call, model, tmp_path):
    module = experiment("direct_segmentation")
    said = call(module, model, "--data", "scenes:2", "-o", tmp_path / "r.json")
    source = open_for_comparing("scenes:2")
    both = either = 0
    for index in range(2):
        sample = source.read(index)
        known = sample.labels != 255
        true, found = (sample.labels == 2) & known, (sample.ir > WARM) & known
        both, either = both + (true & found).sum(), either + (true | found).sum()
    result = json.loads((tmp_path / "r.json").read_text())
    assert 0 < both < either
    assert result["iou"]["person"] == pytest.approx(100 * both / either, abs=0.01)
    assert result["iou"]["car"] == 0
    assert result["pairs"] == 2
    assert result["printed"] == {"PSFusion direct head": {"mIoU": 73.84}}
    assert f"{result['miou']:.2f}" in said


def test_segmenters_of_pictures_are_refused(experiment, call, model):
    file = onnx.load(model)
    del file.metadata_props[:]
    file.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    weights = numpy_helper.to_array(file.graph.initializer[0])[:, :3]
    file.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights.copy(), "weights"))
    onnx.save(file, model)
    with pytest.raises(SystemExit, match="which segments pictures"):
        call(experiment("direct_segmentation"), model, "--data", "scenes:1")
