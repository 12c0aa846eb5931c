"""Convolutions with norms, and the funnel activation."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - needs torch

from imfuse.learn.blocks.normed import ConvNorm, FunnelReLU, PointwiseBottleneck  # noqa: E402


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("act", "low", "high"), [("relu", 0, 99), ("relu6", 0, 6)])
def test_activations(act, low, high):
    torch.manual_seed(0)
    block = ConvNorm(3, 4, act=act).eval()
    plain = ConvNorm(3, 4, act="none").eval()
    plain.load_state_dict(block.state_dict())
    x = 40 * torch.randn(1, 3, 6, 5)
    torch.testing.assert_close(block(x), plain(x).clamp(low, high))


def test_parameters():
    assert count(ConvNorm(3, 4)) == 3 * 4 * 9 + 2 * 4
    assert count(ConvNorm(3, 4, 1, bias=True)) == 3 * 4 + 4 + 2 * 4
    assert count(ConvNorm(4, 4, depthwise=True)) == 4 * 9 + 2 * 4
    assert count(ConvNorm(3, 4, norms=2)) == 3 * 4 * 9 + 2 * 2 * 4
    assert count(PointwiseBottleneck(8, 2)) == 8 * 2 + 2 + 4 + 2 * 8 + 8 + 16


def test_funnel_is_a_maximum_with_the_surroundings():
    torch.manual_seed(0)
    module = FunnelReLU(3).eval()
    conv, norm = module.funnel
    x = torch.randn(2, 3, 5, 6)
    surroundings = torch.cat(
        [
            functional.conv2d(x[:, c : c + 1], conv.weight[c : c + 1], conv.bias[c : c + 1], 1, 1)
            for c in range(3)
        ],
        1,
    )
    torch.testing.assert_close(
        module(x), torch.where(x > norm(surroundings), x, norm(surroundings))
    )
