import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402 - needs torch

from imfuse.errors import UsageError  # noqa: E402
from imfuse.learn.models.cddfuse import CDDFuse  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_counts_are_the_published_ones():
    network = CDDFuse()
    assert network.parameters_count == 1_188_272
    assert count(network.encoder) == 599_144
    assert count(network.decoder) == 207_936
    assert count(network.base_fusion) == 363_016
    assert count(network.detail_fusion) == 18_176
    assert network.parameters_count + count(network.encoder) == 1_787_416
    assert all(p.requires_grad for p in network.parameters())


def test_work_is_the_published_one():
    """116.85 G multiply-adds in convolutions at 256x256: attention's products are not counted."""
    with torch.device("meta"):
        network = CDDFuse()
        picture = torch.empty(1, 1, 256, 256)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(picture, picture)
    work = counter.get_flop_counts()["Global"]
    assert work[torch.ops.aten.convolution] / 2e9 == pytest.approx(116.85, abs=0.005)


def test_fusion_follows_the_figure():
    network = CDDFuse().eval()
    ir, vis = torch.rand(2, 1, 1, 13, 10)
    with torch.inference_mode():
        found = network.features(ir, vis)
        shallow = network.encoder.shallow(network.encoder.embed(ir))
        torch.testing.assert_close(found.ir.base, network.encoder.base(shallow))
        torch.testing.assert_close(found.ir.detail, network.encoder.detail(shallow))
        torch.testing.assert_close(found.vis, network.encode(vis))
        base = network.base_fusion(found.ir.base + found.vis.base)
        detail = network.detail_fusion(found.ir.detail + found.vis.detail)
        logits = network.decoder(torch.cat([base, detail], 1))
        torch.testing.assert_close(found.fused, torch.sigmoid(logits + vis))
        assert torch.equal(network(ir, vis), found.fused)
        assert 0 < found.fused.min() <= found.fused.max() < 1


def test_base_attention_is_dense_and_its_gates_are_paired():
    network = CDDFuse()
    for block in (network.encoder.base, network.base_fusion):
        assert block.attention.spatial.weight.shape == (192, 192, 3, 3)
        assert block.feed_forward.spatial.weight.shape == (128, 2, 3, 3)
    for block in (*network.encoder.shallow, *list(network.decoder)[1:5]):
        assert block.attention.spatial.weight.shape == (192, 1, 3, 3)
        assert block.feed_forward.spatial.weight.shape == (256, 1, 3, 3)


def test_residuals_change_only_what_is_added():
    ir, vis = torch.rand(2, 1, 1, 9, 11)
    logits = {}
    weights = CDDFuse().state_dict()
    for residual in ("vis", "sum", "none"):
        network = CDDFuse(residual=residual).eval()
        network.load_state_dict(weights)
        with torch.inference_mode():
            logits[residual] = network(ir, vis).logit()
            parts = network.encode(ir)
            own = network.reconstruct(ir, parts).logit() - network.decoder(torch.cat(parts, 1))
        torch.testing.assert_close(own, 0 * ir if residual == "none" else ir, atol=1e-5, rtol=0)
    torch.testing.assert_close(logits["vis"] - logits["none"], vis, atol=1e-5, rtol=0)
    torch.testing.assert_close(logits["sum"] - logits["none"], ir + vis, atol=1e-5, rtol=0)
    with pytest.raises(UsageError, match="one of vis, sum, none"):
        CDDFuse(residual="ir")


def test_gradients_reach_every_parameter():
    network = CDDFuse()
    ir, vis = torch.rand(2, 2, 1, 9, 10)
    (network(ir, vis) * torch.rand(2, 1, 9, 10)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_reconstruction_trains_encoder_and_decoder_only():
    network = CDDFuse()
    picture = torch.rand(1, 1, 9, 10)
    network.reconstruct(picture, network.encode(picture)).mean().backward()
    for module in (network.encoder, network.decoder):
        assert all(p.grad is not None for p in module.parameters())
    for module in (network.base_fusion, network.detail_fusion):
        assert all(p.grad is None for p in module.parameters())


def test_a_batch_is_its_pictures():
    network = CDDFuse().eval()
    ir, vis = torch.rand(2, 2, 1, 11, 9)
    with torch.inference_mode():
        alone = torch.cat([network(ir[i : i + 1], vis[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(network(ir, vis), alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("residual", ["vis", "sum", "none"])
def test_without_the_visible_picture_added_the_order_makes_no_difference(residual):
    torch.manual_seed(1)
    network = CDDFuse(residual=residual).eval()
    ir, vis = torch.rand(2, 1, 1, 16, 18)
    with torch.inference_mode():
        same = torch.allclose(network(ir, vis), network(vis, ir), atol=1e-5)
    assert same == network.symmetric == (residual != "vis")
