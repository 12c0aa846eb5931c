"""The ONNX engine with a small trained network, against a float64 convolution written out here."""

import builtins
import json

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import imfuse
from imfuse.engines.load import load_engine
from imfuse.engines.onnx import SPEC_KEY, OnnxEngine
from imfuse.engines.onnx_file import OnnxFile
from imfuse.errors import UnknownName, WeightsError
from imfuse.types import FusionSpec, ImagePair, Picture, TileRule


def convolve(x, weight, bias):
    """Correlate `(C, H, W)` with `(O, C, 3, 3)`, zeros around, in float64 loops over the kernel."""
    height, width = x.shape[1:]
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1)])
    out = np.repeat(bias.astype(np.float64), height * width).reshape(-1, height, width)
    for o, c, dy, dx in np.ndindex(weight.shape):
        out[o] += float(weight[o, c, dy, dx]) * padded[c, dy : dy + height, dx : dx + width]
    return out


def reference(model, ir, vis):
    tensors = [numpy_helper.to_array(t) for t in model.graph.initializer]
    weights = [t for t in tensors if t.ndim == 4]
    biases = [t for t in tensors if t.ndim == 1 and t.size == t.shape[0] and t.dtype == np.float32]
    x = np.stack([ir, vis]).astype(np.float64)
    shapes = [(8, 2), (8, 8), (1, 8)]
    for step, shape in enumerate(shapes):
        (index,) = [i for i, w in enumerate(weights) if w.shape[:2] == shape]
        x = convolve(x, weights[index], biases[index])
        if step < 2:
            x = np.where(x > 0, x, 0.2 * x)
    return np.tanh(x[0]) / 2 + 0.5


@pytest.fixture(scope="module")
def tiny(request):
    return request.path.parents[1] / "golden" / "tiny.onnx"


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
@settings(max_examples=12)
def test_equals_the_float64_reference_at_any_size(tiny, height, width, seed):
    rng = np.random.default_rng(seed)
    ir, vis = (rng.random((height, width)).astype(np.float32) for _ in range(2))
    fused = OnnxEngine(tiny, threads=1).fuse(ir, vis)
    assert fused.dtype == np.float32
    np.testing.assert_allclose(fused, reference(onnx.load(tiny), ir, vis), atol=2e-6)


def test_the_network_learned_to_keep_hot_targets_and_visible_texture(tiny):
    ir, vis = np.full((64, 64), 0.1, np.float32), np.full((64, 64), 0.4, np.float32)
    ir[20:30, 20:30] = 0.95
    vis[:, np.arange(64) % 6 > 2] -= np.float32(0.2)  # bars 3 pixels wide
    fused = OnnxEngine(tiny).fuse(ir, vis)
    assert fused[22:28, 22:28].mean() - fused[4:16, 4:16].mean() > 0.3
    assert np.ptp(fused[45:60, 10:54].mean(axis=0)) > 0.1


def test_the_description_comes_from_the_file(tiny):
    spec = OnnxEngine(tiny).spec
    assert (spec.name, spec.kind, spec.parameters) == ("tiny", "network", 809)
    initializers = [numpy_helper.to_array(t) for t in onnx.load(tiny).graph.initializer]
    assert sum(t.size for t in initializers if t.dtype == np.float32 and t.ndim) == spec.parameters


def test_tiles_equal_the_whole(tiny, rng):
    ir, vis = (rng.random((150, 220)).astype(np.float32) for _ in range(2))
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    whole = imfuse.Fuser(tiny).fuse(pair).pixels
    tiled = imfuse.Fuser(tiny, max_memory=vis.nbytes + 700_000).fuse(pair).pixels
    assert np.abs(whole - tiled).max() < 1e-5


def test_a_file_can_be_named_where_a_method_can(tiny, rng):
    ir = rng.integers(0, 256, (30, 40)).astype(np.uint8)
    fused = imfuse.fuse(ir, ir[::-1].copy(), str(tiny))
    assert fused.shape == ir.shape
    assert load_engine(tiny).spec.name == "tiny"


