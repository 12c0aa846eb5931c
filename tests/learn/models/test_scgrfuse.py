"""SCGRFuse against counts of the published network and against its equations, written out here."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import avg_pool2d, conv2d, leaky_relu, pad  # noqa: E402 - needs torch
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from imfuse.errors import UsageError  # noqa: E402
from imfuse.learn.models.scgrfuse import SCGRFuse  # noqa: E402

OPERATORS = 2 * 2 * 3 * 9 * 16  # modalities, blocks, kernels of nine weights, channels
KINDS = [
    {},
    {"variant": "paper"},
    {"channel_branch": "map"},
    {"gradient_blocks": False},
    {"attention": False},
    {"attention": False, "variant": "paper"},
]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def pictures(height=17, width=22, batch=1, dtype=torch.float32):
    return torch.rand(2, batch, 1, height, width, dtype=dtype)


def laplacian(x):
    """Four neighbours less four times the pixel, zeros outside."""
    p = pad(x, (1, 1, 1, 1))
    return p[..., :-2, 1:-1] + p[..., 2:, 1:-1] + p[..., 1:-1, :-2] + p[..., 1:-1, 2:] - 4 * x


def sobel(x):
    """|gx| + |gy| from shifted pictures."""
    p = pad(x, (1, 1, 1, 1))
    across, down = p[..., :-2] - p[..., 2:], p[..., :-2, :] - p[..., 2:, :]
    gx = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    gy = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return gx.abs() + gy.abs()


class Reference:
    """Equations 1 to 5 on a state dict, as the published network computes them."""

    def __init__(self, network):
        self.state = network.state_dict()

    def conv(self, name, x, slope=0.2):
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return leaky_relu(conv2d(x, weight, bias, padding=weight.shape[-1] // 2), slope)

    def block(self, name, x, *, release=True):
        weak = laplacian(x)
        x11 = self.conv(f"{name}.shared1.conv", x + (weak.abs() if release else weak))
        d1 = self.conv(f"{name}.shared2.conv", x11)
        d2 = self.conv(f"{name}.dense2.conv", torch.cat([x11, d1], 1))
        d3 = self.conv(f"{name}.dense3.conv", torch.cat([x11, d1, d2], 1))
        everything = [x11, x11, d1, x11, d1, d2, x11, d1, d2, d3]
        main = self.conv(f"{name}.merge.conv", torch.cat(everything, 1))
        strong = self.conv(f"{name}.shared2.conv", self.conv(f"{name}.shared1.conv", sobel(x)))
        total = x + main + self.conv(f"{name}.strong.conv", strong)
        return leaky_relu(total, 0.1) if release else total

    def branch(self, name, x, **how):
        head = self.conv(f"{name}.head.conv", x)
        first = self.block(f"{name}.block1", head, **how)
        return torch.cat([head, first, self.block(f"{name}.block2", first, **how)], 1)

    def attention(self, x, *, pooled=True, zero=True):
        scales = [self.conv(f"attention.scales.{i}.conv", x, 0.01) for i in range(4)]
        f_cout = self.conv("attention.merge.conv", torch.cat(scales, 1))
        two = self.conv("attention.spatial_mask.narrow.conv", f_cout)
        weigh = self.state["attention.spatial_mask.weigh.weight"][0, :, 0, 0]
        mask = weigh[0] * (two[:, :1] + two[:, 1:]) / 2
        mask = mask + weigh[1] * torch.maximum(two[:, :1], two[:, 1:])
        spatial = self.conv("attention.spatial.conv", f_cout * torch.sigmoid(2 * mask))
        gap = f_cout.flatten(2).mean(2)
        kernel = self.state["attention.channel_mask.weight"][:, :, 0, 0]
        m_c = torch.sigmoid(2 * (gap @ kernel.T + self.state["attention.channel_mask.bias"]))
        channel = (gap if pooled else f_cout.permute(2, 3, 0, 1)) * m_c
        channel = channel.expand(*x.shape[2:], -1, -1).permute(2, 3, 0, 1)
        outside = pad(channel, (1, 1, 1, 1), "constant" if zero else "reflect")
        smooth = avg_pool2d(outside, 3, 1)
        return self.conv("attention.pooling_fusion.merge.conv", torch.cat([spatial, smooth], 1))

    def fuse(self, ir, vis):
        shallow = self.conv("shallow.1.conv", self.conv("shallow.0.conv", torch.cat([vis, ir], 1)))
        deep = torch.cat(
            [self.branch("visible_branch", vis), self.branch("infrared_branch", ir)], 1
        )
        x = shallow + self.attention(deep)
        for i, slope in enumerate([0.2, 0.2, 0.2, 1.0]):
            x = self.conv(f"reconstructor.{i}.conv", x, slope)
        return torch.sigmoid(2 * x)


def test_parameters_part_by_part():
    network = SCGRFuse()
    assert network.parameters_count == 1_184_519
    assert count(network.shallow) == 113_120
    for branch in (network.visible_branch, network.infrared_branch):
        assert (count(branch.head), count(branch.block1)) == (160, 17_424)
        assert count(branch.block1) == count(branch.block2)
    attention = network.attention
    assert count(attention.scales) == 774_528
    assert count(attention.merge) == 36_960
    assert count(attention.spatial_mask) == 196
    assert count(attention.channel_mask) == 9_312
    assert count(attention.spatial) == 83_040
    assert count(attention.pooling_fusion) == 18_528
    assert count(network.reconstructor) == 78_593 + 226
    assert sum(p.numel() for p in network.parameters() if not p.requires_grad) == 226


def test_multiplications():
    with torch.device("meta"):
        network, x = SCGRFuse(), torch.empty(1, 1, 256, 256)
    with FlopCounterMode(display=False) as counter:
        network(x, x)
    assert counter.get_total_flops() / 2e9 == pytest.approx(77.58, abs=0.005)


def test_release_computes_the_published_network():
    network = SCGRFuse().double()
    ir, vis = pictures(dtype=torch.float64, batch=2)
    torch.testing.assert_close(network(ir, vis), Reference(network).fuse(ir, vis))


def test_paper_block_is_equation_2():
    network = SCGRFuse(variant="paper").double()
    x = torch.randn(2, 1, 9, 11, dtype=torch.float64)
    expected = Reference(network).branch("infrared_branch", x, release=False)
    torch.testing.assert_close(network.infrared_branch(x), expected)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("zero", [True, False])
def test_attention_in_all_readings(pooled, zero):
    network = SCGRFuse(
        channel_branch="pooled" if pooled else "map", pfb_padding="zero" if zero else "reflect"
    ).double()
    x = torch.randn(2, 96, 7, 6, dtype=torch.float64)
    expected = Reference(network).attention(x, pooled=pooled, zero=zero)
    torch.testing.assert_close(network.attention(x), expected)


def test_channel_branch_is_constant_but_for_a_border_of_zeros():
    channel = []
    for padding in ("zero", "reflect"):
        fusion = SCGRFuse(pfb_padding=padding).attention.pooling_fusion
        fusion.merge = torch.nn.Identity()
        flat = torch.ones(1, 96, 5, 6)
        channel.append(fusion(flat, flat)[0, 96])
    assert channel[0][0, 0] == pytest.approx(4 / 9)
    assert channel[0][0, 1] == pytest.approx(6 / 9)
    torch.testing.assert_close(channel[0][1:-1, 1:-1], torch.ones(3, 4))
    torch.testing.assert_close(channel[1], torch.ones(5, 6))


def test_operators_are_fixed_in_the_paper_and_free_in_the_release():
    free, paper = SCGRFuse(), SCGRFuse(variant="paper")
    assert free.parameters_count - paper.parameters_count == OPERATORS == 1_728
    assert set(free.state_dict()) == set(paper.state_dict())
    assert SCGRFuse(trainable_operators=False).parameters_count == paper.parameters_count
    assert SCGRFuse(variant="paper", trainable_operators=True).parameters_count == 1_184_519


@pytest.mark.parametrize(
    "settings",
    [{"variant": "paper"}, {"channel_branch": "map"}, {"pfb_padding": "reflect"}],
)
def test_settings_change_the_function(settings):
    plain, other = SCGRFuse().eval(), SCGRFuse(**settings).eval()
    other.load_state_dict(plain.state_dict())
    ir, vis = pictures()
    with torch.inference_mode():
        assert not torch.allclose(plain(ir, vis), other(ir, vis), atol=1e-5)


def test_without_gradient_blocks():
    """The operators go, and four kernels take 32 channels where they took 96."""
    network = SCGRFuse(gradient_blocks=False)
    narrower = (96 - 32) * 96 * (1 + 9 + 25 + 49)
    assert 1_184_519 - network.parameters_count == OPERATORS + narrower
    block = network.infrared_branch.block1
    seen = []
    for conv in (block.shared1, block.shared2, block.dense2, block.dense3, block.merge):
        conv.register_forward_hook(lambda *call: seen.append(call[-1]))
    out = block(torch.randn(1, 16, 6, 7))
    assert all(x.min() == 0 for x in [*seen, out])
    assert network.infrared_branch(torch.rand(1, 1, 6, 7)).shape == (1, 16, 6, 7)


def test_without_attention():
    network = SCGRFuse(attention=False).double()
    ir, vis = pictures(dtype=torch.float64)
    assert 1_184_519 - network.parameters_count == 922_564
    reference = Reference(network)
    reference.attention = lambda deep: deep
    torch.testing.assert_close(network(ir, vis), reference.fuse(ir, vis))
    assert network.halo == 13
    assert SCGRFuse().halo is None


@pytest.mark.parametrize("settings", KINDS)
def test_every_kind_trains_and_stays_in_range(settings):
    network = SCGRFuse(**settings)
    ir, vis = pictures(batch=2)
    fused = network(ir, vis)
    assert fused.shape == ir.shape
    assert 0 <= fused.min() <= fused.max() <= 1
    (fused * torch.randn_like(fused)).sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("settings", KINDS)
def test_a_batch_is_its_pictures(settings):
    network = SCGRFuse(**settings).eval()
    ir, vis = pictures(batch=2)
    with torch.inference_mode():
        alone = [network(ir[i : i + 1], vis[i : i + 1]) for i in range(2)]
        torch.testing.assert_close(network(ir, vis), torch.cat(alone), atol=2e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"variant": "paper", "channel_branch": "map"}])
def test_it_is_traced_with_free_height_and_width(settings):
    network = SCGRFuse(**settings).eval()
    h, w = torch.export.Dim("h", min=2), torch.export.Dim("w", min=2)
    sizes = {2: h, 3: w}
    exported = torch.export.export(network, tuple(pictures()), dynamic_shapes=(sizes, sizes))
    ir, vis = pictures(12, 31)
    with torch.inference_mode():
        torch.testing.assert_close(exported.module()(ir, vis), network(ir, vis))


def test_smallest_pictures():
    ir, vis = pictures(2, 3)
    assert SCGRFuse(variant="paper")(ir, vis).shape == (1, 1, 2, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "code"},
        {"channel_branch": "both"},
        {"pfb_padding": "replicate"},
        {"gradient_blocks": False, "attention": False},
    ],
)
def test_unknown_settings_are_refused(settings):
    with pytest.raises(UsageError):
        SCGRFuse(**settings)


def test_halo_without_attention():
    network = SCGRFuse(attention=False).double()
    ir, vis = pictures(31, 31, dtype=torch.float64)
    ir.requires_grad_()
    network(ir, vis)[0, 0, 15, 15].backward()
    rows = ir.grad[0, 0].abs().amax(1).nonzero()
    assert 15 - rows.min() == rows.max() - 15 == network.halo
