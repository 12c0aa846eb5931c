"""Folder runs that are killed, and that meet: nothing is lost, mixed or left behind.

A few kills run always, all of them with `make test-all`.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

PAIRS = 24
OPTIONS = ("-m", "gtf", "--workers", "2")


def begin(root, out, *options):
    """Start a folder run in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "imfuse", "fuse", "ir", "vis", "-o", out, *OPTIONS, *options],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def wait_for(count, folder, process):
    """Wait until a run has written some results, or has ended."""
    until = time.monotonic() + 60
    while len(list(folder.glob("*.png"))) < count and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.002)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, rendered_pairs):
    """Folder of the pairs, seconds that a run takes there, and its results."""
    root = tmp_path_factory.mktemp("kills")
    rendered_pairs(root, PAIRS, size=(96, 128))
    began = time.monotonic()
    process = begin(root, "whole")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    whole = results(root / "whole")
    assert len(whole) == PAIRS
    return root, time.monotonic() - began, whole


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))]
)
def test_a_run_that_is_killed_twice_can_be_resumed(undisturbed, seed):
    root, seconds, whole = undisturbed
    out = root / f"killed-{seed}"
    chance = random.Random(seed)  # noqa: S311 - no secrets
    for _ in range(2):
        process = begin(root, out.name, "--resume")
        time.sleep(chance.uniform(0.1, 1) * seconds)
        process.kill()
        process.communicate(timeout=60)
        for name, content in results(out).items():
            assert content == whole[name]
    process = begin(root, out.name, "--resume")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert results(out) == whole
    ours = {"imfuse-run.json", "imfuse-results.jsonl", ".imfuse-lock"}
    assert {path.name for path in out.iterdir()} - ours == whole.keys()


@pytest.mark.parametrize(
    "count", [1, *(pytest.param(count, marks=pytest.mark.slow) for count in range(2, 12))]
)
def test_of_two_runs_in_one_folder_the_second_is_refused(undisturbed, count):
    root, _, whole = undisturbed
    out = root / f"shared-{count}"
    first = begin(root, out.name)
    wait_for(count, out, first)
    os.kill(first.pid, signal.SIGSTOP)  # it holds the folder for as long as the second one runs
    try:
        second = begin(root, out.name, "--resume")
        _, refusal = second.communicate(timeout=60)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    _, error = first.communicate(timeout=120)
    assert second.returncode == 3, refusal
    assert out.name in refusal
    assert "Traceback" not in refusal
    assert first.returncode == 0, error
    assert results(out) == whole


def test_a_killed_run_holds_its_folder_no_longer(undisturbed):
    root, _, whole = undisturbed
    first = begin(root, "left")
    wait_for(1, root / "left", first)
    first.kill()
    first.communicate(timeout=60)
    second = begin(root, "left")
    _, error = second.communicate(timeout=120)
    assert second.returncode == 0, error
    assert results(root / "left") == whole
