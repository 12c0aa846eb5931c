"""Every recipe goes on exactly where it was, whatever it keeps between steps."""

import pytest
import torch

from imfuse.learn.order import Order
from imfuse.learn.preparation import prepare, reopen
from imfuse.learn.recipes.table import RECIPES
from imfuse.learn.run import train
from learn.recipes.stands import SMALL


class Killed(Exception):
    """As by kill -9: nothing is written after it."""


def kill(progress):
    if progress.step == 3:
        raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_killed_training_resumed_ends_with_the_same_weights(name, tmp_path):
    alike = {"batch": 2, "workers": 0, "checkpoint_every": 2, "held_out": 0, **SMALL[name]}
    order = Order(recipe=name, data=["scenes:3"], preset="cpu", settings=[alike], budget="6it")
    whole, _ = train(prepare(order), tmp_path / "whole", None, lambda _: None)
    with pytest.raises(Killed):
        train(prepare(order), tmp_path / "killed", None, kill)
    run, state = reopen(tmp_path / "killed", None)
    assert 0 < state.total <= 3
    resumed, _ = train(run, tmp_path / "killed", state, lambda _: None)
    one, other = (trainer.recipe.modules.state_dict() for trainer in (whole, resumed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
