"""How segmenters are trained: the papers' numbers, what trains, and that it learns."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightning_fabric import Fabric  # noqa: E402 - after the skip
from safetensors.torch import save_file  # noqa: E402

from imfuse.data.catalogue import LAYOUTS, SCENES  # noqa: E402
from imfuse.data.rendered import RenderedPairs  # noqa: E402
from imfuse.data.sample import Sample  # noqa: E402
from imfuse.data.sources import Entry, Source  # noqa: E402
from imfuse.errors import BadValues, UsageError, WeightsError  # noqa: E402
from imfuse.learn.guides.table import GUIDES  # noqa: E402
from imfuse.learn.losses.segmentation import (  # noqa: E402
    cross_entropy,
    dice_loss,
    hard_example_cross_entropy,
)
from imfuse.learn.recipes.stage import Workshop  # noqa: E402
from imfuse.learn.recipes.table import SEGMENTERS, find_recipe  # noqa: E402
from imfuse.learn.training.settings import make_settings  # noqa: E402
from imfuse.learn.training.step import Running  # noqa: E402

SMALL = {"batch": 2, "crop": 64, "workers": 0, "precision": "float32"}


class Stand(Source):
    """As many pairs as MSRS has for training, without pixels."""

    layout = SCENES

    def __init__(self, count=1083, *, labelled=True, layout=SCENES):
        self.layout = layout
        self.entries = tuple(
            Entry(f"{i}", "train", f"{i}", labelled=labelled) for i in range(count)
        )

    def load(self, index):
        labels = np.full((64, 64), index % 9, np.uint8)
        gray = np.full((64, 64), 20 * (index % 9), np.uint8)
        return Sample(f"{index}", gray, np.repeat(gray[..., None], 3, axis=2), labels)


def made(name, *layers, preset=None):
    if name in ("banet-imagenet", "two-encoders"):
        pytest.importorskip("efficientnet_lite_pytorch")
    kind = find_recipe(name)
    torch.manual_seed(0)
    return kind(make_settings(kind, *layers, preset=preset))


def staged(recipe, source=None, index=0):
    workshop = Workshop(source or Stand(), None, torch.device("cpu"))
    return recipe.stage(index, workshop)


def rates(name, *layers, preset=None, index=0):
    return staged(made(name, *layers, preset=preset), index=index).optimizations[0]


def test_every_segmenter_has_a_training():
    assert list(SEGMENTERS) == list(GUIDES)
    for name in SEGMENTERS:
        kind = find_recipe(name)
        assert kind.name == kind.network == name
        assert kind.title
        assert kind.paper


def test_banet_is_trained_as_seafusion_and_scgrfuse_do():
    recipe = made("banet")
    assert [(p.name, p.steps) for p in recipe.plan(Stand())] == [("segment", 80_000)]
    stage = staged(recipe)
    assert (stage.batch, stage.augmentation.crop) == (16, (480, 640))
    assert (stage.augmentation.scale, stage.augmentation.flip) == ((0.75, 2.0), True)
    assert stage.augmentation.jitter == (0.5, 0.5, 0.5)
    (sgd,) = stage.optimizations
    assert isinstance(sgd.optimizer, torch.optim.SGD)
    assert sgd.rate(0) == 0.01
    assert sgd.rate(40_000) == pytest.approx(0.01 * 0.5**0.9)
    groups = sgd.optimizer.param_groups
    found = [(g["momentum"], g["weight_decay"], g["scale"]) for g in groups]
    assert found == [(0.9, 5e-4, 1.0), (0.9, 0.0, 1.0), (0.9, 5e-4, 10.0), (0.9, 0.0, 10.0)]
    for group in groups:  # norms have one number a channel, kernels more; there are no biases
        assert all((p.ndim == 1) == (group["weight_decay"] == 0) for p in group["params"])
    counted = sum(len(group["params"]) for group in groups)
    assert counted == len([p for p in recipe.segmenter.parameters() if p.requires_grad])
    release = rates("banet", preset="release")
    assert release.rate(0) == pytest.approx(1e-5)
    assert release.rate(1000) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("name", "rate", "crop"),
    [
        ("segformer-b0", 6e-5, (240, 320)),
        pytest.param("segformer-b2", 1e-4, (480, 640), marks=pytest.mark.slow),
    ],
)
def test_segformer_is_trained_as_bffr_and_psfusion_are_judged(name, rate, crop):
    recipe = made(name)
    assert [p.steps for p in recipe.plan(Stand())] == [160_000]
    stage = staged(recipe)
    assert (stage.batch, stage.augmentation.crop) == (8, crop)
    assert stage.augmentation.scale == (0.5, 2.0)
    (adamw,) = stage.optimizations
    assert adamw.rate(0) == pytest.approx(rate * 1e-6)
    assert adamw.rate(1500) == pytest.approx(rate * (1 - 1500 / 160_000))
    assert adamw.rate(80_000) == pytest.approx(rate / 2)
    groups = adamw.optimizer.param_groups
    names = {id(p): n for n, p in recipe.segmenter.named_parameters()}
    for group in groups:
        keys = [names[id(p)] for p in group["params"]]
        norms = [("layer_norm" in k or "layernorm" in k) for k in keys]
        assert all(norms) if group["weight_decay"] == 0 else not any(norms)
        assert group["weight_decay"] in (0.0, 0.01)
        assert group["betas"] == (0.9, 0.999)
        heads = ["decode_head" in k for k in keys]
        assert all(heads) if group.get("scale", 1.0) == 10 else not any(heads)
    assert sum(len(g["params"]) for g in groups) == len(names)


def test_deeplab_is_trained_as_scgrfuse_is_judged():
    recipe = made("deeplabv3plus")
    # 1083 // 4 batches an epoch.
    assert [(p.name, p.steps) for p in recipe.plan(Stand())] == [("segment", 100 * 270)]
    stage = staged(recipe)
    assert (stage.batch, stage.augmentation.crop) == (4, (512, 512))
    (sgd,) = stage.optimizations
    assert sgd.rate(0) == pytest.approx(7e-3)
    assert sgd.rate(13_500) == pytest.approx((7e-3 + 7e-5) / 2)
    assert sgd.rate(27_000) == pytest.approx(7e-5)
    (group,) = sgd.optimizer.param_groups
    assert (group["momentum"], group["weight_decay"]) == (0.9, 1e-4)


def test_the_template_freezes_the_encoder_for_half_of_the_epochs():
    recipe = made("deeplabv3plus", preset="template")
    plan = recipe.plan(Stand())
    assert [(p.name, p.steps) for p in plan] == [("frozen", 50 * 135), ("segment", 50 * 270)]
    still = staged(recipe, index=0)
    assert still.batch == 8
    trained = {id(p) for p in still.optimizations[0].parameters}
    parameters = dict(recipe.segmenter.named_parameters())
    frozen = {n for n, p in parameters.items() if id(p) not in trained}
    assert frozen == {n for n in parameters if n.startswith("encoder.")}
    recipe.set_modes(["segmenter"])  # as the trainer does
    assert not any(parameters[n].requires_grad for n in frozen)
    assert still.optimizations[0].rate(6750) == pytest.approx((7e-3 + 7e-5) / 2)
    free = staged(recipe, index=1)
    assert free.batch == 4
    assert len(free.optimizations[0].parameters) == len(parameters)
    assert free.optimizations[0].rate(0) == pytest.approx((7e-3 + 7e-5) / 2)
    assert free.optimizations[0].rate(6750) == pytest.approx(
        7e-5 + (7e-3 - 7e-5) * (1 + math.cos(math.pi * 0.75)) / 2
    )


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("banet", {}, lambda m, a, y: cross_entropy(m, y) + 0.1 * cross_entropy(a, y)),
        (
            "banet",
            {"loss": "hard-examples", "auxiliary": 0.75},
            lambda m, a, y: (
                hard_example_cross_entropy(m, y) + 0.75 * hard_example_cross_entropy(a, y)
            ),
        ),
        ("segformer-b0", {}, lambda m, _, y: cross_entropy(m, y)),
        ("deeplabv3plus", {}, lambda m, _, y: cross_entropy(m, y) + dice_loss(m, y)),
    ],
)
def test_losses_are_weighed_as_in_the_papers(name, changes, expected):
    recipe = made(name, changes)
    objective = staged(recipe).objective.eval()
    with torch.no_grad():  # surer of itself: no pixel is hard for its likeliest class
        for part, parameter in recipe.segmenter.named_parameters():
            if part.startswith(recipe.segmenter.heads):
                parameter.mul_(4)
    ir, vis = torch.rand(2, 1, 64, 64), torch.rand(2, 3, 64, 64)
    labels = torch.randint(0, 9, (2, 64, 64))
    labels[:, :8] = 255
    with torch.inference_mode():
        losses, logits = objective(ir, vis, labels), recipe.segmenter(vis)
        wanted = expected(logits.main, logits.auxiliary, labels)
    torch.testing.assert_close(losses.total, wanted)
    hard = recipe.settings.loss == "hard-examples"
    plain = cross_entropy(logits.main, labels)
    assert torch.isclose(losses.terms["main"], plain) != hard
    weights = {"main": 1.0, "auxiliary": recipe.settings.auxiliary, "dice": 1.0}
    total = sum(weights[term] * value for term, value in losses.terms.items())
    torch.testing.assert_close(losses.total, total)


def test_it_looks_at_what_it_is_told_to():
    scenes = RenderedPairs(2, size=(64, 64))
    looks = {on: made("banet", {"on": on}) for on in ("ir", "vis")}
    seen = looks["ir"].view(scenes, looks["ir"].settings).load(0)
    assert (seen.vis == scenes.load(0).ir[..., None]).all()
    assert looks["vis"].view(scenes, looks["vis"].settings) is scenes


def test_what_can_not_be_trained_on_is_refused():
    recipe = made("banet")
    with pytest.raises(UsageError, match=r"no pair has labels, which banet needs.*segment run"):
        recipe.plan(Stand(labelled=False))
    with pytest.raises(UsageError, match="--set classes=15"):
        recipe.plan(Stand(layout=LAYOUTS["fmb"]))
    objective = staged(recipe).objective
    pictures = torch.rand(2, 1, 64, 64), torch.rand(2, 3, 64, 64)
    with pytest.raises(UsageError, match="without labels"):
        objective(*pictures, None)
    with pytest.raises(BadValues, match="label 9"):
        objective(*pictures, torch.full((2, 64, 64), 9))
    with pytest.raises(UsageError, match="batch=1"):
        made("banet", {"batch": 1})
    with pytest.raises(UsageError, match="sides from 33"):
        made("banet", {"crop": 32})
    with pytest.raises(UsageError, match="vis, ir, or fused"):
        recipe.view(Stand(), made("banet", {"on": "infrared"}).settings)


def test_classes_and_settings_of_the_network_reach_it():
    assert made("deeplabv3plus", {"classes": 15}).segmenter.head.out_channels == 15
    recipe = made("banet-imagenet", {"network.pretrained": False})
    other = made("banet-imagenet")
    stems = [one.segmenter.encoder.stem[0].weight for one in (recipe, other)]
    assert (stems[0] - stems[1]).abs().max() > 0.1


def test_weights_of_a_file_are_begun_with(tmp_path):
    file = tmp_path / "weights.safetensors"
    before = made("segformer-b0")
    weights = {k: v + 1 for k, v in before.segmenter.state_dict().items()}
    save_file(weights, file)
    recipe = made("segformer-b0", {"weights": str(file)})
    assert recipe.origin is not None  # so that the card does not say "afresh"
    after = recipe.segmenter.state_dict()
    assert all(torch.equal(after[key], value) for key, value in weights.items())
    with pytest.raises(WeightsError, match="do not fit deeplabv3plus"):
        made("deeplabv3plus", {"weights": str(file)})
    with pytest.raises(WeightsError, match="no readable safetensors"):
        made("segformer-b0", {"weights": str(tmp_path / "none.safetensors")})


RATES = {"segformer-b0": 1e-3, "segformer-b2": 1e-4, "deeplabv3plus": 0.05}
LEARNT = [pytest.param(n, marks=pytest.mark.slow) if n == "segformer-b2" else n for n in SEGMENTERS]


@pytest.mark.parametrize("name", LEARNT)
def test_it_learns_one_rendered_batch(name):
    changes = {"rate": RATES.get(name, 0.02), "head_rate": 1.0, "warmup": 0, "auxiliary": 0.1}
    known = find_recipe(name).options.model_fields
    recipe = made(name, SMALL, {k: v for k, v in changes.items() if k in known})
    running = Running(
        staged(recipe, RenderedPairs(2, size=(96, 96))), recipe, Fabric(accelerator="cpu")
    )
    batch = next(iter(running.batches(seed=0, done=0, steps=1, workers=0)))
    assert len(batch.labels.unique()) > 1
    losses = [running.step(batch, 1.0, "here").loss for _ in range(16)]
    assert np.mean(losses[-3:]) < 0.6 * losses[0]
