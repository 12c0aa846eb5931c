"""Model files that attack: whatever they do ends as a named error, in time and within memory."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import imfuse
from imfuse.engines.load import load_engine
from imfuse.engines.onnx import SEGMENTER_KEY, SPEC_KEY, OnnxEngine
from imfuse.errors import ImfuseError, MemoryLimit, WeightsError
from imfuse.types import FusionSpec, Picture
from imfuse.vision.segmenter import OnnxSegmenter

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
SPEC = FusionSpec(name="bad", title="bad", kind="network", bytes_per_pixel=16)
IR, VIS = (np.linspace(0, 1, 24 * 30, dtype=np.float32).reshape(24, 30) ** p for p in (1, 2))


def spec_with(**changes):
    return json.dumps(json.loads(SPEC.model_dump_json()) | changes)


def write(
    path, nodes, *, weights=(), spec=None, inputs=("ir", "vis"), sides=("h", "w"), output="fused"
):
    """Write a network of some nodes; `spec` is its description as JSON, or None."""
    ports = [helper.make_tensor_value_info(n, FLOAT, [1, 1, *sides]) for n in inputs]
    outs = [helper.make_tensor_value_info(output, FLOAT, None)]
    graph = helper.make_graph(
        nodes, "g", ports, outs, [numpy_helper.from_array(a, name) for name, a in weights]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if spec is not None:
        helper.set_model_props(model, {SPEC_KEY: spec})
    path.write_bytes(model.SerializeToString())
    return path


def one(operator, inputs, **attributes):
    return helper.make_node(operator, inputs, ["fused"], **attributes)


ADD = helper.make_node("Add", ["ir", "vis"], ["sum"])


def endless():
    """Return nodes that count for some thousand years."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Sin", ["value"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, None),
        ],
    )
    nodes = [ADD, helper.make_node("Loop", ["often", "", "sum"], ["fused"], body=body)]
    return nodes, [("often", np.array(2**62, np.int64))]


SHAPES = {
    "a scalar": ([ADD, one("ReduceMean", ["sum"], keepdims=0)], ()),
    "two axes": ([ADD, one("Squeeze", ["sum"])], ()),
    "six axes": ([ADD, one("Unsqueeze", ["sum", "axes"])], [("axes", np.array([0, 1]))]),
    "half a size": (
        [ADD, one("MaxPool", ["sum"], kernel_shape=[2, 2], strides=[2, 2])],
        (),
    ),
    "nothing": ([ADD, one("Slice", ["sum", "zero", "zero"])], [("zero", np.zeros(1, np.int64))]),
    "two channels": ([one("Concat", ["ir", "vis"], axis=1)], ()),
    "four channels": ([one("Concat", ["ir", "vis", "ir", "vis"], axis=1)], ()),
    "integers": ([ADD, one("Cast", ["sum"], to=INT64)], ()),
    "words": ([ADD, one("Cast", ["sum"], to=TensorProto.STRING)], ()),
    "two pictures": ([ADD, one("Concat", ["sum", "sum"], axis=0)], ()),
    "a sequence": ([one("SequenceConstruct", ["ir", "vis"])], ()),
    "an error": ([ADD, one("Reshape", ["sum", "to"])], [("to", np.array([7, 11, 13]))]),
}


@pytest.mark.parametrize("described", [True, False], ids=["described", "plain"])
@pytest.mark.parametrize("name", SHAPES)
def test_results_that_are_no_picture(tmp_path, name, described):
    nodes, weights = SHAPES[name]
    spec = SPEC.model_dump_json() if described else None
    path = write(tmp_path / "m.onnx", nodes, weights=weights, spec=spec)
    with pytest.raises(WeightsError) as caught:
        OnnxEngine(path).fuse(IR, VIS)
    assert caught.value.file == str(path)
    assert len(str(caught.value)) < 1000


def test_colour_that_was_not_promised(tmp_path):
    nodes = [one("Concat", ["ir", "vis", "vis"], axis=1)]
    path = write(tmp_path / "m.onnx", nodes, spec=SPEC.model_dump_json())
    with pytest.raises(WeightsError, match="expected luma"):
        OnnxEngine(path).fuse(IR, VIS)


@pytest.mark.parametrize("operator", ["Max", "Min"])
def test_a_fixed_size_with_a_description_of_ours_is_refused(tmp_path, operator):
    nodes = [one(operator, ["ir", "vis"])]
    path = write(tmp_path / "m.onnx", nodes, spec=SPEC.model_dump_json(), sides=(24, 30))
    with pytest.raises(WeightsError, match="of any size"):
        OnnxEngine(path)


