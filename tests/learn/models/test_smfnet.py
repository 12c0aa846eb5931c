import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402 - needs torch

from imfuse.errors import UsageError  # noqa: E402
from imfuse.learn.blocks.attention import channel_attention  # noqa: E402
from imfuse.learn.models.smfnet import SMFNet, _CrossAttention  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(module, *, trainable=None):
    return sum(
        p.numel() for p in module.parameters() if trainable is None or p.requires_grad == trainable
    )


def awake(network):
    """Return the network with its graph's weights off the zero where they start."""
    for scales in (network.reasoning.ir_scales, network.reasoning.vis_scales):
        scales.gamma.data.fill_(0.5)
    return network


@pytest.mark.parametrize("variant", ["paper", "release"])
def test_counts_are_the_published_ones(variant):
    network = SMFNet(variant=variant)
    assert network.parameters_count == 3_148_818
    assert count(network.encoder) == 1_886_768
    assert count(network.reasoning) == 964_994
    assert count(network.base_fusion) == 35_528
    assert count(network.detail_fusion) == 211_008
    assert count(network.decoder) == 50_520
    assert count(network, trainable=False) == 498_720
    fixed = SMFNet(variant=variant, trainable_operators=False)
    assert network.parameters_count - fixed.parameters_count == 2 * 2 * 9 * 64


def test_encoder_work_is_the_published_one():
    """30.48 G multiply-adds in convolutions at 128x128: products of attention are not counted."""
    with torch.device("meta"):
        encoder = SMFNet().encoder
        picture = torch.empty(1, 1, 128, 128)
    with FlopCounterMode(display=False) as counter:
        encoder(picture)
    work = counter.get_flop_counts()["Global"]
    assert work[torch.ops.aten.convolution] / 2e9 == pytest.approx(30.48, abs=0.005)


def test_fusion_follows_the_figure():
    network = awake(SMFNet()).eval()
    ir, vis = torch.rand(2, 1, 1, 21, 18)
    with torch.inference_mode():
        found = network.features(ir, vis)
        shallow, base, detail = network.encoder(ir)
        torch.testing.assert_close(found.ir.shallow, shallow)
        torch.testing.assert_close(found.ir.base, base)
        torch.testing.assert_close(found.ir.detail, detail)
        torch.testing.assert_close(found.vis.base, network.encoder(vis)[1])
        graph = network.reasoning(found.ir.shallow, found.vis.shallow)
        torch.testing.assert_close(found.ir.graph, graph[0])
        torch.testing.assert_close(found.vis.graph, graph[1])
        total = network.base_fusion(found.ir.base + found.vis.base)
        total = total + network.detail_fusion(found.ir.detail + found.vis.detail)
        total = total + network.reasoning.both(torch.cat(graph, 1))
        torch.testing.assert_close(found.fused, network.decoder(total))
        assert torch.equal(network(ir, vis), found.fused)
        rebuilt = network.reconstruct(found.vis)
        sums = found.vis.base + found.vis.detail + found.vis.graph
        torch.testing.assert_close(rebuilt, network.decoder(sums))
    assert rebuilt.shape == found.fused.shape == vis.shape
    assert 0 < found.fused.min() <= found.fused.max() < 1


def test_cross_attention_asks_with_the_other_half():
    """Equations 1-4, with what belongs to a half as its key and value."""
    layer = _CrossAttention().double()
    x = torch.randn(1, 64, 5, 6, dtype=torch.float64)
    halves = x.chunk(2, 1)
    for own, other in ((0, 1), (1, 0)):
        key, value = layer.key_value(halves[own]).chunk(2, 1)
        query = layer.query(halves[other])
        attended = channel_attention(query, key, value, layer.temperature)
        torch.testing.assert_close(layer(x).chunk(2, 1)[own], layer.project_out(attended))


def test_gradients_reach_every_trainable_parameter():
    network = awake(SMFNet()).train()
    ir, vis = torch.rand(2, 2, 1, 12, 14)
    (network(ir, vis) * torch.rand(2, 1, 12, 14)).sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name
        else:
            assert parameter.grad is None, name


def test_reconstruction_trains_encoder_graph_and_decoder():
    network = awake(SMFNet()).train()
    parts, _ = network.decompose(*torch.rand(2, 2, 1, 12, 14))
    network.reconstruct(parts).mean().backward()
    for module in (network.encoder, network.decoder, network.reasoning.ir_merge):
        assert all(p.grad is not None for p in module.parameters() if p.requires_grad)
    for module in (network.base_fusion, network.detail_fusion):
        assert all(p.grad is None for p in module.parameters())


def test_a_batch_is_its_pictures():
    network = awake(SMFNet()).eval()
    ir, vis = torch.rand(2, 2, 1, 13, 11)
    with torch.inference_mode():
        alone = torch.cat([network(ir[i : i + 1], vis[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(network(ir, vis), alone, atol=1e-5, rtol=0)


def test_ablations_remove_what_they_name():
    whole = SMFNet()
    cross = 8 + 2 * (32 * 32 + 32) + 2 * 10 * 32 + 32 * 64 + 64 + 64 * 10 - 32 * 10
    without = {
        "cross_attention": count(whole.encoder.detail[2]),
        "residual_base": 2 * (64 * 16 * 9 + 16 + 16 * 16 + 16 + 16 * 64 * 9 + 64),
        "graph": 964_994,
    }
    assert without["cross_attention"] == cross
    for switch, removed in without.items():
        network = SMFNet(**{switch: False})
        assert network.parameters_count == whole.parameters_count - removed, switch
        assert set(network.state_dict()) <= set(whole.state_dict()), switch
        with torch.inference_mode():
            assert torch.isfinite(network.eval()(*torch.rand(2, 1, 1, 9, 10))).all()


def test_without_graph_only_base_and_detail_are_fused():
    network = SMFNet(graph=False).eval()
    with torch.inference_mode():
        found = network.features(*torch.rand(2, 1, 1, 9, 10))
        total = network.base_fusion(found.ir.base + found.vis.base)
        total = total + network.detail_fusion(found.ir.detail + found.vis.detail)
        torch.testing.assert_close(found.fused, network.decoder(total))
    assert not found.ir.graph.any()


def test_exchanged_fusion_exchanges_the_layers():
    network = awake(SMFNet()).eval()
    exchanged = SMFNet(exchanged_fusion=True).eval()
    exchanged.load_state_dict(network.state_dict())
    with torch.inference_mode():
        ir, vis = torch.rand(2, 1, 1, 9, 10)
        found = exchanged.features(ir, vis)
        total = network.detail_fusion(found.ir.base + found.vis.base)
        total = total + network.base_fusion(found.ir.detail + found.vis.detail)
        total = total + network.reasoning.join(found.ir.graph, found.vis.graph)
        torch.testing.assert_close(found.fused, network.decoder(total))
        assert not torch.allclose(found.fused, network(ir, vis), atol=1e-5)


def test_variants_differ_with_the_same_weights():
    release, paper = awake(SMFNet()).eval(), SMFNet(variant="paper").eval()
    paper.load_state_dict(release.state_dict())
    with torch.inference_mode():
        ir, vis = torch.rand(2, 1, 1, 9, 10)
        one, other = release.features(ir, vis), paper.features(ir, vis)
    torch.testing.assert_close(one.ir.base, other.ir.base)
    torch.testing.assert_close(one.ir.detail, other.ir.detail)
    assert not torch.allclose(one.ir.graph, other.ir.graph, atol=1e-4)
    with pytest.raises(UsageError, match="one of paper, release"):
        SMFNet(variant="code")
