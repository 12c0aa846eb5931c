"""The folder of a run: who may begin or resume there, and from where."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from imfuse.errors import OutputError, UnreadableImage, UsageError, WeightsError
from imfuse.io.locks import locked
from imfuse.learn import load
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.training.config import RunConfig, make_config
from imfuse.learn.training.folder import CONFIG, LOCK, STATE
from imfuse.learn.training.run import execute
from imfuse.learn.training.setup import prepare, reopen
from imfuse.learn.training.state import load_state, save_state
from imfuse.scenes import SCENES, render

QUICK = {
    "rounds": 1,
    "gamma": 0,
    "crop": 32,
    "batch": 2,
    "workers": 0,
    "checkpoint_every": 2,
}


class Killed(Exception):
    """As by kill -9: nothing is written after it."""


def kill_at(step):
    def watch(progress):
        if progress.step == step:
            raise Killed

    return watch


def asked(data="scenes:3", **changes):
    given = {"recipe": "seafusion", "data": [str(data)], "budget": "4it"}
    return make_config({}, given, {**QUICK, **changes})


def killed(folder, config, step=3):
    with pytest.raises(Killed):
        execute(prepare(config), folder, None, kill_at(step))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with pairs in `pairs/`, which is the current one."""
    folder = tmp_path / "project"
    for index in range(3):
        scene = render(SCENES[index], size=(48, 64), seed=index)
        for kind, values in (("ir", scene.ir), ("vis", scene.vis)):
            (folder / "pairs" / kind).mkdir(parents=True, exist_ok=True)
            pixels = np.rint(values * 255).astype(np.uint8)
            cv2.imwrite(str(folder / "pairs" / kind / f"{index}.png"), pixels)
    monkeypatch.chdir(folder)
    return folder


def weights(folder):
    return (folder / "weights.safetensors").read_bytes()


def test_two_trainings_in_one_folder_are_one_too_many(tmp_path):
    folder = tmp_path / "run"
    second = prepare(asked())

    def begin_another(progress):
        if progress.step == 2:
            with pytest.raises(OutputError, match=f"in use .*process {os.getpid()}"):
                execute(second, folder)

    execute(prepare(asked()), folder, None, begin_another)
    assert load_state(folder / STATE).total == 4
    assert not (folder / LOCK).exists()


def test_a_folder_in_use_is_named_by_the_command(tmp_path, run):
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run", LOCK):
        settings = [part for item in QUICK.items() for part in ("--set", "{}={}".format(*item))]
        given = ("seafusion", "--data", "scenes:3", "--budget", "4it", *settings)
        code, _, error = run("train", *given, "-o", tmp_path / "run")
    assert code == 3
    assert f"in use by another imfuse run (process {os.getpid()})" in error
    assert list((tmp_path / "run").iterdir()) == []


def test_a_run_that_another_process_has_resumed_is_not_resumed_from_its_old_state(tmp_path):
    killed(tmp_path / "run", asked())
    late = reopen(tmp_path / "run")
    run, state = reopen(tmp_path / "run")
    execute(run, tmp_path / "run", state)
    before = weights(tmp_path / "run")
    with pytest.raises(OutputError, match="another process has resumed this run"):
        execute(late[0], tmp_path / "run", late[1])
    assert weights(tmp_path / "run") == before


def start_only(folder, config):
    """Leave what a start leaves that is killed before its first state."""
    folder.mkdir()
    prepare(config).config.write(folder / CONFIG)
    (folder / LOCK).write_text("1\n")
    (folder / ".state.ckpt.abc.imfuse-tmp").write_bytes(b"half")


def test_a_run_killed_before_its_first_state_begins_again(tmp_path, run):
    for name in ("whole", "resumed", "restarted"):
        config = asked(seed=5)
        if name != "whole":
            start_only(tmp_path / name, config)
        if name == "resumed":
            code, _, error = run("train", "--resume", "-o", tmp_path / name)
            assert code == 0, error
            assert "stopped before its first checkpoint" in error
        else:
            execute(prepare(config), tmp_path / name)
    assert weights(tmp_path / "whole") == weights(tmp_path / "resumed")
    assert weights(tmp_path / "whole") == weights(tmp_path / "restarted")
    assert not list(tmp_path.glob("*/.*"))


def test_a_start_that_was_killed_is_resumed_only_as_what_it_was(tmp_path):
    start_only(tmp_path / "run", asked(seed=5))
    with pytest.raises(UsageError, match="seed: not what the training began with"):
        reopen(tmp_path / "run", asked(seed=6))
    run, state = reopen(tmp_path / "run", changes={"workers": 1})
    assert state is None
    assert run.recipe.settings.workers == 1


