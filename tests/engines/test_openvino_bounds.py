"""OpenVINO within bounds: memory is worked out beforehand, and Ctrl-C ends a long run."""

import itertools
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("openvino")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - after the skip

import imfuse  # noqa: E402
from imfuse.engines.load import load_engine  # noqa: E402
from imfuse.engines.onnx import SPEC_KEY  # noqa: E402
from imfuse.engines.onnx_file import memory_limit  # noqa: E402
from imfuse.engines.openvino import OpenVinoEngine  # noqa: E402
from imfuse.engines.openvino_bounds import MemoryBound  # noqa: E402
from imfuse.errors import MemoryLimit, WeightsError  # noqa: E402
from imfuse.machine import available_cores  # noqa: E402
from imfuse.types import FusionSpec, Picture  # noqa: E402

SPEC = FusionSpec(name="bad", title="bad", kind="network", bytes_per_pixel=16)
IR, VIS = (np.linspace(0, 1, 24 * 30, dtype=np.float32).reshape(24, 30) ** p for p in (1, 2))
ADD = helper.make_node("Add", ["ir", "vis"], ["sum"])


def write(path, nodes, **weights):
    """Write a network that says of itself that it fuses."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "h", "w"])
        for name in ("ir", "vis")
    ]
    out = helper.make_tensor_value_info("fused", TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", ports, [out], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {SPEC_KEY: SPEC.model_dump_json()})
    path.write_bytes(model.SerializeToString())
    return path


def wide(path, channels):
    """Write a network that makes many channels of each picture on its way."""
    nodes = [
        ADD,
        helper.make_node("Tile", ["sum", "often"], ["many"]),
        helper.make_node("ReduceMean", ["many", "axis"], ["fused"]),
    ]
    often = np.array([1, channels, 1, 1], np.int64)
    return write(path, nodes, often=often, axis=np.array([1], np.int64))


def test_memory_is_that_of_the_values_alive_at_one_time(tmp_path):
    """By hand: the sum, 5 channels and the mean; then 2 x 5 channels together."""
    import openvino

    nodes = [
        ADD,
        helper.make_node("Tile", ["sum", "often"], ["first"]),
        helper.make_node("Exp", ["first"], ["second"]),
        helper.make_node("MatMul", ["first", "second"], ["third"]),
        helper.make_node("ReduceMean", ["third", "axis"], ["fused"]),
    ]
    often, axis = np.array([1, 5, 1, 1], np.int64), np.array([1], np.int64)
    path = write(tmp_path / "m.onnx", nodes, often=often, axis=axis)
    plane = 4 * 40 * 40
    shapes = {"ir": (1, 1, 40, 40), "vis": (1, 1, 40, 40)}
    network = openvino.Core().read_model(path.read_bytes())
    most = 10 * plane  # `third` is written over one of the two that it is the last to read
    MemoryBound(network, most, path).check(shapes)
    with pytest.raises(MemoryLimit, match=r"for inputs of 1x1x40x40, 1x1x40x40; expected at most"):
        MemoryBound(network, most - 1, path).check(shapes)


def test_pictures_for_which_a_network_needs_too_much_memory_are_refused(tmp_path):
    path = wide(tmp_path / "m.onnx", 3000)
    engine = load_engine(path, runtime="openvino", max_memory=10_000_000)
    np.testing.assert_allclose(engine.fuse(IR, VIS), IR + VIS, atol=2e-4)
    side = 1 + int((memory_limit(10_000_000, 1000) / 12_000) ** 0.5)
    large = np.zeros((side, side), np.float32)
    with pytest.raises(MemoryLimit, match="--max-memory"):
        engine.fuse(large, large)
    np.testing.assert_allclose(engine.fuse(IR, VIS), IR + VIS, atol=2e-4)
    roomy = load_engine(path, runtime="openvino", max_memory=memory_limit(10_000_000, 1000) * 2)
    np.testing.assert_array_equal(roomy.fuse(large, large), large)


def test_networks_in_the_package_need_less_than_they_declare(rng):
    """So no tile that `--max-memory` allows is refused."""
    engine = load_engine("seafusion", runtime="openvino", max_memory=1)
    ir = rng.random((200, 300)).astype(np.float32)
    declared = ir.size * engine.spec.bytes_per_pixel // available_cores()
    engine = load_engine("seafusion", runtime="openvino", max_memory=declared)
    engine._bound._limit = declared * available_cores()
    engine.fuse(ir, ir)
    engine._bound._limit //= 5
    with pytest.raises(MemoryLimit):
        engine.fuse(np.vstack([ir, ir]), np.vstack([ir, ir]))


def test_constants_that_a_small_file_blows_up_are_not_computed(tmp_path):
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        ADD,
        helper.make_node("Mul", ["sum", "most"], ["fused"]),
    ]
    shape = np.array([10**6, 10**4], np.int64)
    path = write(tmp_path / "m.onnx", nodes, one=np.ones(1, np.float32), shape=shape)
    started = time.perf_counter()
    with pytest.raises(MemoryLimit, match="40,000 MB"):
        imfuse.fuse(IR, VIS, path, max_memory=10_000_000, runtime="openvino")
    assert time.perf_counter() - started < 10


def test_sizes_that_depend_on_values_are_refused(tmp_path):
    nodes = [
        ADD,
        helper.make_node("ReduceMax", ["sum"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Mul", ["whole", "often"], ["count"]),
        helper.make_node("ConstantOfShape", ["count"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["zero"], keepdims=0),
        helper.make_node("Add", ["sum", "zero"], ["fused"]),
    ]
    path = write(tmp_path / "m.onnx", nodes, often=np.array([5_000_000_000], np.int64))
    with pytest.raises(WeightsError, match=r"can't be told beforehand.*--runtime"):
        OpenVinoEngine(path)


def test_loops_are_refused(tmp_path):
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, None)
    following = helper.make_tensor_value_info("next", TensorProto.FLOAT, None)
    ports = [
        helper.make_tensor_value_info(name, kind, [])
        for name, kind in (("i", TensorProto.INT64), ("go", TensorProto.BOOL))
    ]
    on = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Sin", ["value"], ["next"]),
        ],
        "body",
        [*ports, value],
        [on, following],
    )
    nodes = [ADD, helper.make_node("Loop", ["count", "", "sum"], ["fused"], body=body)]
    path = write(tmp_path / "m.onnx", nodes, count=np.array(10**12, np.int64))
    with pytest.raises(WeightsError, match="can't bound or stop its Loop"):
        OpenVinoEngine(path)


FUSE = """
import sys
from imfuse.cli import main
print("started", flush=True)
main(["fuse", "--runtime", "openvino", "--threads", "1", *sys.argv[1:]])
"""


@pytest.mark.parametrize("folders", [False, True])
def test_ctrl_c_ends_a_long_run(tmp_path, folders):
    """Some hundred convolutions, each of a fraction of a second."""
    values = ["first", *(f"v{number}" for number in range(400))]
    nodes = [
        ADD,
        helper.make_node("Tile", ["sum", "often"], ["first"]),
        *(
            helper.make_node("Conv", [one, "w"], [other], pads=[1] * 4)
            for one, other in itertools.pairwise(values)
        ),
        helper.make_node("ReduceMean", [values[-1], "axis"], ["fused"]),
    ]
    path = write(
        tmp_path / "m.onnx",
        nodes,
        often=np.array([1, 64, 1, 1], np.int64),
        axis=np.array([1], np.int64),
        w=np.full((64, 64, 3, 3), 1 / 576, np.float32),
    )
    for name in ("ir", "vis"):
        (tmp_path / name).mkdir()
        picture = Picture(pixels=np.zeros((700, 700), np.uint8))
        imfuse.write_image(tmp_path / name / "a.png", picture)
    sources = [tmp_path / name / ("" if folders else "a.png") for name in ("ir", "vis")]
    out = tmp_path / ("out" if folders else "out.png")
    command = [sys.executable, "-c", FUSE, *map(str, sources), "-o", str(out), "-m", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"started\n"
        time.sleep(6)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        if folders:  # the first lets pairs finish that were begun
            time.sleep(1)
            process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - sent < 15
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert not (tmp_path / "out.png").exists()


def test_an_engine_works_on_after_a_run_was_stopped(tmp_path, golden, monkeypatch):
    engine = OpenVinoEngine(golden / "tiny.onnx")
    before = engine.fuse(IR, VIS)

    class Stopped(BaseException):
        pass

    class Request:
        cancelled = ended = False

        def start_async(self, _values):
            pass

        def wait_for(self, _milliseconds):
            raise Stopped

        def cancel(self):
            self.cancelled = True

        def wait(self):
            self.ended = True
            raise RuntimeError("cancelled")

    request = Request()
    engine._idle.get_nowait()
    engine._idle.put(request)
    with pytest.raises(Stopped):
        engine.fuse(IR, VIS)
    assert request.cancelled
    assert request.ended
    np.testing.assert_array_equal(engine.fuse(IR, VIS), before)
