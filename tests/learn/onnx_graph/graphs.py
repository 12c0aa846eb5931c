"""Small ONNX graphs for tests, written in ONNX's own text format."""

import numpy as np
import onnx

IR_VERSION = 10  # the first with operator set 21


def write_graph(path, body, *, opset=13, inputs="float[1,3,8,9] x", outputs="y", **weights):
    """Write a graph with the statements of `body` to a file, and return its path."""
    head = f'<ir_version: {IR_VERSION}, opset_import: ["": {opset}]>'
    model = onnx.parser.parse_model(f"{head} g ({inputs}) => ({outputs}) {{ {body} }}")
    for name, value in weights.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    path.write_bytes(model.SerializeToString())
    return path


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)
