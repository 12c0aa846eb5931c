"""Shares of the papers' training that the tables show."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from imfuse.data.rendered import RenderedPairs  # noqa: E402 - after the skip
from imfuse.engines.shipped import shipped  # noqa: E402 - after the skip
from imfuse.learn.batches.patches import PatchSource  # noqa: E402 - needs torch
from imfuse.learn.recipes.table import find_recipe  # noqa: E402 - needs torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schedules():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import schedules

    yield schedules
    sys.path.remove(str(ROOT / "benchmarks"))


def card(taken, /, **settings):
    stages = [{"name": name, "steps": count} for name, count in taken.items()]
    return {"stages": stages, "settings": settings}


@pytest.mark.parametrize("name", ["scgrfuse", "seafusion", "psfusion", "refinefuse", "bffr"])
def test_the_papers_schedules_are_those_of_the_recipes(schedules, name):
    kind = find_recipe(name)
    recipe = kind(kind.options())
    plan = recipe.plan(RenderedPairs(schedules.MSRS_PAIRS))
    steps = {one.name: one.steps for one in plan}
    made = card(steps, **recipe.settings.model_dump(mode="json"))
    # Recipes round the steps of an epoch up.
    assert schedules.pixels_of(made) == pytest.approx(schedules.PAPERS[name], rel=0.006)


def test_smfnets_schedule_has_all_patches_of_a_frame(schedules):
    picture = RenderedPairs(1, size=(480, 640))
    patches = PatchSource(picture, size=128, stride=200, least_contrast=0)
    pairs = 120 * schedules.MSRS_PAIRS
    assert schedules.PAPERS["smfnet"] == pairs * len(patches) * 128**2


def test_pixels_count_what_trains_the_fusion_network(schedules):
    joint = {"batch": 2, "crop": [96, 64], "segmentation": {"batch": 7, "crop": [300, 300]}}
    steps = {"fuse 1": 10, "segment 1": 99, "fuse 2": 5}
    assert schedules.pixels_of(card(steps, **joint)) == 15 * 2 * 96 * 64
    warm = {"batch": 4, "crop": [240, 320], "warm_start": {"batch": 3, "crop": [64, 64]}}
    steps = {"warm start": 100, "semantic training": 10}
    expected = 100 * 3 * 64 * 64 + 10 * 4 * 240 * 320
    assert schedules.pixels_of(card(steps, **warm)) == expected
    same = warm | {"warm_start": {"batch": 3, "crop": None}}
    assert schedules.pixels_of(card({"warm start": 1}, **same)) == 3 * 240 * 320
    large = {"batch": 8, "crop": [64, 64], "settle_crop": [480, 640]}
    steps = {"train": 3, "settle": 50, "finish": 2}
    expected = 8 * (3 * 64 * 64 + 2 * 480 * 640)
    assert schedules.pixels_of(card(steps, **large)) == expected
    assert schedules.pixels_of(card({"train": 2}, batch=3, crop=None)) == 6 * 480 * 640


def test_shares_say_what_is_not_known(schedules):
    whole = schedules.PAPERS["refinefuse"]
    share = schedules.share_of_paper
    assert share("refinefuse", {"pixels": whole // 2}) == "50%"
    begun = {"pixels": whole // 4, "begun_steps": 9}
    assert share("refinefuse", begun | {"begun_pixels": whole // 4}) == "50%"
    assert share("refinefuse", begun | {"begun_pixels": None}) == "at least 25%"
    assert share("imfuse-b", {"pixels": 1}) == "-"


def test_cards_of_the_papers_networks_tell_their_pixels(schedules):
    for name, one in shipped().items():
        if name in schedules.PAPERS:
            assert one.card["pixels"] == schedules.pixels_of(one.card)
            assert not one.card.get("begun_steps") or one.card["begun_pixels"] > 0