def test_values_that_are_no_numbers_are_refused(tmp_path):
    nodes = [ADD, helper.make_node("Neg", ["sum"], ["n"]), one("Sqrt", ["n"])]
    path = write(tmp_path / "m.onnx", nodes, spec=SPEC.model_dump_json())
    with pytest.raises(ImfuseError, match="NaN"):
        imfuse.fuse(IR, VIS, path)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": {"minimum": 10**9}},
        {"size": {"multiple": 10**18}},
        {"size": {"multiple": -1}},
        {"size": {"multiple": float("nan")}},
        {"tile": {"halo": 10**12}},
        {"tile": {"halo": 0, "stride": 0}},
        {"bytes_per_pixel": -56},
        {"bytes_per_pixel": 10**30},
        {"parameters": -1},
        {"name": ""},
        {"name": "x" * 10**6},
        {"title": "\x1b]0;owned\x07"},
        {"licence": "MIT\r\nfused"},
        {"paper": "a\u202eb"},
        {"format": 2},
        {"format": "x"},
        {"kind": "virus"},
        {"visible": ["rgb"]},
        {"size": None},
    ],
    ids=str,
)
def test_absurd_descriptions(tmp_path, changes):
    path = write(tmp_path / "m.onnx", [one("Max", ["ir", "vis"])], spec=spec_with(**changes))
    with pytest.raises(WeightsError, match=r"bad metadata imfuse\.spec") as caught:
        OnnxEngine(path)
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


def test_padding_beyond_the_memory_limit_is_refused(tmp_path):
    rule = {"size": {"minimum": 60_000}}
    path = write(tmp_path / "m.onnx", [one("Max", ["ir", "vis"])], spec=spec_with(**rule))
    with pytest.raises(MemoryLimit, match="pads the picture to 60000x60000"):
        imfuse.fuse(IR, VIS, path)


@pytest.mark.parametrize("key", [SPEC_KEY, "imfuse.feed", SEGMENTER_KEY, "imfuse.settings"])
def test_deeply_nested_descriptions(tmp_path, key):
    path = write(tmp_path / "m.onnx", [one("Max", ["ir", "vis"])], spec=SPEC.model_dump_json())
    model = onnx.load(path)
    texts = {one.key: one.value for one in model.metadata_props}
    helper.set_model_props(model, texts | {key: "[" * 200_000})
    onnx.save(model, path)
    if key == SEGMENTER_KEY:
        with pytest.raises(WeightsError, match="bad metadata"):
            OnnxSegmenter(path)
    elif key == "imfuse.settings":
        pytest.importorskip("torch")
        from imfuse.learn.checkpoints import load_weights

        with pytest.raises(WeightsError, match="how its network was built"):
            load_weights(path)
    else:
        with pytest.raises(WeightsError, match="bad metadata"):
            OnnxEngine(path)


def test_names_that_are_not_utf_8(tmp_path):
    path = write(tmp_path / "m.onnx", [one("Max", ["ir_name", "vis"])], inputs=("ir_name", "vis"))
    content = path.read_bytes().replace(b"ir_name", b"ir_\xff\xfe\x80\xc3")
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        OnnxEngine(path)


