"""Folders of runs and configurations that were cut, changed or made up: refused, by name.

A few of each kind run always, all of them with `make test-all`.
"""

import copy
import itertools
import json
import os
import random
import shutil

import pytest
import yaml

torch = pytest.importorskip("torch")

from imfuse.learn.training.folder import CONFIG, LOG, STATE  # noqa: E402 - after the skip


def test_the_run_that_is_attacked_can_be_resumed(attacked, run):
    code, _, error = run("train", "--resume", "-o", attacked)
    assert code == 0, error
    assert "resuming after step 2 of 4" in error


def put(place, value):
    """Return a change of a state: another value at a place, which is a path of keys."""

    def change(state):
        *path, last = place
        for key in path:
            state = state[key]
        state[last] = value

    return change


def drop(*place):
    def change(state):
        *path, last = place
        for key in path:
            state = state[key]
        del state[last]

    return change


def reshape(state):
    key = next(iter(state["modules"]))
    state["modules"][key] = torch.zeros(3, 5, 7)


def moments(value):
    def change(state):
        first = state["optimizers"][0]["state"]
        first[next(iter(first))]["exp_avg"] = value

    return change


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


FIELDS = ("config", "stage", "step", "total", "seconds", "modules", "optimizers", "average")
WRONG = (None, "x", -1, 1 << 70, 2.5, float("nan"), [], {}, [[]], {"a": 1}, torch.zeros(2), True)
MADE = {
    "nothing": lambda state: state.clear(),
    "no format": drop("format"),
    "another format": put(["format"], "x" * 9999),
    "another key": put(["more"], 1),
    "no modules": drop("modules"),
    "no config": drop("config"),
    "a missing weight": lambda state: state["modules"].popitem(),
    "another weight": put(["modules", "more"], torch.zeros(1)),
    "a weight of another shape": reshape,
    "weights that are none": lambda s: s.update(modules=dict.fromkeys(s["modules"], 3)),
    "moments of another shape": moments(torch.zeros(2, 2)),
    "moments of another type": moments("x"),
    "moments that are huge": moments(torch.zeros(1).expand(1 << 40)),
    "no groups": put(["optimizers", 0, "param_groups"], []),
    "other groups": put(["optimizers", 0, "param_groups", 0, "params"], [0]),
    "no optimisers": put(["optimizers"], []),
    "two optimisers": lambda s: s["optimizers"].append(s["optimizers"][0]),
    "no random numbers": put(["random"], {}),
    "short random numbers": put(["random", "cpu"], torch.zeros(3, dtype=torch.uint8)),
    "random numbers of another type": put(["random", "cpu"], "x"),
    "steps of two stages": put(["config", "steps"], [2, 2]),
    "steps of none": put(["config", "steps"], [0]),
    "steps without end": put(["config", "steps"], [1 << 62]),
    "no recipe": drop("config", "recipe"),
    "another recipe": put(["config", "recipe"], "psfusion"),
    "an unknown recipe": put(["config", "recipe"], "x" * 9999),
    "no data": put(["config", "data"], []),
    "other data": put(["config", "data"], ["/nowhere"]),
    "more data": put(["config", "data"], ["scenes:4"]),
    "settings that are none": put(["config", "settings"], 3),
    "settings that nest": put(["config", "settings", "network"], {"a": nest(150)}),
    "other settings": put(["config", "settings", "batch"], "many"),
    "an unknown setting": put(["config", "settings", "bach"], 3),
}
MADE |= {f"{name} is {str(wrong)[:12]}": put([name], wrong) for name in FIELDS for wrong in WRONG}
VALID = {"average is None", "seconds is 2.5"}
"""Changes above that a state may have."""
ALWAYS = ("no modules", "a weight of another shape", "moments of another type", "step is x")


