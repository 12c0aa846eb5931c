"""RefineFuse against the sizes that its paper reports and against its equations, written out."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - needs torch
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from imfuse.errors import PairMismatch, UsageError  # noqa: E402
from imfuse.learn.models.refinefuse import RefineFuse  # noqa: E402


def small(**settings):
    torch.manual_seed(0)
    return RefineFuse(**{"width": 8, "grid": 5, **settings}).eval()


def count(module):
    return sum(p.numel() for p in module.parameters())


def pair(height, width, batch=1):
    generator = torch.Generator().manual_seed(height + width)
    return torch.rand(2, batch, 1, height, width, generator=generator)


def convolution_macs(network, side):
    network = network.to("meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(*torch.rand(2, 1, 1, side, side, device="meta"))
    flops = counter.get_flop_counts()["Global"]
    return sum(n for op, n in flops.items() if "convolution" in str(op)) / 2


def test_parameters_of_each_part():
    network = RefineFuse()
    encoder = 96 * 9 + 3 * 96 * 96 * 9 + 4 * 96
    assert count(network.infrared_encoder) == count(network.visible_encoder) == encoder
    detail = 2 * 2 * 9 + 2 + 2 * 96 * 9 + 96
    semantic = (4 + 2 + 2) * 96 * 96 * 9 + 4 * 96  # keys have no bias
    assert [count(f) for f in network.fusion] == [detail, detail, semantic, semantic]
    assert count(network.decoders) == 3 * (96 * 96 * (1 + 9) + 2 * 96)
    assert count(network.last_decoder) == 78_480 + 64 + 32 + 16 + 1
    assert count(network.depth_interaction) == 2 * (96 * 96 + 96)
    assert network.parameters_count == 2_206_029  # the paper: 2.21 M
    assert RefineFuse(channel_convolutions=False).parameters_count == 2_187_405


@pytest.mark.parametrize(("side", "reported"), [(256, 12.73e9), (512, 48.11e9)])
def test_multiplications_of_convolutions(side, reported):
    """Products of matrices (attention, pooling) are left out, as the paper's counter does."""
    found = convolution_macs(RefineFuse(), side)
    fixed_grid = 2 * 6 * 96 * 96 * 9 * 32 * 32
    per_pixel = (found - fixed_grid - 2 * 96 * 96) / side**2  # the last: FIM, on pooled features
    assert per_pixel == 180_045  # 11.80e9 at 256x256
    assert found == pytest.approx(reported, rel=0.01)


@pytest.mark.parametrize("size", [(16, 16), (32, 40), (37, 51)])
def test_any_size_in_range(size):
    ir, vis = pair(*size)
    with torch.inference_mode():
        fused = small()(ir, vis)
    assert fused.shape == ir.shape
    assert 0 <= fused.min() < fused.max() <= 1


def test_batch_equals_singles():
    network = small()
    ir, vis = pair(32, 40, batch=2)
    with torch.inference_mode():
        singles = [network(ir[i : i + 1], vis[i : i + 1]) for i in range(2)]
        torch.testing.assert_close(network(ir, vis), torch.cat(singles))


