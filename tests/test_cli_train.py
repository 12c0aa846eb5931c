"""`imfuse train` as its users type it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import yaml

from imfuse.scenes import SCENES, render

pytest.importorskip("torch")

SMALL = (
    *("--set", "crop=32", "--set", "batch=2", "--set", "workers=0", "--set", "rounds=2"),
    *("--set", "segmentation.crop=40", "--set", "segmentation.batch=2"),
    *("--set", "segmentation.steps=3610", "--set", "checkpoint_every=2"),
    *("--budget", "9it"),
)


def write_pair(folder, index, size=(48, 64)):
    scene = render(SCENES[index % len(SCENES)], size=size, seed=index)
    for kind, values in (("ir", scene.ir), ("vis", scene.vis)):
        pixels = np.rint(values * 255).astype(np.uint8)
        pixels = pixels if kind == "ir" else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / f"{index:02d}.png"), pixels)
    (folder / "labels").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "labels" / f"{index:02d}.png"), scene.labels)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for index in range(6):
        write_pair(folder, index)
    return folder


def spawn(*arguments, processes=1):
    several = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(several if processes > 1 else []), "-m", "imfuse", "train"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def weights(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "weights.safetensors")


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def whole(pairs, tmp_path_factory):
    """The folder of a training that ran without interruption."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    finish(spawn("seafusion", "--data", pairs, "-o", folder, *SMALL))
    return folder


def test_the_folder_of_a_run_has_what_the_design_promises(whole):
    there = {path.name for path in whole.iterdir()}
    assert there >= {
        *("config.yaml", "log.jsonl", "state.ckpt", "weights.safetensors", "model.onnx"),
        *("card.md", "card.json", "previews", "tensorboard"),
    }
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 9
    assert all({"step", "seconds", "lr", "loss", "terms"} <= set(line) for line in lines)
    card = json.loads((whole / "card.json").read_text())
    assert [stage["steps"] for stage in card["stages"]] == [3, 3, 3]
    assert card["budget"] == "9it"
    assert card["pairs"] + card["held_out"] == 6
    assert card["scored"] == card["held_out"] > 0
    assert "of the full schedule's steps" in (whole / "card.md").read_text()


def test_the_model_fuses_and_says_what_it_was_trained_on(whole, pairs, tmp_path, run):
    for model in ("model.onnx", "weights.safetensors"):
        out = tmp_path / model
        code, stdout, _ = run(
            *("fuse", pairs / "ir" / "00.png", pairs / "vis" / "00.png"),
            *("-o", out.with_suffix(".png"), "-m", whole / model, "--json"),
        )
        assert code == 0
        assert not json.loads(stdout)["failed"]
    fused = [cv2.imread(str(tmp_path / f"{name}.png")) for name in ("model", "weights")]
    assert np.abs(fused[0].astype(int) - fused[1]).max() <= 1


def test_a_training_killed_and_resumed_gives_the_same_weights(whole, pairs, tmp_path):
    folder = tmp_path / "killed"
    process = spawn("seafusion", "--data", pairs, "-o", folder, *SMALL)
    log = folder / "log.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() or len(log.read_text().splitlines()) < 4:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "weights.safetensors").exists()
    assert "resuming after step" in finish(spawn("--resume", "-o", folder))
    one, other = ((f / "weights.safetensors").read_bytes() for f in (whole, folder))
    assert one == other
    assert losses(whole) == losses(folder)


def test_two_processes_share_a_batch(pairs, tmp_path):
    alike = ("seafusion", "--data", pairs, "--budget", "5it", "--set", "precision=float32")
    sizes = ("--set", "rounds=1", "--set", "gamma=0", "--set", "crop=32", "--set", "workers=0")
    finish(spawn(*alike, *sizes, "-o", tmp_path / "one", "--set", "batch=4"))
    finish(spawn(*alike, *sizes, "-o", tmp_path / "two", "--set", "batch=4", processes=2))
    np.testing.assert_allclose(losses(tmp_path / "one"), losses(tmp_path / "two"), rtol=1e-5)
    one, other = weights(tmp_path / "one"), weights(tmp_path / "two")
    start = 1e-4 * 5  # Adam's steps are of the size of the rate, whatever the gradient
    assert max(np.abs(one[key] - other[key]).max() for key in one) < start / 10


