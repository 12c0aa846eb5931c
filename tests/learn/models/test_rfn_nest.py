"""RFN-Nest against published counts and its formulas; its output: see test_originals.py."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.cost import count_macs  # noqa: E402 - needs torch
from imfuse.learn.models.rfn_nest import RFNNest, _ResidualFusion  # noqa: E402

WIDTHS = (64, 112, 160, 208)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_and_cost():
    network = RFNNest()
    assert network.parameters_count == 7_524_249  # 7.52 M
    for block, c in zip(network.fusion, WIDTHS, strict=True):
        assert count(block) == 56 * c**2 + 6 * c
    # Listed are 111.11 G: with one operation for each value that is doubled in the decoder.
    doubled = 256**2 * (3 * 112 + 2 * 160 / 4 + 208 / 16)
    macs = count_macs(network)
    assert macs == 111_077_752_832
    assert round((macs + doubled) / 1e9, 2) == 111.11


def test_fusion_adds_a_convolution_of_both_to_a_path_that_parts_them():
    block = _ResidualFusion(4).double()
    ir, vis = torch.rand(2, 1, 4, 7, 9, dtype=torch.float64)

    def conv(layer, x):
        edge = layer.conv.weight.shape[-1] // 2
        x = torch.nn.functional.pad(x, [edge] * 4, "reflect")
        return torch.nn.functional.conv2d(x, layer.conv.weight, layer.conv.bias).relu()

    deep = torch.cat([conv(block.infrared, ir), conv(block.visible, vis)], 1)
    for layer in block.merge:
        deep = conv(layer, deep)
    expected = conv(block.shortcut, torch.cat([ir, vis], 1)) + deep
    torch.testing.assert_close(block(ir, vis), expected)


def test_features_are_those_of_the_pictures():
    network = RFNNest(stretch=False).eval()
    ir, vis = torch.rand(2, 1, 1, 17, 26)
    with torch.inference_mode():
        found = network.features(ir, vis)
        assert torch.equal(found.fused, network(ir, vis))
        torch.testing.assert_close(found.fused, network.decode(found.both))
        for one, other in zip(found.ir, network.encode(ir), strict=True):
            torch.testing.assert_close(one, other)
    shapes = [(64, 17, 26), (112, 8, 13), (160, 4, 6), (208, 2, 3)]
    for scales in (found.ir, found.vis, found.both):
        assert [tuple(x.shape[1:]) for x in scales] == shapes


def test_stretching_leaves_the_order_of_values():
    plain, network = RFNNest(stretch=False).eval(), RFNNest().eval()
    plain.load_state_dict(network.state_dict())
    ir, vis = torch.rand(2, 1, 1, 16, 18)
    with torch.inference_mode():
        fused, raw = network(ir, vis), 255 * plain(ir, vis)
    least, most = raw.min(), raw.max()
    assert most > least
    torch.testing.assert_close(fused, (raw - least) / (most - least + 1e-5))


@pytest.mark.parametrize("seed", range(3))
def test_a_fresh_network_is_alive(seed):
    torch.manual_seed(seed)
    with torch.inference_mode():
        assert RFNNest(stretch=False)(*torch.rand(2, 1, 1, 16, 16)).min() > 0
