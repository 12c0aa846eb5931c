import math

import pytest
import torch
from torch.nn import functional

from imfuse.data.opening import open_source
from imfuse.data.sources import Selection
from imfuse.errors import BadValues, UnknownName, UsageError
from imfuse.learn.batches.loader import Batches
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.guides.base import Logits
from imfuse.learn.losses.gradient import maximum_gradient
from imfuse.learn.losses.intensity import maximum_intensity
from imfuse.learn.losses.segmentation import cross_entropy
from imfuse.learn.recipes.scgrfuse import SCGRFuseRecipe
from imfuse.learn.recipes.seafusion import SeAFusionRecipe
from imfuse.learn.recipes.stage import Workshop
from imfuse.learn.recipes.table import RECIPES, find_recipe
from imfuse.learn.training.settings import make_settings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source():
    return open_source("scenes:3", split="train")


@pytest.fixture(scope="module")
def batch(source):
    crop = Augmentation(crop=(64, 64))
    return next(iter(Batches(source, 3, crop, workers=0, steps=1)))


@pytest.fixture
def workshop(source):
    return Workshop(source, None, CPU)


def make(kind=SeAFusionRecipe, preset=None, **changes):
    torch.manual_seed(0)
    return kind(make_settings(kind, changes, preset=preset))


def test_all_recipes_are_found_under_their_names():
    for name in RECIPES:
        assert find_recipe(name).name == name


@pytest.mark.parametrize("kind", [SeAFusionRecipe, SCGRFuseRecipe])
def test_the_plan_is_that_of_the_papers(kind, source):
    plan = make(kind).plan(source)
    assert [stage.name for stage in plan] == [
        *("fuse 1", "segment 1", "fuse 2", "segment 2", "fuse 3", "segment 3", "fuse 4"),
    ]
    assert [stage.steps for stage in plan] == [3610, 20_000] * 3 + [3610]


def test_rates_of_the_release_are_those_of_the_code(workshop):
    recipe = make(preset="release")
    fusing = recipe.stage(0, workshop).optimizations[0]
    # 361 steps an epoch; 1e-3 * 0.75^(epoch - 1).
    for step, rate in ((0, 1e-3 / 0.75), (360, 1e-3 / 0.75), (361, 1e-3), (3609, 1.001129e-4)):
        assert fusing.set_rate(step) == pytest.approx(rate, rel=1e-5)
    for turn, step, rate in ((0, 0, 1e-5), (0, 1000, 0.01), (1, 0, 0.01 * (60 / 79) ** 0.9)):
        segmenting = recipe.stage(2 * turn + 1, workshop).optimizations[0]
        assert segmenting.set_rate(step) == pytest.approx(rate, rel=1e-6)
        groups = segmenting.optimizer.param_groups  # of both parts what decays, and norms
        assert [group["lr"] for group in groups] == pytest.approx([rate] * 2 + [10 * rate] * 2)


def test_rates_of_the_paper(workshop):
    recipe = make()
    fusing = recipe.stage(2, workshop).optimizations[0]
    assert fusing.set_rate(3609) == 1e-4
    assert fusing.optimizer.defaults["betas"] == (0.9, 0.99)
    assert fusing.optimizer.defaults["weight_decay"] == 2e-4
    segmenting = recipe.stage(3, workshop).optimizations[0]
    assert segmenting.set_rate(20_000) == pytest.approx(0.01 * 0.5**0.9)


