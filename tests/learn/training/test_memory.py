"""What a step takes is told before it begins."""

import pytest

from imfuse.learn.recipes.table import RECIPES, SEGMENTERS
from imfuse.learn.training.config import make_config
from imfuse.learn.training.memory import memory_warnings, stage_bytes
from imfuse.learn.training.setup import prepare
from learn.recipes.stands import SMALL

SLOW = {"psfusion", "smfnet", "segformer-b2", "banet-imagenet"}


def prepared(name, **changes):
    given = {"recipe": name, "data": ["scenes:2"], "budget": "9it", "preset": None}
    return prepare(make_config({}, given, {**SMALL.get(name, {}), **changes}), device="cpu")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in [*RECIPES, *SEGMENTERS]
    ],
)
def test_every_stage_of_every_recipe_has_an_estimate_that_grows_with_its_batch(name):
    if name == "banet-imagenet":
        pytest.importorskip("efficientnet_lite_pytorch")
    run = prepared(name)
    weights = [value.clone() for value in run.recipe.modules.state_dict().values()]
    found = stage_bytes(run)
    assert len(found) == len(run.plan)
    assert all(10**5 < count < 10**11 for count in found)
    larger = stage_bytes(prepared(name, batch=64))
    grown = [new > old for new, old in zip(larger, found, strict=True)]
    assert grown == [stage.batch == "batch" for stage in run.plan]
    after = run.recipe.modules.state_dict().values()
    assert all((one == other).all() for one, other in zip(weights, after, strict=True))


def test_too_much_is_named_by_its_settings():
    run = prepared("seafusion", **{"segmentation.batch": 4096, "segmentation.crop": [480, 640]})
    (found,) = memory_warnings(run, stage_bytes(run))
    assert "lower segmentation.batch or segmentation.crop with --set" in found
    assert not memory_warnings(prepared("seafusion"), [1] * 7)


def test_a_dry_run_tells_which_stage_uses_which_batch(run):
    given = ("train", "seafusion", "--data", "scenes:2", "--dry-run", "--set", "rounds=2")
    code, out, error = run(*given, "--set", "batch=4")
    assert code == 0
    assert "3610 of 3610 steps, batch=4, crop=whole, up to" in out
    assert "segmentation.batch=16, segmentation.crop=480x640" in out
    assert "batch does not apply to the stage segment 1: there, segmentation.batch=16" in error
    _, _, error = run(*given, "--set", "batch=4", "--set", "segmentation.batch=2")
    assert "does not apply" not in error
    _, _, error = run(*given)
    assert "does not apply" not in error