def test_texts_that_are_not_utf_8(tmp_path):
    path = write(tmp_path / "m.onnx", [one("Max", ["ir", "vis"])], spec=spec_with(title="t" * 9))
    path.write_bytes(path.read_bytes().replace(b"t" * 9, b"\xff" * 9))
    with pytest.raises(WeightsError, match="not UTF-8"):
        OnnxEngine(path)


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path):
    nodes = [one("Max", ["\x1b[31mred", "\x1b[2Jgone"])]
    path = write(tmp_path / "m.onnx", nodes, inputs=("\x1b[31mred", "\x1b[2Jgone"))
    with pytest.raises(WeightsError, match="alike") as caught:
        OnnxEngine(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "place", ["secret.bin", "./secret.bin", "ABSOLUTE", "../{}/secret.bin", "*/_ORT_MEM_ADDR_/*"]
)
def test_no_other_file_is_read(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    np.full(1, 0.25, np.float32).tofile("secret.bin")
    path = write(
        tmp_path / "m.onnx",
        [ADD, one("Mul", ["sum", "secret"])],
        weights=[("secret", np.zeros(1, np.float32))],
        spec=SPEC.model_dump_json(),
    )
    model = onnx.load(path)
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    place = place.format(tmp_path.name) if place != "ABSOLUTE" else str(tmp_path / "secret.bin")
    for key, value in (("location", place), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError):
        OnnxEngine(path).fuse(IR, VIS)


def test_memory_beyond_the_limit_is_not_taken(tmp_path):
    """A network that wants 40 GB ends as an error where each pair may have 10 MB."""
    nodes = [
        ADD,
        helper.make_node("ReduceMax", ["sum"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["whole"], to=INT64),
        helper.make_node("Mul", ["whole", "often"], ["count"]),
        helper.make_node("ConstantOfShape", ["count"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["zero"], keepdims=0),
        one("Add", ["sum", "zero"]),
    ]
    weights = [("often", np.array([5_000_000_000], np.int64))]
    path = write(tmp_path / "m.onnx", nodes, weights=weights, spec=SPEC.model_dump_json())
    started = time.perf_counter()
    with pytest.raises(WeightsError, match="more memory"):
        imfuse.fuse(IR, VIS, path, max_memory=10_000_000)
    assert time.perf_counter() - started < 10


def test_constants_that_a_small_file_blows_up_are_not_computed_when_it_is_opened(tmp_path):
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        ADD,
        one("Mul", ["sum", "most"]),
    ]
    weights = [("one", np.ones(1, np.float32)), ("shape", np.array([10**6, 10**4], np.int64))]
    path = write(tmp_path / "m.onnx", nodes, weights=weights, spec=SPEC.model_dump_json())
    started = time.perf_counter()
    with pytest.raises(WeightsError, match="more memory"):
        imfuse.fuse(IR, VIS, path, max_memory=10_000_000)
    assert time.perf_counter() - started < 10


def test_an_endless_trial_run_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("imfuse.engines.trial._SECONDS", 0.3)
    nodes, weights = endless()
    path = write(tmp_path / "m.onnx", nodes, weights=weights)
    with pytest.raises(WeightsError, match="did not finish"):
        OnnxEngine(path)


FUSE = """
import sys
from imfuse.cli import main
print("started", flush=True)
main(["fuse", *sys.argv[1:]])
"""


@pytest.mark.parametrize("folders", [False, True])
def test_ctrl_c_stops_an_endless_network(tmp_path, folders):
    nodes, weights = endless()
    path = write(tmp_path / "m.onnx", nodes, weights=weights, spec=SPEC.model_dump_json())
    for name in ("ir", "vis"):
        (tmp_path / name).mkdir()
        imfuse.write_image(tmp_path / name / "a.png", Picture(pixels=np.zeros((9, 9), np.uint8)))
    sources = [tmp_path / name / ("" if folders else "a.png") for name in ("ir", "vis")]
    out = tmp_path / ("out" if folders else "out.png")
    command = [sys.executable, "-c", FUSE, *map(str, sources), "-o", str(out), "-m", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"started\n"
        time.sleep(2.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        if folders:  # the first lets pairs finish that were begun
            time.sleep(1)
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert not (tmp_path / "out.png").exists()


def mutated(content, rng):
    """Return a file with some bytes changed, cut off, or moved."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(data)))
        kind = rng.integers(5)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del data[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            data[at:at] = rng.bytes(int(rng.integers(1, 20)))
        else:
            other = int(rng.integers(len(data)))
            data[at : at + 8] = data[other : other + 8]
    return bytes(data)


def survives(work):
    """Run work that may only succeed or be refused by name."""
    with suppress(ImfuseError):
        work()


PART = [pytest.param(seed, 40, id=f"some-{seed}") for seed in range(2)]
ALL = [pytest.param(seed, 250, marks=pytest.mark.slow, id=f"all-{seed}") for seed in range(10, 18)]


@pytest.mark.parametrize(("seed", "count"), PART + ALL)
def test_mutated_fusion_networks(tmp_path, golden, seed, count):
    rng = np.random.default_rng(seed)
    path = tmp_path / "m.onnx"
    plain = write(tmp_path / "p.onnx", [one("Mean", ["ir", "vis"])]).read_bytes()
    sources = [(golden / "tiny.onnx").read_bytes(), plain]
    for number in range(count):
        path.write_bytes(mutated(sources[number % 2], rng))
        survives(lambda: load_engine(path, threads=1, max_memory=50_000_000).fuse(IR, VIS))


def segmenter():
    """Return a segmenter of three classes as the bytes of its file."""
    weights = numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["pictures", "w"], ["logits"])],
        "g",
        [helper.make_tensor_value_info("pictures", FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("logits", FLOAT, None)],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {SEGMENTER_KEY: json.dumps({"name": "s", "classes": ["a", "b"]})})
    return model.SerializeToString()


@pytest.mark.parametrize(("seed", "count"), PART + ALL)
def test_mutated_segmenters(tmp_path, seed, count):
    rng = np.random.default_rng(seed)
    path, content = tmp_path / "m.onnx", segmenter()
    for _ in range(count):
        path.write_bytes(mutated(content, rng))
        survives(lambda: OnnxSegmenter(path, threads=1).label(IR))


@pytest.mark.parametrize(("seed", "count"), PART + ALL)
@pytest.mark.parametrize("ending", [".pth", ".safetensors", ".old.pth"])
def test_mutated_weights(tmp_path, seed, count, ending):
    torch = pytest.importorskip("torch")
    from imfuse.learn.checkpoints import load_weights, save_weights
    from imfuse.learn.models.base import Origin
    from imfuse.learn.networks import create_network

    network = create_network("sdnet")
    path = tmp_path / f"w{ending}"
    if ending == ".safetensors":
        save_weights(path, network, settings={}, origin=Origin(licence="MIT"))
    else:
        new = ending == ".pth"
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=new)
    content, rng = path.read_bytes(), np.random.default_rng(seed)
    for _ in range(count):
        path.write_bytes(mutated(content[:4000], rng) + content[4000:])
        survives(lambda: load_weights(path))
