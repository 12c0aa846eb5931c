import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - needs torch

from imfuse.learn.blocks.attention import (  # noqa: E402
    ChannelAttention,
    ChannelNorm,
    GatedFeedForward,
    LocalFeedForward,
    TransformerBlock,
    channel_attention,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def attention_by_loops(query, key, value, temperature):
    """Softmax attention between channels, channel by channel."""
    out = torch.zeros_like(value)
    batch, channels = query.shape[:2]
    heads = len(temperature)
    per_head = channels // heads
    for b in range(batch):
        for i in range(channels):
            head = i // per_head
            group = range(head * per_head, (head + 1) * per_head)
            q = query[b, i] / query[b, i].norm()
            products = torch.stack([(q * key[b, j] / key[b, j].norm()).sum() for j in group])
            exps = (temperature[head, 0, 0] * products).exp()
            out[b, i] = sum(e / exps.sum() * value[b, j] for e, j in zip(exps, group, strict=True))
    return out


def test_attention_runs_between_the_channels_of_a_head():
    q, k, v = (torch.randn(2, 6, 4, 5, dtype=torch.float64) for _ in range(3))
    temperature = torch.tensor([0.5, 3.0], dtype=torch.float64)[:, None, None]
    found = channel_attention(q, k, v, temperature)
    torch.testing.assert_close(found, attention_by_loops(q, k, v, temperature))


def test_a_channel_of_zeros_is_no_division_by_zero():
    q = torch.zeros(1, 2, 3, 3)
    v = torch.rand(1, 2, 3, 3)
    found = channel_attention(q, q, v, torch.ones(1, 1, 1))
    torch.testing.assert_close(found, v.mean(1, keepdim=True).expand_as(v))


@pytest.mark.parametrize("dense", [False, True])
def test_channel_attention_block(dense):
    block = ChannelAttention(8, 2, dense=dense).double()
    x = torch.randn(2, 8, 5, 6, dtype=torch.float64)
    spatial = block.spatial.weight
    assert spatial.shape == (24, 24 if dense else 1, 3, 3)
    mixed = functional.conv2d(x, block.project_in.weight)
    mixed = functional.conv2d(mixed, spatial, padding=1, groups=1 if dense else 24)
    attended = attention_by_loops(mixed[:, :8], mixed[:, 8:16], mixed[:, 16:], block.temperature)
    torch.testing.assert_close(block(x), functional.conv2d(attended, block.project_out.weight))


@pytest.mark.parametrize("paired", [False, True])
def test_gated_feed_forward(paired):
    block = GatedFeedForward(4, 3, paired=paired)
    x = torch.randn(1, 4, 5, 6)
    wide = functional.conv2d(x, block.project_in.weight)
    spatial = block.spatial.weight
    if paired:
        columns = [
            functional.conv2d(wide[:, c - c % 2 : c - c % 2 + 2], spatial[c : c + 1], padding=1)
            for c in range(24)
        ]
    else:
        columns = [
            functional.conv2d(wide[:, c : c + 1], spatial[c : c + 1], padding=1) for c in range(24)
        ]
    wide = torch.cat(columns, 1)
    first, second = wide[:, :12], wide[:, 12:]
    gated = first * 0.5 * (1 + torch.erf(first / 2**0.5)) * second
    expected = functional.conv2d(gated, block.project_out.weight)
    torch.testing.assert_close(block(x), expected, atol=1e-6, rtol=1e-5)


def test_local_feed_forward_adds_what_came_in():
    block = LocalFeedForward(4)
    x = torch.randn(1, 4, 5, 6)
    inner = x
    for conv in block.layers[::2]:
        inner = functional.gelu(conv(inner))
    torch.testing.assert_close(block(x), inner + x)
    assert sum(p.numel() for p in block.parameters()) == 2 * (16 + 4) + 36 + 4


def test_norm_is_over_the_channels_of_a_pixel():
    norm = ChannelNorm(7)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 7, 3, 4) * 3 + 1
    mean = x.mean(1, keepdim=True)
    variance = ((x - mean) ** 2).mean(1, keepdim=True)
    expected = (x - mean) / (variance + 1e-5).sqrt()
    expected = expected * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected, atol=1e-5, rtol=1e-5)


def test_transformer_block_adds_both_layers():
    block = TransformerBlock(8, ChannelAttention(8, 2), LocalFeedForward(8))
    x = torch.randn(1, 8, 5, 6)
    middle = x + block.attention(block.norm1(x))
    torch.testing.assert_close(block(x), middle + block.feed_forward(block.norm2(middle)))
