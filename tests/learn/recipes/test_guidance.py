"""Guidance without labels: the loss, the stage, and what it does to a network."""

import numpy as np
import pytest
import torch
from torch import nn

from imfuse.errors import UsageError, WeightsError
from imfuse.learn import load, train
from imfuse.learn.checkpoints import save_weights
from imfuse.learn.guides.frozen import FrozenDetector, open_guide
from imfuse.learn.models.base import Origin
from imfuse.learn.networks import create_network
from imfuse.learn.recipes.guidance import (
    GuidanceSettings,
    GuidingObjective,
    with_guidance,
)
from imfuse.learn.recipes.stage import Planned
from reference.detector_files import write


class Bright(nn.Module):
    """Is as sure of its one class as a place is bright; places are cells of 4x4 pixels."""

    def forward(self, rgb):
        cells = nn.functional.avg_pool2d(rgb.mean(1, keepdim=True), 4)
        return cells.flatten(2).transpose(1, 2)


@pytest.fixture
def batch(rng):
    ir, vis = rng.random((2, 1, 16, 16), np.float32), rng.random((2, 3, 16, 16), np.float32)
    return torch.from_numpy(ir), torch.from_numpy(vis)


def quiet(**changes):
    """Return settings without any random change."""
    return GuidanceSettings(darken=0, noise=0, relight=0, **changes)


class Given(nn.Module):
    """A fusion network whose output is a parameter."""

    visible = "y"

    def __init__(self, picture):
        super().__init__()
        self.picture = nn.Parameter(picture)

    def fuse_for_machines(self, ir, vis):
        return self.picture


def test_the_loss_is_its_formula(batch):
    ir, vis = batch
    fused = torch.full((2, 1, 16, 16), 0.5)
    own = quiet(texture=0, intensity=0, edges=0, views=("vis", "ir"))
    found = GuidingObjective(Given(fused), [Bright()], own)(ir, vis, None)
    guide = Bright()
    target = torch.maximum(guide(vis), guide(ir.expand(-1, 3, -1, -1))).double()
    luma = 0.299 * vis[:, 0] + 0.587 * vis[:, 1] + 0.114 * vis[:, 2]
    shown = (vis + (0.5 - luma[:, None])).clamp(0, 1)
    seen = guide(shown).double().clamp(1e-6, 1 - 1e-6)
    sure = target > 0.1
    weights = 0.05 + 5 * target * sure
    losses = -(target * seen.log() + (1 - target) * (1 - seen).log())
    expected = (weights * losses).sum() / (weights * sure).sum()
    assert found.terms["guide 1"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-4)


def test_several_guides_share_the_weight(batch):
    ir, vis = batch
    own = quiet(texture=0, intensity=0, edges=0, weight=2)
    picture = torch.full((2, 1, 16, 16), 0.5)
    one, two = (
        GuidingObjective(Given(picture), [Bright() for _ in range(count)], own)(ir, vis, None)
        for count in (1, 2)
    )
    assert two.total.item() == pytest.approx(one.total.item())
    assert set(two.terms) >= {"guide 1", "guide 2"}


def test_the_other_terms(batch):
    ir, vis = batch
    dark = torch.zeros(2, 1, 16, 16)
    own = quiet(texture=0, intensity=1, edges=0, weight=1e-9)
    found = GuidingObjective(Given(dark), [Bright()], own)(ir, vis, None)
    luma = 0.299 * vis[:, 0] + 0.587 * vis[:, 1] + 0.114 * vis[:, 2]
    expected = 0.8 * torch.maximum(ir[:, 0], luma).mean()
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-4)


