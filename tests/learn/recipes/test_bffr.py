import pytest
import torch

from imfuse.data.opening import open_source
from imfuse.data.sources import Joined
from imfuse.errors import BadValues, UnknownName, UsageError
from imfuse.learn.batches.loader import Batches
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.losses.intensity import average_intensity, maximum_intensity
from imfuse.learn.losses.segmentation import cross_entropy
from imfuse.learn.losses.similarity import correlation
from imfuse.learn.recipes.bffr import BFFRRecipe, removed_classes
from imfuse.learn.recipes.stage import Workshop
from imfuse.learn.training.settings import make_settings
from learn.recipes.stands import NamedPairs

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source():
    return open_source("scenes:3", split="train")


@pytest.fixture(scope="module")
def batch(source):
    crop = Augmentation(crop=(48, 64))
    return next(iter(Batches(source, 2, crop, workers=0, steps=1)))


@pytest.fixture
def workshop(source):
    return Workshop(source, None, CPU)


def make(preset=None, **changes):
    torch.manual_seed(0)
    return BFFRRecipe(make_settings(BFFRRecipe, changes, preset=preset))


def begin(recipe, index, workshop):
    stage = recipe.stage(index, workshop)
    recipe.set_modes(stage.trained)
    return stage


def still(recipe):
    """Switch off dropout and running statistics, so that the same comes out each time."""
    recipe.modules.eval()
    return recipe


def take_step(stage, batch):
    (one,) = stage.optimizations
    one.optimizer.zero_grad()
    losses = stage.objective(batch.ir, batch.vis, batch.labels)
    losses.total.backward()
    one.optimizer.step()
    return losses


def test_the_plan_is_that_of_the_published_configuration():
    recipe = make()
    for count in (784, 1083):  # counted in steps, whatever the set
        plan = recipe.plan(NamedPairs(count=count))
        assert [(stage.name, stage.steps) for stage in plan] == [
            ("warm start", 20_000),
            ("semantic training", 160_000),
        ]
    warm, semantic = (recipe.stage(i, Workshop(NamedPairs(), None, CPU)) for i in (0, 1))
    assert (warm.batch, semantic.batch) == (2, 4)
    for stage in (warm, semantic):
        augmentation = stage.augmentation
        assert (augmentation.crop, augmentation.scale, augmentation.flip) == (
            (240, 320),
            (0.5, 2.0),
            True,
        )
        assert augmentation.jitter == (0.25, 0.5, 0.5)
    assert (warm.trained, semantic.trained) == (("fusion",), ("fusion", "segmenter"))


def test_most_steps_on_a_cpu_are_warm_start_on_small_crops_to_the_end_of_its_schedule():
    recipe = make("cpu")
    warm, semantic = recipe.plan(NamedPairs())
    assert warm.steps == 5 * semantic.steps
    workshop = Workshop(NamedPairs(), None, CPU)
    first, second = (recipe.stage(index, workshop) for index in (0, 1))
    assert (first.augmentation.crop, second.augmentation.crop) == ((64, 64), (64, 96))
    assert (first.augmentation.scale, second.augmentation.scale) == ((1, 1), (0.5, 2))
    for stage, steps, rate in ((first, warm.steps, 1e-3), (second, semantic.steps, 1e-5)):
        (one,) = stage.optimizations
        assert one.set_rate(steps - 1) == pytest.approx(rate / steps)


def test_a_short_budget_leaves_some_hundred_steps_of_warm_up():
    recipe = make("cpu")
    pace = 160_000 / 2900
    (one,) = recipe.stage(0, Workshop(NamedPairs(), None, CPU, pace=pace)).optimizations
    rates = [one.set_rate(step * pace) for step in range(2900)]
    assert rates.index(max(rates)) == 300
    assert rates[150] == pytest.approx(1e-3 * 0.5 * (1 - 150 / 2900), rel=1e-4)


def test_a_fresh_network_shows_a_dark_picture_with_some_detail(batch):
    """From mid-gray, Adam overshot the targets: tanh saturated, and nothing was learned."""
    for seed in range(6):
        torch.manual_seed(seed)
        network = BFFRRecipe(make_settings(BFFRRecipe, {})).fusion
        with torch.no_grad():
            fused = network(batch.ir, luma(batch.vis))
        assert 0.12 < float(fused.mean()) < 0.22
        assert float(fused.std()) > 1e-3


def test_the_warm_start_may_have_a_schedule_of_its_own():
    changes = {"warm_start.schedule": 40_000, "warm_start.crop": 64}
    recipe, workshop = make(**changes), Workshop(NamedPairs(), None, CPU)
    first, second = (recipe.stage(index, workshop) for index in (0, 1))
    assert (first.augmentation.crop, second.augmentation.crop) == ((64, 64), (240, 320))
    for stage, start, share in ((first, 6e-4, 1 / 2), (second, 6e-5, 7 / 8)):
        assert stage.optimizations[0].set_rate(20_000) == pytest.approx(start * share)
    with pytest.raises(UsageError):
        make(**{"warm_start.schedule": 10_000}).plan(NamedPairs())


