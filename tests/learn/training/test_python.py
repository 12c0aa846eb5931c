"""Training and loading from Python."""

import inspect

import pytest
import torch

import imfuse.learn
from imfuse.cli.train import train as command
from imfuse.engines.shipped import shipped
from imfuse.errors import OutputError, UnknownName, UsageError, WeightsError
from imfuse.learn import load, train
from imfuse.learn.recipes.card import SegmenterCard

QUICK = {"rounds": 1, "gamma": 0, "crop": 32, "batch": 2, "workers": 0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python") / "run"
    seen = []
    card = train("seafusion", "scenes:8", folder, settings=QUICK, budget="3it", watch=seen.append)
    return folder, card, seen


def test_training_returns_the_card_that_it_writes(trained):
    folder, card, seen = trained
    assert type(card).model_validate_json((folder / "card.json").read_text()) == card
    assert [stage.steps for stage in card.stages] == [3]
    assert set(card.scores) >= {"VIF", "Qabf"}
    assert [progress.step for progress in seen][:3] == [1, 2, 3]


def test_what_was_trained_is_loaded_from_wherever_it_is(trained):
    folder, _, _ = trained
    files = ("", "weights.safetensors", "model.onnx", "stage-1.safetensors")
    networks = [load(folder / name) for name in files] + [load(str(folder))]
    expected = networks[0].state_dict()
    for network in networks:
        assert network.name == "seafusion"
        assert not network.training
        found = network.state_dict()
        assert all(torch.equal(value, found[key]) for key, value in expected.items())


@pytest.mark.parametrize("name", shipped())
def test_what_ships_is_loaded_by_name(name):
    assert load(name).name == name.partition("@")[0]


def test_what_can_not_be_loaded_is_named(trained, tmp_path):
    with pytest.raises(UnknownName, match="Did you mean seafusion"):
        load("seafuson")
    with pytest.raises(WeightsError, match="no weights in this folder"):
        load(tmp_path)
    with pytest.raises(WeightsError, match="No such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError):
        load(trained[0] / "card.json")


def test_a_finished_run_is_resumed_to_the_same_result(trained):
    folder, card, _ = trained
    again = train("seafusion", ["scenes:8"], folder, settings=QUICK, budget="3it", resume=True)
    # In bfloat16, some processors round a few pixels by where they lie in memory.
    assert again.scores == pytest.approx(card.scores, rel=1e-3)
    assert again.model_copy(update={"scores": card.scores}) == card
    with pytest.raises(OutputError, match="holds a training already"):
        train("seafusion", "scenes:8", folder, settings=QUICK, budget="3it")
    changed = {**QUICK, "seed": 1}
    with pytest.raises(UsageError, match="seed: not what the training began with"):
        train("seafusion", "scenes:8", folder, settings=changed, budget="3it", resume=True)


def test_segmenters_train_by_the_same_function(tmp_path):
    settings = {"batch": 2, "crop": 64, "workers": 0, "held_out": 0.5}
    card = train("banet", "scenes:4", tmp_path / "run", settings=settings, budget="2it")
    assert isinstance(card, SegmenterCard)
    assert len(card.classes) == len(card.iou) == 9
    assert (tmp_path / "run" / "stage-1.safetensors").exists()
    with pytest.raises(WeightsError):
        load(tmp_path / "run")


def test_python_and_the_command_line_have_the_same_arguments():
    ours = set(inspect.signature(train).parameters)
    assert set(inspect.signature(command).parameters) - ours == {"config", "dry_run", "as_json"}
    assert ours - set(inspect.signature(command).parameters) == {"watch", "export"}


def test_public_names_are_imported_on_demand():
    assert imfuse.learn.__all__ == ["load", "train"]
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        imfuse.learn.trian  # noqa: B018
