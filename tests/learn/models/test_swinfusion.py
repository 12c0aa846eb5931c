import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402 - needs torch

from imfuse.learn.blocks import windows  # noqa: E402
from imfuse.learn.cost import count_macs  # noqa: E402
from imfuse.learn.formats.swinfusion import FORMAT  # noqa: E402
from imfuse.learn.models.swinfusion import SwinFusion  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_counts_are_the_published_ones():
    """0.93 M in tables, whose counter does not see the biases of positions."""
    network = SwinFusion()
    biases = sum(p.numel() for n, p in network.named_parameters() if n.endswith("position_bias"))
    assert network.parameters_count == 965_251
    assert biases == 28 * 225 * 6
    assert network.parameters_count - biases == 927_451
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.slow
def test_work_is_the_published_one():
    """63.73 G at 256x256: softmax and norms are in it, attention's products are not."""
    with torch.device("meta"):
        network = SwinFusion().eval()
        picture = torch.empty(1, 1, 256, 256)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(picture, picture)
    work = counter.get_flop_counts()["Global"]
    products = work[torch.ops.aten.bmm] // 2
    layers = count_macs(network) - products
    assert products == 256**2 * 28 * 2 * 64 * 60
    norms, softmax = 66 * 60 * 4, 28 * 6 * (3 * 64 - 1)
    assert (layers + 256**2 * (norms + softmax)) / 1e9 == pytest.approx(63.73, abs=0.005)


def test_windows_are_cut_in_reading_order_and_put_back():
    x = torch.rand(2, 8, 12, 3)
    cut = windows.to_windows(x, 4)
    assert cut.shape == (2, 6, 16, 3)
    torch.testing.assert_close(cut[1, 4].reshape(4, 4, 3), x[1, 4:8, 4:8])
    assert torch.equal(windows.from_windows(cut, 8, 12), x)


@pytest.mark.parametrize("cross", [False, True])
def test_attention_follows_the_formula(cross):
    layer = windows.WindowAttention(6, 2, 4, cross=cross).double()
    own, other = torch.randn(2, 1, 2, 16, 6, dtype=torch.float64)
    other = other if cross else own
    apart = (torch.rand(2, 16, 16) < 0.3) & ~torch.eye(16, dtype=torch.bool)
    mask = torch.zeros(2, 16, 16, dtype=torch.float64).masked_fill(apart, -torch.inf)
    found = layer(own, other, mask)
    if cross:
        query, (key, value) = layer.query(own), layer.key_value(other).chunk(2, -1)
    else:
        query, key, value = layer.query_key_value(own).chunk(3, -1)
    expected = torch.empty_like(found)
    for window in range(2):
        for i in range(16):
            for head in range(2):
                part = slice(3 * head, 3 * head + 3)
                logits = torch.empty(16, dtype=torch.float64)
                for j in range(16):
                    row, column = i // 4 - j // 4 + 3, i % 4 - j % 4 + 3
                    product = query[0, window, i, part] @ key[0, window, j, part] / 3**0.5
                    logits[j] = product + layer.position_bias[7 * row + column, head]
                weights = (logits + mask[window, i]).softmax(0)
                expected[0, window, i, part] = weights @ value[0, window, :, part]
    torch.testing.assert_close(found, layer.merge(expected))


def test_the_mask_parts_what_the_shift_brings_together():
    x = torch.empty(1, 16, 24, 1)
    row = torch.arange(16)[:, None].expand(16, 24).roll((-4, -4), (0, 1))
    column = torch.arange(24)[None].expand(16, 24).roll((-4, -4), (0, 1))
    places = torch.stack([row, column], -1)[None]
    place = windows.to_windows(places, 8)[0]
    apart = (place[:, :, None] - place[:, None]).abs().amax(-1) >= 8
    assert torch.equal(windows.shifted_mask(x, 8) < 0, apart)


def test_layers_left_out_in_training_keep_the_mean():
    skip = windows.StochasticDepth(0.25)
    out = skip.train()(torch.ones(4000, 1, 1, 2))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(out[..., 0], out[..., 1])
    assert out.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(skip.eval()(out), out)


@pytest.mark.slow
def test_a_tile_that_begins_at_a_window_gives_the_same():
    network = SwinFusion().eval()
    ir, vis = torch.rand(2, 1, 1, 8, 320)
    with torch.inference_mode():
        whole = network(ir, vis)
        tile = network(ir[..., 80:264], vis[..., 80:264])
    inner = slice(network.halo, 184 - network.halo)
    torch.testing.assert_close(tile[..., inner], whole[..., 80:264][..., inner])


def test_what_files_hold_besides_is_dropped():
    block = "layers_Ex_A.0.residual_group.blocks.1"
    for key in (
        "conv_first2_B.bias",
        f"{block}.attn_mask",
        f"{block}.attn.relative_position_index",
    ):
        assert FORMAT.rename(key) is None
