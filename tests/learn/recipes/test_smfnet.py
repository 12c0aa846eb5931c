from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from imfuse.data.catalogue import LAYOUTS
from imfuse.data.opening import open_source
from imfuse.data.sample import Sample
from imfuse.data.sources import Entry, Source
from imfuse.errors import UsageError
from imfuse.learn.batches.loader import Batches
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.checkpoints import save_weights
from imfuse.learn.losses.gradient import gradient_error, maximum_gradient
from imfuse.learn.losses.intensity import maximum_intensity
from imfuse.learn.losses.lovasz import lovasz_of_pictures
from imfuse.learn.losses.similarity import gram_matrix, ssim_loss
from imfuse.learn.models.base import Origin
from imfuse.learn.networks import create_network
from imfuse.learn.recipes.smfnet import SMFNetRecipe
from imfuse.learn.recipes.stage import Workshop
from imfuse.learn.training.config import make_config
from imfuse.learn.training.settings import make_settings
from imfuse.learn.training.setup import prepare

CPU = torch.device("cpu")
PARTS = ("encoder", "decoder", "reasoning", "base_fusion", "detail_fusion")


class Noise(Source):
    """As many pairs as MSRS has for training, all of the same noise."""

    layout = LAYOUTS["msrs"]

    def __init__(self, count=1083, size=(480, 640)):
        rng = np.random.default_rng(5)
        self._ir = rng.integers(0, 256, size, np.uint8)
        self._vis = rng.integers(0, 256, (*size, 3), np.uint8)
        self.entries = tuple(Entry(f"{i:05d}", "train", f"{i:05d}") for i in range(count))

    def load(self, index):
        return Sample(self.entries[index].name, self._ir, self._vis)


@pytest.fixture(scope="module")
def batch():
    source = open_source("scenes:3", split="train")
    return next(iter(Batches(source, 1, Augmentation(crop=(24, 24)), workers=0, steps=1)))


@pytest.fixture(scope="module")
def workshop():
    return Workshop(Noise(7), None, CPU)


def make(preset=None, **changes):
    torch.manual_seed(0)
    return SMFNetRecipe(make_settings(SMFNetRecipe, changes, preset=preset))


def begin(recipe, index, workshop):
    stage = recipe.stage(index, workshop)
    recipe.set_modes(stage.trained)
    return stage


def take_step(stage, batch):
    for one in stage.optimizations:
        one.optimizer.zero_grad()
    losses = stage.objective(batch.ir, batch.vis, None)
    losses.total.backward()
    for one in stage.optimizations:
        if one.clip is not None:
            torch.nn.utils.clip_grad_norm_(one.parameters, one.clip)
        one.optimizer.step()
    return losses


@pytest.fixture(scope="module")
def paper():
    """The recipe as in the paper, and pairs as many as in MSRS."""
    return make(least_contrast=0), Noise()


def test_the_plan_is_120_epochs_of_the_patches_of_msrs(paper):
    recipe, source = paper
    # 3x2 patches of 128 every 200 pixels fit into 480x640; 6 of them make a step.
    plan = recipe.plan(source)
    assert [(stage.name, stage.steps) for stage in plan] == [
        ("reconstruct", 40 * 1083),
        ("fuse", 80 * 1083),
    ]


def test_steps_are_rounded_up_and_patches_cut_from_what_there_is(workshop):
    recipe = make(crop=64, stride=100, batch=5)  # 5x6 patches in each of 7 pictures
    assert [stage.steps for stage in recipe.plan(workshop.source)] == [40 * 42, 80 * 42]
    stage = recipe.stage(0, workshop)
    assert (len(stage.source), stage.batch, stage.augmentation.crop) == (210, 5, None)
    assert stage.source.load(0).size == (64, 64)
    whole = make(crop=None, batch=1)
    assert whole.stage(0, workshop).source is workshop.source
    assert [stage.steps for stage in whole.plan(workshop.source)] == [280, 560]


@pytest.mark.parametrize("preset", [None, *SMFNetRecipe.presets])
def test_batch_norms_see_several_patches_in_every_preset(workshop, preset):
    recipe = SMFNetRecipe(make_settings(SMFNetRecipe, {}, preset=preset))
    assert any(isinstance(one, torch.nn.BatchNorm2d) for one in recipe.fusion.modules())
    assert recipe.settings.batch >= 4


