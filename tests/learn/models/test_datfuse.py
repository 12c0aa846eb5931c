import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.cost import count_macs  # noqa: E402 - needs torch
from imfuse.learn.formats.datfuse import FORMAT  # noqa: E402
from imfuse.learn.models.datfuse import DATFuse  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_counts():
    """The published network holds 208 more, which nothing depends on: a norm, and biases."""
    network = DATFuse()
    assert network.parameters_count == 10_760 - 2 * 96 - 2 * 8
    per_pixel = 50 * 16 + 2 * (2 * 9 * 16 * 16 + 9 * 16 * 4 + 9 * 4)  # head and dual attention
    per_pixel += (
        2 * (2 * 16 + 2 * 64) * 16 + 16
    )  # both transformer layers, by values alone, and last
    pooled = 2 * 2 * 16 * 4
    assert count_macs(network, 32, 32) == 32 * 32 * per_pixel + pooled


def test_a_window_of_one_pixel_attends_to_its_own_value():
    layer = DATFuse().transformer[0]
    tokens = torch.rand(2, 5, 16)
    query, key, value = layer.query_key_value(layer.norm1(tokens))[..., None, :].chunk(3, -1)
    attended = torch.nn.functional.scaled_dot_product_attention(query, key, value)[..., 0, :]
    x = tokens + layer.merge(attended)
    torch.testing.assert_close(layer(tokens), x + layer.feed_forward(layer.norm2(x)))


def test_tokens_are_runs_of_sixteen_values_in_a_row():
    network = DATFuse().eval()
    seen = []
    network.transformer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    ir, vis = torch.rand(2, 1, 1, 3, 32)
    with torch.inference_mode():
        network(ir, vis)
        shallow = network.head(torch.cat([ir, vis], 1))
        encoded = (network.dual_attention(shallow)[1] + shallow).relu()
    torch.testing.assert_close(seen[0][0, 1], encoded[0, 0, 0, 16:])
    torch.testing.assert_close(seen[0][0, 6], encoded[0, 1, 0, :16])


def test_what_files_hold_besides_is_dropped():
    block = "basicLayer.blocks.0.attn"
    for key in ("patch_embed.norm.bias", f"{block}.relative_position_index"):
        assert FORMAT.rename(key) is None
    assert FORMAT.rename(f"{block}.relative_position_bias_table") is None
