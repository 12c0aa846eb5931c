"""A segmenter of single pixels in a file, and a picture for it."""

import numpy as np
import pytest

from imfuse.engines.onnx import SEGMENTER_KEY


@pytest.fixture
def model(tmp_path):
    """Write a file whose logits tell dark (0), middling (1) and bright (2) red apart."""
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    def write(
        *,
        white=1.0,
        output="logits",
        size=("height", "width"),
        channels=3,
        eye=0,
        stride=1,
        metadata=None,
        kind=None,
    ):
        kind = TensorProto.FLOAT if kind is None else kind
        weights = np.zeros((3, channels, 1, 1), np.float32)
        weights[:, eye, 0, 0] = np.array([-1.0, 0.0, 1.0]) / white
        bias = np.array([0.7, 0.3, -0.4], np.float32)
        nodes = [
            helper.make_node("Cast", ["pictures"], ["values"], to=TensorProto.FLOAT),
            helper.make_node(
                "Conv", ["values", "weights", "bias"], ["logits"], strides=[stride, stride]
            ),
            helper.make_node("ArgMax", ["logits"], ["classes"], axis=1, keepdims=0),
            helper.make_node("Mul", ["classes", "hundred"], ["hundreds"]),
            helper.make_node("ReduceMean", ["logits"], ["mean"], keepdims=0),
        ]
        shapes = {"logits": ["b", 3, "h", "w"], "mean": []}
        types = {"classes": TensorProto.INT64, "hundreds": TensorProto.INT64}
        out = helper.make_tensor_value_info(
            output, types.get(output, TensorProto.FLOAT), shapes.get(output, ["b", "h", "w"])
        )
        graph = helper.make_graph(
            nodes,
            "segmenter",
            [helper.make_tensor_value_info("pictures", kind, [1, channels, *size])],
            [out],
            [
                numpy_helper.from_array(weights, "weights"),
                numpy_helper.from_array(bias, "bias"),
                numpy_helper.from_array(np.array(200, np.int64), "hundred"),
            ],
        )
        file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        if metadata is not None:
            helper.set_model_props(file, {SEGMENTER_KEY: metadata})
        path = tmp_path / "segmenter.onnx"
        path.write_bytes(file.SerializeToString())
        return path

    return write


@pytest.fixture
def picture():
    """Dark, middling and bright red, in stripes of eight rows."""
    red = np.repeat(np.array([0.1, 0.5, 0.9], np.float32), 8)[:, None] * np.ones(20, np.float32)
    return np.stack([red, red * 0, red * 0 + 1], axis=2)
