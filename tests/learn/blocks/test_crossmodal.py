"""PSFusion's two fusion modules against its equations, in both variants."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.blocks.crossmodal import DetailFusion, SemanticFusion  # noqa: E402 - needs torch

VARIANTS = pytest.mark.parametrize("variant", ["paper", "release"])


def build(kind, variant):
    torch.manual_seed(0)
    module = kind(12, 8, variant).double().eval()
    for parameter in module.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return module, torch.randn(2, 2, 12, 5, 6, dtype=torch.float64)


@VARIANTS
def test_detail_fusion_is_equations_4_to_6(variant):
    module, (ir, vis) = build(DetailFusion, variant)
    found = module(ir, vis)
    ir, vis = module.infrared(ir), module.visible(vis)
    pooled = torch.cat([vis, ir], 1).mean((2, 3), keepdim=True)
    gates = module.gates(pooled).sigmoid()
    gated = {"vis": vis * gates[:, :8], "ir": ir * gates[:, 8:]}
    if variant == "paper":
        ir, vis = ir + gated["vis"], vis + gated["ir"]
    else:
        ir, vis = ir + gated["ir"], vis + gated["vis"]
    merged = module.merge(torch.cat([vis, ir], 1))
    channel = module.channel(merged.mean((2, 3), keepdim=True))
    weight = (channel * module.spatial(merged)).sigmoid()
    of_ir = weight if variant == "paper" else 1 - weight
    torch.testing.assert_close(found, of_ir * ir + (1 - of_ir) * vis)


@VARIANTS
def test_semantic_fusion_is_equations_7_to_10(variant):
    """The paper's rows of weights sum to 1 over keys, the code's over queries."""
    module, (ir, vis) = build(SemanticFusion, variant)
    found = module(ir, vis)
    ir, vis = module.infrared(ir), module.visible(vis)
    query = module.query(torch.cat([vis, ir], 1)).flatten(2)
    attended = []
    for x, key, value in (
        (ir, module.infrared_key, module.infrared_value),
        (vis, module.visible_key, module.visible_value),
    ):
        logits = torch.einsum("bci,bcj->bij", query, key(x).flatten(2))
        if variant == "release":
            logits = logits.transpose(1, 2)
        weights = logits.exp() / logits.exp().sum(2, keepdim=True)
        attended.append(torch.einsum("bij,bcj->bci", weights, value(x).flatten(2)).view_as(x))
    if variant == "release":
        attended[0] = module.infrared_factor * attended[0]
        attended[1] = module.visible_factor * attended[1]
    expected = module.merge(torch.cat([ir + attended[1], vis + attended[0]], 1))
    torch.testing.assert_close(found, expected)


def test_factors_begin_as_zero_and_only_in_the_release():
    names = [
        {k for k in SemanticFusion(12, 8, variant).state_dict() if "factor" in k}
        for variant in ("paper", "release")
    ]
    assert names == [set(), {"infrared_factor", "visible_factor"}]
    module = SemanticFusion(12, 8, "release")
    assert module.infrared_factor.item() == module.visible_factor.item() == 0


def test_dense_layers_see_all_that_came_before():
    module, (ir, _) = build(SemanticFusion, "paper")
    dense = module.infrared
    first = dense.narrow(ir)
    a = dense.dense[0](first)
    b = dense.dense[1](torch.cat([a, first], 1))
    c = dense.dense[2](torch.cat([a, b, first], 1))
    d = dense.dense[3](torch.cat([a, b, c, first], 1))
    torch.testing.assert_close(dense(ir), dense.merge(torch.cat([ir, d], 1)))