@pytest.mark.parametrize("attended_to", ["own", "other"])
def test_every_parameter_learns(attended_to):
    network = small(attended_to=attended_to).train()
    fused = network(*pair(32, 40, batch=2))
    (fused * torch.rand_like(fused)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_detail_interaction_is_equations_1_and_2():
    module = small(levels=1).fusion[0]
    ir, vis = torch.randn(2, 1, 8, 6, 7)
    both = torch.cat([ir, vis], 1)
    maps = module.attention.conv(torch.stack([both.max(1).values, both.mean(1)], 1)).sigmoid()
    ir2, vis2 = ir * (1 + maps[:, :1]), vis * (1 + maps[:, 1:])
    weight, bias = module.merge.weight, module.merge.bias
    channels = [
        functional.conv2d(
            torch.cat([ir2[:, a : a + 1], vis2[:, a : a + 1]], 1),
            weight[a : a + 1],
            bias[a : a + 1],
            padding=1,
        )
        for a in range(8)
    ]
    torch.testing.assert_close(module(ir, vis), torch.cat(channels, 1).relu())


@pytest.mark.parametrize("attended_to", ["own", "other"])
def test_semantic_interaction_is_equations_3_and_4(attended_to):
    module = small(levels=2, attended_to=attended_to).fusion[1].double()
    ir, vis = torch.randn(2, 1, 8, 9, 7, dtype=torch.float64)
    small_ir, small_vis = (functional.adaptive_avg_pool2d(x, 5) for x in (ir, vis))
    query = module.query.conv(torch.cat([small_ir, small_vis], 1)).flatten(2)[0]
    attended = []
    for x, key, value in (
        (small_ir, module.infrared_key, module.infrared_value),
        (small_vis, module.visible_key, module.visible_value),
    ):
        weights = (query.T @ key.conv(x).flatten(2)[0]).softmax(1)
        found = (weights @ value.conv(x).flatten(2)[0].T).T.reshape(1, 8, 5, 5)
        attended.append(functional.interpolate(found, (9, 7), mode="bilinear"))
    if attended_to == "other":
        attended.reverse()
    merged = module.merge.conv(torch.cat([ir + attended[0], vis + attended[1]], 1)).relu()
    torch.testing.assert_close(module(ir, vis), merged)


def test_depth_interaction_is_equation_5():
    module = small().depth_interaction
    plain = small(channel_convolutions=False).depth_interaction
    deep, shallow = torch.randn(2, 1, 8, 6, 7)
    pooled = deep.mean((2, 3)), shallow.mean((2, 3))
    weights = [x.sigmoid()[..., None, None] for x in pooled]
    torch.testing.assert_close(plain(deep, shallow), deep + shallow * weights[0] * weights[1])
    convs = module.deep.conv, module.shallow.conv
    weights = [c(x[..., None, None]).sigmoid() for c, x in zip(convs, pooled, strict=True)]
    torch.testing.assert_close(module(deep, shallow), deep + shallow * weights[0] * weights[1])


def test_large_pictures_attend_on_the_same_grid():
    """A fourth of the pixels of 512x512 gives the same grid: attention has a fixed cost."""
    asked = []
    module = RefineFuse(levels=2).fusion[1]
    module.query.register_forward_hook(lambda _m, _i, out: asked.append(out.shape))
    for side in (40, 64):
        module(*torch.rand(2, 1, 96, side, side))
    assert asked == [(1, 96, 32, 32)] * 2


def test_rows_of_table_9():
    """The paper's rows differ by the modules named there, and by nothing else."""
    full, v = RefineFuse(), RefineFuse(depth_interaction=False)
    assert set(full.state_dict()) - set(v.state_dict()) == {
        f"depth_interaction.{depth}.conv.{part}"
        for depth in ("deep", "shallow")
        for part in ("weight", "bias")
    }
    kinds = {
        "I": {"levels": 1, "detail_interaction": False},
        "II": {"levels": 1},
        "III": {"levels": 2, "semantic_interaction": False},
        "IV": {"levels": 2},
    }
    found = {
        row: [type(f).__name__ for f in small(**settings).fusion] for row, settings in kinds.items()
    }
    assert found == {
        "I": ["_PlainFusion"],
        "II": ["_DetailInteraction"],
        "III": ["_DetailInteraction", "_PlainFusion"],
        "IV": ["_DetailInteraction", "_SemanticInteraction"],
    }


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_levels_of_table_10(levels):
    """Scales 1 to 1 / 2^(levels - 1); a further deep level costs the same each time."""
    network = small(levels=levels)
    ir, vis = pair(32, 48)
    scales = [x.shape[2] / 32 for x in network.infrared_encoder(ir)]
    assert scales == [0.5**level for level in range(levels)]
    assert network(ir, vis).shape == ir.shape
    assert (network.depth_interaction is not None) == (levels > 2)
    if levels > 3:
        fewer = small(levels=levels - 1)
        deep = count(network.fusion[-1]) + count(network.decoders[-1])
        encoders = 2 * (8 * 8 * 9 + 8)
        assert network.parameters_count - fewer.parameters_count == deep + encoders


@pytest.mark.parametrize(
    "settings", [{"detail_interaction": False}, {"semantic_interaction": False}]
)
def test_removed_modules_are_replaced_by_plain_fusion(settings):
    full, network = small(), small(**settings)
    parts = zip(full.fusion, network.fusion, strict=True)
    changed = [type(a) is not type(b) for a, b in parts]
    assert changed == (
        [True, True, False, False]
        if "detail_interaction" in settings
        else [False, False, True, True]
    )
    kept = {k for k in full.state_dict() if not k.startswith("fusion.")}
    assert kept == {k for k in network.state_dict() if not k.startswith("fusion.")}
    assert network(*pair(16, 24)).shape == (1, 1, 16, 24)


@pytest.mark.parametrize("settings", [{"levels": 0}, {"levels": 6}, {"attended_to": "both"}])
def test_unknown_settings_are_refused(settings):
    with pytest.raises(UsageError):
        RefineFuse(**settings)


def test_refuses_colour():
    with pytest.raises(PairMismatch):
        small()(torch.rand(1, 1, 16, 16), torch.rand(1, 3, 16, 16))
