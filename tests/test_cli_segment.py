"""`imfuse segment` as its users type it."""

import json

import cv2
import numpy as np
import pytest
import yaml

from imfuse.cli.segment_options import parse_map
from imfuse.errors import UsageError
from imfuse.io.labels import read_labels, write_labels
from imfuse.scenes import SCENES, render

torch = pytest.importorskip("torch")

torch.set_num_threads(1)
SMALL = (
    *("--set", "crop=40", "--set", "batch=2", "--set", "workers=0", "--set", "held_out=0.3"),
    *("--set", "rate=0.02", "--set", "preview_every=2", "--budget", "4it"),
)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """Six small labelled pairs."""
    folder = tmp_path_factory.mktemp("labelled")
    for kind in ("ir", "vis", "labels"):
        (folder / kind).mkdir()
    for index in range(6):
        scene = render(SCENES[index % len(SCENES)], size=(48, 64), seed=index)
        for kind, values in (("ir", scene.ir), ("vis", scene.vis[..., ::-1])):
            cv2.imwrite(str(folder / kind / f"{index}.png"), np.rint(values * 255).astype(np.uint8))
        write_labels(folder / "labels" / f"{index}.png", scene.labels)
    return folder


@pytest.fixture
def tiny(monkeypatch):
    """A small network in BANet's place, which is exported in no time."""
    from imfuse.learn.guides import banet
    from imfuse.learn.guides.base import Logits, Segmenter

    class Tiny(Segmenter):
        name = title = paper = "tiny"
        heads = ("head.",)

        def __init__(self, *, classes: int = 9) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.head = torch.nn.Conv2d(8, classes, 1)

        def segment(self, pictures):
            return Logits(self.head(self.first(pictures).relu()), None)

    monkeypatch.setattr(banet, "BANet", Tiny)


@pytest.fixture
def quick(tiny, monkeypatch):
    """The same, and without the file that is exported at the end."""
    from imfuse.learn.recipes import segmenter

    monkeypatch.setattr(segmenter, "export_segmenter", lambda *_: 0.0)


def test_a_segmenter_is_trained_labels_and_is_scored(run, tiny, labelled, tmp_path):
    folder = tmp_path / "run"
    code, _, err = run("segment", "train", "banet", "--data", labelled, "-o", folder, *SMALL)
    assert code == 0, err
    assert "4 steps in one stage" in err
    assert "80000" in err
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.yaml", "log.jsonl", "state.ckpt", "weights.safetensors", "model.onnx"}
    assert names >= {"card.md", "card.json", "previews"}
    card = json.loads((folder / "card.json").read_text())
    assert (card["network"], card["recipe"], card["on"]) == ("banet", "banet", "vis")
    assert card["classes"][1] == "1"  # a plain folder knows no names
    assert card["scored"] == card["held_out"] > 0
    assert 0 <= card["scores"]["mIoU"] <= 1
    text = (folder / "card.md").read_text()
    assert f"Over all pixels of {card['scored']} held-out pairs together" in text
    assert "It looks at vis pictures" in text
    preview = cv2.imread(str(folder / "previews" / "0000004.png"))
    assert preview.shape[1] == 3 * (64 + 4)

    labels = tmp_path / "labels"
    code, out, err = run(
        "segment", "run", folder / "model.onnx", labelled / "vis", "-o", labels, "--json"
    )
    assert code == 0, err
    said = json.loads(out)
    assert (said["labelled"], said["failed"]) == (6, [])
    assert sum(said["pixels"].values()) == 6 * 48 * 64
    assert read_labels(labels / "3.png").shape == (48, 64)

    code, out, _ = run("segment", "score", labels, labelled / "labels", "--json")
    scores = json.loads(out)
    assert code == 0
    assert scores["count"] == 6
    assert 0 <= scores["miou"] < 1
    assert len(scores["iou"]) == 9
    code, out, _ = run("segment", "score", labelled / "labels", labelled / "labels")
    assert code == 0
    assert "mean" in out
    assert "100.00" in out


def test_a_segmenter_is_no_fusion_network(run, tiny, labelled, tmp_path):
    folder = tmp_path / "run"
    assert run("segment", "train", "banet", "--data", labelled, "-o", folder, *SMALL)[0] == 0
    pair = (labelled / "ir" / "0.png", labelled / "vis" / "0.png")
    code, _, err = run("fuse", *pair, "-o", tmp_path / "f.png", "-m", folder / "model.onnx")
    assert code == 3
    assert "a segmenter, not a fusion network" in err
    code, _, err = run("train", "--resume", "-o", folder)
    assert code == 2
    assert "a training of banet" in err
    assert "imfuse segment train --resume" in err