def model_with(metadata=None, *, names=("ir", "vis", "fused"), channels=1, kind=TensorProto.FLOAT):
    shape = [1, channels, "h", "w"]
    ins = [helper.make_tensor_value_info(n, kind, shape) for n in names[:2]]
    outs = [helper.make_tensor_value_info(names[2], kind, shape)]
    graph = helper.make_graph([helper.make_node("Add", names[:2], [names[2]])], "g", ins, outs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {SPEC_KEY: metadata})
    return model.SerializeToString()


SPEC = FusionSpec(name="add", title="sum", kind="network")
RGB = SPEC.model_copy(update={"visible": "rgb"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a readable ONNX file"),
        (b"PK\x03\x04 a zip", "not a readable ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page.*browser"),
        (model_with(), "results from 0.4.* to 1.*--set range"),
        (model_with("{}"), "bad metadata"),
        (model_with("not json"), "bad metadata"),
        (model_with(SPEC.model_dump_json().replace('"format":1', '"format":2')), "newer imfuse"),
        (
            model_with(SPEC.model_dump_json().replace('"title":"sum"', '"title":"\\u001b[2J"')),
            "control characters",
        ),
        (model_with(SPEC.model_dump_json().replace('"multiple":1', '"multiple":NaN')), "multiple"),
        (model_with(SPEC.model_dump_json().replace('"minimum":1', '"minimum":99999')), "minimum"),
        (model_with("[" * 100_000), "bad metadata"),
        (model_with(SPEC.model_dump_json(), names=("a", "b", "c")), "inputs and outputs a tensor"),
        (model_with(RGB.model_dump_json()), "inputs and outputs"),
        (model_with(SPEC.model_dump_json(), kind=TensorProto.DOUBLE), "double"),
        (model_with(SPEC.model_dump_json())[:-30], "readable|metadata|inputs"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, content, words):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        OnnxEngine(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()


def test_fields_of_later_releases_are_ignored(tmp_path):
    path = tmp_path / "m.onnx"
    later = json.loads(SPEC.model_dump_json()) | {"surprise": 1, "tile": {"halo": 1, "new": 2}}
    later["size"]["new"] = {"deep": [1]}
    path.write_bytes(model_with(json.dumps(later)))
    assert OnnxEngine(path).spec == SPEC.model_copy(update={"tile": TileRule(halo=1)})


def test_files_of_before_there_were_formats_are_read(tmp_path):
    old = json.loads(SPEC.model_dump_json())
    del old["format"]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_with(json.dumps(old)))
    assert OnnxEngine(path).spec == SPEC


def test_a_good_file_made_the_same_way_works(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model_with(SPEC.model_dump_json()))
    half = np.full((2, 3), 0.25, np.float32)
    assert (OnnxEngine(path).fuse(half, half) == 0.5).all()


def test_rgb_models_get_and_give_rgb(tmp_path):
    path = tmp_path / "m.onnx"
    spec = FusionSpec(name="add", title="sum", kind="network", visible="rgb", output="rgb")
    content = onnx.load_from_string(model_with(spec.model_dump_json(), channels=3))
    content.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    path.write_bytes(content.SerializeToString())
    ir = np.zeros((2, 3), np.float32)
    vis = np.arange(18, dtype=np.float32).reshape(2, 3, 3) / 18
    assert np.array_equal(OnnxEngine(path).fuse(ir, vis), vis)


def test_models_that_are_not_there(tmp_path):
    with pytest.raises(WeightsError, match="can't read"):
        load_engine(tmp_path / "missing.onnx")
    (tmp_path / "w.bin").touch()
    with pytest.raises(WeightsError, match=r"expected a file ending in \.onnx \.safetensors"):
        load_engine(tmp_path / "w.bin")
    with pytest.raises(UnknownName):
        load_engine("missing")


def test_an_interrupt_while_onnxruntime_loads_is_no_fault_of_the_file(monkeypatch, tmp_path):
    """Its module turns Ctrl-C into an ImportError with the interrupt as its cause."""
    file = tmp_path / "model.onnx"
    file.write_bytes(b"\x08\x08")
    real = builtins.__import__

    def interrupted(name, *rest):
        if name == "onnxruntime":
            raise ImportError("initialization failed") from KeyboardInterrupt()
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        OnnxFile(file)
