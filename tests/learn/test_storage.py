"""Weights in 16 and 8 bits: values, files, and what is read back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from imfuse.engines.load import open_onnx  # noqa: E402 - after the skips
from imfuse.learn.checkpoints import load_weights  # noqa: E402 - after the skips
from imfuse.learn.export import export_onnx  # noqa: E402 - after the skips
from imfuse.learn.networks import create_network  # noqa: E402 - after the skips
from imfuse.learn.storage import round_weights, store_weights, stored_weights  # noqa: E402 - after the skips


def made(name):
    torch.manual_seed(3)
    network = create_network(name).eval()
    for module in network.modules():  # norms that do something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network


def test_bytes_are_the_closest_multiples_of_a_scale():
    layer = torch.nn.Conv2d(8, 6, 3)
    with torch.no_grad():
        layer.weight[2] = 0
        layer.weight[3] *= 1e-6
        layer.weight[4] *= 1e6
    before = layer.weight.detach().numpy().astype(np.float64)
    bias = layer.bias.detach().clone()
    round_weights(layer, 8)
    found = layer.weight.detach().numpy().astype(np.float64)
    for old, new in zip(before, found, strict=True):
        # The scale may be larger than the least one by the rounding of its eleven bits.
        step = np.abs(old).max() / 127 * (1 + 2**-10)
        assert np.abs(new - old).max() <= step / 2
        assert len(np.unique(new)) <= 255
    assert not found[2].any()
    assert torch.equal(layer.bias, bias.half().float())


@pytest.mark.parametrize("bits", [8, 16])
def test_rounding_twice_changes_nothing(bits):
    network = made("seafusion")
    round_weights(network, bits)
    once = {key: value.clone() for key, value in network.state_dict().items()}
    round_weights(network, bits)
    assert all(torch.equal(value, once[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["seafusion", "imfuse-b"])
def test_files_of_fewer_bits_compute_the_same_and_are_read_back(name, bits, tmp_path):
    network, path = made(name), tmp_path / "net.onnx"
    assert export_onnx(network, path, bits=bits) < 1e-4
    graph = onnx.load(path).graph
    assert sum(np.prod(one.dims) for one in graph.initializer) >= 0.9 * network.spec().parameters
    stored = sum(len(one.raw_data) for one in graph.initializer)
    assert stored < 1.2 * network.spec().parameters * bits / 8
    again, before = load_weights(path).network.state_dict(), network.state_dict()
    names = {name.removeprefix("network.") for name, _ in stored_weights(graph)} & before.keys()
    assert len(names) > 20
    for key in names:
        assert torch.equal(again[key], before[key]), key


def test_eight_bits_change_little_and_sixteen_less(tmp_path, rng):
    ir, vis = rng.random((2, 64, 96), np.float32)
    results = {}
    for bits in (32, 16, 8):
        export_onnx(made("seafusion"), tmp_path / "net.onnx", bits=bits)
        results[bits] = open_onnx(tmp_path / "net.onnx").fuse(ir, vis)
    spread = results[32].std()
    eight, sixteen = (np.abs(results[bits] - results[32]).max() for bits in (8, 16))
    assert 0 < sixteen < eight / 4
    assert eight < 0.5 * spread


def test_a_matrix_with_exchanged_axes_is_stored_in_bytes_too(tmp_path):
    layer = torch.nn.Linear(48, 40)
    round_weights(layer, 8)
    values = np.ascontiguousarray(layer.weight.detach().numpy().T)
    graph = onnx.helper.make_graph([], "g", [], [], [onnx.numpy_helper.from_array(values, "w")])
    store_weights(graph, 8)
    assert graph.initializer[0].data_type == onnx.TensorProto.INT8
    found = dict(stored_weights(graph))["w"]
    np.testing.assert_array_equal(found, values)