def test_labels_of_unknown_pixels_alone_have_no_scores(run, quick, labelled, tmp_path):
    for kind in ("ir", "vis"):
        (tmp_path / "some").mkdir(exist_ok=True)
        (tmp_path / "some" / kind).symlink_to(labelled / kind)
    (tmp_path / "some" / "labels").mkdir()
    for index in range(6):
        unknown = np.full((48, 64), 255, np.uint8)
        cv2.imwrite(str(tmp_path / "some" / "labels" / f"{index}.png"), unknown)
    given = ("--data", tmp_path / "some", "-o", tmp_path / "run")
    code, out, err = run("segment", "train", "banet", *given, *SMALL, "--json")
    assert code == 0, err
    assert json.loads(out)["scores"] == {}
    assert "NaN" not in (tmp_path / "run" / "card.json").read_text()


def test_held_out_scores_are_those_of_the_exported_file(run, tiny, labelled, tmp_path):
    from imfuse.data import hold_out, open_source

    folder = tmp_path / "run"
    code, *_ = run("segment", "train", "banet", "--data", labelled, "-o", folder, *SMALL)
    assert code == 0
    _, held = hold_out(open_source(labelled, split="train"), 0.3)
    (tmp_path / "held").mkdir()
    for name in held.names:
        content = (labelled / "vis" / f"{name}.png").read_bytes()
        (tmp_path / "held" / f"{name}.png").write_bytes(content)
    run("segment", "run", folder / "model.onnx", tmp_path / "held", "-o", tmp_path / "labels")
    _, out, _ = run("segment", "score", tmp_path / "labels", labelled / "labels", "--json")
    card = json.loads((folder / "card.json").read_text())
    assert json.loads(out)["miou"] == pytest.approx(card["scores"]["mIoU"], abs=2e-3)


