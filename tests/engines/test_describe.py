"""Networks of other people: fed as they ask, against the formula that they were made of."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import imfuse
from imfuse.engines.describe import SETTINGS
from imfuse.engines.onnx import OnnxEngine
from imfuse.errors import UnknownName, UsageError, WeightsError
from imfuse.types import ImagePair, Picture

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
TYPES = {FLOAT: np.float32, HALF: np.float16}
IR_SHARE = 0.7


def network(
    path,
    *inputs,
    kind=FLOAT,
    ends=(0.0, 1.0),
    out_ends=None,
    colour=False,
    size=("h", "w"),
    layout="nchw",
    nodes_after=(),
    outputs=("fused",),
    blur=False,
):
    """Write a network: 0.7 of the mean of the infrared planes, and 0.3 of that of the visible.

    Args:
        path: File to write.
        inputs: `(name, "i" and "v" for each channel)`, such as `("x", "ivvv")`.
        kind: Type of inputs and outputs.
        ends: Black and white of the inputs.
        out_ends: Black and white of the output; None: as of the inputs.
        colour: Whether the result has the three channels of the visible picture.
        size: Height and width of the inputs.
        layout: Order of the axes of inputs and output.
        nodes_after: Further nodes.
        outputs: Names of the outputs.
        blur: Whether a mean of 3x3 pixels comes last.
    """
    low, high = ends
    out_low, out_high = out_ends or ends
    nodes, weights, ports, terms = [], [], [], []
    for number, (name, planes) in enumerate(inputs):
        shape = [1, len(planes), *size] if layout == "nchw" else [1, *size, len(planes)]
        ports.append(helper.make_tensor_value_info(name, kind, shape))
        kernel = np.zeros((3 if colour else 1, len(planes), 1, 1), TYPES[kind])
        seen = [i for i, plane in enumerate(planes) if plane == "v"]
        for i, plane in enumerate(planes):
            share = IR_SHARE / planes.count("i") if plane == "i" else (1 - IR_SHARE) / len(seen)
            for out in range(kernel.shape[0]):
                if colour and plane == "v":
                    share = (1 - IR_SHARE) * (seen[out] == i)
                kernel[out, i] = share
        weights.append(numpy_helper.from_array(kernel, f"w{number}"))
        source = name
        if layout == "nhwc":
            source = f"moved{number}"
            nodes.append(helper.make_node("Transpose", [name], [source], perm=[0, 3, 1, 2]))
        nodes.append(helper.make_node("Conv", [source, f"w{number}"], [f"t{number}"]))
        terms.append(f"t{number}")
    scale = (out_high - out_low) / (high - low)
    weights += [
        numpy_helper.from_array(np.array(scale, TYPES[kind]), "scale"),
        numpy_helper.from_array(np.array(out_low - low * scale, TYPES[kind]), "shift"),
    ]
    nodes += [
        helper.make_node("Sum", terms, ["sum"]),
        helper.make_node("Mul", ["sum", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["sharp"]),
    ]
    if blur:
        mean = np.full((1, 1, 3, 3), 1 / 9, np.float32)
        weights.append(numpy_helper.from_array(mean, "mean"))
        nodes.append(helper.make_node("Conv", ["sharp", "mean"], ["last"], pads=[1, 1, 1, 1]))
    else:
        nodes.append(helper.make_node("Identity", ["sharp"], ["last"]))
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["last"], ["fused"], perm=[0, 2, 3, 1]))
    else:
        nodes.append(helper.make_node("Identity", ["last"], ["fused"]))
    outs = [helper.make_tensor_value_info(one, kind, [None] * 4) for one in outputs]
    graph = helper.make_graph([*nodes, *nodes_after], "g", ports, outs, weights)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def formula(ir, vis, *, colour=False):
    shown = vis if colour or vis.ndim == 2 else vis.mean(axis=2)
    return IR_SHARE * (ir[..., None] if colour else ir) + (1 - IR_SHARE) * shown


def pictures(rng, engine, height=37, width=52):
    ir = rng.random((height, width)).astype(np.float32)
    shape = (height, width, 3) if engine.spec.visible == "rgb" else (height, width)
    return ir, rng.random(shape).astype(np.float32)


def made(path, *inputs, settings=None, **changes):
    return OnnxEngine(network(path, *inputs, **changes), settings=settings)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("inputs", "settings"),
    [
        ((("ir", "i"), ("vis", "v")), {}),
        ((("visible", "v"), ("thermal", "i")), {}),
        ((("inputVIS", "v"), ("other", "i")), {}),
        ((("a", "i"), ("b", "v")), {"ir": "a"}),
        ((("a", "v"), ("b", "i")), {"vis": "a"}),
        ((("a", "i"), ("b", "vvv")), {}),
        ((("b", "vvv"), ("a", "i")), {}),
        ((("ir_img", "iii"), ("rgb", "vvv")), {}),
        ((("rgb", "vvv"), ("INF", "iii")), {}),
        ((("x", "iv"),), {}),
        ((("x", "vi"),), {"order": "vis,ir"}),
        ((("x", "ivvv"),), {}),
        ((("x", "vvvi"),), {"order": "vis,ir"}),
        ((("x", "iiivvv"),), {}),
        ((("x", "vvviii"),), {"order": "vis,ir"}),
    ],
)
def test_inputs_are_found_by_channels_and_names(tmp_path, rng, inputs, settings, layout):
    engine = made(tmp_path / "m.onnx", *inputs, settings=settings, layout=layout)
    ir, vis = pictures(rng, engine)
    np.testing.assert_allclose(engine.fuse(ir, vis), formula(ir, vis), atol=1e-6)
    assert (vis.ndim == 3) == ("vvv" in "".join(planes for _, planes in inputs))
    assert bool(engine.notes) == (len(inputs) == 1 and not settings)


@pytest.mark.parametrize(
    ("changes", "settings", "close"),
    [
        ({"kind": HALF}, {}, 2e-3),
        ({"ends": (-1.0, 1.0)}, {"range": "-1:1"}, 1e-6),
        ({"ends": (0.0, 255.0)}, {"range": "0:255"}, 1e-6),
        ({"out_ends": (-1.0, 1.0)}, {"output-range": "-1:1"}, 1e-6),
        (
            {"ends": (-1.0, 1.0), "out_ends": (0, 255)},
            {"range": "-1:1", "output-range": "0:255"},
            1e-6,
        ),
    ],
)
def test_types_and_ranges(tmp_path, rng, changes, settings, close):
    engine = made(tmp_path / "m.onnx", ("ir", "i"), ("vis", "v"), settings=settings, **changes)
    ir, vis = pictures(rng, engine)
    fused = engine.fuse(ir, vis)
    assert fused.dtype == np.float32
    np.testing.assert_allclose(fused, formula(ir, vis), atol=close)


def test_results_in_colour(tmp_path, rng):
    engine = made(tmp_path / "m.onnx", ("ir", "i"), ("vis", "vvv"), colour=True)
    assert (engine.spec.visible, engine.spec.output) == ("rgb", "rgb")
    ir, vis = pictures(rng, engine)
    np.testing.assert_allclose(engine.fuse(ir, vis), formula(ir, vis, colour=True), atol=1e-6)


@pytest.mark.parametrize("size", [(24, 32), (32, 24), (16, 16)])
@pytest.mark.parametrize("shape", [(1, 1), (24, 32), (25, 33), (100, 131)])
def test_a_fixed_size_runs_in_tiles_without_resizing(tmp_path, rng, size, shape):
    engine = made(tmp_path / "m.onnx", ("ir", "i"), ("vis", "v"), size=size, blur=True)
    ir, vis = pictures(rng, engine, *shape)
    fused = engine.fuse(ir, vis)
    # A mean of 3x3 pixels, which the network pads by zeros at the borders that it sees.
    sharp = np.pad(formula(ir, vis), 1)
    mean = sum(sharp[y : y + shape[0], x : x + shape[1]] for y in range(3) for x in range(3)) / 9
    inner = np.s_[1 : shape[0] - 1, 1 : shape[1] - 1]
    np.testing.assert_allclose(fused[inner], mean[inner], atol=1e-6)


def test_tiles_of_the_fuser_do_not_change_what_a_fixed_size_gives(tmp_path, rng):
    path = network(tmp_path / "m.onnx", ("ir", "i"), ("vis", "v"), size=(24, 40), blur=True)
    ir, vis = (rng.random((300, 410)).astype(np.float32) for _ in range(2))
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    # Without overlap the seams are visible, and must be at the same places.
    whole = imfuse.Fuser(path, settings={"overlap": 0})
    tiled = imfuse.Fuser(whole.engine, max_memory=8 * vis.nbytes)
    np.testing.assert_array_equal(whole.fuse(pair).pixels, tiled.fuse(pair).pixels)
    assert np.abs(whole.fuse(pair).pixels - imfuse.Fuser(path).fuse(pair).pixels).max() > 0.01


@pytest.mark.parametrize("times", [2, 8, 32])
def test_sizes_that_the_network_divides_are_found(tmp_path, rng, times):
    path = network(tmp_path / "m.onnx", ("ir", "i"), ("vis", "v"))
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "before"
    kernel = np.zeros((times * times, 1, times, times), np.float32)
    kernel[np.arange(times**2), 0, np.arange(times**2) // times, np.arange(times**2) % times] = 1
    model.graph.initializer.append(numpy_helper.from_array(kernel, "kernel"))
    model.graph.node.extend(
        [
            helper.make_node("Conv", ["before", "kernel"], ["deep"], strides=[times, times]),
            helper.make_node("DepthToSpace", ["deep"], ["fused"], blocksize=times),
        ]
    )
    onnx.save(model, path)
    engine = OnnxEngine(path)
    assert (engine.spec.size.multiple, engine.spec.size.minimum) == (times, times)
    ir, vis = (rng.random((45, 70)).astype(np.float32) for _ in range(2))
    fused = imfuse.Fuser(engine).fuse(ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis)))
    np.testing.assert_allclose(fused.pixels, formula(ir, vis), atol=1e-6)


def test_one_of_several_outputs(tmp_path, rng):
    after = [helper.make_node("Sub", ["scale", "last"], ["negative"])]
    path = tmp_path / "m.onnx"
    network(path, ("ir", "i"), ("vis", "v"), nodes_after=after, outputs=("negative", "fused"))
    with pytest.raises(WeightsError, match="--set output=negative"):
        OnnxEngine(path)
    engine = OnnxEngine(path, settings={"output": "fused"})
    ir, vis = pictures(rng, engine)
    np.testing.assert_allclose(engine.fuse(ir, vis), formula(ir, vis), atol=1e-6)
    after = [helper.make_node("GlobalAveragePool", ["last"], ["level"])]
    network(path, ("ir", "i"), ("vis", "v"), nodes_after=after, outputs=("level", "fused"))
    assert OnnxEngine(path).feed.output == "fused"


PAIR = (("ir", "i"), ("vis", "v"))


@pytest.mark.parametrize(
    ("inputs", "changes", "words"),
    [
        ((("a", "i"), ("b", "v")), {}, r"alike.*--set ir=a"),
        ((("x", "iii"), ("y", "vvv")), {}, "alike"),
        ((("a", "i"), ("b", "v"), ("c", "v")), {}, "two of 1 or 3 channels"),
        ((("a", "i" * 5),), {}, "the channels stated"),
        ((("x", "i"),), {}, "two of 1 or 3 channels"),
        (PAIR, {"out_ends": (-1.0, 1.0)}, "--set range=-1:1"),
        (PAIR, {"out_ends": (0.0, 255.0)}, r"from .* to \d+ for pictures from 0 to 1"),
        (PAIR, {"out_ends": (0.5, 0.5)}, "spread between"),
        (PAIR, {"size": (24, "w")}, "all fixed"),
        (PAIR, {"size": (10_000, 10_000)}, "all fixed"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_to_say(tmp_path, inputs, changes, words):
    with pytest.raises(WeightsError, match=words):
        made(tmp_path / "m.onnx", *inputs, **changes)


def ending(path, *nodes, weights=(), inputs=PAIR):
    """Write a network whose result goes through further nodes, from `last` to `fused`."""
    model = onnx.load(network(path, *inputs))
    del model.graph.node[-1]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in weights)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("nodes", "weights", "words"),
    [
        (
            [
                helper.make_node(
                    "AveragePool", ["last"], ["fused"], kernel_shape=[2, 2], strides=[2, 2]
                )
            ],
            (),
            "another size can't be used",
        ),
        (
            [helper.make_node("Slice", ["last", "none", "none"], ["fused"])],
            [("none", np.zeros(1, np.int64))],
            "another size can't be used",
        ),
        (
            [helper.make_node("Squeeze", ["last"], ["fused"])],
            (),
            "another size can't be used",
        ),
        (
            [
                helper.make_node("Log", ["minus"], ["fused"]),
            ],
            [("minus", np.full((1, 1, 1, 1), -1, np.float32))],
            "another size can't be used",
        ),
        (
            [
                helper.make_node("Sub", ["last", "scale"], ["n"]),
                helper.make_node("Log", ["n"], ["fused"]),
            ],
            (),
            "not finite",
        ),
        ([helper.make_node("Identity", ["t0"], ["fused"])], (), "depend on the visible"),
        ([helper.make_node("Identity", ["t1"], ["fused"])], (), "depend on the infrared"),
    ],
)
def test_what_gives_no_fused_picture_is_refused(tmp_path, nodes, weights, words):
    with pytest.raises(WeightsError, match=words):
        OnnxEngine(ending(tmp_path / "m.onnx", *nodes, weights=weights))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rnge": "0:1"}, "Did you mean range"),
        ({"range": "5"}, "expected 0:1, -1:1 or 0:255"),
        ({"range": "1:1"}, "expected 0:1"),
        ({"range": "0:nan"}, "expected 0:1"),
        ({"ir": "x"}, "unknown input"),
        ({"ir": "ir", "vis": "ir"}, "one input"),
        ({"output": "x"}, "unknown output"),
        ({"layout": "hwc"}, "nchw or nhwc"),
        ({"halo": "-1"}, "whole number"),
        ({"halo": "99999999"}, "halo"),
        ({"name": "\x1b[2J"}, "control characters"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, settings, words):
    with pytest.raises(UsageError, match=words):
        made(tmp_path / "m.onnx", *PAIR, settings=settings)


def test_settings_name_and_describe(tmp_path):
    told = {"name": "mine", "title": "a sum", "licence": "MIT", "halo": "3", "memory": "50"}
    spec = made(tmp_path / "My Net.onnx", *PAIR, settings=told).spec
    assert (spec.name, spec.title, spec.licence, spec.bytes_per_pixel) == (
        "mine",
        "a sum",
        "MIT",
        50,
    )
    assert spec.tile.halo == 3
    assert set(told) <= set(SETTINGS)
    assert OnnxEngine(tmp_path / "My Net.onnx").spec.name == "my-net"


def test_settings_are_refused_where_nothing_needs_them(tmp_path, golden):
    with pytest.raises(UsageError, match="describes itself"):
        imfuse.Fuser(golden / "tiny.onnx", settings={"range": "0:1"})
    with pytest.raises(UsageError, match="needs none"):
        imfuse.Fuser("average", settings={"range": "0:1"})
    with pytest.raises(UnknownName):
        made(tmp_path / "m.onnx", *PAIR, settings={"x": "y"})


def test_openvino_feeds_them_too(tmp_path, rng):
    pytest.importorskip("openvino")
    path = network(tmp_path / "m.onnx", ("x", "vvvi"), ends=(0.0, 255.0))
    settings = {"order": "vis,ir", "range": "0:255"}
    engine = imfuse.Fuser(path, settings=settings, runtime="openvino").engine
    ir, vis = pictures(rng, engine)
    np.testing.assert_allclose(engine.fuse(ir, vis), formula(ir, vis), atol=1e-5)


def test_convert_writes_the_description_into_the_file(run, tmp_path, rng):
    net, out = network(tmp_path / "net.onnx", ("x", "vi"), ends=(-1.0, 1.0)), tmp_path / "d.onnx"
    told = ["--set", "order=vis,ir", "--set", "range=-1:1", "--set", "title=a sum"]
    code, text, err = run("convert", net, "-o", out, *told, "--json")
    assert code == 0, err
    assert json.loads(text)["network"] == "net"
    assert onnx.load(out).graph == onnx.load(net).graph
    pair = [rng.integers(0, 256, (20, 31), dtype=np.uint8) for _ in range(2)]
    settings = {"order": "vis,ir", "range": "-1:1"}
    results = [imfuse.fuse(*pair, out), imfuse.fuse(*pair, net, settings=settings)]
    np.testing.assert_array_equal(*results)
    expected = 255 * formula(*(one / np.float32(255) for one in pair))
    assert np.abs(results[0] - expected).max() <= 0.51
    assert imfuse.load_model(out).spec.title == "a sum"
    code, text, _ = run("models", "info", out, "--json")
    assert (code, json.loads(text)["name"]) == (0, "net")
    code, _, err = run("convert", out, "-o", tmp_path / "e.onnx")
    assert (code, "describes itself already" in err) == (2, True)


def test_on_the_command_line(run, tmp_path, rng):
    net = network(tmp_path / "net.onnx", ("a", "i"), ("b", "v"))
    files = [tmp_path / f"{name}.png" for name in ("ir", "vis")]
    pair = [rng.integers(0, 256, (20, 31), dtype=np.uint8) for _ in range(2)]
    for file, pixels in zip(files, pair, strict=True):
        imfuse.write_image(file, Picture(pixels=pixels))
    command = ["fuse", *files, "-o", tmp_path / "out.png", "-m", net]
    code, _, err = run(*command)
    assert (code, "--set ir=a" in err) == (3, True)
    assert not (tmp_path / "out.png").exists()
    code, _, err = run(*command, "--set", "ir=a")
    assert code == 0, err
    assert "licence of these weights: not stated" in err
    expected = 255 * formula(*(one / np.float32(255) for one in pair))
    assert np.abs(imfuse.read_image(tmp_path / "out.png").pixels - expected).max() <= 0.51
    code, _, err = run(*command, "--set", "ir")
    assert (code, "is not a setting" in err) == (2, True)
    net = network(tmp_path / "stack.onnx", ("x", "iv"))
    code, _, err = run(*command[:-1], net)
    assert (code, "infrared is taken to come first" in err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["net.onnx", "-o", "out.safetensors"], "ending in .onnx"),
        (["net.onnx", "-o", "net.onnx"], "another name"),
        (["net.onnx", "other.onnx", "-o", "out.onnx"], "one ONNX file"),
        (["net.onnx", "-o", "nowhere/out.onnx"], "folder does not exist"),
        (["none.onnx", "-o", "out.onnx"], "can't read"),
        (["net.onnx", "-o", "out.onnx"], "--set ir=a"),
    ],
)
def test_convert_refuses(run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    network(tmp_path / "net.onnx", ("a", "i"), ("b", "v"))
    code, _, err = run("convert", *arguments)
    assert code in {2, 3}
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
