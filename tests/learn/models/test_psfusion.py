"""PSFusion: sizes of its parts, its equations, and what its settings change."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - needs torch
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from imfuse.errors import PairMismatch, UsageError  # noqa: E402
from imfuse.learn.models.psfusion import (  # noqa: E402
    PSFusion,
    _DenseRestoration,
    _FidelityHead,
    _Injection,
    _SemanticHeads,
)

VARIANTS = pytest.mark.parametrize("variant", ["paper", "release"])


def hollow(**settings):
    """Return a network without values, which costs no time."""
    with torch.device("meta"):
        return PSFusion(**settings)


def count(module):
    return sum(p.numel() for p in module.parameters())


def shake(module, scale=0.05):
    """Move every parameter, so that none is at a special value such as 0 or 1."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        parameter.data.add_(scale * torch.randn_like(parameter))
    return module.eval()


@pytest.fixture(scope="module", params=["paper", "release"])
def network(request):
    torch.manual_seed(0)
    return shake(PSFusion(variant=request.param), 0.01)


def pair(height, width, batch=1):
    generator = torch.Generator().manual_seed(height + width)
    both = torch.rand(batch, 4, height, width, generator=generator)
    return both[:, :1], both[:, 1:]


def test_parameters_of_each_part():
    network = hollow()
    funnels = 2 * (32 * 10 + 64) + 64 * 10 + 128
    stem = 32 * 49 + 32 + 64 + 32 * 32 * 9 + 32 + 64 + 32 * 64 * 9 + 64 + 128 + 64 * 64 * 9 + 64
    resnet_34 = 21_797_672 - 9_408 - 513_000  # without first convolution and classifier
    assert count(network.infrared_encoder) == stem + funnels + resnet_34
    assert count(network.visible_encoder) == stem + funnels + resnet_34 + 2 * 32 * 49
    assert count(network.gather) == 4 * (64 * 64 * 9 + 64)
    assert count(network.perception) == (256 + 64 + 64) * 64 * 9 + 3 * 2 * 128
    assert count(network.first_restoration) == 10 * 32 * 32 * 9 + 4 * 2 * 64
    assert count(network.fused_head) == 32 * 9 + 1
    assert count(network.semantic_heads.idle) == 9_474
    assert network.parameters_count == 45_908_840  # 45.909 M
    idle = [n for n, p in network.named_parameters() if not p.requires_grad]
    assert len(idle) == 5
    assert all(n.startswith("semantic_heads.idle.") for n in idle)


def test_multiplications_of_convolutions():
    """178.3e9 at 480x640; the literature reports 180.9e9, with norms counted."""
    ir, vis = torch.empty(1, 1, 480, 640), torch.empty(1, 3, 480, 640)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        hollow().eval().features(ir.to("meta"), vis.to("meta"))
    flops = counter.get_flop_counts()["Global"]
    found = sum(n for op, n in flops.items() if "convolution" in str(op)) / 2
    assert found == pytest.approx(180.9e9, rel=0.02)


def test_variants_differ_by_what_the_docstring_lists():
    paper, release = hollow(variant="paper"), hollow()
    factors = 3 * 2
    second_norms = 3 * 2 * 64 + 2 * 4 * 2 * 32
    prepared = 3 * (32 * 32 * 9 + 2 * 32)  # equation 15 convolves what is normalised
    last_norms = 3 * 2 * 32
    difference = prepared - last_norms - second_norms - factors
    assert paper.parameters_count - release.parameters_count == difference
    names = set(paper.state_dict()) ^ set(release.state_dict())
    parts = ("inject_", "fusion.", "perception.", "first_restoration.", "last_restoration.")
    assert all(name.startswith(parts) for name in names)


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"deep_attention": False}, ("fusion.3.", "fusion.4.", "fusion.5.")),
        ({"semantic_heads": False}, ("semantic_heads.",)),
        ({"fidelity_heads": False}, ("infrared_head.", "visible_head.")),
        ({"classes": 5}, ("semantic_heads.semantic.",)),
    ],
)
def test_settings_change_their_part_only(settings, parts):
    shapes = [{k: v.shape for k, v in hollow(**s).state_dict().items()} for s in ({}, settings)]
    changed = {
        k for k in shapes[0].keys() | shapes[1].keys() if shapes[0].get(k) != shapes[1].get(k)
    }
    assert changed
    assert all(name.startswith(parts) for name in changed)
    assert all(any(name.startswith(part) for name in changed) for part in parts)


def test_ablations_run_and_leave_their_fields_empty():
    network = PSFusion(deep_attention=False, semantic_heads=False, fidelity_heads=False).eval()
    with torch.inference_mode():
        found = network.features(*pair(32, 64))
    assert found.fused.shape == (1, 1, 32, 64)
    assert found[1:] == (None,) * 5