def test_rates_of_the_five_adams(paper):
    recipe, workshop = paper[0], Workshop(paper[1], None, CPU)
    first, second = (recipe.stage(index, workshop).optimizations for index in (0, 1))
    assert (len(first), len(second)) == (3, 5)
    for epoch, rate in ((0, 1e-4), (19.99, 1e-4), (20, 5e-5), (39.99, 5e-5)):
        assert [one.set_rate(epoch * 1083) for one in first] == pytest.approx([rate] * 3)
    for epoch, old, new in ((0, 2.5e-5, 1e-4), (20, 1.25e-5, 5e-5), (79.9, 3.125e-6, 1.25e-5)):
        rates = [one.set_rate(epoch * 1083) for one in second]
        assert rates == pytest.approx([old] * 3 + [new] * 2)
    for one in (*first, *second):
        assert (one.clip, one.optimizer.defaults["weight_decay"]) == (0.01, 0)


def test_no_rate_falls_below_the_floor(workshop):
    stage = make(floor=1e-5, least_contrast=0).stage(1, workshop)
    assert stage.optimizations[0].set_rate(79 * 7) == 1e-5


def test_stage_1_trains_three_parts_and_stage_2_all_five(workshop, batch):
    recipe = make()
    for index, moved in ((0, PARTS[:3]), (1, PARTS)):
        before = {key: value.clone() for key, value in recipe.fusion.named_parameters()}
        stage = begin(recipe, index, workshop)
        take_step(stage, batch)
        changed = {
            key.partition(".")[0]
            for key, value in recipe.fusion.named_parameters()
            if not torch.equal(value, before[key])
        }
        assert changed == set(moved)
        held = [one.parameters for one in stage.optimizations]
        assert [sum(p.numel() for p in group) for group in held] == [
            sum(
                p.numel() for p in recipe.fusion.get_submodule(part).parameters() if p.requires_grad
            )
            for part in moved
        ]


def apart(ir, vis, over="channels"):
    """Mean of Pearson's coefficient, by NumPy."""
    axis = 2 if over == "channels" else 0
    one, other = (x.detach().double().flatten(axis).numpy() for x in (ir, vis))
    one, other = (np.atleast_3d(x.reshape(-1, x.shape[-1])) for x in (one, other))
    found = [np.corrcoef(a[:, 0], b[:, 0])[0, 1] for a, b in zip(one, other, strict=True)]
    return float(np.mean(found))


def decomposition(ir, vis, *kinds, over="channels"):
    total = sum(apart(getattr(ir, kind), getattr(vis, kind), over) ** 2 for kind in kinds)
    return total / (apart(ir.base, vis.base, over) + 1.01)


def test_stage_1_weighs_its_terms_as_equations_17_to_19(workshop, batch):
    recipe = make()
    stage = begin(recipe, 0, workshop)
    network, ir, y = recipe.fusion, batch.ir, luma(batch.vis)
    total = stage.objective(ir, batch.vis, None).total.item()
    with torch.no_grad():
        ir_parts, vis_parts = network.decompose(ir, y)
        i, v = network.reconstruct(ir_parts), network.reconstruct(vis_parts)
        shallow = network.encoder(i)[0]
        gram = (gram_matrix(shallow) - gram_matrix(ir_parts.shallow)).square().sum().sqrt()
        l_vi = 8 * ssim_loss(v, y) + lovasz_of_pictures(v, y) + 10 * gradient_error(v, y)
        l_ir = 8 * ssim_loss(i, ir) + gram + 10 * gradient_error(i, ir)
        signed = 5 * gradient_error(v, y, operator="spatial")
    expected = float(l_vi + l_ir + signed) + 2 * decomposition(ir_parts, vis_parts, "detail")
    assert total == pytest.approx(expected, rel=1e-4)


def test_stage_1_of_the_release_trains_by_what_its_code_trains_by(workshop, batch):
    recipe = make("release")
    stage = begin(recipe, 0, workshop)
    network, ir, y = recipe.fusion, batch.ir, luma(batch.vis)
    found = stage.objective(ir, batch.vis, None)
    assert not found.terms["decomposition"].requires_grad
    with torch.no_grad():
        ir_parts, vis_parts = network.decompose(ir, y)
        i, v = network.reconstruct(ir_parts), network.reconstruct(vis_parts)
        similarity = sum(ssim_loss(*two, form="halved") for two in ((i, ir), (v, y)))
        gradients = sum(gradient_error(*two) for two in ((i, ir), (v, y)))
        brightness = (i.square().mean() - ir.square().mean()).square()
        expected = 8 * similarity + 10 * gradients + brightness
        expected = expected + 5 * gradient_error(v, y, operator="spatial")
    apart_once = decomposition(ir_parts, vis_parts, "detail", over="batch")
    assert found.total.item() == pytest.approx(float(expected) + 2 * apart_once, rel=1e-4)