def test_rates_rise_under_a_polynomial_that_falls_over_160_000_steps():
    workshop = Workshop(NamedPairs(), None, CPU)
    recipe = make()
    for index, start in ((0, 6e-4), (1, 6e-5)):
        (one,) = recipe.stage(index, workshop).optimizations
        assert one.set_rate(0) == pytest.approx(start * 1e-6)
        assert one.set_rate(750) == pytest.approx(start * (1 - 750 / 160_000) * 0.5, rel=1e-4)
        assert one.set_rate(1500) == pytest.approx(start * (1 - 1500 / 160_000))
        assert one.set_rate(20_000) == pytest.approx(start * 7 / 8)
    assert one.set_rate(159_999) == pytest.approx(6e-5 / 160_000)


def test_heads_learn_faster_and_norms_do_not_decay():
    recipe = make()
    (one,) = recipe.stage(1, Workshop(NamedPairs(), None, CPU)).optimizations
    one.set_rate(80_000)
    groups = {}
    for name, parameter in recipe.modules.named_parameters():
        for group in one.optimizer.param_groups:
            if any(parameter is other for other in group["params"]):
                groups[name] = group
    expected = {name for name, p in recipe.modules.named_parameters() if p.requires_grad}
    assert set(groups) == expected
    for name, group in groups.items():
        head = name.startswith("segmenter.network.decode_head.")
        assert group["lr"] == pytest.approx(3e-4 if head else 3e-5)
    owner = dict(recipe.modules.named_modules())
    for name, group in groups.items():
        norm = "Norm" in type(owner[name.rpartition(".")[0]]).__name__
        assert group["weight_decay"] == (0.0 if norm else 0.01), name
    assert {name.partition(".")[0] for name in groups} == {"fusion", "segmenter"}
    assert sum(group["weight_decay"] == 0 for group in groups.values()) > 40


def test_a_segmenter_may_learn_faster_than_the_network():
    (one,) = make(segmenter_rate=5).stage(1, Workshop(NamedPairs(), None, CPU)).optimizations
    assert one.set_rate(80_000) == pytest.approx(3e-5)
    rates = sorted({round(group["lr"], 9) for group in one.optimizer.param_groups})
    assert rates == pytest.approx([3e-5, 15e-5, 150e-5])


@pytest.mark.parametrize(
    ("rule", "loss"), [("average", average_intensity), ("maximum", maximum_intensity)]
)
def test_the_warm_start_pulls_to_its_rule(workshop, batch, rule, loss):
    recipe = make(**{"warm_start.rule": rule})
    stage = recipe.stage(0, workshop)
    still(recipe)
    y = luma(batch.vis)
    found = stage.objective(batch.ir, batch.vis, None).total
    torch.testing.assert_close(found, loss(recipe.fusion(batch.ir, y), batch.ir, y))


def test_without_warm_start(source, workshop):
    recipe = make(**{"warm_start.rule": "none"})
    assert [stage.name for stage in recipe.plan(source)] == ["semantic training"]
    stage = recipe.stage(0, workshop)
    assert stage.trained == ("fusion", "segmenter")
    assert stage.batch == 4


@pytest.mark.parametrize(
    ("preset", "changes", "over", "weight"),
    [
        (None, {}, "channels", 0.001),
        ("release", {}, "batch", 0.001),
        (None, {"regularisation": 0}, "channels", 0),
        (None, {"regularisation": 10}, "channels", 10),
    ],
)
def test_semantic_training_weighs_its_terms(workshop, batch, preset, changes, over, weight):
    recipe = make(preset, **changes)
    stage = recipe.stage(1, workshop)
    still(recipe)
    ir, vis, y = batch.ir, batch.vis, luma(batch.vis)
    found = stage.objective(ir, vis, batch.labels)
    fused = recipe.fusion(ir, y)
    apart = 1 / (correlation(fused, ir, over=over) + correlation(fused, y, over=over))
    semantic = cross_entropy(recipe.modules["segmenter"](recolour(fused, vis)).main, batch.labels)
    torch.testing.assert_close(found.total, semantic + weight * apart, rtol=1e-4, atol=1e-5)


def test_what_the_segmenter_sees_decides_how_to_fuse(workshop, batch):
    recipe = make(regularisation=0)
    stage = begin(recipe, 1, workshop)
    stage.objective(batch.ir, batch.vis, batch.labels).total.backward()
    dead = [
        name
        for name, p in recipe.fusion.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)
    ]
    # Biases before batch norms have no effect.
    assert all(name.endswith("bias") for name in dead)


def test_which_modules_move_in_which_phase(workshop, batch):
    recipe = make()
    for index, moved in ((0, {"fusion"}), (1, {"fusion", "segmenter"})):
        stage = begin(recipe, index, workshop)
        stage.optimizations[0].set_rate(2000)
        before = {key: value.clone() for key, value in recipe.modules.state_dict().items()}
        take_step(stage, batch)
        changed = {
            key.partition(".")[0]
            for key, value in recipe.modules.state_dict().items()
            if not torch.equal(value, before[key])
        }
        assert changed == moved