def some(names, always):
    return [n if n in always else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", some(sorted(MADE.keys() - VALID), ALWAYS))
def test_states_of_other_content_are_refused(attacked, refuse, name):
    state = torch.load(attacked / STATE, weights_only=True)
    MADE[name](state)
    torch.save(state, attacked / STATE)
    refuse("train", "--resume", "-o", attacked)


@pytest.mark.parametrize("seed", some(range(60), range(3)))
def test_states_with_other_bytes_are_refused_or_the_same(attacked, run, killed, seed):
    """A flipped bit is refused, or is one that holds nothing, such as in padding."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    content = bytearray((killed / STATE).read_bytes())
    for _ in range(rng.choice([1, 1, 8])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    (attacked / STATE).write_bytes(content)
    code, _, error = run("train", "--resume", "-o", attacked)
    assert "Traceback" not in error
    assert "bug in imfuse" not in error
    assert code in {0, 2, 3}, error
    if code == 0:
        (attacked / STATE).write_bytes((killed / STATE).read_bytes())
        before = (attacked / "weights.safetensors").read_bytes()
        assert run("train", "--resume", "-o", attacked)[0] == 0
        assert (attacked / "weights.safetensors").read_bytes() == before
    else:
        assert STATE in error


@pytest.mark.parametrize("share", some([0.0, 0.01, 0.3, 0.5, 0.9, 0.999], [0.0, 0.5]))
def test_states_that_were_cut_are_refused(attacked, refuse, share):
    content = (attacked / STATE).read_bytes()
    (attacked / STATE).write_bytes(content[: int(len(content) * share)])
    refuse("train", "--resume", "-o", attacked, names=STATE)


LINES = {
    "words": b"hello\n",
    "a list": b"[1]\n",
    "no step": b'{"loss": 1.0}\n',
    "a step that is none": b'{"step": "1"}\n',
    "a step that is true": b'{"step": true}\n',
    "no text": b"\xff\xfe\x00\n",
    "zeros": bytes(4096) + b"\n",
    "nested": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "a long number": b'{"step": ' + b"1" * 9999 + b"}\n",
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("first", [True, False])
def test_logs_with_other_lines_are_refused(attacked, refuse, name, first):
    log = attacked / LOG
    content = log.read_bytes()
    log.write_bytes(LINES[name] + content if first else content + LINES[name])
    refuse("train", "--resume", "-o", attacked, names=LOG)


def test_a_log_that_is_gone_or_cut_stops_no_training(attacked, run, killed):
    (attacked / LOG).unlink()
    assert run("train", "--resume", "-o", attacked)[0] == 0
    shutil.copy(killed / STATE, attacked / STATE)
    (attacked / LOG).write_bytes((killed / LOG).read_bytes()[:-20])
    assert run("train", "--resume", "-o", attacked)[0] == 0
    lines = (attacked / LOG).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def aliases(levels):
    names = [chr(ord("a") + n) for n in range(levels)]
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    pairs = itertools.pairwise(names)
    lines += [f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]" for old, new in pairs]
    return "\n".join(lines)


CONFIGS = {
    "aliases": aliases(9),
    "an alias to itself": "a: &a [*a]",
    "merged aliases": "a: &a {batch: 2}\nsettings: {<<: *a}",
    "nested lists": "a: " + "[" * 30_000,
    "closed nested lists": "a: " + "[" * 30_000 + "]" * 30_000,
    "nested mappings": "{a: " * 15_000,
    "nested lines": "\n".join(" " * n + "a:" for n in range(300)),
    "dashes": "- " * 30_000,
    "many keys": "\n".join(f"k{n}: {n}" for n in range(5000)),
    "a long number": "batch: " + "1" * 60_000,
    "a long name": "a" * 60_000 + ": 1",
    "a long value": "batch: " + "a" * 60_000,
    "no such day": "batch: 2026-99-99",
    "objects": "batch: !!python/object/apply:os.system ['true']",
    "bytes": "batch: !!binary aGVsbG8=",
    "a set": "batch: !!set {a, b}",
    "a list as a key": "? [a, b]\n: 1",
    "an unknown tag": "batch: !x 3",
    "no text": b"batch: \xff\xfe",
    "zeros": bytes(1000),
    "a megabyte": "#" * (1 << 20),
    "infinity": "batch: .inf",
    "dots": "." * 2000 + ": 1",
    "settings nested": "recipe: seafusion\nsettings: {network: {a: " + "[" * 12 + "]" * 12 + "}}",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_that_are_bombs_or_rubbish_are_refused(tmp_path, refuse, name):
    file = tmp_path / "given.yaml"
    content = CONFIGS[name]
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    refuse("train", "seafusion", "--data", "scenes:2", "--config", file, "--dry-run")


@pytest.mark.parametrize("seed", some(range(200), range(10)))
def test_changed_configurations_of_runs_are_refused_or_taken(attacked, run, seed):
    rng = random.Random(seed)  # noqa: S311 - no secrets
    content = bytearray((attacked / CONFIG).read_bytes())
    for _ in range(rng.choice([1, 2, 5, 20])):
        place = rng.randrange(len(content))
        content[place : place + rng.choice([0, 1, 1, 9])] = bytes(
            rng.choice(b"[]{}:&*!-#'\"\n \t01aZ\x00\xff") for _ in range(rng.choice([1, 1, 3]))
        )
    (attacked / "changed.yaml").write_bytes(content)
    code, _, error = run("train", "--config", attacked / "changed.yaml", "--dry-run")
    assert code in {0, 2, 3}, error
    assert "Traceback" not in error
    assert "bug in imfuse" not in error


@pytest.mark.parametrize("key", ["recipe", "data", "steps", "settings", "budget", "stride", "x"])
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [[]], {"a": []}, -1, 1e400, "9" * 5000])
@pytest.mark.slow
def test_configurations_of_killed_starts_are_refused_or_taken(attacked, run, key, value):
    """Without a state, `--resume` begins with what `config.yaml` says."""
    config = yaml.safe_load((attacked / CONFIG).read_text())
    shutil.rmtree(attacked)
    attacked.mkdir()
    (attacked / CONFIG).write_text(yaml.safe_dump({**config, key: value}))
    code, _, error = run("train", "--resume", "-o", attacked)
    assert code in {0, 2, 3}, error
    assert "Traceback" not in error
    assert "bug in imfuse" not in error
    assert len(error) < 1500


@pytest.mark.parametrize("content", ["a: [1", "recipe: psfusion\ndata: [x]", "x: 1", "- 1"])
def test_a_configuration_that_is_not_the_states_is_refused(attacked, refuse, content):
    (attacked / CONFIG).write_text(content)
    refuse("train", "--resume", "-o", attacked, names=CONFIG)


def test_an_edited_configuration_is_refused_by_the_name_of_the_setting(attacked, refuse):
    config = yaml.safe_load((attacked / CONFIG).read_text())
    changed = copy.deepcopy(config)
    changed["settings"]["rate"] = 0.5
    (attacked / CONFIG).write_text(yaml.safe_dump(changed))
    refuse("train", "--resume", "-o", attacked, names="rate: not what the training began with")


@pytest.mark.parametrize(
    "setting",
    [
        "crop=" + "[" * 5000,
        "crop=" + "[" * 5000 + "]" * 5000,
        "network.a=" + '{"a":' * 5000 + "1" + "}" * 5000,
        "batch=" + "1" * 5000,
        "batch=" + "x" * 100_000,
        "x" * 100_000 + "=1",
        "." * 5000 + "=1",
        "segmentation." * 500 + "a=1",
        "batch=1e999",
        "batch=NaN",
    ],
    ids=lambda text: text[:24],
)
def test_settings_that_are_bombs_or_rubbish_are_refused(refuse, setting):
    refuse("train", "seafusion", "--data", "scenes:2", "--dry-run", "--set", setting)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_to_is_named(attacked, refuse):
    attacked.chmod(0o500)
    try:
        refuse("train", "--resume", "-o", attacked)
    finally:
        attacked.chmod(0o700)
