"""ONNX files that are refused: by name, before anything is run, and without other files."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from imfuse.errors import WeightsError  # noqa: E402 - after the skips
from imfuse.learn.onnx_graph import reading, table  # noqa: E402 - needs torch
from imfuse.learn.onnx_graph.node import plain  # noqa: E402 - needs torch
from imfuse.learn.onnx_graph.reading import read_graph  # noqa: E402 - needs torch
from learn.onnx_graph.graphs import IR_VERSION, floats, ints, write_graph  # noqa: E402 - needs onnx


def refusal(path):
    with pytest.raises(WeightsError) as found:
        read_graph(path)
    assert found.value.file == str(path)
    return str(found.value)


def test_all_unsupported_operators_are_named_at_once(tmp_path):
    body = (
        "s = NonZero(x) f = Cast<to=1>(s) c = CumSum(f, a) r = ReduceSum<keepdims=0>(c)"
        'u = Resize<mode="cubic">(x, , sc) p, i = MaxPool<kernel_shape=[2,2]>(x)'
        "j = Cast<to=1>(i) v = ReduceSum<keepdims=0>(j) w = ReduceSum<keepdims=0>(u)"
        "q = Add(r, v) y = Add(q, w)"
    )
    sc = np.float32([1, 1, 2, 2])
    text = refusal(write_graph(tmp_path / "a.onnx", body, a=np.int64(1), sc=sc))
    named = "CumSum, MaxPool with 2 outputs, NonZero, Resize with mode cubic"
    assert f"operators that are not supported: {named}" in text
    assert "without suppression" in text


@pytest.mark.parametrize(
    ("body", "options", "named"),
    [
        ("y = AveragePool<kernel_shape=[2,2], dilations=[2,2]>(x)", {"opset": 19}, "dilations"),
        ("y = ArgMax<select_last_index=1>(x)", {}, "ArgMax with select_last_index"),
        ("y = Cast<to=8>(x)", {}, "Cast to type 8"),
        ('y = Resize<mode="linear", antialias=1>(x, , s)', {"opset": 18}, "antialias"),
        (
            'y = Resize<coordinate_transformation_mode="tf_crop_and_resize">(x, roi, s)',
            {"roi": np.float32([0, 0, 0, 0, 1, 1, 1, 1])},
            "tf_crop_and_resize",
        ),
        (
            'y = Resize<keep_aspect_ratio_policy="not_larger", axes=[2,3]>(x, , , n)',
            {"opset": 18, "n": ints(4, 4)},
            "not_larger",
        ),
        ('y = GridSample<mode="bicubic">(x, g)', {"opset": 16, "g": floats(1, 2, 2, 2)}, "cubic"),
    ],
)
def test_unsupported_attributes_are_named(body, options, named, tmp_path):
    scales = {"s": np.float32([1, 1, 2, 2])}
    path = write_graph(tmp_path / "a.onnx", body, **({"opset": 13} | scales | options))
    assert named in refusal(path)


def test_subgraphs_are_refused(tmp_path):
    body = (
        "m = ReduceMax<keepdims=0>(x) c = Greater(m, w)"
        "y = If(c) <then_branch = a () => (float[1,3,8,9] t) { t = Relu(x) },"
        " else_branch = b () => (float[1,3,8,9] e) { e = Neg(x) }>"
    )
    text = refusal(write_graph(tmp_path / "a.onnx", body, w=np.float32(0)))
    assert "operators that are not supported: If" in text


def test_other_operator_sets_and_functions_are_refused(tmp_path):
    text = f"""<ir_version: {IR_VERSION}, opset_import: ["": 13, "own": 1]>
    g (float[1,3] x) => (float[1,3] y) {{ y = own.Twice(x) }}
    <domain: "own", opset_import: ["": 13]> Twice (a) => (b) {{ b = Add(a, a) }}"""
    model = onnx.parser.parse_model(text)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert "functions: Twice" in refusal(tmp_path / "a.onnx")
    model.functions[0].name = model.graph.node[0].op_type = "Twi\x1b[2Jce"
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert "\x1b" not in refusal(tmp_path / "a.onnx")
    body = "y = Relu(x)"
    model = onnx.load(write_graph(tmp_path / "a.onnx", body))
    model.graph.node[0].domain, model.graph.node[0].op_type = "com.microsoft", "QuickGelu"
    model.opset_import.add(domain="com.microsoft", version=1)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert "not supported: com.microsoft.QuickGelu" in refusal(tmp_path / "a.onnx")


def test_old_operator_sets_are_refused(tmp_path):
    assert "operator set 8" in refusal(write_graph(tmp_path / "a.onnx", "y = Relu(x)", opset=8))


@pytest.mark.parametrize("kind", ["float16", "int64", "double"])
def test_other_inputs_than_floats_are_refused(kind, tmp_path):
    path = write_graph(tmp_path / "a.onnx", "y = Add(x, x)", inputs=f"{kind}[1,3] x")
    assert "the input x tensor" in refusal(path)


def test_weights_in_other_files_are_refused_and_not_read(tmp_path):
    path = write_graph(tmp_path / "a.onnx", "y = Add(x, w)", w=floats(8, 9))
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert (tmp_path / "w.bin").exists()
    assert "weights in other files" in refusal(path)


def test_attributes_in_other_files_are_refused_and_not_read(tmp_path, monkeypatch):
    path = write_graph(tmp_path / "a.onnx", "c = Constant<value=float[9] {1}>() y = Add(x, c)")
    model = onnx.load(path)
    constant = model.graph.node[0].attribute[0].t
    constant.CopyFrom(onnx.numpy_helper.from_array(floats(9)))
    onnx.external_data_helper.set_external_data(constant, "w.bin")
    constant.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())
    (tmp_path / "w.bin").write_bytes(floats(9).tobytes())
    monkeypatch.chdir(tmp_path)
    refusal(path)


def test_damaged_files_are_refused(tmp_path):
    path = write_graph(tmp_path / "a.onnx", "y = Add(x, w)", w=floats(8, 9))
    content = path.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        refusal(path)
    refusal(tmp_path / "none.onnx")


def test_large_files_are_refused(tmp_path, monkeypatch):
    path = write_graph(tmp_path / "a.onnx", "y = Add(x, w)", w=floats(8, 9))
    monkeypatch.setattr(reading, "_LARGEST", 100)
    assert "expected at most 100" in refusal(path)


def test_huge_inputs_are_refused_before_they_are_made(tmp_path):
    path = write_graph(tmp_path / "a.onnx", "y = Relu(x)", inputs="float[1,3,1000000,1000000] x")
    assert "the input x tensor(float) 1x3x1000000x1000000" in refusal(path)


@pytest.mark.parametrize(
    "body",
    [
        "a = ConstantOfShape(n) m = ReduceMax<keepdims=0>(a) y = Add(x, m)",
        "a = Expand(w, n) m = ReduceMax<keepdims=0>(a) y = Add(x, m)",
        "a = Tile(w, n) m = ReduceMax<keepdims=0>(a) y = Add(x, m)",
    ],
)
def test_constants_that_outgrow_the_file_are_refused_before_they_are_made(body, tmp_path):
    path = write_graph(tmp_path / "a.onnx", body, n=ints(2**20, 2**20), w=floats(1, 1))
    assert "constants too large" in refusal(path)


def test_many_constants_together_are_bounded(tmp_path):
    body = "".join(f"a{i} = Expand(w, n) " for i in range(20))
    total = "s = Sum(" + ", ".join(f"a{i}" for i in range(20)) + ")"
    body = f"{body} {total} m = ReduceMax<keepdims=0>(s) y = Add(x, m)"
    path = write_graph(tmp_path / "a.onnx", body, n=ints(2**20), w=floats(1))
    assert "constants too large" in refusal(path)


def test_unusual_weights_are_refused_or_read(tmp_path):
    path = write_graph(tmp_path / "a.onnx", "y = Cast<to=1>(w) z = Relu(x)", outputs="y, z")
    model = onnx.load(path)
    stored = onnx.helper.make_tensor("w", onnx.TensorProto.UINT16, [2], [1, 2])
    model.graph.initializer.append(stored)
    path.write_bytes(model.SerializeToString())
    assert "weights of type UINT16" in refusal(path)
    model.graph.ClearField("initializer")
    stored = onnx.helper.make_tensor("w", onnx.TensorProto.BFLOAT16, [2], [1.5, -2])
    model.graph.initializer.append(stored)
    path.write_bytes(model.SerializeToString())
    assert read_graph(path)(torch.rand(1, 3, 8, 9))[0].tolist() == [1.5, -2]


def test_a_graph_that_differs_from_onnx_runtime_is_refused(tmp_path, monkeypatch):
    path = write_graph(tmp_path / "a.onnx", "y = Relu(x)")
    monkeypatch.setitem(table.OPERATORS, "Relu", plain(lambda x: x + 0.1))
    assert "differs from that of ONNX Runtime" in refusal(path)
    monkeypatch.setitem(table.OPERATORS, "Relu", plain(lambda x: x.reshape(7)))
    assert "can't be run in PyTorch" in refusal(path)


def test_a_size_that_the_network_does_not_take_is_not_compared(tmp_path):
    body = "r = Reshape(x, n) y = Relu(r)"
    path = write_graph(tmp_path / "a.onnx", body, inputs="float[1,3,h,w] x", n=ints(1, 3, 5, 7))
    assert read_graph(path)(torch.rand(2, 3, 7, 5))[0].shape == (2, 3, 5, 7)