@pytest.mark.parametrize(("preset", "weights"), [(None, (2, 10)), ("printed", (10, 2))])
def test_stage_2_weighs_its_terms_as_equation_28(workshop, batch, preset, weights):
    recipe = make(preset)
    stage = begin(recipe, 1, workshop)
    ir, y = batch.ir, luma(batch.vis)
    found = stage.objective(ir, batch.vis, None)
    with torch.no_grad():
        fused, ir_parts, vis_parts = recipe.fusion.features(ir, y)
        expected = maximum_intensity(fused, ir, y) + weights[1] * maximum_gradient(fused, ir, y)
    correlations = decomposition(ir_parts, vis_parts, "detail", "graph")
    assert found.total.item() == pytest.approx(
        float(expected) + weights[0] * correlations, rel=1e-4
    )


@pytest.mark.parametrize(
    ("interaction", "kinds"),
    [
        ("none", (["detail"], ["detail"])),
        ("second", (["detail"], ["detail", "graph"])),
        ("both", (["detail", "graph"], ["detail", "graph"])),
    ],
)
def test_the_graph_takes_part_in_the_decomposition_of_the_stages_asked_for(
    workshop, batch, interaction, kinds
):
    recipe = make(interaction=interaction)
    with torch.no_grad():
        for index in (0, 1):
            stage = begin(recipe, index, workshop)
            terms = stage.objective(batch.ir, batch.vis, None).terms
            parts = recipe.fusion.decompose(batch.ir, luma(batch.vis))
            expected = decomposition(*parts, *kinds[index])
            assert terms["decomposition"].item() == pytest.approx(expected, rel=1e-4)


def test_the_intensity_term_trains_what_reconstructs_but_not_what_judges(workshop, batch):
    alone = {"similarity": 0, "gradient": 0, "semantic": 0, "decomposition": 0}
    recipe = make(reconstruction={**alone, "visible_gradient": 0})
    stage = begin(recipe, 0, workshop)
    # With features that pass no gradient on, the encoder could only be trained as a judge.
    recipe.fusion.reconstruct = lambda parts: recipe.fusion.decoder(parts.base.detach())
    stage.objective(batch.ir, batch.vis, None).total.backward()
    gradients = dict.fromkeys(PARTS, 0.0)
    for name, parameter in recipe.fusion.named_parameters():
        if parameter.grad is not None:
            gradients[name.partition(".")[0]] += float(parameter.grad.abs().sum())
    assert gradients["decoder"] > 0
    assert gradients["encoder"] == 0


def test_without_intensity_and_semantic_loss(workshop, batch):
    whole = begin(make(), 0, workshop).objective(batch.ir, batch.vis, None)
    ablated = make(**{"reconstruction.semantic": 0, "reconstruction.intensity": 0})
    found = begin(ablated, 0, workshop).objective(batch.ir, batch.vis, None)
    left_out = whole.terms["visible semantic"] + whole.terms["infrared intensity"]
    torch.testing.assert_close(found.total, whole.total - left_out)


def test_without_two_stages_all_parts_train_from_the_start(workshop):
    recipe = make(stages="joined", least_contrast=0)
    plan = recipe.plan(workshop.source)
    assert [(stage.name, stage.steps) for stage in plan] == [("fuse", 120 * 7)]
    rates = [one.set_rate(25 * 7) for one in recipe.stage(0, workshop).optimizations]
    assert rates == pytest.approx([5e-5] * 5)


def test_a_network_without_graph_has_four_optimisers(workshop, batch):
    recipe = make(network={"graph": False})
    stage = begin(recipe, 1, workshop)
    assert len(stage.optimizations) == 4
    assert take_step(stage, batch).total.isfinite()


