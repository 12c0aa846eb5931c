"""Attention between positions, and pooling to grids, against their definitions."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - needs torch
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from imfuse.learn.blocks.positions import attend_positions, pool_to_grid  # noqa: E402


def test_attention_is_a_softmax_over_positions():
    query, key, value = torch.randn(3, 2, 4, 3, 5, dtype=torch.float64)
    found = attend_positions(query, key, value)
    for b in range(2):
        for y in range(3):
            for x in range(5):
                logits = torch.einsum("c,chw->hw", query[b, :, y, x], key[b])
                weights = logits.exp() / logits.exp().sum()
                expected = torch.einsum("hw,chw->c", weights, value[b])
                torch.testing.assert_close(found[b, :, y, x], expected)


@pytest.mark.parametrize("size", [(64, 64), (70, 11), (32, 32), (3, 1)])
def test_pooling_is_adaptive_average_pooling(size):
    x = torch.rand(2, 3, *size)
    torch.testing.assert_close(pool_to_grid(x, 32), functional.adaptive_avg_pool2d(x, 32))


def test_the_weights_of_attention_are_never_held_at_once():
    """60x80 positions: level 4 of PSFusion at 480x640, whose weights would be 23 million values."""
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            tensors = out if isinstance(out, tuple) else (out,)
            sizes = [x.numel() for x in tensors if isinstance(x, torch.Tensor)]
            largest = max(largest, *sizes, 0)
            return out

    x = torch.rand(1, 16, 60, 80)
    with Watch(), torch.inference_mode():
        attend_positions(x, x, x)
    assert 0 < largest <= 10 * x.numel()