def test_removed_classes_count_as_background(workshop, batch):
    labels = torch.zeros_like(batch.labels)
    labels[:, :20], labels[:, 20:30], labels[:, 30:] = 1, 2, 255
    removed, whole = make(removed="car"), make()
    totals = {}
    for name, recipe in (("removed", removed), ("whole", whole)):
        stage = recipe.stage(1, workshop)
        still(recipe)
        totals[name] = stage.objective(batch.ir, batch.vis, labels).total
        if name == "whole":
            totals["by hand"] = stage.objective(
                batch.ir, batch.vis, torch.where(labels == 1, 0, labels)
            ).total
    torch.testing.assert_close(totals["removed"], totals["by hand"])
    assert abs(totals["removed"] - totals["whole"]) > 1e-3


def test_another_segmenter_can_guide(workshop, batch):
    recipe = make(guide="banet")
    assert recipe.modules["segmenter"].name == "banet"
    assert take_step(begin(recipe, 1, workshop), batch).total.isfinite()
    with pytest.raises(UnknownName, match="segformer-b1"):
        make(guide="segformer-b1")


def test_names_of_removed_classes_are_checked(source):
    assert removed_classes(source, ["person", "car"]) == (2, 1)
    with pytest.raises(UnknownName, match="cars") as error:
        make(removed=["cars"]).plan(source)
    assert "car" in error.value.remedy
    with pytest.raises(UsageError, match="label 0"):
        removed_classes(source, ["unlabelled"])


def test_without_semantic_loss_there_is_no_segmenter_and_no_need_for_labels(batch):
    recipe, source = make(semantic=0), NamedPairs(labelled=False)
    assert list(recipe.modules) == ["fusion"]
    assert len(recipe.plan(source)) == 2
    stage = recipe.stage(1, Workshop(source, None, CPU))
    still(recipe)
    found = stage.objective(batch.ir, batch.vis, None)
    assert found.total.item() == pytest.approx(0.001 * found.terms["regularisation"].item())


def test_pairs_without_labels_have_the_regularisation_in_semantic_training():
    source = Joined([NamedPairs(count=3), NamedPairs(labelled=False, count=4)])
    workshop = Workshop(source, None, CPU)
    recipe = make()
    assert [len(recipe.stage(index, workshop).source) for index in (0, 1)] == [7, 7]
    stage = still(recipe).stage(1, workshop)
    torch.manual_seed(0)
    ir, vis = torch.rand(2, 1, 48, 64), torch.rand(2, 3, 48, 64)
    unknown = torch.full((2, 48, 64), 255)
    found = stage.objective(ir, vis, unknown)
    assert found.terms["semantic"] == 0
    assert found.total.item() == pytest.approx(0.001 * found.terms["regularisation"].item())
    found.total.backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in recipe.fusion.parameters())
    one_known = unknown.clone()
    one_known[1] = 2
    assert stage.objective(ir, vis, one_known).terms["semantic"] > 0


def test_missing_labels_and_classes_are_refused(workshop, batch):
    with pytest.raises(UsageError, match="no pair has labels, which bffr needs"):
        make().plan(NamedPairs(labelled=False))
    with pytest.raises(UsageError, match="set to 9"):
        make().plan(NamedPairs(layout="fmb"))
    recipe = make(classes=5)
    stage = recipe.stage(1, workshop)
    with pytest.raises(BadValues, match="label 7"):
        stage.objective(batch.ir, batch.vis, torch.full_like(batch.labels, 7))


@pytest.mark.parametrize("changes", [{"steps": 1000}, {"steps": 15_000}])
def test_schedules_that_do_not_fit_are_refused_before_training(source, changes):
    with pytest.raises(UsageError, match="warm-up"):
        make(**changes).plan(source)
    with pytest.raises(UsageError, match="warm-up"):
        make(**{"steps": 1000, "warm_start.rule": "none"}).plan(source)
    alone = make(**{"steps": 15_000, "warm_start.rule": "none"}).plan(source)
    assert [stage.steps for stage in alone] == [15_000]


@pytest.mark.parametrize(("index", "count"), [(0, 15), (1, 25)])
def test_overfits_a_batch_in_both_phases(source, workshop, index, count):
    crop = Augmentation(crop=(32, 48))
    batch = next(iter(Batches(source, 2, crop, workers=0, steps=1)))
    stage = begin(make(), index, workshop)
    stage.optimizations[0].set_rate(1500)
    if index:
        for group in stage.optimizations[0].optimizer.param_groups:
            group["lr"] *= 10  # for a test of some seconds
    losses = [take_step(stage, batch).total.item() for _ in range(count)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("attention", ["paper", "shen", "channel", "spatial", "none"])
def test_attentions_of_the_ablation_train(workshop, batch, attention):
    recipe = make(network={"attention": attention})
    stage = begin(recipe, 0, workshop)
    stage.optimizations[0].set_rate(1500)
    assert take_step(stage, batch).total > take_step(stage, batch).total


def test_the_card_says_what_guided():
    assert "random weights instead of ImageNet's" in make().departures
    other = make(guide="banet").departures
    assert "banet, not SegFormer-B0" in other
    assert "ImageNet" not in other
    assert "No segmenter takes part" in make(semantic=0).departures
