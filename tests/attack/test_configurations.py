"""Absurd values for every option of every command: named errors, whatever they are.

Commands and options are found, not listed. A few values run always, all of them with
`make test-all`. No command that may touch the network is run.
"""

import os
import random
import resource
import signal
import sys
from itertools import chain

import pytest
import typer.main

from imfuse.cli.app import app

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX alarms and limits")

VALUES = {
    "nothing": "",
    "a blank": " ",
    "a null byte": "a\0b",
    "a newline": "a\nb",
    "an escape": "\x1b[31mred",
    "no UTF-8": "caf\udce9",
    "no number": "nan",
    "infinity": "inf",
    "minus infinity": "-inf",
    "a negative number": "-1",
    "zero": "0",
    "half": "0.5",
    "a large number": "999999999",
    "a huge number": "9" * 400,
    "a long number": "9" * 5000,
    "a float beyond floats": "1e999",
    "a tiny float": "1e-400",
    "Arabic digits": "\u0661\u0662",
    "an underscore": "1_0",
    "a hexadecimal number": "0x10",
    "a range from no number": "nan:1",
    "a range to infinity": "0:inf",
    "a range of nothing": "5:5",
    "percent beyond": "-1%:101%",
    "three parts": "1:2:3",
    "a colon": ":",
    "a share that is no number": "ir=nan",
    "a share beyond floats": "vis=1e999",
    "memory beyond floats": "1e999GB",
    "memory of no number": "nanGB",
    "a large size": "999999x999999",
    "an equals sign": "=",
    "no name": "=1",
    "no value": "a=",
    "nested lists": "a=" + "[" * 20_000,
    "closed nested lists": "batch=" + "[" * 20_000 + "]" * 20_000,
    "nested mappings": "network=" + '{"a":' * 20_000,
    "nested dots": "a." * 5000 + "=1",
    "many letters": "x" * 50_000,
    "nested groups": "(" * 5000 + "a" + ")" * 5000,
    "an open group": "(",
    "a slow expression": "(a+)+$",
    "a format": "%s%n{0}",
    "a folder": ".",
    "the folder above": "..",
    "a device": "/dev/null",
    "a folder under a file": "ir/000.png/x.png",
    "a missing file": "missing/x.png",
    "a picture": "ir/000.png",
    "a text": "text.txt",
    "a comma": ",",
    "many scenes": "scenes:0",
    "scenes of no number": "scenes:x",
}

QUICK = {
    "fuse": "ir/000.png vis/000.png -o out.png",
    "align": "ir/000.png vis/000.png -o out.png",
    "inspect": "ir/000.png",
    "palette": "ir/000.png -o out.png",
    "rig calibrate": "ir vis -o rig.json",
    "rig import": "text.txt -o rig.json --ir-size 64x48 --vis-size 64x48",
    "rig check": "text.txt ir/000.png vis/000.png",
    "rig show": "text.txt",
    "evaluate": "vis ir vis --metrics EN",
    "explain": "EN vis/000.png ir/000.png vis/000.png -o page.html",
    "bench": "--models max --data . --metrics EN --no-audit",
    "train": "seafusion --data scenes:2 --dry-run",
    "convert": "text.txt -o out.onnx",
    "export": "text.txt -o out.onnx",
    "models list": "",
    "models info": "max",
    "models verify": "",
    "data list": "",
    "data check": ".",
    "segment train": "bisenet --data scenes:2 --dry-run",
    "segment run": "text.txt vis -o labels",
    "segment score": "vis vis",
    "doctor": "",
    "scenes": "-o scenes -n 1 --size 32x24",
    "demo": "-o demo",
}
"""Arguments by which each command does something, where nothing absurd is added."""

SECONDS = 3
"""Time after which a command is interrupted: some values ask for much, and may."""

MEMORY = 6 << 30
"""Bytes by which no command may grow."""


def leaves(command, path=()):
    """Yield all commands that do something, with the words that call them."""
    commands = getattr(command, "commands", None)
    if commands is None:
        yield " ".join(path), command
        return
    for name, one in commands.items():
        yield from leaves(one, (*path, name))


COMMANDS = {
    name: command
    for name, command in leaves(typer.main.get_command(app))
    if not {"get", "pull"} & set(name.split())
}


def options(command):
    """Return the options of a command that take a value."""
    return [
        parameter
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.is_flag
    ]


_BEGUN: set[str] = set()
"""Commands that have run undisturbed in this process."""


@pytest.fixture
def attacked(tmp_path, monkeypatch, rendered_pairs, run):
    """Run a command in a folder of two pairs; return exit code, output and messages."""
    rendered_pairs(tmp_path, 2, size=(24, 32))
    (tmp_path / "text.txt").write_text("some text\n")
    monkeypatch.chdir(tmp_path)

    def interrupt(_number, _frame):
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGALRM, interrupt)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:  # noqa: PTH123 - no file on a disk
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))

    def attack(name, *words):
        if name not in _BEGUN:  # imports that an alarm breaks off can't be made good
            _BEGUN.add(name)
            run(*name.split(), *QUICK[name].split())
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            return run(*name.split(), *words)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    yield attack
    resource.setrlimit(resource.RLIMIT_AS, limits)
    signal.signal(signal.SIGALRM, before)


def check(found):
    code, out, error = found
    assert code in {0, 2, 3, 130}, error
    assert "Traceback" not in error
    assert "bug in imfuse" not in error
    assert "\x1b" not in out + error
    assert len(error) < 3000


def test_all_commands_are_attacked():
    assert COMMANDS.keys() == QUICK.keys()


ALWAYS = {
    "fuse": 12,
    "align": 2,
    "palette": 3,
    "rig calibrate": 2,
    "rig import": 4,
    "evaluate": 4,
    "bench": 3,
    "scenes": 3,
    "models info": 2,
    "data check": 2,
}
"""Values that are tried always, by command; the others need PyTorch, or have few options."""


@pytest.mark.parametrize(
    ("name", "seed"),
    [(name, seed) for name, count in ALWAYS.items() for seed in range(count)]
    + [
        pytest.param(name, seed, marks=pytest.mark.slow)
        for name in QUICK
        for seed in range(1000, 1030)
    ],
)
def test_absurd_values_of_options(attacked, name, seed):
    chance = random.Random(f"{name} {seed}")  # noqa: S311 - no secrets
    words = QUICK[name].split()
    possible = options(COMMANDS[name])
    chosen = chance.sample(possible, min(len(possible), chance.choice([1, 1, 1, 2])))
    added = [(option.opts[0], chance.choice(list(VALUES.values()))) for option in chosen]
    check(attacked(name, *words, *chain.from_iterable(added)))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "name", [n if n == "fuse" else pytest.param(n, marks=pytest.mark.slow) for n in QUICK]
)
def test_absurd_values_of_arguments(attacked, name, value):
    words = QUICK[name].split()
    if words and not words[0].startswith("-"):
        words[0] = VALUES[value]
    check(attacked(name, *words))