def test_descending_it_shows_the_guide_what_it_saw_in_the_sources(batch):
    ir, vis = batch
    network = Given(torch.full((2, 1, 16, 16), 0.1))
    objective = GuidingObjective(network, [Bright()], quiet(views=("vis", "ir"), edges=0))
    adam = torch.optim.Adam(network.parameters(), 0.05)
    losses = []
    for _ in range(60):
        adam.zero_grad()
        loss = objective(ir, vis, None).terms["guide 1"]
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_guides_never_train_and_always_evaluate(batch):
    guide = nn.Sequential(nn.Conv2d(3, 2, 4, stride=4), nn.BatchNorm2d(2), nn.Sigmoid())

    class Places(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = guide

        def forward(self, rgb):
            return self.inner(rgb).flatten(2).transpose(1, 2)

    objective = GuidingObjective(create_network("seafusion"), [Places()], GuidanceSettings())
    objective.train()
    assert not guide.training
    assert not any(p.requires_grad for p in guide.parameters())
    before = guide[1].running_mean.clone()
    objective(*batch, None).total.backward()
    assert (guide[1].running_mean == before).all()
    assert all(p.grad is None for p in guide.parameters())
    gradients = [p.grad for p in objective.network.parameters() if p.grad is not None]
    assert any(one.abs().sum() > 0 for one in gradients)


def test_darkened_pictures_go_to_the_network_and_not_to_the_target(batch):
    ir, vis = batch
    seen = []

    class Spy(Given):
        def fuse_for_machines(self, _ir, y):
            seen.append(y)
            return self.picture

    own = GuidanceSettings(darken=1, noise=0, relight=0)
    GuidingObjective(Spy(torch.zeros(2, 1, 16, 16)), [Bright()], own)(ir, vis, None)
    luma = 0.299 * vis[:, 0] + 0.587 * vis[:, 1] + 0.114 * vis[:, 2]
    assert (seen[0].mean((1, 2, 3)) < 0.85 * luma.mean((1, 2))).all()


def test_the_stage_comes_last_and_has_its_share():
    plan = [Planned("a", 100), Planned("b", 50)]
    file = ("x.onnx",)
    assert with_guidance(lambda: plan, GuidanceSettings()) == plan
    guided = with_guidance(lambda: plan, GuidanceSettings(networks=file, share=0.2))
    assert guided[:2] == plan
    assert guided[2] == Planned("guide", 30, "guidance.batch", "guidance.crop")

    def unlabelled():
        raise UsageError("no labels")

    alone = with_guidance(unlabelled, GuidanceSettings(networks=file, steps=7, alone=True))
    assert [one.steps for one in alone] == [7]
    with pytest.raises(UsageError, match="without a guide"):
        with_guidance(lambda: plan, GuidanceSettings(alone=True))


def detector_file(path, **options):
    """Write a YOLOX whose objectness and class scores depend on its picture."""
    cells = 12 * 16 + 6 * 8 + 3 * 4
    rows = np.zeros((1, cells, 5 + 80), np.float32)
    rows[..., 4:] = 0.5
    write(path, {"output": rows}, **options)
    return path


def test_a_detector_is_read_as_the_judge_reads_it(tmp_path):
    guide = open_guide(detector_file(tmp_path / "yolox.onnx"), ["person", "car", "unicorn"])
    assert isinstance(guide, FrozenDetector)
    assert guide.classes == ("person", "car")
    found = guide(torch.rand(1, 3, 96, 128))
    assert found.shape == (1, 12 * 16 + 6 * 8 + 3 * 4, 2)
    assert found.min() == found.max() == 0.25


def test_what_can_not_guide_is_named(tmp_path):
    rows = np.zeros((1, 300, 6), np.float32)
    path = tmp_path / "suppressed.onnx"
    write(path, {"output0": rows})
    with pytest.raises(WeightsError, match="can't guide"):
        open_guide(path, ["person"])
    with pytest.raises(UsageError, match="none of the classes"):
        open_guide(detector_file(tmp_path / "yolox.onnx"), ["unicorn"])
    with pytest.raises(WeightsError):
        open_guide(tmp_path / "missing.onnx", ["person"])
    write(tmp_path / "segmenter.onnx", {"logits": np.zeros((1, 19, 12, 16), np.float32)})
    with pytest.raises(UsageError, match="a segmenter that does not name its classes"):
        open_guide(tmp_path / "segmenter.onnx", ["person"])


QUICK = {"rounds": 1, "gamma": 0, "crop": 32, "batch": 2, "workers": 0, "checkpoint_every": 1}
SMALL = {"batch": 2, "crop": 64, "steps": 4}


def test_any_recipe_gets_the_stage_and_resumes_it(tmp_path, monkeypatch, run):
    """A run that was stopped in the guided stage goes on from another folder, as if it was not."""
    detector_file(tmp_path / "eye.onnx")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    own = QUICK | {"guidance": SMALL | {"networks": ["eye.onnx"], "share": 0.5}}
    whole = train(
        "seafusion", "scenes:6", tmp_path / "whole", settings=own, budget="6it", export=False
    )
    assert [(one.name, one.steps) for one in whole.stages] == [("fuse 1", 4), ("guide", 2)]

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.step == 5:
            raise Stopped

    with pytest.raises(Stopped):
        train("seafusion", "scenes:6", "half", settings=own, budget="6it", watch=stop)
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, error = run("train", "--resume", "-o", tmp_path / "half")
    assert code == 0, error
    lines = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "half")]
    assert lines[0] == lines[1]


def test_a_stage_on_its_own_begins_with_weights(tmp_path):
    detector_file(tmp_path / "eye.onnx")
    guidance = SMALL | {"networks": [str(tmp_path / "eye.onnx")], "alone": True}
    own = QUICK | {"weights": "seafusion", "guidance": guidance}
    card = train(
        "seafusion", "scenes:6", tmp_path / "run", settings=own, budget="2it", export=False
    )
    assert [one.name for one in card.stages] == ["guide"]
    before, after = (load(name).state_dict() for name in ("seafusion", str(tmp_path / "run")))
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert "eye.onnx" in card.model_dump_json()


def test_our_networks_learn_the_wish_alone(tmp_path):
    """The usual picture stays as it was, to the last bit; the one for machines changes."""
    torch.manual_seed(0)
    network = create_network("imfuse-s")
    save_weights(tmp_path / "before.safetensors", network, settings={}, origin=Origin())
    own = {
        "batch": 2,
        "crop": 64,
        "workers": 0,
        "weights": str(tmp_path / "before.safetensors"),
        "guidance": SMALL | {"alone": True, "rate": 0.01},
    }
    guide = detector_file(tmp_path / "eye.onnx")
    train("imfuse-s", "scenes:6", tmp_path / "run", settings=own, guide=guide, export=False)
    after = load(tmp_path / "run")
    ir, vis = torch.rand(2, 1, 1, 64, 64)
    with torch.inference_mode():
        assert (after(ir, vis) == network(ir, vis)).all()
        assert not torch.equal(after.fuse_for_machines(ir, vis), network(ir, vis))
    changed = [
        name for name, p in network.state_dict().items() if (after.state_dict()[name] != p).any()
    ]
    assert changed
    own = (".of.machine", ".for_machines.")
    assert all(any(part in name for part in own) for name in changed)