@pytest.mark.parametrize("index", [0, 1])
def test_overfits_a_batch_in_each_stage(workshop, batch, index):
    small = SimpleNamespace(ir=batch.ir[..., :16, :16], vis=batch.vis[..., :16, :16])
    stage = begin(make(), index, workshop)
    for one in stage.optimizations:
        one.set_rate(0)
    losses = [take_step(stage, small).total.item() for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]


def medical(folder):
    """Write a pair of each kind, MRI of 10 and the others of 200, as a folder of each layout."""
    for ir, vis in (("ct", "mri"), ("mri", "pet"), ("mri", "spect")):
        name = ({ir, vis} - {"mri"}).pop()
        for kind in (ir, vis):
            shape = (64, 64) if kind in ("mri", "ct") else (64, 64, 3)
            pixels = np.full(shape, 10 if kind == "mri" else 200, np.uint8)
            pixels[::2] += 5
            file = folder / f"mri-{name}" / "train" / kind / "1.png"
            file.parent.mkdir(parents=True)
            Image.fromarray(pixels).save(file)
    return [str(folder / f"mri-{name}") for name in ("ct", "pet", "spect")]


def test_mri_becomes_the_visible_picture_whatever_it_was(tmp_path):
    source = open_source([*medical(tmp_path), "scenes:1"], split="train")
    assert SMFNetRecipe.view(source, make().settings) is source
    assert [source.load(i).ir.max() for i in range(3)] == [205, 15, 15]
    seen = SMFNetRecipe.view(source, make(slots="mri-as-vis").settings)
    for index in range(3):
        sample = seen.load(index)
        assert (sample.ir.max(), sample.vis.max()) == (205, 15)
        assert (sample.ir.ndim, sample.vis.shape) == (2, (64, 64, 3))
    assert np.array_equal(seen.load(3).ir, source.load(3).ir)
    assert seen.names == source.names


def test_previews_and_scores_see_mri_as_visible_too(tmp_path):
    order = {"recipe": "smfnet", "data": medical(tmp_path), "preset": "medical", "budget": "2it"}
    changes = {"slots": "mri-as-vis", "held_out": 0.4, "least_contrast": 0, "crop": 32}
    run = prepare(make_config({}, order, changes))
    assert run.held_out is not None
    for source in (run.source, run.held_out):
        assert all(source.load(i).vis.max() == 15 for i in range(len(source)))


def test_medical_pairs_are_cut_all_over():
    source = Noise(2, (256, 256))
    assert len(make("medical").stage(0, Workshop(source, None, CPU)).source) == 2 * 9


def test_steps_for_a_cpu_are_a_sixth_of_the_work(workshop):
    ours, theirs = (make(name).stage(0, workshop) for name in ("cpu", "paper"))
    pixels = [stage.batch * stage.source.size**2 for stage in (ours, theirs)]
    assert 6 * pixels[0] == pixels[1]


@pytest.fixture
def weights(tmp_path):
    """Weights of a network trained elsewhere, and their file."""
    torch.manual_seed(99)
    network = create_network("smfnet")
    save_weights(tmp_path / "given.safetensors", network, settings={}, origin=Origin())
    return network.state_dict(), tmp_path / "given.safetensors"


@pytest.mark.parametrize("stages", ["both", "second"])
def test_begins_with_the_weights_given(weights, workshop, stages):
    recipe = make(weights=str(weights[1]), stages=stages)
    found = recipe.fusion.state_dict()
    assert all(torch.equal(value, found[key]) for key, value in weights[0].items())
    plan = recipe.plan(workshop.source)
    last = recipe.stage(len(plan) - 1, workshop)
    assert [stage.name for stage in plan] == ["reconstruct", "fuse"][-len(plan) :]
    assert len(plan) == {"both": 2, "second": 1}[stages]
    assert plan[-1].steps == 80 * 7
    rates = [one.set_rate(0) for one in last.optimizations]
    assert rates == pytest.approx([2.5e-5] * 3 + [1e-4] * 2)


def test_refuses_what_makes_no_sense():
    with pytest.raises(UsageError, match="stages=second without weights"):
        make(stages="second")
    with pytest.raises(UsageError, match="square"):
        make(crop=(64, 128))


def test_the_card_says_only_what_the_settings_do():
    assert "not as printed" in make().departures
    assert "not as printed" not in make("printed").departures
    assert "Gram" in make().departures
    release = make("release").departures
    assert not any(word in release for word in ("Gram", "Lovasz", "gradients"))
    assert "Adam's moments" not in make(stages="joined").departures
