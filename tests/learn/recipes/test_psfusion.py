"""PSFusion's training: schedule, weights of the losses, ablations, labels, and that it learns."""

import math

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional

from imfuse.data.rendered import RenderedPairs
from imfuse.errors import BadValues, UsageError
from imfuse.learn.batches.loader import Batch, Batches
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.gradient import gradient_error, maximum_gradient
from imfuse.learn.losses.masks import boundary_mask, contrast_masks
from imfuse.learn.losses.similarity import correlation
from imfuse.learn.models.psfusion import PSFusionFeatures
from imfuse.learn.recipes.psfusion import PSFusionRecipe
from imfuse.learn.recipes.psfusion_objective import PSFusionObjective
from imfuse.learn.recipes.stage import Workshop
from imfuse.learn.training.settings import make_settings
from imfuse.learn.training.step import Running
from learn.recipes.stands import NamedPairs

TERMS = [
    *("intensity", "texture", "correlation", "visible", "infrared"),
    *("semantic", "boundary", "binary"),
]


def steps_of(plan):
    return [(stage.name, stage.steps) for stage in plan]


class Fixed(nn.Module):
    """Answers the same whatever it is given."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def features(self, ir, vis):
        return self.answer


@pytest.fixture(scope="module")
def batch():
    source = RenderedPairs(4, size=(96, 128))
    crop = Augmentation(crop=(64, 64))
    return next(iter(Batches(source, 4, crop, workers=0, steps=1)))


@pytest.fixture
def answer(batch):
    torch.manual_seed(3)
    pictures = [torch.rand(4, 1, 64, 64) for _ in range(2)]
    logits = [torch.randn(4, n, 64, 64) for n in (9, 2, 2)]
    return PSFusionFeatures(correlated(batch, 0.6), *pictures, *logits)


def hollow(preset=None, **changes):
    """Return a recipe whose network has no values, which costs no time."""
    with torch.device("meta"):
        return PSFusionRecipe(make_settings(PSFusionRecipe, changes, preset=preset))


def stage_of(recipe):
    return recipe.stage(0, Workshop(NamedPairs(), None, torch.device("cpu")))


def losses_of(batch, answer, preset=None, **changes):
    settings = make_settings(PSFusionRecipe, changes, preset=preset)
    return PSFusionObjective(Fixed(answer), settings)(batch.ir, batch.vis, batch.labels)


def test_the_schedule_is_that_of_2500_epochs_on_msrs():
    recipe = hollow()
    assert steps_of(recipe.plan(NamedPairs())) == [("train", 170_000)]
    stage = stage_of(recipe)
    assert stage.batch == 16
    assert stage.augmentation == Augmentation(
        crop=(256, 256), flip=True, flip_vertical=True, rotate=True
    )
    (one,) = stage.optimizations
    (group,) = one.optimizer.param_groups
    assert isinstance(one.optimizer, torch.optim.SGD)
    assert (group["momentum"], group["weight_decay"]) == (0.9, 5e-4)
    found = [one.rate(step) for step in (0, 85_000, 170_000)]
    assert found == pytest.approx([1e-3, 1e-3 * 0.5**0.9, 0])


def test_rates_of_the_release_begin_low():
    (one,) = stage_of(hollow("release")).optimizations
    found = [one.rate(step) for step in (0, 500, 1000, 85_500)]
    assert found == pytest.approx([1e-5, 1e-4, 1e-3, 1e-3 * 0.5**0.9])


def test_all_of_the_network_trains_but_what_is_never_applied():
    recipe = hollow()
    stage = stage_of(recipe)
    assert tuple(stage.trained) == tuple(recipe.modules) == ("fusion",)
    idle = recipe.fusion.semantic_heads.idle
    left_out = recipe.fusion.parameters_count - sum(
        p.numel() for p in stage.optimizations[0].parameters
    )
    assert left_out == sum(p.numel() for p in idle.parameters())


def test_weights_between_the_terms_are_the_papers(batch, answer):
    losses = losses_of(batch, answer)
    assert list(losses.terms) == TERMS
    weights = (10, 10, 1, 5, 5, 10, 10, 10)
    expected = sum(w * float(losses.terms[name]) for w, name in zip(weights, TERMS, strict=True))
    assert float(losses.total) == pytest.approx(expected, rel=1e-5)


def test_the_terms_are_those_of_the_equations(batch, answer):
    terms = losses_of(batch, answer).terms
    ir, y, fused = batch.ir, luma(batch.vis), answer.fused
    labels = batch.labels
    target = ((labels >= 1) & (labels <= 3))[:, None].float()
    assert 0 < target.mean() < 1
    masks = contrast_masks(ir, y)
    to_ir, to_vis = (fused - ir).abs(), (fused - y).abs()
    probability = answer.semantic.softmax(1).gather(1, labels[:, None])
    costs = -probability.log().flatten()
    hardest = costs.sort(descending=True).values[: max((probability < 0.75).sum(), 1024)]
    binary = functional.cross_entropy(
        answer.binary, (labels > 0).long(), weight=torch.tensor([1.4548, 19.8962])
    )
    edges = boundary_mask(labels, radius=3)[:, 0].long()
    coefficients = [
        torch.corrcoef(torch.stack([f.flatten(), x.flatten()]))[0, 1]
        for source in (ir, y)
        for f, x in zip(fused, source, strict=True)
    ]
    expected = {
        "intensity": (torch.sigmoid(masks.ir + target) * to_ir).mean()
        + (torch.sigmoid(masks.vis + 1 - target) * to_vis).mean(),
        "texture": maximum_gradient(fused, ir, y),
        "correlation": 1 / (sum(coefficients) / 4 + 1e-6),
        "visible": (answer.visible - y).abs().mean() + gradient_error(answer.visible, y),
        "infrared": (answer.infrared - ir).abs().mean() + gradient_error(answer.infrared, ir),
        "semantic": hardest.mean(),
        "boundary": functional.cross_entropy(answer.boundary, edges),
        "binary": binary,
    }
    for name in TERMS:
        torch.testing.assert_close(terms[name], expected[name], rtol=2e-4, atol=1e-5)


def test_terms_of_the_release(batch, answer):
    terms = losses_of(batch, answer, "release").terms
    ir, y, fused = batch.ir, luma(batch.vis), answer.fused
    labels = batch.labels
    target = ((labels >= 1) & (labels <= 3))[:, None]
    from_ir = target | contrast_masks(ir, y, border="zero").ir
    box = torch.ones(1, 1, 9, 9) / 81
    to_ir, to_vis = (functional.conv2d((fused - x) ** 2, box, padding=4) for x in (ir, y))
    two = torch.stack([labels == 0, labels > 0], 1).float()
    weight = torch.tensor([1.4548, 19.8962]).view(2, 1, 1)
    edge = boundary_mask(labels, radius=3)
    cost = functional.binary_cross_entropy_with_logits
    expected = {
        "intensity": torch.where(from_ir, to_ir, to_vis).mean(),
        "texture": maximum_gradient(fused, ir, y, operator="sobel-apart"),
        "correlation": 1
        / (correlation(fused, ir, over="batch") + correlation(fused, y, over="batch")),
        "visible": (answer.visible - y).abs().mean()
        + gradient_error(answer.visible, y, operator="second-order"),
        "boundary": cost(answer.boundary, torch.cat([~edge, edge], 1).float()),
        "binary": cost(answer.binary, two, pos_weight=weight),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, rtol=2e-4, atol=1e-5)


def test_hard_examples_are_a_share_of_the_batch(batch, answer):
    """1/16 of 16 crops of 256x256 is the 65 536 of the code."""
    sure = functional.one_hot(batch.labels, 9).movedim(-1, 1) * 8.0
    costs = -sure.softmax(1).gather(1, batch.labels[:, None]).log().flatten()
    sure[0, :, 0, 0] = sure[0, :, 0, 0].roll(1)
    loss = losses_of(batch, answer._replace(semantic=sure)).terms["semantic"]
    count = 4 * 64 * 64 // 16
    wrong = float(costs.min()) + 8
    assert float(loss) == pytest.approx(
        (wrong + (count - 1) * float(costs.min())) / count, rel=1e-3
    )


def test_pixels_without_labels_count_in_no_semantic_loss(batch, answer):
    labels = batch.labels.clone()
    labels[:, :16] = 255
    labels[3] = 255
    mixed = batch._replace(labels=labels)
    for preset in ("paper", "release"):
        one = losses_of(mixed, answer, preset).terms
        changed = [x.masked_fill(labels[:, None] == 255, 7.0) for x in answer[3:]]
        other = losses_of(mixed, PSFusionFeatures(*answer[:3], *changed), preset).terms
        assert {k: float(v) for k, v in one.items()} == {k: float(v) for k, v in other.items()}


def test_a_batch_without_labels_trains_all_but_the_heads(batch, answer):
    unknown = batch._replace(labels=torch.full_like(batch.labels, 255))
    leaves = PSFusionFeatures(*(x.clone().requires_grad_() for x in answer))
    losses = losses_of(unknown, leaves)
    losses.total.backward()
    assert list(losses.terms) == TERMS
    assert all(losses.terms[name].item() == 0 for name in TERMS[5:])
    assert all(bool(x.grad.isfinite().all()) for x in leaves)
    assert [bool(x.grad.any()) for x in leaves] == [True] * 3 + [False] * 3


def test_ablations(batch, answer):
    y = luma(batch.vis)
    plain = losses_of(batch, answer, intensity="both").terms["intensity"]
    expected = (answer.fused - batch.ir).abs().mean() + (answer.fused - y).abs().mean()
    assert float(plain) == pytest.approx(float(expected))
    without = answer._replace(infrared=None, visible=None)
    assert list(losses_of(batch, without).terms) == TERMS[:3] + TERMS[5:]
    without = answer._replace(semantic=None, boundary=None, binary=None)
    assert list(losses_of(batch, without).terms) == TERMS[:5]


def correlated(batch, share):
    """Return a picture with some of both sources in it, and much noise."""
    noise = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    return share * (batch.ir + luma(batch.vis)) / 2 + (1 - abs(share)) * noise


@pytest.mark.parametrize(
    ("share", "limit", "counts"),
    [
        (0.9, None, True),
        (0.9, 2.0, True),
        (0.9, 0.4, False),
        (-0.9, None, True),
        (-0.9, 2.0, False),
    ],
)
def test_the_correlation_loss_counts_within_its_limit(batch, answer, share, limit, counts):
    answer = answer._replace(fused=correlated(batch, share).requires_grad_())
    found = losses_of(batch, answer, correlation_limit=limit)
    without = losses_of(batch, answer, correlation=0)
    value = found.terms["correlation"].item()
    assert value > 0.5
    assert (value > 10) == (share < 0)
    added = (found.total - without.total).item()
    assert added == pytest.approx(value if counts else 0, abs=1e-4)
    gradients = [torch.autograd.grad(one.total, answer.fused)[0] for one in (found, without)]
    assert torch.equal(*gradients) != counts


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("fidelity_heads", "infrared_head"),
        ("semantic_heads", "semantic_heads"),
    ],
)
def test_heads_can_be_left_out_of_the_network(setting, part):
    assert getattr(hollow().fusion, part) is not None
    assert getattr(hollow(network={setting: False}).fusion, part) is None


def test_deep_levels_can_be_fused_like_shallow_ones():
    with_it, without = hollow().fusion, hollow(network={"deep_attention": False}).fusion
    assert type(with_it.fusion[5]) is not type(with_it.fusion[0])
    assert type(without.fusion[5]) is type(without.fusion[0])


def test_labels_are_asked_for_where_they_are_needed():
    bare = NamedPairs(32, labelled=False)
    remedy = r"--set salient=\[\] --set network\.semantic_heads=false"
    for changes in ({}, {"salient": []}, {"network": {"semantic_heads": False}}):
        with pytest.raises(UsageError, match=remedy):
            hollow(**changes).plan(bare)
    for changes in ({"salient": []}, {"intensity": "both"}):
        recipe = hollow(**changes, network={"semantic_heads": False})
        assert steps_of(recipe.plan(bare)) == [("train", 5000)]


def test_the_network_has_the_classes_of_the_labels(batch, answer):
    for changes in ({"classes": 15}, {"network": {"classes": 15}}):
        recipe = hollow(**changes)
        assert recipe.settings.classes == recipe.settings.network["classes"] == 15
        assert recipe.fusion.semantic_heads.semantic.out_channels == 15
        again = make_settings(PSFusionRecipe, recipe.settings.model_dump(mode="json"))
        assert again == recipe.settings
    with pytest.raises(UsageError, match=r"classes=15, network\.classes=9; expected one number"):
        hollow(classes=15, network={"classes": 9})
    with pytest.raises(UsageError, match="fmb has 15 classes"):
        hollow().plan(NamedPairs(layout="fmb"))
    with pytest.raises(UsageError, match="building in fmb"):
        hollow(classes=15).plan(NamedPairs(layout="fmb"))
    with pytest.raises(BadValues, match="label 9"):
        losses_of(batch._replace(labels=batch.labels + 9), answer)


def test_sizes_that_the_network_cannot_take_are_refused(batch, answer):
    with pytest.raises(UsageError, match=r"crop 100x100 .* multiples of 32"):
        hollow(crop=100)
    with pytest.raises(UsageError, match="batch=1; expected at least 2, as norms learn"):
        hollow(batch=1)
    with pytest.raises(UsageError, match="batch=1"):
        hollow(batch=1, frozen_norms=1, settle=0.1)
    odd = batch._replace(ir=batch.ir[..., :40], vis=batch.vis[..., :40])
    with pytest.raises(UsageError, match=r"64x40 pixels for psfusion; expected multiples of 32"):
        losses_of(odd, answer)


@pytest.mark.parametrize(("crop", "turned"), [(64, True), ([64, 96], False), (None, False)])
def test_only_squares_are_turned(crop, turned):
    augmentation = stage_of(hollow(crop=crop)).augmentation
    assert (augmentation.flip, augmentation.rotate) == (True, turned)


def test_norms_settle_without_a_change_of_weights(batch):
    recipe = PSFusionRecipe(make_settings(PSFusionRecipe, {"settle": 0.01}))
    assert steps_of(recipe.plan(NamedPairs())) == [("train", 170_000), ("settle", 1700)]
    stage = recipe.stage(1, Workshop(NamedPairs(), None, torch.device("cpu")))
    assert stage.augmentation.crop == (256, 256)
    before = {key: value.clone() for key, value in recipe.fusion.state_dict().items()}
    running = Running(stage, recipe, Fabric(accelerator="cpu", devices=1))
    ir, vis = batch.ir[..., :32, :32], batch.vis[..., :32, :32]
    small = Batch(batch.names, ir, vis, batch.labels[:, :32, :32])
    taken = running.step(small, 0.0, "settling")
    assert math.isfinite(taken.loss)
    assert (taken.rates, taken.gradient) == ((), 0)
    after = recipe.fusion.state_dict()
    changed = {key.rpartition(".")[2] for key in after if not torch.equal(after[key], before[key])}
    assert changed == {"running_mean", "running_var", "num_batches_tracked"}
    with pytest.raises(UsageError, match="ema and settle"):
        hollow(settle=0.01, ema=0.9)
    with pytest.raises(UsageError, match="crop 100x100"):
        hollow(settle_crop=100)


def test_norms_can_be_frozen_for_the_last_part(batch):
    changes = {"settle": 0.01, "frozen_norms": 0.9, "crop": 64}
    recipe = PSFusionRecipe(make_settings(PSFusionRecipe, changes))
    plan = steps_of(recipe.plan(NamedPairs()))
    assert plan == [("train", 17_000), ("settle", 1700), ("finish", 153_000)]
    workshop = Workshop(NamedPairs(), None, torch.device("cpu"))
    rates = []
    for index, position, side in ((0, 17_000, 64), (2, 0, 256)):
        stage = recipe.stage(index, workshop)
        assert stage.augmentation.crop == (side, side)
        rates.append(stage.optimizations[0].set_rate(position))
    assert rates[0] == rates[1] == pytest.approx(1e-3 * (1 - 17 / 170) ** 0.9)
    running = Running(recipe.stage(2, workshop), recipe, Fabric(accelerator="cpu", devices=1))
    ir, vis = batch.ir[..., :32, :32], batch.vis[..., :32, :32]
    network, buffers = recipe.fusion, dict(recipe.fusion.named_buffers())
    before = {key: value.clone() for key, value in buffers.items()}
    with torch.no_grad():
        together, alone = network(ir, vis), network(ir[:1], vis[:1])
    # Norms over a batch would let the other samples change this one.
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
    small = Batch(batch.names, ir, vis, batch.labels[:, :32, :32])
    weight = network.fused_head.weight.detach().clone()
    assert running.step(small, 0.0, "finishing").gradient > 0
    assert not torch.equal(network.fused_head.weight, weight)
    assert all(torch.equal(value, before[key]) for key, value in buffers.items())


def test_weights_can_be_trained_further_with_frozen_norms_alone():
    recipe = hollow(frozen_norms=1.0, batch=1, epochs=157)
    workshop = Workshop(NamedPairs(), None, torch.device("cpu"))
    assert steps_of(recipe.plan(workshop.source)) == [("finish", 157 * len(NamedPairs()))]
    stage = recipe.stage(0, workshop)
    assert (stage.frozen_norms, stage.least) == (True, 1)
    assert stage.optimizations[0].set_rate(0) == 1e-3


def test_it_overfits_one_batch_and_then_fuses_alike_in_both_modes(batch):
    torch.manual_seed(0)
    recipe = PSFusionRecipe(make_settings(PSFusionRecipe, {"correlation_limit": 2.0}))
    stage = stage_of(recipe)
    (one,) = stage.optimizations
    ir, vis = batch.ir[..., :32, :32], batch.vis[..., :32, :32]
    found = []
    for _ in range(10):
        one.set_rate(1000)
        one.optimizer.zero_grad()
        losses = stage.objective(ir, vis, batch.labels[:, :32, :32])
        losses.total.backward()
        one.optimizer.step()
        found.append({name: value.item() for name, value in losses.terms.items()})
    del found[0]["correlation"]
    assert all(found[-1][name] < 0.75 * first for name, first in found[0].items()), found
    with torch.no_grad():
        for _ in range(80):  # until the running means of the norms have caught up
            training = recipe.fusion(ir, vis)
        fused = recipe.fusion.eval()(ir, vis)
    assert (fused - training).abs().mean() < 0.05


def test_cards_name_the_losses_that_are_not_the_papers():
    assert "Losses other" not in hollow().departures
    told = PSFusionRecipe(make_settings(PSFusionRecipe, {}, preset="cpu")).departures
    for change in ("intensity=hard-masks", "texture_operator=sobel-apart", "correlation_limit=2.0"):
        assert change in told
