"""Rows of ablations: their settings, their printed values, and how orders are compared."""

import json

import pytest

pytest.importorskip("torch")


def test_every_row_is_printed_and_its_settings_exist(experiment):
    from imfuse.learn.recipes.table import find_recipe
    from imfuse.learn.training.settings import make_settings

    module = experiment("ablations")
    for recipe, ablation in module.ABLATIONS.items():
        assert list(ablation.rows.values()).count({}) == 1
        assert set(module.printed(ablation)) == set(ablation.rows)
        whole = make_settings(find_recipe(recipe), preset="cpu")
        for changes in filter(None, ablation.rows.values()):
            assert make_settings(find_recipe(recipe), changes, preset="cpu") != whole


def test_orders_are_compared_pair_by_pair(experiment):
    agreement = experiment("ablations").agreement
    theirs = {"x": {"EN": 3.0, "AG": 1.0}, "y": {"EN": 2.0, "AG": 1.0}, "z": {"EN": 1.0, "AG": 2.0}}
    ours = {"x": {"EN": 9.0, "AG": 5.0}, "y": {"EN": 7.0, "AG": 4.0}, "z": {"EN": 8.0, "AG": None}}
    # x > y and x > z as printed, but z > y; AG of x and y is equal, and z has none.
    assert agreement(ours, theirs) == {"EN": (2, 3)}


def test_rows_are_named_by_their_places(experiment, call, tmp_path):
    module = experiment("ablations")
    assert module.chosen("refinefuse", "3,0") == ["RefineFuse", "Setting C"]
    for text in ("0", "0,9"):
        with pytest.raises(SystemExit, match="at least two of 0: RefineFuse, 1: Setting A"):
            call(module, "refinefuse", "--rows", text, "-o", tmp_path)


@pytest.mark.slow
def test_two_rows_are_trained_scored_and_kept(experiment, call, tmp_path):
    module = experiment("ablations")
    given = ("refinefuse", "--train", "scenes:3", "--data", "scenes:2", "--rows", "0,3")
    given += ("--budget", "2it", "-o", tmp_path, "--set", "crop=32", "--set", "workers=0")
    said = call(module, *given)
    assert "pairs of rows in that order" in said
    found = json.loads((tmp_path / "refinefuse.json").read_text())
    first, second = found["rows"].values()
    assert first["mean"] != second["mean"]
    assert "training" not in call(module, *given)  # nothing is done twice
    with pytest.raises(SystemExit, match="scored with other options"):
        call(module, *given, "--budget", "3it")
