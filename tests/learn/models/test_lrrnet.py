"""LRRNet against published counts and its formulas; its output: see test_originals.py."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import conv2d, pad  # noqa: E402 - needs torch

from imfuse.learn.blocks.stretch import stretched  # noqa: E402
from imfuse.learn.cost import count_macs  # noqa: E402
from imfuse.learn.models.lrrnet import LRRNet, _Decomposition  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def pictures(height=9, width=10):
    return torch.rand(2, 2, 1, height, width)


def test_parameters_and_cost():
    network = LRRNet()
    assert network.parameters_count == 49_204  # 0.05 M
    assert count_macs(network) == 3_022_258_176  # 3.02 G
    iteration = 2 * (2 * 9 * 256 + 256 + 1)
    assert LRRNet(blocks=6).parameters_count == 49_204 + 2 * iteration


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_parts_come_from_soft_thresholds_of_gradient_steps(blocks):
    part = _Decomposition(blocks).double()
    with torch.no_grad():
        part.threshold[0, ::5] -= 1  # nothing keeps thresholds above 0
    x = torch.rand(1, 1, 6, 7, dtype=torch.float64)

    def conv(layer, x):
        return conv2d(pad(x, [1] * 4, "reflect"), layer.conv.weight, layer.conv.bias)

    def shrink(z):
        values, thresholds = z.detach().numpy(), part.threshold.detach().numpy()
        out = np.zeros_like(values)
        for k, threshold in enumerate(thresholds[0]):
            for i, value in np.ndenumerate(values[0, k]):
                left = abs(value) - threshold
                out[(0, k, *i)] = np.copysign(left, value) if left > 0 else 0
        return torch.from_numpy(out)

    z = shrink(conv(part.head, x))
    for i in range(blocks):
        error = x - conv(part.synthesis[i], z)
        z = shrink(part.decay * z + conv(part.analysis[i], error))
    found = part(x)
    torch.testing.assert_close(found.low_rank, conv(part.low_rank, z[:, :128]))
    torch.testing.assert_close(found.sparse, conv(part.sparse, z[:, 128:]))


def test_the_fused_picture_is_the_sum_of_its_parts():
    plain, network = LRRNet(stretch=False).eval(), LRRNet().eval()
    plain.load_state_dict(network.state_dict())
    ir, vis = pictures()
    with torch.inference_mode():
        parts = plain.features(ir, vis)
        torch.testing.assert_close(parts.fused, parts.both.low_rank + parts.both.sparse)
        torch.testing.assert_close(plain.infrared_branch(ir), parts.ir)
        torch.testing.assert_close(plain.visible_branch(vis), parts.vis)
        again = stretched(plain(stretched(255 * ir), stretched(255 * vis)))
        torch.testing.assert_close(network(ir, vis), again)


@pytest.mark.parametrize("blocks", [1, 4])
def test_a_stretch_sees_everything_and_convolutions_do_not(blocks):
    assert LRRNet(blocks=blocks).halo is None
    network = LRRNet(blocks=blocks, stretch=False)
    halo, side = network.halo, 2 * network.halo + 5
    ir, vis = torch.rand(2, 1, 1, side, side)
    ir.requires_grad_(requires_grad=True)
    network(ir, vis)[0, 0, side // 2, side // 2].backward()
    rows = np.flatnonzero((ir.grad[0, 0].abs() > 0).any(1).numpy())
    assert rows.max() - rows.min() == 2 * halo