def test_a_runs_configuration_repeats_it(whole, tmp_path):
    folder = tmp_path / "again"
    finish(spawn("--config", whole / "config.yaml", "-o", folder))  # with as many threads
    assert losses(whole) == losses(folder)
    one, other = (yaml.safe_load((f / "config.yaml").read_text()) for f in (whole, folder))
    assert one == other


def test_a_dry_run_shows_stages_and_settings_and_writes_nothing(pairs, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("train", "scgrfuse", "--data", pairs, "--dry-run", "--json")
    assert code == 0
    shown = json.loads(out)
    assert [stage["planned"] for stage in shown["stages"]] == [3610, 20000] * 3 + [3610]
    assert shown["settings"]["segmentation"]["rate"] == 0.01
    code, out, _ = run("train", "scgrfuse", "--data", pairs, "--dry-run", "--preset", "release")
    assert code == 0
    assert "decay: 0.75  # Factor of the learning rate" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no recipe; expected one of"),
        (("seafusio",), "Did you mean seafusion"),
        (("seafusion", "--set", "bach=3"), "Did you mean batch"),
        (("seafusion", "--set", "network.trainable=1"), "trainable_operators"),
        (("seafusion", "--set", "batch=none"), "batch='none' for seafusion"),
        (("seafusion", "--budget", "soon"), "30m, 2h or 5000it"),
        (("seafusion", "--preset", "code"), "unknown preset of seafusion"),
        (("seafusion", "--device", "7"), "GPUs asked for"),
        (("seafusion", "--device", "tpu"), "auto, cpu, gpu"),
        (("seafusion", "--config", "nowhere.yaml"), "No such file"),
        (("seafusion", "--set", "classes=3"), "imfuse data check DIR --classes 3"),
        (("seafusion", "--set", f"seed={2**64}"), f"seed={2**64} for seafusion"),
        (("bffr", "--set", "crop=[16,96]"), "sides from 33 pixels"),
        (("scgrfuse", "--set", "crop=31"), "sides from 32 pixels"),
        (("seafusion", "--data", "scenes:1", "--data", "PAIRS/../pairs"), "given twice"),
        (("seafusion", "--data", "scenes:2", "--data", "scenes:3"), "scenes: given twice"),
    ],
)
def test_mistakes_are_named(pairs, tmp_path, run, arguments, message):
    small = () if "classes=3" not in arguments else SMALL
    given = [one.replace("PAIRS/../pairs", str(pairs / "ir" / "..")) for one in arguments]
    code, _, error = run("train", *given, "--data", pairs, "-o", tmp_path / "run", *small)
    assert code in {2, 3}
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"budget": 30}, "budget: 30; expected a valid string"),
        ({"layout": 3}, "layout: 3; expected a valid string"),
        ({"preset": ["cpu"]}, "preset: ['cpu']"),
        ({"recipe": ["seafusion"]}, "recipe: ['seafusion']"),
        ({"data": [5]}, "data: 5"),
        ({"stride": "often"}, "stride: 'often'"),
        ({"steps": [3]}, "steps [3]; expected a number from 1 for each of 7 stages"),
        ({"settings": [1, 2]}, "no names and values"),
        ({"settings": {"segmentation": {1: 2}}}, "no names and values"),
        ({"layouts": "msrs"}, "Did you mean layout"),
    ],
)
def test_mistakes_in_a_configuration_are_named(pairs, tmp_path, run, content, message):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"recipe": "seafusion", "data": [str(pairs)], **content}))
    code, _, error = run("train", "--config", file, "--dry-run")
    assert (code, message in error) == (2, True), error
    assert "Traceback" not in error