def test_training_goes_on_where_it_stopped(run, quick, labelled, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command = ("segment", "train", "banet", "--data", labelled)
    often = ("--set", "checkpoint_every=2")
    assert run(*command, "-o", whole, *SMALL, *often)[0] == 0
    # As if it had been killed: all but the state of an earlier step is gone.

    from imfuse.learn.training.config import make_config
    from imfuse.learn.training.run import execute
    from imfuse.learn.training.setup import prepare

    class Killed(Exception):
        pass

    def kill(progress):
        if progress.step == 3:
            raise Killed

    settings = yaml.safe_load((whole / "config.yaml").read_text())["settings"]
    given = {"recipe": "banet", "data": [str(labelled)], "budget": "4it"}
    config = make_config({}, given, settings)
    with pytest.raises(Killed):
        execute(prepare(config), parts, None, kill)
    code, _, err = run("segment", "train", "--resume", "-o", parts)
    assert code == 0, err
    one, other = ((folder / "weights.safetensors").read_bytes() for folder in (whole, parts))
    assert one == other


def test_ema_keeps_a_mean_of_the_segmenter(run, quick, labelled, tmp_path):
    from safetensors.numpy import load_file

    found = []
    for name, more in (("plain", ()), ("mean", ("--set", "ema=0.9"))):
        folder = tmp_path / name
        command = ("segment", "train", "banet", "--data", labelled, "-o", folder)
        assert run(*command, *SMALL, *more)[0] == 0
        found.append(load_file(folder / "weights.safetensors"))
    plain, mean = found
    assert plain.keys() == mean.keys()
    assert any((plain[key] != mean[key]).any() for key in plain)


def test_it_can_look_at_infrared_or_fused_pictures(run, quick, labelled, tmp_path):
    command = ("segment", "train", "banet", "--data", labelled)
    for name, on in (("ir", "ir"), ("fused", f"fused:{labelled / 'ir'}")):
        code, _, err = run(*command, "--on", on, "-o", tmp_path / name, *SMALL)
        assert code == 0, err
    cards = [json.loads((tmp_path / name / "card.json").read_text()) for name in ("ir", "fused")]
    assert [card["on"] for card in cards] == ["ir", "fused"]
    # The same pixels by another way.
    assert cards[0]["scores"] == cards[1]["scores"]
    code, _, err = run(*command, "--on", f"fused:{labelled}", "-o", tmp_path / "none", *SMALL)
    assert code == 3
    assert "no pictures in this folder" in err
    assert not (tmp_path / "none").exists()


def test_weights_are_begun_with(run, quick, labelled, tmp_path):
    command = ("segment", "train", "banet", "--data", labelled)
    assert run(*command, "-o", tmp_path / "first", *SMALL)[0] == 0
    file = tmp_path / "first" / "weights.safetensors"
    more = ("--weights", file, "--set", "rate=1e-12")
    assert run(*command, "-o", tmp_path / "second", *SMALL, *more)[0] == 0
    from safetensors.numpy import load_file
    from safetensors.torch import save_file

    one, other = load_file(file), load_file(tmp_path / "second" / "weights.safetensors")
    assert all(np.abs(one[key] - other[key]).max() < 1e-9 for key in one)
    code, _, err = run(*command, "--weights", tmp_path / "x", "-o", tmp_path / "third", *SMALL)
    assert code == 3
    assert "no readable safetensors file" in err
    other = tmp_path / "other.safetensors"
    save_file({f"layer{i}.weight": torch.zeros(1) for i in range(99)}, other)
    code, _, err = run(*command, "--weights", other, "-o", tmp_path / "third", *SMALL)
    assert code == 3
    assert "weights that do not fit" in err
    assert len(err) < 500


def test_a_dry_run_shows_all_settings(run, labelled):
    code, out, _ = run(
        "segment", "train", "deeplabv3plus", "--data", labelled, "--dry-run", "--json"
    )
    assert code == 0
    plan = json.loads(out)
    # Five pairs to train on, four a batch: one step an epoch.
    (stage,) = plan["stages"]
    expected = {"name": "segment", "steps": 100, "planned": 100, "batch": 4}
    assert expected.items() <= stage.items()
    assert plan["settings"]["loss"] == "cross-entropy-dice"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "no segmenter; expected one of banet"),
        (("train", "banett", "--data", "scenes:2", "-o", "x"), "Did you mean banet"),
        (("train", "banet"), "no pairs to train on"),
        (("train", "banet", "--data", "scenes:2"), "no folder for the run"),
        (
            ("train", "banet", "--data", "scenes:2", "-o", "x", "--set", "crops=3"),
            "Did you mean crop",
        ),
        (("run", "none.onnx", ".", "-o", "out", "--map", "1=x"), "--map '1=x'"),
        (("run", "none.onnx", ".", "-o", "out", "--mean", "1,2"), "--mean 1,2"),
        (("run", "none.onnx", ".", "-o", "out", "--std", "0,1,1"), "other than 0"),
        (("run", "none.onnx", ".", "-o", "out", "--std", "nan,1,1"), "three numbers"),
        (("run", "none.onnx", ".", "-o", "out", "--scale", "0"), "other than 0"),
        (("run", "none.onnx", ".", "-o", "out", "--scale", "nan"), "other than 0"),
        (("run", "none.onnx", ".", "-o", "out", "--size", "big"), "WIDTHxHEIGHT"),
        (("score", ".", ".", "--exclude", "9"), "--exclude 9"),
    ],
)
def test_wrong_usage_says_what_is_right(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "run":
        (tmp_path / "none.onnx").write_bytes(b"x")
    code, _, err = run("segment", *arguments)
    assert code in (2, 3)
    assert message in err
    assert "Traceback" not in err


def test_pairs_without_labels_are_refused(run, labelled, tmp_path):
    for kind in ("ir", "vis"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        content = (labelled / kind / "0.png").read_bytes()
        (tmp_path / "data" / kind / "0.png").write_bytes(content)
    code, _, err = run("segment", "train", "banet", "--data", tmp_path / "data", "-o", "x")
    assert code == 2
    assert "no pair has labels" in err


def test_maps_are_read():
    assert parse_map("2=1, 0=2,*=0") == {2: 1, 0: 2, "*": 0}
    for text in ("", "1", "1=256", "a=1", "1=*", "=1"):
        with pytest.raises(UsageError, match="--map"):
            parse_map(text)


def test_labelling_needs_no_torch(tmp_path, labelled):
    import subprocess
    import sys

    script = (
        "import sys; from imfuse.cli import main\n"
        "sys.modules['torch'] = None\n"
        f"main(['segment', 'score', {str(labelled / 'labels')!r}, {str(labelled / 'labels')!r}])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_true_labels_of_msrs_are_scored(run, data, tmp_path):
    truth = data / "msrs" / "test" / "labels"
    code, out, _ = run("segment", "score", truth, truth, "--json")
    assert code == 0
    scores = json.loads(out)
    assert scores["count"] == len(list(truth.glob("*.png")))
    assert scores["miou"] == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in list(truth.glob("*.png"))[:20]:
        write_labels(empty / path.name, np.zeros((480, 640), np.uint8))
    _, out, _ = run("segment", "score", empty, truth, "--json")
    nothing = json.loads(out)
    # Nothing found: the background's IoU is its share, all others are 0.
    assert nothing["iou"][0] == pytest.approx(nothing["accuracy"])
    assert all(value in (0, None) for value in nothing["iou"][1:])
