"""RefineFuse's training: schedule, weights of the loss, its ablations, and that it learns."""

import math

import pytest
import torch
from torch import nn

from imfuse.data.rendered import RenderedPairs
from imfuse.errors import UsageError
from imfuse.learn.batches.loader import Batches
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.gradient import maximum_gradient
from imfuse.learn.losses.masks import contrast_masks
from imfuse.learn.recipes.refinefuse import RefineFuseObjective, RefineFuseRecipe
from imfuse.learn.recipes.stage import Workshop
from imfuse.learn.training.settings import make_settings
from learn.recipes.stands import NamedPairs


def steps_of(plan):
    return [(stage.name, stage.steps) for stage in plan]


class Fixed(nn.Module):
    """Returns one picture, whatever it is given."""

    def __init__(self, fused):
        super().__init__()
        self.fused = fused

    def forward(self, ir, vis):
        assert ir.shape == vis.shape
        return self.fused


@pytest.fixture(scope="module")
def batch():
    source = RenderedPairs(4, size=(96, 128))
    crop = Augmentation(crop=(48, 48))
    return next(iter(Batches(source, 4, crop, workers=0, steps=1)))


def make(preset=None, **changes):
    torch.manual_seed(0)
    return RefineFuseRecipe(make_settings(RefineFuseRecipe, changes, preset=preset))


def stage_of(recipe, source=None):
    return recipe.stage(0, Workshop(source or NamedPairs(), None, torch.device("cpu")))


def losses_of(batch, fused, **changes):
    settings = make_settings(RefineFuseRecipe, changes)
    return RefineFuseObjective(Fixed(fused), settings)(batch.ir, batch.vis, batch.labels)


def test_the_schedule_is_that_of_300_epochs_on_msrs():
    recipe = make()
    assert steps_of(recipe.plan(NamedPairs())) == [("train", 40_800)]
    stage = stage_of(recipe)
    assert stage.batch == 8
    assert stage.augmentation == Augmentation(
        crop=(256, 256), flip=True, flip_vertical=True, rotate=True
    )
    (one,) = stage.optimizations
    (group,) = one.optimizer.param_groups
    assert isinstance(one.optimizer, torch.optim.SGD)
    assert (group["momentum"], group["weight_decay"]) == (0.9, 5e-4)
    assert len(one.parameters) == len(list(recipe.fusion.parameters()))
    found = [one.rate(step) for step in (0, 500, 1000, 20_900, 40_800)]
    assert found == pytest.approx([1e-5, 1e-4, 1e-3, 1e-3 * 0.5**0.9, 0])


def test_adam_follows_half_a_cosine():
    assert make("cpu").settings.optimizer == "adam"
    assert "Adam, whose rate" in make("cpu").departures
    assert "SGD are those of PSFusion" in make().departures
    (one,) = stage_of(make(optimizer="adam")).optimizations
    assert isinstance(one.optimizer, torch.optim.Adam)
    assert one.optimizer.param_groups[0]["weight_decay"] == 0
    found = [one.rate(step) for step in (0, 10_200, 20_400, 40_800)]
    assert found == pytest.approx([1e-3, 5e-4 * (1 + math.sqrt(0.5)), 5e-4, 0])


def test_the_network_is_the_one_module_and_trains():
    recipe = make()
    recipe.fusion.eval()
    assert tuple(stage_of(recipe).trained) == ("fusion",)
    assert list(recipe.modules) == ["fusion"]
    assert recipe.fusion.training


def test_the_total_is_the_masked_intensity_and_five_times_the_texture(batch):
    fused = torch.rand(4, 1, 48, 48)
    losses = losses_of(batch, fused)
    y = luma(batch.vis)
    salient = ((batch.labels >= 1) & (batch.labels <= 3))[:, None]
    contrast = contrast_masks(batch.ir, y, measure="deviation").ir
    assert salient.any()
    assert (contrast & ~salient).any()
    from_ir = salient | contrast
    intensity = torch.where(from_ir, (fused - batch.ir).abs(), (fused - y).abs()).mean()
    texture = maximum_gradient(fused, batch.ir, y)
    assert float(losses.terms["intensity"]) == pytest.approx(float(intensity))
    assert float(losses.terms["texture"]) == pytest.approx(float(texture))
    assert float(losses.total) == pytest.approx(float(intensity + 5 * texture))


