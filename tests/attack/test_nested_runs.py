"""Files of runs whose values nest deeply: refused by name, however deep, without a crash.

A few always run, all of them with `make test-all`. Depths lie around those where Python, or one of
its libraries, gives up: 200, 1000, and where a stack in C ends.
"""

import json
import random
import zipfile

import pytest

from imfuse.runs import RESULTS_FILE, RUN_FILE

torch = pytest.importorskip("torch")

from imfuse.learn.training.folder import CONFIG, LOG, STATE  # noqa: E402 - after the skip

MARK = "where the nest is put"
DEPTHS = (33, 150, 199, 400, 900, 990, 3000, 30_000, 100_000)


def pickled(kind, depth):
    """Return a pickled value that nests; `torch.save` itself can write none so deep."""
    return {
        "lists": b"]" * depth + b"a" * (depth - 1),
        "dictionaries": b"}X\x01\0\0\0a" * depth + b"N" + b"s" * depth,
        "tuples": b"N" + b"\x85" * depth,
        "a key": b"}N" + b"\x85" * depth + b"Ns",
        "a list in itself": b"]q\xf0h\xf0a",
    }[kind]


KINDS = ("lists", "dictionaries", "tuples", "a key", "a list in itself")
PLACES = (
    *(("config",), ("config", "settings"), ("config", "settings", "network", "a")),
    *(("config", "settings", "batch"), ("config", "data"), ("config", "steps")),
    *(("config", "budget"), ("config", "folder"), ("config", "recipe"), ("config", "more")),
    *(("stage",), ("step",), ("seconds",), ("modules",), ("modules", "more")),
    *(("optimizers",), ("optimizers", 0, "state"), ("optimizers", 0, "state", 0)),
    *(("optimizers", 0, "state", 0, "exp_avg"), ("optimizers", 0, "param_groups")),
    *(("optimizers", 0, "param_groups", 0, "lr"), ("average",), ("random",), ("random", "cpu")),
    *(("random", "cuda"), ("format",), ("more",)),
)


def nest(path, place, kind, depth):
    """Put a value that nests into a state."""
    state = torch.load(path, weights_only=True)
    *way, last = place
    inner = state
    for key in way:
        inner = inner[key]
    inner[last] = MARK
    torch.save(state, path)
    mark = b"X" + len(MARK).to_bytes(4, "little") + MARK.encode()
    with zipfile.ZipFile(path) as archive:
        parts = {one.filename: archive.read(one) for one in archive.infolist()}
    (name,) = (one for one in parts if one.endswith("data.pkl"))
    assert mark in parts[name]
    parts[name] = parts[name].replace(mark, pickled(kind, depth))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def drawn(seed):
    """Return one of all cases, each seed another one."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    return rng.choice(PLACES), rng.choice(KINDS), rng.choice(DEPTHS)


SEEDS = [seed if seed < 6 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(150)]


@pytest.mark.parametrize("seed", SEEDS)
def test_states_that_nest_are_refused(attacked, refuse, seed):
    nest(attacked / STATE, *drawn(seed))
    refuse("train", "--resume", "-o", attacked, names=STATE)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_of_a_state_that_nest_are_refused(attacked, refuse, kind):
    """Where the message showed the setting, Python overflowed its stack."""
    nest(attacked / STATE, ("config", "settings", "batch"), kind, 30_000)
    refuse("train", "--resume", "-o", attacked, names=STATE)


def text(opening, closing, depth):
    return opening * depth + "1" + closing * depth


FORMS = [("[", "]"), ('{"a": ', "}")]


@pytest.mark.parametrize("form", FORMS, ids="".join)
@pytest.mark.parametrize("depth", DEPTHS)
def test_logs_that_nest_are_refused(attacked, refuse, form, depth):
    line = f'{{"step": 1, "more": {text(*form, depth)}}}\n'
    (attacked / LOG).write_text(line + (attacked / LOG).read_text())
    refuse("train", "--resume", "-o", attacked, names=LOG)


@pytest.mark.parametrize("form", FORMS, ids="".join)
@pytest.mark.parametrize("depth", DEPTHS)
def test_configurations_that_nest_are_refused(attacked, refuse, form, depth):
    (attacked / CONFIG).write_text(f"recipe: seafusion\nsettings: {text(*form, depth)}\n")
    refuse("train", "--resume", "-o", attacked, names=CONFIG)


@pytest.mark.parametrize("form", FORMS, ids="".join)
@pytest.mark.parametrize("depth", DEPTHS)
def test_run_files_that_nest_are_refused(rendered_pairs, tmp_path, run, refuse, form, depth):
    rendered_pairs(tmp_path, 1)
    fuse = ("fuse", tmp_path / "ir", tmp_path / "vis", "-o", tmp_path / "out", "-m", "average")
    assert run(*fuse)[0] == 0
    file = tmp_path / "out" / RUN_FILE
    content = json.loads(file.read_text())
    content["settings"]["model"] = MARK
    nested = json.dumps(content).replace(f'"{MARK}"', text(*form, depth))
    file.write_text(nested)
    refuse(*fuse, "--resume", names=str(tmp_path / "out"))


@pytest.mark.parametrize("form", FORMS, ids="".join)
@pytest.mark.parametrize("depth", DEPTHS)
def test_lines_of_results_that_nest_are_passed_over(rendered_pairs, tmp_path, run, form, depth):
    rendered_pairs(tmp_path, 1)
    fuse = ("fuse", tmp_path / "ir", tmp_path / "vis", "-o", tmp_path / "out", "-m", "average")
    assert run(*fuse)[0] == 0
    file = tmp_path / "out" / RESULTS_FILE
    line = json.dumps(json.loads(file.read_text()) | {"warnings": [MARK]})
    file.write_text(line.replace(f'"{MARK}"', text(*form, depth)) + "\n")
    code, _, error = run(*fuse, "--resume")
    assert code == 0, error
    assert "Traceback" not in error
