"""A segmenter trained again for each method: what is trained, counted, kept and refused."""

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.data.rendered import RenderedPairs  # noqa: E402 - after the skip
from imfuse.errors import PairMismatch, UsageError  # noqa: E402
from imfuse.io.images import read_image, write_image  # noqa: E402
from imfuse.io.labels import read_labels, write_labels  # noqa: E402
from imfuse.learn.downstream import retrain  # noqa: E402
from imfuse.learn.downstream import training as training_of_rows  # noqa: E402
from imfuse.learn.downstream.parts import open_directions  # noqa: E402
from imfuse.learn.downstream.pictures import Fused  # noqa: E402
from imfuse.learn.downstream.protocol import _of_pairs, _trainee  # noqa: E402
from imfuse.learn.downstream.summary import mean_over_seeds  # noqa: E402
from imfuse.learn.downstream.training import Job, Trainee  # noqa: E402
from imfuse.metrics.segmentation import confusion_matrix, segmentation_scores  # noqa: E402
from imfuse.types import Picture  # noqa: E402

torch.set_num_threads(1)
SIZE = (64, 80)
QUICK = {"batch": 2, "crop": 48, "workers": 0, "precision": "float32", "checkpoint_every": 1}
BUDGET = "2it"


def write_pairs(folder, numbers):
    """Write small rendered pairs, whose labels are easy to learn, and return their names."""
    source = RenderedPairs(max(numbers) + 1, size=SIZE)
    names = []
    for kind in ("ir", "vis", "labels"):
        (folder / kind).mkdir(parents=True)
    for number in numbers:
        sample, name = source.load(number), f"{number:05d}{'DN'[number % 2]}"
        for kind in ("ir", "vis"):
            write_image(folder / kind / f"{name}.png", Picture(pixels=getattr(sample, kind)))
        bright = sample.vis.mean(axis=2) > np.median(sample.vis.mean(axis=2))
        classes = 1 + bright + 2 * (sample.ir > np.median(sample.ir))
        write_labels(folder / "labels" / f"{name}.png", classes.astype(np.uint8))
        names.append(name)
    return names


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with five pairs, their folds, and finished pictures: the visible ones."""
    place = tmp_path_factory.mktemp("folds")
    names = write_pairs(place / "set", range(5))
    (place / "folds.json").write_text(json.dumps({"a": names[:3], "b": names[3:]}))
    shutil.copytree(place / "set" / "vis", place / "mine")
    return place


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """Return a folder with two training pairs and one test pair."""
    place = tmp_path_factory.mktemp("splits") / "set"
    write_pairs(place / "train", range(2))
    write_pairs(place / "test", [2])
    return place


def retrained(place, **changes):
    asked = {
        "models": ["max"],
        "fused": [("mine", place / "mine")],
        "folds": place / "folds.json",
        "settings": QUICK,
        "budget": BUDGET,
        **changes,
    }
    return retrain("banet", place / "set", place / "cache", **asked)


@pytest.fixture(scope="module")
def done(place):
    """Return the summary of a comparison by two folds."""
    return retrained(place)


@pytest.fixture
def untrained(monkeypatch):
    """Fail if anything is trained."""

    def fail(*_, **__):
        raise AssertionError("a training began")

    monkeypatch.setattr(training_of_rows, "train", fail)


def predictions(place, label, trained_on):
    (folder,) = (place / "cache" / "rows").glob(f"{label}-{trained_on}-seed0-*")
    return folder / "labels"


def mean_iou(table):
    """Return the mean over the classes that labels have, in percent."""
    return 100 * np.mean(segmentation_scores(table).iou[table.sum(axis=1) > 0])


def test_scores_are_those_of_the_predictions_that_are_kept(done, place):
    folds = json.loads((place / "folds.json").read_text())
    for row in done.rows:
        label, tables = row.whole.label, {}
        for train, test in (("a", "b"), ("b", "a")):
            labels = predictions(place, label, train)
            assert {file.stem for file in labels.iterdir()} == set(folds[test])
            pairs = [
                (read_labels(place / "set" / "labels" / file.name), read_labels(file))
                for file in labels.iterdir()
            ]
            tables[train] = sum(confusion_matrix(true, found, 9) for true, found in pairs)
            assert row.ways[train, test].mean() == pytest.approx(mean_iou(tables[train]))
        both = tables["a"] + tables["b"]
        np.testing.assert_array_equal(row.whole.confusion["all"], both)
        assert row.whole.mean() == pytest.approx(mean_iou(both))


def test_each_row_sees_its_pictures(done, place):
    rows = {row.whole.label: row.whole for row in done.rows}
    assert list(rows) == ["visible", "infrared", "max", "mine", "two-encoders"]
    # The finished pictures are the visible ones, so their row must be the same.
    for light, table in rows["visible"].confusion.items():
        np.testing.assert_array_equal(rows["mine"].confusion[light], table)
    others = [row.confusion["all"] for row in rows.values() if row.label != "mine"]
    assert len({table.tobytes() for table in others}) == 4
    assert rows["visible"].count == {"all": 5, "day": 3, "night": 2}
    assert all(row.steps == [2, 2] for row in done.rows)
    fused = next((place / "cache" / "fused").glob("max-a-*"))
    name = json.loads((place / "folds.json").read_text())["a"][0]
    sources = [read_image(place / "set" / kind / f"{name}.png") for kind in ("ir", "vis")]
    assert read_image(fused / f"{name}.png").size == sources[1].size


@pytest.mark.usefixtures("done", "untrained")
def test_the_command_finds_everything_in_the_cache(run, place, tmp_path):
    settings = [part for key, value in QUICK.items() for part in ("--set", f"{key}={value}")]
    command = (
        *("bench", "--task", "segment", "--retrain", "banet", "--models", "max"),
        *("--fused", f"mine={place / 'mine'}", "--data", place / "set", "-o", place / "cache"),
        *("--folds", place / "folds.json", "--budget", BUDGET, *settings),
    )
    code, out, error = run(*command, "--json", "--csv", tmp_path / "t.csv")
    assert code == 0, error
    found = json.loads(out)
    assert [row["model"] for row in found["rows"]][-1] == "two-encoders"
    assert [(one["train"], one["test"]) for one in found["folds"]] == [("a", "b"), ("b", "a")]
    row = found["rows"][2]
    assert set(row["iou"]) == {"all", "day", "night"}
    assert row["against_better_source"]["all"]["source"] in ("visible", "infrared")
    assert row["spread"] == {"min": row["iou"]["all"]["mean"], "max": row["iou"]["all"]["mean"]}
    assert row["folds"][0]["iou"]["all"]["mean"] is not None
    assert found["seeds"] == [0]
    assert "10 of 10 trainings are in" in error
    assert (tmp_path / "t.csv").read_text().startswith("truth,label,measure")
    code, out, error = run(*command, "--markdown", tmp_path / "t.md")
    assert code == 0, error
    assert "Mean IoU by direction" in out
    assert "a to b" in (tmp_path / "t.md").read_text()


def test_seeds_are_averaged(done):
    first, second = done.rows[0].whole, done.rows[2].whole
    mean = mean_over_seeds([first, second])
    for light, values in mean.main.items():
        for name, value in values.items():
            both = [first.main[light][name], second.main[light][name]]
            assert np.isnan(value) == np.isnan(both).all()
            assert np.isnan(value) or value == pytest.approx(np.nanmean(both))
    np.testing.assert_allclose(mean.drawn["all"], (first.drawn["all"] + second.drawn["all"]) / 2)
    total = first.confusion["day"] + second.confusion["day"]
    np.testing.assert_array_equal(mean.confusion["day"], total)


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_seeds_and_cmx_are_trained_beside_what_is_there(place):
    begun = []
    summary = retrained(
        place, models=[], fused=[], seeds=2, exchange=["none", "cmx"], tell=begun.append
    )
    assert len([line for line in begun if ", trained on" in line]) == 4 + 2 * 4 - 2
    for row in summary.rows:
        assert list(row.by_seed) == [0, 1]
        assert row.whole.mean() == pytest.approx(np.mean(list(row.by_seed.values())))
        assert row.spread == (min(row.by_seed.values()), max(row.by_seed.values()))
        assert row.whole.confusion["all"].sum() == 2 * 5 * SIZE[0] * SIZE[1]
    assert summary.rows[-1].whole.label == "two-encoders-cmx"
    assert [section.title for section in summary.sections()][-1] == "Mean IoU by seed"
    assert set(summary.as_dict()["rows"][0]["seeds"]) == {"0", "1"}


def test_rendered_scenes_have_splits_and_two_encoders_get_as_many_steps(place):
    (direction,), _ = open_directions("scenes:2", None)
    assert [part.name for part in (direction.train, direction.test)] == ["train", "test"]
    assert not set(direction.train.names) & set(direction.test.names)
    directions, _ = open_directions(str(place / "set"), place / "folds.json")
    settings = {"crop": 64, "rate": 0.5, "workers": 0}
    trainee, classes = _trainee("segformer-b0", None, settings, None, directions)
    assert trainee.budget == "160000it"
    assert len(classes) == 9
    ((_, plain), (_, cmx)) = _of_pairs(trainee, ["none", "cmx"])
    assert plain.budget == trainee.budget
    own, other = plain.settings(), trainee.settings()
    for name in ("batch", "crop", "scale", "jitter", "held_out", "workers"):
        assert getattr(own, name) == getattr(other, name)
    assert own.rate == 0.01  # that of its own optimiser
    assert own.network["encoder"] == "resnet-18"
    assert cmx.settings().network["exchange"] == "cmx"
    settings = {"rate": 0.5, "network.pretrained": False}
    trainee, _ = _trainee("banet-imagenet", "release", settings, "3it", directions)
    ((_, plain),) = _of_pairs(trainee, ["none"])
    network = {"encoder": "efficientnet-lite0", "pretrained": False, "exchange": "none"}
    assert plain.settings().network == network
    assert (plain.settings().rate, plain.settings().loss) == (0.5, "hard-examples")


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_killed_command_continues_and_changed_settings_begin_anew(splits, tmp_path):
    steps = []

    def kill(progress):
        steps.append(progress.step)
        if len(steps) == 6:
            raise Killed

    def again(watch, **changes):
        settings = {**QUICK, **changes}
        cache = tmp_path / "cache"
        return retrain(
            "banet", splits, cache, models=[], settings=settings, budget="4it", watch=watch
        )

    with pytest.raises(Killed):
        again(kill)
    assert steps == [1, 2, 3, 4, 1, 2]  # visible is finished, infrared has one checkpoint
    steps.clear()
    summary = again(lambda progress: steps.append(progress.step))
    assert steps == [2, 3, 4, 1, 2, 3, 4]
    assert [len(row.ways) for row in summary.rows] == [1, 1, 1]
    steps.clear()
    again(lambda progress: steps.append(progress.step), checkpoint_every=100)
    assert steps == []  # how often a state is kept changes no weights
    with pytest.raises(Killed):
        again(kill, rate=0.02)
    assert steps == [1, 2, 3, 4, 1, 2]


def test_a_replaced_model_file_is_another_row(splits, golden, tmp_path):
    (direction,), _ = open_directions(str(splits), None)
    trainee = Trainee("banet", None, QUICK, BUDGET)
    model = tmp_path / "model.onnx"

    def folder():
        return Job(Fused.by(str(model)), trainee, direction, 0).folder(tmp_path)

    content = (golden / "tiny.onnx").read_bytes()
    model.write_bytes(content)
    first = folder()
    assert folder() == first
    model.write_bytes(content + b"\x72\x02x1")  # an unknown field: the same network, another file
    assert folder() != first


@pytest.mark.usefixtures("untrained")
def test_wrong_folds_are_refused(place, tmp_path):
    good = json.loads((place / "folds.json").read_text())
    file = tmp_path / "folds.json"
    for content, match in (
        ({"a": good["a"], "b": good["a"][:1]}, "1 pairs are in both folds, such as 00000D"),
        ({"a": good["a"], "b": ["nothing"]}, "names of fold b have no pair, such as nothing"),
        ({"a": good["a"]}, "not two folds"),
        ({"a": good["a"], "b": []}, "not two folds"),
        ([1], "not two folds"),
    ):
        file.write_text(json.dumps(content))
        with pytest.raises(UsageError, match=match):
            retrained(place, folds=file)
    with pytest.raises(UsageError, match="can't be read"):
        retrained(place, folds=tmp_path / "none.json")
    shutil.copytree(place / "set", tmp_path / "set")
    (tmp_path / "set" / "labels" / "00004D.png").unlink()
    with pytest.raises(UsageError, match="1 pairs of fold b have no labels, such as 00004D"):
        open_directions(str(tmp_path / "set"), place / "folds.json")


@pytest.mark.usefixtures("untrained")
def test_test_pairs_are_trained_on_only_by_folds(place, splits, tmp_path):
    with pytest.raises(UsageError, match="pairs without splits"):
        retrained(place, folds=None)
    with pytest.raises(UsageError, match="Test pairs are trained on only where a file says so"):
        retrain("banet", splits / "test", tmp_path / "cache")
    for file in (splits / "test" / "labels").iterdir():
        folds = {"a": [file.stem], "b": ["00000D"]}
    (tmp_path / "folds.json").write_text(json.dumps(folds))
    _, (note,) = open_directions(str(splits), tmp_path / "folds.json")
    assert "divides pairs of the test split" in note


@pytest.mark.usefixtures("done", "untrained")
def test_base_rows_can_be_left_out(place):
    alone = retrained(place, base_rows=False)
    assert [row.whole.label for row in alone.rows] == ["max", "mine"]


@pytest.mark.usefixtures("untrained")
def test_other_wrong_arguments_are_refused(place, tmp_path, run):
    one = next((place / "mine").iterdir())
    (tmp_path / "few").mkdir()
    shutil.copy(one, tmp_path / "few")
    for changes, match, kind in (
        ({"fused": [("few", tmp_path / "few")]}, "few has no picture of", PairMismatch),
        ({"fused": [("max", place / "mine")]}, "two rows are named max", UsageError),
        ({"settings": {"on": "ir"}}, "the setting on", UsageError),
        ({"settings": {"classes": 4}}, "classes=4", UsageError),
        ({"exchange": ["much"]}, "exchange 'much'", UsageError),
        ({"base_rows": False, "models": [], "fused": []}, "no rows", UsageError),
        ({"seeds": 0}, "0 seeds", UsageError),
        ({"budget": "long"}, "not a budget", UsageError),
        ({"device": "4"}, "device '4'", UsageError),
    ):
        with pytest.raises(kind, match=match):
            retrained(place, **changes)
    with pytest.raises(UsageError, match="two-encoders, which always has a row"):
        retrain("two-encoders", place / "set", tmp_path / "cache", folds=place / "folds.json")
    command = "bench", "--data", place / "set"
    for options, match in (
        (("--task", "segment", "--retrain", "banet"), "-o CACHE"),
        (("--task", "segment", "--folds", place / "folds.json"), "options of --retrain without it"),
        (("--seeds", "2"), "options of --retrain without it"),
        (
            ("--task", "detect", "--retrain", "banet", "-o", tmp_path / "c"),
            "--task segment with it",
        ),
        (
            ("--task", "segment", "--retrain", "banet", "-o", tmp_path / "c", "--limit", "3"),
            "parts of a dataset",
        ),
    ):
        code, _, error = run(*command, *options)
        assert code == 2
        assert match in error