def test_a_configuration_may_be_short(pairs, tmp_path, run):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"recipe": "seafusion", "data": str(pairs), "preset": "cpu"}))
    code, out, _ = run("train", "--config", file, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["settings"]["crop"] == [96, 96]
    short = {"recipe": "seafusion", "data": [str(pairs)], "settings": {"batch": 5}}
    file.write_text(yaml.safe_dump(short))
    code, out, _ = run("train", "--config", file, "--preset", "cpu", "--dry-run", "--json")
    assert code == 0
    settings = json.loads(out)["settings"]
    assert (settings["crop"], settings["batch"]) == ([96, 96], 5)


def test_a_runs_configuration_has_its_steps_though_its_budget_was_time(whole, tmp_path, run):
    stored = yaml.safe_load((whole / "config.yaml").read_text())
    file = tmp_path / "timed.yaml"
    file.write_text(yaml.safe_dump({**stored, "budget": "40d", "steps": [2, 4, 5]}))

    def steps(*changes):
        code, out, error = run("train", "--config", file, "--dry-run", "--json", *changes)
        assert code == 0, error
        return [stage["steps"] for stage in json.loads(out)["stages"]], error

    found, said = steps()
    assert (found, "trying" in said) == ([2, 4, 5], False)
    assert steps("--set", "workers=0")[0] == [2, 4, 5]
    assert steps("--budget", "30it")[0] == [10, 10, 10]
    found, said = steps("--set", "seed=1")
    assert (found == [2, 4, 5], "trying" in said) == (False, True)
    code, _, error = run("train", "--config", file, "--preset", "release", "--dry-run")
    assert code == 2
    assert "preset release for a configuration of the preset paper" in error


def test_files_without_a_partner_are_told(pairs, tmp_path, run):
    for kind in ("ir", "vis", "labels"):
        (tmp_path / "some" / kind).mkdir(parents=True)
        for file in (pairs / kind).iterdir():
            (tmp_path / "some" / kind / file.name).symlink_to(file)
    (tmp_path / "some" / "vis" / "03.png").unlink()
    code, _, error = run("train", "seafusion", "--data", tmp_path / "some", "--dry-run")
    assert code == 0
    assert "files make no pair and are left out" in error
    assert "03" in error
    code, _, error = run("train", "seafusion", "--data", pairs, "--dry-run")
    assert "left out" not in error


def test_wrong_labels_are_named_in_the_first_round_and_found_by_the_check(pairs, tmp_path, run):
    for kind in ("ir", "vis", "labels"):
        (tmp_path / "some" / kind).mkdir(parents=True)
        for file in (pairs / kind).iterdir():
            (tmp_path / "some" / kind / file.name).write_bytes(file.read_bytes())
    wrong = np.full((48, 64), 12, np.uint8)
    for index in range(6):
        cv2.imwrite(str(tmp_path / "some" / "labels" / f"{index:02d}.png"), wrong)
    given = ("--data", tmp_path / "some", "-o", tmp_path / "run")
    code, _, error = run("train", "seafusion", *given, *SMALL)
    assert code == 3
    assert "label 12; expected 0 to 8" in error
    assert (tmp_path / "run" / "log.jsonl").read_text() == ""
    code, _, error = run("data", "check", tmp_path / "some", "--classes", "9")
    assert code == 3
    assert "labels (6)" in error
    assert "labels outside 0..8 and 255: 12" in error


def test_an_unreadable_pair_that_is_held_out_leaves_no_run(pairs, tmp_path, run):
    given = ("--data", tmp_path / "some", "-o", tmp_path / "run", "--set", "held_out=0.9")
    for kind in ("ir", "vis", "labels"):
        (tmp_path / "some" / kind).mkdir(parents=True)
        for file in (pairs / kind).iterdir():
            content = file.read_bytes()
            content = content[:40] if kind == "vis" else content
            (tmp_path / "some" / kind / file.name).write_bytes(content)
    code, _, error = run("train", "seafusion", *given, *SMALL)
    assert code == 3
    assert "/vis/" in error
    assert list((tmp_path / "run").iterdir()) == []


def test_broken_pairs_are_named_together_before_the_first_step(pairs, tmp_path, run):
    shutil.copytree(pairs, tmp_path / "some")
    for name in ("ir/01.png", "vis/03.png", "vis/04.png"):
        file = tmp_path / "some" / name
        file.write_bytes(file.read_bytes()[:60])
    given = ("--data", tmp_path / "some", "-o", tmp_path / "run")
    code, _, error = run("train", "seafusion", *given, *SMALL)
    assert code == 3
    assert "3 of 6 pairs can't be read" in error
    assert all(f"{name}: " in error for name in ("ir/01.png", "vis/03.png", "vis/04.png"))
    assert list((tmp_path / "run").iterdir()) == []


def test_pairs_without_labels_and_no_pairs_at_all(pairs, tmp_path, run):
    plain = tmp_path / "plain"
    plain.mkdir()
    for kind in ("ir", "vis"):
        (plain / kind).symlink_to(pairs / kind)
    code, _, error = run("train", "seafusion", "--data", plain, "-o", tmp_path / "run")
    assert code == 2
    assert "no pair has labels" in error
    assert "--set gamma=0" in error
    code, _, error = run("train", "seafusion", "-o", tmp_path / "run")
    assert code == 2
    assert "--data DIR" in error
    assert not (tmp_path / "run").exists()


def test_folders_that_hold_something_are_left_alone(whole, pairs, tmp_path, run):
    before = sorted(path.name for path in whole.iterdir())
    code, _, error = run("train", "seafusion", "--data", pairs, "-o", whole, *SMALL)
    assert code == 3
    assert "it holds a training already" in error
    assert sorted(path.name for path in whole.iterdir()) == before
    (tmp_path / "letter.txt").write_text("dear")
    code, _, error = run("train", "seafusion", "--data", pairs, "-o", tmp_path, *SMALL)
    assert code == 3
    assert "not empty" in error


def test_resuming_needs_the_same_order_and_the_same_pairs(whole, pairs, tmp_path, run):
    again = ("train", "seafusion", "--data", pairs, "-o", whole, "--resume", *SMALL)
    code, _, error = run(*again, "--set", "seed=3")
    assert code == 2
    assert "seed: not what the training began with" in error
    code, _, error = run("train", "--resume", "-o", tmp_path / "nothing")
    assert code == 3
    assert "no state of a training" in error


def test_what_changes_no_weights_may_change_on_the_way(pairs, whole, tmp_path, run):
    folder = tmp_path / "run"
    begun = ("train", "seafusion", "--data", pairs, *SMALL)
    shutil.copytree(whole, folder)
    again = ("train", "--resume", "-o", folder, "--set", "workers=1")
    code, _, error = run(*again, "--set", "preview_every=3")
    assert code == 0, error
    stored = yaml.safe_load((folder / "config.yaml").read_text())["settings"]
    assert (stored["workers"], stored["preview_every"]) == (1, 3)
    code, _, error = run(*begun, "-o", folder, "--resume", "--set", "checkpoint_every=7")
    assert code == 0, error
    assert yaml.safe_load((folder / "config.yaml").read_text())["settings"]["workers"] == 0
    code, _, error = run(*again, "--set", "batch=1")
    assert code == 2
    assert "part of a command" in error


def test_the_card_of_a_run_is_shown_with_its_model(whole, run):
    code, out, _ = run("models", "info", whole / "model.onnx")
    assert code == 0
    assert "imfuse train seafusion --preset paper, seed 0\n" in out
    assert "pairs of its user" in out
    assert "their scores on" in out
    assert "(from pairs" in (whole / "card.md").read_text()


def test_resuming_a_finished_training_trains_nothing(whole, run):
    before = losses(whole)
    code, _, error = run("train", "--resume", "-o", whole)
    assert code == 0
    assert "resuming after step 9 of 9" in error
    assert losses(whole) == before


@pytest.mark.parametrize("command", ["train", "export"])
def test_a_missing_pytorch_is_named_with_the_remedy(command, run, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("imfuse.learn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    arguments = ["seafusion", "--data", "scenes:2", "-o", "x"] if command == "train" else ["x.pth"]
    code, _, error = run(command, *arguments)
    assert code == 2
    assert "the Python package torch is missing" in error
    assert "pip install 'imfuse[learn]'" in error


def test_the_help_names_all_recipes(run):
    from imfuse.learn.recipes.table import RECIPES

    _, out, _ = run("train", "--help")
    assert f"Recipes: {', '.join(sorted(RECIPES))}." in " ".join(out.split())