def test_ablations_of_table_8(batch):
    y = luma(batch.vis)
    fused = torch.rand(4, 1, 48, 48)
    to_ir, to_vis = ((fused - source).abs().mean() for source in (batch.ir, y))
    to_most = (fused - torch.maximum(batch.ir, y)).abs().mean()
    found = {
        "A": losses_of(batch, fused, intensity="both").terms["intensity"],
        "B": losses_of(batch, fused, intensity="maximum").terms["intensity"],
    }
    assert float(found["A"]) == pytest.approx(float(to_ir + to_vis))
    assert float(found["B"]) == pytest.approx(float(to_most))
    without = losses_of(batch, fused, texture=0)
    assert float(without.total) == float(without.terms["intensity"])


def test_masks_follow_their_settings(batch):
    y, fused = luma(batch.vis), torch.rand(4, 1, 48, 48)
    masks = contrast_masks(batch.ir, y, measure="deviation")
    to_ir, to_vis = ((fused - source).abs() for source in (batch.ir, y))
    of_contrast = losses_of(batch, fused, salient=[]).terms["intensity"]
    assert float(of_contrast) == pytest.approx(float(torch.where(masks.ir, to_ir, to_vis).mean()))
    salient = ((batch.labels >= 1) & (batch.labels <= 3))[:, None]
    claimed = (to_ir * (masks.ir | salient)).mean() + (to_vis * (masks.vis | ~salient)).mean()
    union = losses_of(batch, fused, visible="union").terms["intensity"]
    assert float(union) == pytest.approx(float(claimed))
    bare = batch._replace(labels=None)
    assert float(losses_of(bare, fused).terms["intensity"]) == float(of_contrast)


def test_labels_are_asked_for_only_where_masks_need_them():
    bare = NamedPairs(8, labelled=False)
    with pytest.raises(UsageError, match=r"no pair has labels.*--set salient=\[\]"):
        make().plan(bare)
    for changes in ({"salient": []}, {"intensity": "both"}, {"intensity": "maximum"}):
        assert steps_of(make(**changes).plan(bare)) == [("train", 300)]


@pytest.mark.parametrize(
    "changes",
    [
        {"levels": 1, "detail_interaction": False},
        {"levels": 2, "semantic_interaction": False},
        {"depth_interaction": False},
        {"levels": 5},
    ],
)
def test_rows_of_tables_9_and_10_are_settings_of_the_network(changes):
    found = make(network=changes).fusion
    assert found.parameters_count != make().fusion.parameters_count


def test_few_pairs_have_a_short_warm_up():
    """1 step an epoch makes 300, fewer than the warm-up has for MSRS."""
    (one,) = stage_of(make(), NamedPairs(5)).optimizations
    assert [one.rate(step) for step in (0, 30, 300)] == pytest.approx([1e-5, 1e-3, 0])


@pytest.mark.parametrize(("changes", "left"), [({"rate": 0.01}, 0.9), ({"optimizer": "adam"}, 0.6)])
def test_it_overfits_one_batch(batch, changes, left):
    """By SGD at ten times the paper's rate: at that one a fresh network hardly moves at first."""
    recipe = make(**changes, network={"width": 32, "grid": 8})
    stage = stage_of(recipe)
    (one,) = stage.optimizations
    ir, vis, labels = batch.ir[:2, ..., :32, :32], batch.vis[:2, ..., :32, :32], batch.labels[:2]
    found = []
    for _ in range(60):
        one.set_rate(1000)
        one.optimizer.zero_grad()
        losses = stage.objective(ir, vis, labels[:, :32, :32])
        losses.total.backward()
        one.optimizer.step()
        found.append(losses.total.item())
    assert found[-1] < left * found[0], found
