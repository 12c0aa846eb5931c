"""Networks read from ONNX files: real ones, gradients, batches, precisions and devices."""

import copy
import pickle

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from imfuse.engines.onnx_file import OnnxFile  # noqa: E402 - after the skips
from imfuse.engines.shipped import shipped  # noqa: E402 - after the skips
from imfuse.errors import PairMismatch  # noqa: E402 - after the skips
from imfuse.learn.onnx_graph.graph import agree  # noqa: E402 - needs torch
from imfuse.learn.onnx_graph.reading import read_graph  # noqa: E402 - needs torch
from learn.onnx_graph.graphs import floats, ints, write_graph  # noqa: E402 - needs onnx

SHIPPED = sorted(one.file for one in shipped().values())

SMALL = """
    a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w, b)
    n = BatchNormalization(a, b, b, b, v)
    s = Sigmoid(n)
    m = Mul(s, n)
    p = MaxPool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]>(m)
    u = Resize<mode="linear">(p, , scales)
    c = Concat<axis=1>(u, x)
    r = Reshape(c, flat)
    t = Transpose<perm=[0,2,1]>(r)
    k = MatMul(t, q)
    y = Softmax<axis=-1>(k)
"""
WEIGHTS = {
    "w": floats(4, 3, 3, 3),
    "b": np.abs(floats(4)),
    "v": np.abs(floats(4, seed=1)) + 0.1,
    "scales": np.float32([1, 1, 2, 2]),
    "flat": ints(1, 7, -1),
    "q": floats(7, 5),
}
SIDES = "float[1,3,6,8] x"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("graphs") / "small.onnx"
    return read_graph(write_graph(path, SMALL, inputs=SIDES, **WEIGHTS))


@pytest.fixture(scope="module")
def detector(data):
    path = data / "checkpoints" / "yolox_nano.onnx"
    if not path.exists():
        pytest.skip(f"no detector at {path}")
    return path


def boxed(picture):
    """Prepare a BGR picture for the detector."""
    scale = 416 / max(picture.shape)
    picture = cv2.resize(picture, None, fx=scale, fy=scale)
    full = np.full((416, 416, 3), 114, np.float32)
    full[: picture.shape[0], : picture.shape[1]] = picture
    return full.transpose(2, 0, 1)[None].copy()


@pytest.fixture(scope="module")
def scenes(data):
    paths = sorted((data / "msrs" / "test" / "vis").iterdir())[:3]
    return np.concatenate([boxed(cv2.imread(str(path))) for path in paths])


def test_the_detector_equals_onnx_runtime_on_real_pictures(detector, scenes):
    file = OnnxFile(detector, threads=1)
    graph = read_graph(detector)
    expected = [file.run(None, {"images": one[None]})[0] for one in scenes]
    with torch.no_grad():
        found = graph(torch.from_numpy(scenes))[0].numpy()
    assert list(graph._joint.values()) == [True]
    assert np.abs(found - np.concatenate(expected)).max() < 1e-3


def test_gradients_of_the_detector_are_slopes(detector, scenes):
    graph = read_graph(detector).double()
    picture = torch.from_numpy(scenes[:1]).double().requires_grad_()
    weights = torch.from_numpy(floats(1, 3549, 85)).double()

    def loss(pixels):
        return (graph(pixels)[0] * weights).sum()

    (slope,) = torch.autograd.grad(loss(picture), picture)
    step = 1e-4 * torch.from_numpy(floats(*picture.shape)).double()
    with torch.no_grad():
        difference = loss(picture + step) - loss(picture - step)
    assert float(difference) == pytest.approx(2 * float((slope * step).sum()), rel=1e-3)


def test_the_detector_runs_in_half_precision(detector, scenes):
    graph = read_graph(detector)
    gradients = []
    for enabled in (False, True):
        pictures = torch.from_numpy(scenes[:1]).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output = graph(pictures)[0]
        output.float().square().mean().backward()
        gradients.append(pictures.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.7  # rounding in 113 layers


def shape_of(port, size):
    """Return the shape of an input; axes of no fixed length get the sides of a picture, in turn."""
    sides = iter(size)
    return tuple(next(sides) if length is None else length for length in port.shape)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [(64, 96), (40, 48)])
