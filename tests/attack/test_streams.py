"""Closed, full and narrow streams, and Ctrl-C at any time: no traceback, and files are whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from imfuse.io.images import read_image, write_image
from imfuse.types import Picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX streams and signals")


def make_pairs(root, count, size=(60, 80)):
    rng = np.random.default_rng(5)
    for folder in ("ir", "vis"):
        (root / folder).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 256, size).astype(np.uint8)
            write_image(root / folder / f"{index:03d}.png", Picture(pixels=pixels))


def command(root, shell, **options):
    """Run `imfuse` within a shell line in which `$IMFUSE` stands for it."""
    environment = os.environ | {"IMFUSE": f"{sys.executable} -m imfuse"} | options
    return subprocess.run(
        ["/bin/sh", "-c", shell],
        check=False,
        cwd=root,
        env=environment,
        capture_output=True,
        timeout=120,
    )


FUSE = "$IMFUSE fuse ir/000.png vis/000.png -o out.png"


@pytest.mark.parametrize(
    ("shell", "code", "words"),
    [
        (f"{FUSE} --json >&-", 3, "can't write to standard output"),
        (f"{FUSE} --json >/dev/full", 3, "No space left"),
        (f"{FUSE} --json >&- 2>&-", 3, ""),
        (f"{FUSE} 2>&-", 0, ""),
        (f"{FUSE} 2>/dev/full", 0, ""),
        (f"{FUSE} <&- >&- 2>&-", 0, ""),
        (f"{FUSE} >/dev/full", 0, "out.png"),
        ("$IMFUSE --help >/dev/full", 3, "No space left"),
        ("$IMFUSE models list >&-", 3, "can't write to standard output"),
        ("$IMFUSE fuse no.png vis/000.png -o x.png --json >/dev/full", 3, "No space left"),
        ("$IMFUSE fuse no.png vis/000.png -o x.png 2>/dev/full", 3, ""),
    ],
)
def test_closed_and_full_streams(tmp_path, shell, code, words):
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    make_pairs(tmp_path, 1)
    done = command(tmp_path, shell)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    if shell.startswith(FUSE):
        assert read_image(tmp_path / "out.png").size == (60, 80)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ir", "out.png", "vis"]


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path):
    done = command(tmp_path, "($IMFUSE models list --json; echo $? >code) | head -c 1 >/dev/null")
    assert done.stderr == b""
    assert (tmp_path / "code").read_text().strip() in {"0", "141"}


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
    ],
)
def test_streams_that_lack_characters(tmp_path, environment):
    make_pairs(tmp_path, 2)
    (tmp_path / "ir" / "001.png").rename(tmp_path / "ir" / "Straße 温度.png")
    (tmp_path / "vis" / "001.png").rename(tmp_path / "vis" / "Straße 温度.png")
    shell = (
        "$IMFUSE fuse ir vis -o out --json && $IMFUSE evaluate out ir vis --metrics EN,SD,Qcv && "
        "$IMFUSE evaluate out ir vis --metrics EN,SD --json && $IMFUSE models list && "
        "$IMFUSE bench --models max --data . --metrics EN --no-audit"
    )
    done = command(tmp_path, shell, **environment)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


def test_names_that_are_not_utf8_pass_through_every_command(tmp_path):
    make_pairs(tmp_path, 2)
    name = os.fsdecode(b"caf\xe9 \x1b[31m.png")
    for folder in ("ir", "vis"):
        (tmp_path / folder / "001.png").rename(tmp_path / folder / name)
    shell = (
        "$IMFUSE fuse ir vis -o out --json && $IMFUSE fuse ir vis -o out --resume && "
        "$IMFUSE evaluate out ir vis --metrics EN,SD --report a.html --csv a.csv "
        "--markdown a.md && "
        "$IMFUSE bench --models max --data . --metrics EN --report b.html"
    )
    done = command(tmp_path, shell)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"\x1b[31m" not in done.stdout + done.stderr
    assert (tmp_path / "out" / name).exists()


def interrupted(root, arguments, delays, begun=lambda: True):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    process = subprocess.Popen(
        [sys.executable, "-m", "imfuse", *arguments],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    while not begun() and process.poll() is None:
        time.sleep(0.005)
    for delay in delays:
        time.sleep(delay)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


@pytest.mark.parametrize("pause", [0.0, 0.03, 0.15])
def test_five_interrupts_of_a_folder_run(tmp_path, pause):
    make_pairs(tmp_path, 80, size=(240, 320))
    code, stderr = interrupted(
        tmp_path,
        ["fuse", "ir", "vis", "-o", "out", "-m", "mst-sr"],
        [0, *[pause] * 4],
        begun=lambda: len(list(tmp_path.glob("out/*.png"))) > 2,
    )
    assert code == 130, stderr
    assert "Traceback" not in stderr
    assert "Exception ignored" not in stderr
    for path in (tmp_path / "out").glob("*.png"):
        read_image(path)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interrupt_at_any_time_shows_no_traceback(tmp_path, seed):
    make_pairs(tmp_path, 1)
    rng = np.random.default_rng(seed)
    for delay in rng.uniform(0.15, 0.7, 8 if seed == 0 else 60):
        code, stderr = interrupted(
            tmp_path, ["fuse", "ir/000.png", "vis/000.png", "-o", "out.png"], [delay]
        )
        # Before our first line runs, and after our last, Python itself answers.
        assert code in {0, 130, -signal.SIGINT}, (delay, stderr)
        assert "Traceback" not in stderr or "imfuse/cli" not in stderr, (delay, stderr)
