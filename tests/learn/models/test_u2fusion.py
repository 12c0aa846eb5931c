"""U2Fusion against published counts and its formulas; its output: see test_originals.py."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, leaky_relu, pad  # noqa: E402 - needs torch

from imfuse.learn.cost import count_macs  # noqa: E402
from imfuse.learn.models.u2fusion import U2Fusion  # noqa: E402


def test_parameters_and_cost():
    network = U2Fusion()
    assert network.parameters_count == 659_217  # 0.66 M
    # Listed are 86.44 G: TensorFlow counts products and sums apart, a sum for each bias, two
    # operations for a leaky ReLU, and three for tanh(x) / 2 + 1 / 2.
    macs = count_macs(network)
    assert macs == 256**2 * 658_728
    values = 256**2 * (6 * 44 + 128 + 64 + 32)
    assert round((2 * macs + 3 * values + 256**2) / 1e9, 2) == 86.44


def test_each_dense_layer_sees_all_before_it():
    torch.manual_seed(0)
    network = U2Fusion().double()
    state = network.state_dict()
    ir, vis = torch.rand(2, 1, 1, 5, 6, dtype=torch.float64)

    def conv(name, x, slope=0.2):
        x = pad(x, [1] * 4, "reflect")
        x = conv2d(x, state[f"{name}.conv.weight"], state[f"{name}.conv.bias"])
        return leaky_relu(x, slope)

    found = [conv("head", torch.cat([vis, ir], 1))]
    for i in range(5):
        found.append(conv(f"dense.{i}", torch.cat(found, 1)))
    x = torch.cat(found, 1)
    for i in range(4):
        x = conv(f"decoder.{i}", x, 0.2 if i < 3 else 1)
    torch.testing.assert_close(network(ir, vis), torch.sigmoid(2 * x))