@pytest.mark.parametrize("index", [0, 2, 6])
def test_the_semantic_loss_weighs_as_much_as_rounds_came_before(workshop, batch, index):
    recipe = make()
    stage = recipe.stage(index, workshop)
    recipe.set_modes(stage.trained)
    _, ir, vis, labels = batch
    found = stage.objective(ir, vis, labels)
    with torch.no_grad():
        fused = recipe.fusion(ir, luma(vis))
        logits = recipe.modules["segmenter"](recolour(fused, vis))
        expected = maximum_intensity(fused, ir, luma(vis))
        expected += 10 * maximum_gradient(fused, ir, luma(vis))
        semantic = cross_entropy(logits.main, labels) + 0.1 * cross_entropy(
            logits.auxiliary, labels
        )
    torch.testing.assert_close(found.total.detach(), expected + index // 2 * semantic)


@pytest.mark.parametrize(("index", "auxiliary"), [(1, 0.75), (2, 0.1)])
def test_hard_examples_in_the_release(workshop, batch, index, auxiliary):
    """A segmenter is sure of nearly all pixels: those of one sample count in a batch of three."""
    recipe = make(preset="release")
    stage = recipe.stage(index, workshop)
    recipe.set_modes(stage.trained)
    segmenter = recipe.modules["segmenter"].eval()
    logits = 9.0 * functional.one_hot(batch.labels, 9).movedim(-1, 1)
    logits[0, :, 0, :9] = 0
    segmenter.forward = lambda _: Logits(logits, logits / 2)
    found = stage.objective(batch.ir, batch.vis, batch.labels).terms
    least = batch.labels[0].numel()
    for name, sure in (("main", 9.0), ("auxiliary", 4.5)):
        easy = math.log(1 + 8 * math.exp(-sure))
        expected = (9 * math.log(9) + (least - 9) * easy) / least
        assert found[name].item() == pytest.approx(expected, rel=1e-3)
    total = stage.objective(batch.ir, batch.vis, batch.labels).total
    content = found["intensity"] + 10 * found["texture"] if index == 2 else 0
    expected = content + found["main"] + auxiliary * found["auxiliary"]
    torch.testing.assert_close(total, expected)


def test_fusing_moves_the_fusion_network_alone_and_segmenting_the_segmenter(workshop, batch):
    recipe = make()
    _, ir, vis, labels = batch
    for index, moved in ((2, "fusion"), (3, "segmenter")):
        before = {key: value.clone() for key, value in recipe.modules.state_dict().items()}
        stage = recipe.stage(index, workshop)
        recipe.set_modes(stage.trained)
        stage.optimizations[0].set_rate(2000)
        recipe.modules.zero_grad()
        stage.objective(ir, vis, labels).total.backward()
        stage.optimizations[0].optimizer.step()
        changed = {
            key.partition(".")[0]
            for key, value in recipe.modules.state_dict().items()
            if not torch.equal(value, before[key])
        }
        assert changed == {moved}


def test_the_segmenters_opinion_reaches_the_fusion_network(workshop, batch):
    recipe = make(intensity=0, texture=0)
    stage = recipe.stage(2, workshop)
    recipe.set_modes(stage.trained)
    _, ir, vis, labels = batch
    stage.objective(ir, vis, labels).total.backward()
    assert all(p.grad.abs().sum() > 0 for p in recipe.fusion.parameters() if p.requires_grad)
    assert all(p.grad is None for p in recipe.modules["segmenter"].parameters())


@pytest.mark.parametrize(
    ("kind", "index", "size", "steps"),
    [(SeAFusionRecipe, 0, 48, 50), (SCGRFuseRecipe, 0, 24, 25), (SeAFusionRecipe, 1, 48, 25)],
)
def test_one_batch_is_learnt_by_heart(kind, index, size, steps, workshop, batch):
    recipe = make(kind, preset="release")
    stage = recipe.stage(index, workshop)
    recipe.set_modes(stage.trained)
    _, ir, vis, labels = batch
    ir, vis, labels = ir[..., :size, :size], vis[..., :size, :size], labels[..., :size, :size]
    losses = []
    for _ in range(steps):
        stage.optimizations[0].set_rate(1500 + 361)
        stage.optimizations[0].optimizer.zero_grad()
        loss = stage.objective(ir, vis, labels).total
        loss.backward()
        stage.optimizations[0].optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_each_round_starts_afresh_unless_told_otherwise():
    for afresh in (True, False):
        recipe = make(afresh=afresh)
        first = recipe.fusion
        recipe.begin(0)
        recipe.begin(1)
        assert recipe.fusion is first
        segmenter = recipe.modules["segmenter"]
        recipe.begin(2)
        assert (recipe.fusion is not first) == afresh
        assert recipe.modules["segmenter"] is segmenter


def test_a_network_that_goes_on_learning_goes_on_at_its_rate(workshop):
    recipe = make(preset="cpu", rounds=2, steps=1000)
    first, second = (recipe.stage(index, workshop).optimizations[0] for index in (0, 2))
    assert first.set_rate(0) == pytest.approx(1e-3 / 0.65)
    assert first.set_rate(999) == pytest.approx(1e-3 * 0.65**3)
    assert second.set_rate(0) == pytest.approx(1e-3 * 0.65**4)
    assert second.set_rate(999) == pytest.approx(1e-3 * 0.65**8)


def test_without_a_segmenter_there_is_none():
    recipe = make(gamma=0, rounds=2)
    assert set(recipe.modules) == {"fusion"}
    unlabelled = Selection(open_source("scenes:1"), [0])
    unlabelled.entries = ()
    assert [stage.name for stage in recipe.plan(unlabelled)] == ["fuse 1", "fuse 2"]


def test_pairs_without_labels_are_refused():
    unlabelled = Selection(open_source("scenes:1"), [])
    with pytest.raises(UsageError, match="no pair has labels, which seafusion needs"):
        make().plan(unlabelled)


def test_labels_beyond_the_classes_are_refused(workshop, batch, source):
    recipe = make(classes=3)
    with pytest.raises(UsageError, match="9 classes, seafusion is set to 3"):
        recipe.plan(source)
    stage = recipe.stage(1, workshop)
    labels = torch.full_like(batch.labels, 3)
    with pytest.raises(BadValues, match="label 3; expected 0 to 2, or 255"):
        stage.objective(batch.ir, batch.vis, labels)


def test_other_segmenters_may_guide(workshop, batch):
    recipe = make(guide="segformer-b0")
    stage = recipe.stage(2, workshop)
    recipe.set_modes(stage.trained)
    found = stage.objective(batch.ir, batch.vis, batch.labels)
    assert set(found.terms) == {"intensity", "texture", "main"}
    with pytest.raises(UnknownName, match="banet"):
        make(guide="bannet")


def test_the_card_says_what_guided():
    assert "random weights instead of ImageNet's" in make().departures
    assert "weights of ImageNet instead" in make(guide="banet-imagenet").departures
    assert "segformer-b0, not BANet" in make(guide="segformer-b0").departures
    alone = make(gamma=0, rounds=1).departures
    assert "No segmenter takes part" in alone
    assert "ImageNet" not in alone
    assert "stretched" in make(preset="release").departures
    assert "stretched" not in make().departures