def test_what_a_user_wrote_is_left_alone(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / CONFIG).write_text("recipe: seafusion\ndata: scenes:3\n# my notes\n")
    with pytest.raises(OutputError, match="not empty"):
        execute(prepare(asked()), own)
    assert "my notes" in (own / CONFIG).read_text()
    with pytest.raises(WeightsError, match="no state of a training"):
        reopen(own)
    start_only(tmp_path / "more", asked())
    (tmp_path / "more" / "thesis.txt").write_text("dear")
    with pytest.raises(OutputError, match="not empty"):
        execute(prepare(asked()), tmp_path / "more")


def test_a_run_is_resumed_from_another_folder(project, tmp_path, monkeypatch):
    execute(prepare(asked("pairs")), Path("whole"))
    first = make_config({}, {"recipe": "seafusion", "data": ["pairs"], "budget": "4it"}, QUICK)
    killed(Path("run"), replace_weights(first, "whole/weights.safetensors"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run, state = reopen(project / "run")
    assert (run.config.data, run.config.folder) == (("pairs",), str(project))
    card = execute(run, project / "run", state)
    assert card.data == ["pairs"]
    assert card.begun_steps == 4
    assert card.settings["weights"] == "weights.safetensors"
    # The whole command once more, with the paths that lead there from here.
    again = make_config(
        {},
        {"recipe": "seafusion", "data": ["../project/pairs"], "budget": "4it"},
        {**QUICK, "weights": "../project/whole/weights.safetensors"},
    )
    assert reopen(project / "run", again)[1].total == 4
    with pytest.raises(UsageError, match="data: not what"):
        reopen(project / "run", again.model_copy(update={"data": ("scenes:3",)}))


def replace_weights(config, file):
    return config.model_copy(update={"settings": {**config.settings, "weights": file}})


def test_a_project_that_was_moved_as_a_whole_is_resumed(project, monkeypatch):
    killed(Path("run"), asked("pairs"))
    monkeypatch.chdir("..")
    project.rename("moved")
    monkeypatch.chdir("moved")
    assert reopen(Path("run"))[1].total == 2


def test_a_configuration_repeats_its_run_from_another_folder(project, tmp_path, monkeypatch, run):
    execute(prepare(asked("pairs")), Path("run"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, error = run("train", "--config", project / "run" / CONFIG, "-o", "again")
    assert code == 0, error
    assert weights(project / "run") == weights(Path("again"))


def test_runs_of_older_versions_are_resumed(project):
    """They have no folder; a relative path starts from where the command runs."""
    killed(Path("run"), asked("pairs"))
    state = load_state(Path("run") / STATE)
    config = yaml.safe_load((Path("run") / CONFIG).read_text())
    for values in (state.config, config):
        del values["folder"]
    (Path("run") / CONFIG).write_text(yaml.safe_dump(config))
    save_state(Path("run") / STATE, state)
    run, state = reopen(Path("run"))
    assert (state.total, run.config.folder) == (2, None)
    assert RunConfig.read(Path("run") / CONFIG).folder is None


def test_each_stage_leaves_its_weights(tmp_path):
    config = asked(rounds=2)
    config = config.model_copy(update={"budget": "5it"})
    execute(prepare(config), tmp_path / "run")
    stages = sorted(path.name for path in (tmp_path / "run").glob("stage-*"))
    assert stages == ["stage-1.safetensors", "stage-2.safetensors"]
    one, two = ((tmp_path / "run" / name).read_bytes() for name in stages)
    assert one != two == weights(tmp_path / "run")
    steps = [load_weights(tmp_path / "run" / name).origin.steps for name in stages]
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    first, second = (stage["steps"] for stage in card["stages"])
    assert steps == [first, first + second]
    assert load(tmp_path / "run" / "stage-1.safetensors").name == "seafusion"


def test_damaged_pictures_between_rounds_are_named(tmp_path):
    config = asked(gamma=1, rounds=2, **{"segmentation.crop": 40, "segmentation.batch": 2})
    config = config.model_copy(update={"budget": "9it"})
    killed(tmp_path / "run", config, step=4)
    for file in (tmp_path / "run" / "fused" / "round-1").iterdir():
        file.write_bytes(b"")
    run, state = reopen(tmp_path / "run")
    with pytest.raises(UnreadableImage, match=r"round-1[\s\S]*Delete it and resume"):
        execute(run, tmp_path / "run", state)
    shutil.rmtree(tmp_path / "run" / "fused")
    run, state = reopen(tmp_path / "run")
    execute(run, tmp_path / "run", state)