def test_features(network):
    ir, vis = pair(32, 64)
    with torch.inference_mode():
        found = network.features(ir, vis)
        assert torch.equal(found.fused, network(ir, vis))
    for picture in (found.fused, found.infrared, found.visible):
        assert picture.shape == (1, 1, 32, 64)
        assert 0 <= picture.min() < picture.max() <= 1
    shapes = [x.shape[1:] for x in (found.semantic, found.boundary, found.binary)]
    assert shapes == [(9, 32, 64), (2, 32, 64), (2, 32, 64)]


def test_levels(network):
    ir, vis = pair(64, 96)
    with torch.inference_mode():
        levels = network.visible_encoder(vis)
        fused = [
            f(*p)
            for f, p in zip(
                network.fusion, zip(network.infrared_encoder(ir), levels, strict=True), strict=True
            )
        ]
    assert [x.shape[1] for x in levels] == [32, 64, 64, 128, 256, 512]
    assert [x.shape[1] for x in fused] == [32, 32, 64, 64, 64, 64]
    assert [64 // x.shape[2] for x in levels] == [1, 2, 4, 8, 16, 32]


def test_batch_equals_singles(network):
    ir, vis = pair(32, 64, batch=2)
    with torch.inference_mode():
        singles = [network(ir[i : i + 1], vis[i : i + 1]) for i in range(2)]
        torch.testing.assert_close(network(ir, vis), torch.cat(singles), atol=1e-5, rtol=0)


def test_every_parameter_learns(network):
    """Of what the losses look at; norms keep their statistics, or biases before them would not."""
    found = network.features(*pair(32, 64, batch=2))
    network.zero_grad()
    sum((x * torch.rand_like(x)).sum() for x in found).backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name
        else:
            assert parameter.grad is None, name


@VARIANTS
def test_injection_is_equation_15(variant):
    module = shake(_Injection(6, variant).double(), 0.2)
    x = torch.randn(2, 32, 8, 12, dtype=torch.float64)
    semantic = torch.randn(2, 6, 4, 6, dtype=torch.float64)
    shared = module.shared(functional.interpolate(semantic, scale_factor=2, mode="bilinear"))
    gamma, beta = module.gamma(shared), module.beta(shared)
    y = module.prepare(x) if variant == "paper" else x
    mean, variance = y.mean((2, 3), keepdim=True), y.var((2, 3), keepdim=True, correction=0)
    normal = (y - mean) / (variance + 1e-5).sqrt()
    expected = (
        gamma * normal + beta
        if variant == "paper"
        else module.norm(normal * (1 + gamma.sigmoid())) + beta
    )
    torch.testing.assert_close(module(x, semantic), expected)


def test_heads_go_from_objects_to_classes_to_boundaries():
    module = shake(_SemanticHeads(9).double())
    x = torch.randn(1, 64, 3, 4, dtype=torch.float64)
    semantic, boundary, binary = module(x)
    grow = {"mode": "bilinear", "align_corners": True}
    of_objects = module.binary(x)
    torch.testing.assert_close(binary, functional.interpolate(of_objects, (12, 16), **grow))
    probability = (of_objects[:, 1:] - of_objects[:, :1]).sigmoid()
    refined = module.refine(functional.interpolate(x * probability, (6, 8), **grow))
    both = torch.cat([refined, functional.interpolate(x, (6, 8), **grow)], 1)
    expected = module.semantic(refined), module.boundary(both)
    for found, logits in zip((semantic, boundary), expected, strict=True):
        torch.testing.assert_close(found, functional.interpolate(logits, (12, 16), **grow))


def test_fidelity_head_masks_its_modality():
    module = shake(_FidelityHead())
    x = torch.randn(1, 32, 5, 6)
    mask = (module.channel(x.mean((2, 3), keepdim=True)) * module.spatial(x)).sigmoid()
    expected = (module.head(module.norm(x * mask)).tanh() + 1) / 2
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("norms", [1, 2])
def test_restoration_is_dense(norms):
    module = shake(_DenseRestoration(norms))
    x = torch.randn(1, 32, 5, 6)
    a = module.dense[0](x)
    b = module.dense[1](torch.cat([x, a], 1))
    c = module.dense[2](torch.cat([x, a, b], 1))
    torch.testing.assert_close(module(x), module.dense[3](torch.cat([x, a, b, c], 1)))


def test_refusals():
    with pytest.raises(UsageError, match="paper, release"):
        PSFusion(variant="code")
    network = hollow()
    with pytest.raises(PairMismatch):
        network(torch.empty(1, 1, 32, 32), torch.empty(1, 1, 32, 32))
