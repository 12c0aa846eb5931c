"""Every recipe goes on exactly where it was, whatever it keeps between steps."""

import pytest
import torch

from imfuse.learn.recipes.table import RECIPES
from imfuse.learn.training.config import make_config
from imfuse.learn.training.run import fit
from imfuse.learn.training.setup import prepare, reopen
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
    given = {"recipe": name, "data": ["scenes:3"], "preset": "cpu", "budget": "6it"}
    config = make_config({}, given, alike)
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
    whole, _ = fit(prepare(config), tmp_path / "whole", None, lambda _: None)
    with pytest.raises(Killed):
        fit(prepare(config), tmp_path / "killed", None, kill)
    run, state = reopen(tmp_path / "killed")
    assert 0 < state.total <= 3
    resumed, _ = fit(run, tmp_path / "killed", state, lambda _: None)
    one, other = (trainer.recipe.modules.state_dict() for trainer in (whole, resumed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
