import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402 - needs torch

from imfuse.learn.models.emma import EMMA  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_counts_are_the_published_ones():
    network = EMMA()
    assert network.parameters_count == 1_517_657
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    assert len(frozen) == 4
    assert all(name.endswith("attention.temperature") for name in frozen)


def test_work_is_the_published_one():
    """8.86 G in convolutions at 256x256, where transposed ones are counted four times over."""
    with torch.device("meta"):
        network = EMMA().eval()
        picture = torch.empty(1, 1, 256, 256)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(picture, picture)
    work = counter.get_flop_counts()["Global"]
    up = 16 * (32**2 * 32 * 32 + 64**2 * 32 * 16 + 128**2 * 16 * 8)
    assert (work[torch.ops.aten.convolution] / 2 + 3 * up) / 1e9 == pytest.approx(8.86, abs=0.005)


def test_heads_of_one_channel_attend_to_themselves():
    block = EMMA().fusion[0]
    attention = block.everywhere.attention
    x = torch.rand(1, 8, 6, 5)
    value = attention.spatial(attention.project_in(x)).chunk(3, 1)[2]
    torch.testing.assert_close(attention(x), attention.project_out(value))


def test_gates_see_mirrored_borders():
    layer = EMMA().fusion[1].everywhere.feed_forward
    x = torch.rand(1, 16, 6, 5)
    wide = torch.nn.functional.pad(layer.project_in(x), (1, 1, 1, 1), mode="reflect")
    mixed = torch.nn.functional.conv2d(wide, layer.spatial.weight, groups=16)
    expected = torch.nn.functional.gelu(mixed[:, :16]) * mixed[:, 16:]
    torch.testing.assert_close(layer(x), layer.project_out(expected))


def test_scales_halve_and_come_back():
    network = EMMA().eval()
    scales = network.infrared_encoder(torch.rand(1, 1, 16, 24))
    shapes = [tuple(x.shape[1:]) for x in scales]
    assert shapes == [(8, 16, 24), (16, 8, 12), (32, 4, 6), (32, 2, 3)]
    assert network.decoder(scales).shape == (1, 1, 16, 24)
