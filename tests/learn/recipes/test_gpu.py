"""Every recipe trains on a GPU as on the CPU, and either goes on with what the other began."""

import json

import pytest
import torch

from imfuse.learn.recipes.table import RECIPES
from imfuse.learn.training.config import make_config
from imfuse.learn.training.run import execute
from imfuse.learn.training.setup import prepare, reopen
from learn.recipes.stands import SMALL

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class Stopped(Exception):
    """Where a test has seen enough."""


def stop(progress):
    if progress.step == 3:
        raise Stopped


def prepared(name, device, **changes):
    alike = {"batch": 2, "workers": 2, "checkpoint_every": 1, "held_out": 0, **SMALL[name]}
    given = {"recipe": name, "data": ["scenes:3"], "preset": "cpu", "budget": "6it"}
    return prepare(make_config({}, given, {**alike, **changes}), device=device)


def losses(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.parametrize("name", RECIPES)
def test_the_first_loss_is_that_of_the_cpu(name, tmp_path):
    for device in ("cpu", "gpu"):
        run = prepared(name, device, precision="float32")
        with pytest.raises(Stopped):
            execute(run, tmp_path / device, None, stop)
    # Convolutions on a GPU have 10 bits of mantissa (TF32) unless told otherwise.
    first = losses(tmp_path / "gpu")[0]
    assert first == pytest.approx(losses(tmp_path / "cpu")[0], rel=0.01)


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_that_a_gpu_began_is_finished_by_the_cpu(name, tmp_path):
    with pytest.raises(Stopped):
        execute(prepared(name, "gpu"), tmp_path, None, stop)
    run, state = reopen(tmp_path, device="cpu")
    card = execute(run, tmp_path, state)
    assert len(losses(tmp_path)) == 6
    assert "cores of" in card.device


@pytest.mark.parametrize("name", RECIPES)
def test_a_gpu_trains_to_the_end(name, tmp_path):
    run = prepared(name, "gpu", held_out=0.4, preview_every=2)
    assert run.fabric.device.type == "cuda"
    card = execute(run, tmp_path)
    assert card.device == torch.cuda.get_device_name(0)
    assert (tmp_path / "model.onnx").exists()
    assert all(torch.isfinite(torch.tensor(losses(tmp_path))))
