import pytest

from imfuse.errors import UnknownName, UsageError
from imfuse.io.yaml_file import read_yaml
from imfuse.learn.recipes.seafusion import SeAFusionRecipe
from imfuse.learn.recipes.table import RECIPES, SEGMENTERS, find_recipe
from imfuse.learn.training.settings import explained, make_settings


def make(*layers, preset=None):
    return make_settings(SeAFusionRecipe, *layers, preset=preset)


def test_later_layers_count_over_earlier_ones_and_presets():
    settings = make({"batch": 2, "rate": 0.5}, {"batch": 4}, preset="release")
    assert (settings.batch, settings.rate, settings.decay) == (4, 0.5, 0.75)


def test_sections_by_dots_or_as_mappings_keep_their_other_values():
    settings = make({"segmentation": {"batch": 2}}, {"segmentation.steps": 7}, preset="release")
    section = settings.segmentation
    assert (section.batch, section.steps, section.warmup) == (2, 7, 1000)


def test_a_crop_may_be_one_number():
    assert make({"crop": 96}).crop == (96, 96)
    assert make({"crop": [48, 64]}).crop == (48, 64)
    assert make({"crop": None}).crop is None


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("bacth", "batch"),
        ("segmentation.step", "segmentation.steps"),
        ("gama", "gamma"),
    ],
)
def test_unknown_settings_name_the_closest(name, closest):
    with pytest.raises(UnknownName, match=f"Did you mean .*{closest}"):
        make({name: 1})


def test_unknown_settings_within_mappings_and_presets_too():
    with pytest.raises(UnknownName, match=r"segmentation\.rate"):
        make({"segmentation": {"rat": 1}})
    with pytest.raises(UnknownName, match="release"):
        make(preset="relase")


@pytest.mark.parametrize(
    "layer",
    [{"batch": 0}, {"batch": "many"}, {"held_out": 1}, {"segmentation": 3}, {"crop": [1, 2, 3]}],
)
def test_bad_values_are_refused_under_their_name(layer):
    with pytest.raises(UsageError, match=f"{next(iter(layer))}.* for seafusion"):
        make(layer)
    with pytest.raises(UsageError, match=r"times=5 .* names and values: times\.NAME=VALUE"):
        make({"times": 5})


def test_settings_of_the_network_are_free_here_and_checked_by_it():
    assert make({"network.trainable_operators": False}).network == {"trainable_operators": False}


def test_settings_round_trip_through_plain_values():
    settings = make({"crop": 96, "segmentation.jitter": [0, 0, 0]}, preset="release")
    assert make(settings.model_dump(mode="json")) == settings


def test_explained_settings_are_yaml_that_gives_them_back(tmp_path):
    settings = make({"crop": 96, "segmentation.jitter": [0, 0, 0]}, preset="release")
    lines = list(explained(settings))
    file = tmp_path / "a.yaml"
    file.write_text("\n".join(lines))
    assert make(read_yaml(file)) == settings
    assert "crop: [96, 96]  # Height and width of the random crop" in lines[2]


def test_every_setting_of_every_recipe_is_explained():
    recipes = map(find_recipe, [*RECIPES, *SEGMENTERS])
    for recipe in recipes:
        settings = make_settings(recipe)
        assert [line for line in explained(settings) if "  # " not in line] == []


def test_files(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("batch: 2\nrate: 1e-3\nsegmentation:\n  steps: 5\n")
    settings = make(read_yaml(file))
    assert (settings.batch, settings.rate, settings.segmentation.steps) == (2, 1e-3, 5)
    file.write_text("")
    assert read_yaml(file) == {}


@pytest.mark.parametrize("content", ["- 1\n- 2\n", "a: [1", "just words", "3: 4"])
def test_bad_files_are_refused(tmp_path, content):
    file = tmp_path / "a.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"a\.yaml"):
        read_yaml(file)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_yaml(tmp_path / "b.yaml")