def test_shipped_networks_equal_onnx_runtime(path, size):
    file = OnnxFile(path, threads=1)
    pictures = [
        np.random.default_rng(i).random(shape_of(port, size), np.float32)
        for i, port in enumerate(file.inputs)
    ]
    names = [port.name for port in file.inputs]
    expected = file.run(None, dict(zip(names, pictures, strict=True)))[0]
    with torch.no_grad():
        found = read_graph(path)(*map(torch.from_numpy, pictures))[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_gradients_are_slopes(small):
    graph = copy.deepcopy(small).double()
    picture = torch.from_numpy(floats(2, 3, 6, 8)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: graph(x)[0], picture)


def test_a_graph_is_frozen(small):
    assert not list(small.parameters())
    assert not small.training
    assert not small(torch.rand(1, 3, 6, 8))[0].requires_grad
    assert all(not one.requires_grad for one in small.state_dict().values())


def test_copies_give_the_same(small):
    picture = torch.from_numpy(floats(1, 3, 6, 8))
    for other in (copy.deepcopy(small), pickle.loads(pickle.dumps(small))):  # noqa: S301 - our own
        assert torch.equal(other(picture)[0], small(picture)[0])


def test_memory_formats_give_the_same(small):
    pictures = torch.from_numpy(floats(3, 3, 6, 8))
    found = small(pictures.contiguous(memory_format=torch.channels_last))[0]
    torch.testing.assert_close(found, small(pictures)[0])


def test_half_precision_gives_nearly_the_same_and_gradients(small):
    pictures = torch.from_numpy(floats(2, 3, 6, 8)).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = small(pictures)[0]
    torch.testing.assert_close(found.float(), small(pictures)[0], atol=0.05, rtol=0.05)
    found.float()[..., 0].sum().backward()
    assert pictures.grad.isfinite().all()
    assert pictures.grad.abs().max() > 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_value_stays_on_the_cpu_by_mistake(path):
    graph = read_graph(path).to("meta")  # a device that refuses to mix its tensors with others
    ports = OnnxFile(path, threads=1).inputs
    pictures = [torch.rand(shape_of(port, (64, 64)), device="meta") for port in ports]
    with torch.autocast("cpu", enabled=False):
        assert graph(*pictures)[0].device.type == "meta"


JOINT = {
    "small": (SMALL, WEIGHTS),
    "first axis open": ("y = Reshape(x, n)", {"n": ints(-1, 3, 48)}),
    "first axis copied": ("y = Reshape(x, n)", {"n": ints(0, 3, -1)}),
    "first axis one, rest open": ("y = Reshape(x, n)", {"n": ints(1, -1, 8)}),
    "windows": (
        "r = Reshape(x, n) t = Transpose<perm=[0,2,4,1,3,5]>(r) a = Reshape(t, m)"
        "s = Softmax<axis=-1>(a) b = Reshape(s, o) u = Transpose<perm=[0,3,1,4,2,5]>(b)"
        "y = Reshape(u, p)",
        {
            "n": ints(1, 3, 3, 2, 4, 2),
            "m": ints(-1, 12),
            "o": ints(1, 3, 4, 3, 2, 2),
            "p": ints(1, 3, 6, 8),
        },
    ),
    "sizes": ('y = Resize<mode="linear">(x, , , n)', {"n": ints(1, 3, 9, 5)}),
    "shapes": (
        "s = Shape(x) h = Slice(s, i, j) n = Concat<axis=0>(one, h, minus) y = Reshape(x, n)",
        {"i": ints(1), "j": ints(3), "one": ints(1), "minus": ints(-1)},
    ),
    "expanded": ("e = Expand(c, n) y = Add(x, e)", {"c": floats(3, 1, 1), "n": ints(1, 3, 6, 8)}),
    "expanded data": ("y = Expand(x, n)", {"n": ints(1, 3, 6, 8)}),
}
SINGLE = {
    "axis in front": (
        "t = Transpose<perm=[2,0,1,3]>(x) r = Reshape(t, n) m = MatMul(r, w) y = Reshape(m, o)",
        {"n": ints(6, 3, 8), "w": floats(8, 8), "o": ints(1, 6, 3, 8)},
    ),
    "first sample": (
        "g = Gather<axis=0>(x, i) y = Unsqueeze(g, a)",
        {"i": ints(0)[0], "a": ints(0)},
    ),
    "slice of samples": ("y = Slice(x, i, j)", {"i": ints(0), "j": ints(1)}),
    "mean of all": ("m = ReduceMean(x) y = Mul(x, m)", {}),
    "constant beside": (
        "e = Expand(c, n) y = Concat<axis=1>(x, e)",
        {"c": floats(1), "n": ints(1, 1, 6, 8)},
    ),
    "samples as channels": ("y = Softmax<axis=0>(x)", {}),
    "no axis of samples": ("y = Squeeze(x, a)", {"a": ints(0)}),
    "scalar": ("y = ReduceMean<keepdims=0>(x)", {}),
}


@pytest.mark.parametrize("name", [*JOINT, *SINGLE])
@pytest.mark.parametrize("samples", [2, 3, 6])
def test_a_batch_equals_single_runs(name, samples, tmp_path):
    body, constants = (JOINT | SINGLE)[name]
    graph = read_graph(write_graph(tmp_path / "a.onnx", body, inputs=SIDES, **constants))
    pictures = torch.from_numpy(floats(samples, 3, 6, 8))
    found = graph(pictures)[0]
    singles = [graph(one[None])[0] for one in pictures]
    assert len(found) == samples
    for one, single in zip(found, singles, strict=True):
        torch.testing.assert_close(one.reshape(single.shape), single)
    assert list(graph._joint.values()) == [name in JOINT]


def test_a_batch_of_several_inputs_equals_single_runs(tmp_path):
    body = "a = Reshape(x, n) b = Reshape(z, n) y = MatMul(a, b) s = Sub(x, z)"
    inputs = "float[1,2,3,3] x, float[1,2,3,3] z"
    path = write_graph(
        tmp_path / "a.onnx", body, inputs=inputs, outputs="y, s", n=ints(1, -1, 3, 3)
    )
    graph = read_graph(path)
    assert graph.outputs == ("y", "s")
    pictures = [torch.from_numpy(floats(3, 2, 3, 3, seed=i)) for i in range(2)]
    singles = [graph(*(one[i : i + 1] for one in pictures)) for i in range(3)]
    for found, column in zip(graph(*pictures), zip(*singles, strict=True), strict=True):
        torch.testing.assert_close(found, torch.cat(column))


def test_an_open_number_of_samples_is_what_onnx_runtime_runs(tmp_path):
    body = "m = ReduceMean<axes=[0], keepdims=1>(x) r = Reshape(x, n) y = Mul(r, m)"
    path = write_graph(tmp_path / "a.onnx", body, inputs="float[b,1,h,4] x", n=ints(1, -1, 1, 4))
    pictures = floats(3, 1, 1, 4)
    expected = OnnxFile(path).run(None, {"x": pictures})[0]
    np.testing.assert_allclose(read_graph(path)(torch.from_numpy(pictures))[0], expected, rtol=1e-6)


def test_other_inputs_than_declared_are_refused(small):
    with pytest.raises(PairMismatch, match="2 inputs; expected 1"):
        small(torch.rand(1, 3, 6, 8), torch.rand(1, 3, 6, 8))
    with pytest.raises(PairMismatch, match=r"\(1, 3, 8, 8\); expected x tensor\(float\) 1x3x6x8"):
        small(torch.rand(1, 3, 8, 8))
    with pytest.raises(PairMismatch):
        small(torch.rand(3, 6, 8))


def test_trying_batches_leaves_random_numbers_alone(tmp_path):
    graph = read_graph(write_graph(tmp_path / "a.onnx", "y = Relu(x)", inputs=SIDES))
    state = torch.get_rng_state()
    graph(torch.zeros(3, 3, 6, 8))
    assert torch.equal(torch.get_rng_state(), state)


def test_outputs_agree_but_for_rounding():
    values = torch.arange(1000.0)
    other = values.clone()
    other[7] += 1
    assert agree(values + 1e-4, values, share=1)
    assert agree(other, values, share=0.99)
    assert not agree(other, values, share=1)
    assert not agree(values + 1, values, share=0.99)
    assert not agree(values[:-1], values, share=0.99)
    infinite = torch.tensor([torch.nan, torch.inf])
    assert agree(infinite, infinite.clone(), share=1)
    assert agree(values[:0], values[:0], share=1)
