"""A training from its data to its end."""

import os
import signal
import sys
from dataclasses import replace

import pytest
import torch

from imfuse.data.sources import Source
from imfuse.engines.shipped import shipped
from imfuse.errors import TrainingInterrupted, UnknownName, UsageError, WeightsError
from imfuse.learn.checkpoints import load_weights, save_weights
from imfuse.learn.models.base import Origin
from imfuse.learn.networks import create_network
from imfuse.learn.training.config import make_config
from imfuse.learn.training.folder import STATE
from imfuse.learn.training.run import execute
from imfuse.learn.training.setup import prepare
from imfuse.learn.training.state import load_state


class Deadly(Source):
    """Pairs whose reading costs a worker its life, as a full memory does."""

    def __init__(self, source):
        self.source, self.entries, self.layout = source, source.entries, source.layout

    def load(self, index):
        if torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.source.load(index)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_reader_that_is_killed_is_named_and_the_state_kept(tmp_path):
    given = {"recipe": "seafusion", "data": ["scenes:3"], "budget": "4it"}
    changes = {"rounds": 1, "gamma": 0, "crop": 32, "batch": 2, "workers": 1, "held_out": 0}
    run = prepare(make_config({}, given, changes))
    run = replace(run, source=Deadly(run.source))
    with pytest.raises(TrainingInterrupted, match=r"ended from outside[\s\S]*--resume"):
        execute(run, tmp_path / "run")
    assert load_state(tmp_path / "run" / STATE).total == 0


@pytest.fixture
def given(tmp_path):
    """A file of weights that somebody else has trained, and those weights."""
    torch.manual_seed(99)
    network = create_network("seafusion")
    origin = Origin(licence="CC-BY-NC-4.0", training_data="their pairs", training_terms="ask them")
    save_weights(tmp_path / "given.safetensors", network, settings={}, origin=origin)
    return tmp_path / "given.safetensors", network.state_dict()


def seafusion(**changes):
    order = {"recipe": "seafusion", "data": ["scenes:3"], "budget": "2it"}
    quick = {"rounds": 1, "gamma": 0, "crop": 32, "batch": 2, "workers": 0}
    return prepare(make_config({}, order, {**quick, **changes}))


def test_training_begins_with_weights_and_hands_on_their_terms(given, tmp_path):
    file, weights = given
    run = seafusion(weights=str(file), times={"scenes": 2})
    begun = run.recipe.fusion.state_dict()
    assert all(torch.equal(value, begun[key]) for key, value in weights.items())
    card = execute(run, tmp_path / "run", None, lambda _: None)
    assert card.begun_with == "their pairs"
    assert card.begun_steps is None  # nobody knows
    text = card.as_markdown()
    assert "**Begun with** weights trained on: their pairs" in text
    assert "pairs (scenes 2 times an epoch), " in text
    loaded = load_weights(tmp_path / "run" / "weights.safetensors")
    assert loaded.origin.licence == "CC-BY-NC-4.0"
    assert loaded.origin.training_data.startswith("their pairs; then ")
    assert loaded.origin.training_terms.startswith("ask them")
    assert loaded.origin.steps is None
    moved = loaded.network.state_dict()
    assert any(not torch.equal(value, moved[key]) for key, value in weights.items())
    again = execute(
        seafusion(weights=str(file.parent / "run" / "weights.safetensors")),
        tmp_path / "again",
        None,
        lambda _: None,
    )
    assert again.begun_with == loaded.origin.training_data
    assert again.training_terms == loaded.origin.training_terms
    twice = load_weights(tmp_path / "again" / "weights.safetensors")
    assert twice.origin == loaded.origin  # says once what it has seen twice
    assert seafusion().recipe.origin is None


def test_training_goes_on_from_models_and_from_what_ships(tmp_path):
    execute(seafusion(), tmp_path / "first", None, lambda _: None)
    weights = load_weights(tmp_path / "first" / "weights.safetensors").network.state_dict()
    run = seafusion(weights=str(tmp_path / "first" / "model.onnx"))
    begun = run.recipe.fusion.state_dict()
    assert all(torch.equal(value, begun[key]) for key, value in weights.items())
    card = execute(run, tmp_path / "second", None, lambda _: None)
    assert card.begun_steps == 2
    assert "scenes:N in place of a folder, nine classes, in 2 steps" in card.as_markdown()
    for name in ("weights.safetensors", "model.onnx"):
        assert load_weights(tmp_path / "second" / name).origin.steps == 4
    origin = seafusion(weights="seafusion").recipe.origin
    assert origin.steps == sum(stage["steps"] for stage in shipped()["seafusion"].card["stages"])
    with pytest.raises(UnknownName, match="Did you mean seafusion"):
        seafusion(weights="seafuson")


def test_weights_of_another_network_are_refused(given, tmp_path):
    file, _ = given
    # What is the default anyway is no difference.
    same = {"trainable_operators": True}
    assert seafusion(weights=str(file), network=same).recipe.origin is not None
    with pytest.raises(UsageError, match="with settings"):
        seafusion(weights=str(file), network={"trainable_operators": False})
    save_weights(file, create_network("sdnet"), settings={}, origin=Origin())
    with pytest.raises(UsageError, match=r"weights of sdnet[\s\S]*Give weights of seafusion"):
        seafusion(weights=str(file))
    with pytest.raises(WeightsError):
        seafusion(weights=str(tmp_path / "none.pth"))
