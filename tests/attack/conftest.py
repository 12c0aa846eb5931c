"""Pairs and runs to attack."""

import shutil
import time

import numpy as np
import pytest

from imfuse.data.rendered import RenderedPairs
from imfuse.io.images import write_image
from imfuse.types import Picture


@pytest.fixture(scope="session")
def rendered_pairs():
    """Return a function that writes rendered pairs into the folders `ir` and `vis` of a folder."""

    def write(root, count, size=(48, 64)):
        source = RenderedPairs(min(count, 4), split="test", size=size)
        samples = [source.load(index) for index in range(len(source))]
        for folder in ("ir", "vis"):
            (root / folder).mkdir(parents=True)
        for index in range(count):
            sample = samples[index % len(samples)]  # rendering takes time: others are shifted
            for folder, pixels in (("ir", sample.ir), ("vis", sample.vis)):
                shifted = np.roll(pixels, 3 * index, axis=1)
                write_image(root / folder / f"{index:03d}.png", Picture(pixels=shifted))

    return write


QUICK = {
    "rounds": 1,
    "gamma": 0,
    "crop": 32,
    "batch": 2,
    "workers": 0,
    "held_out": 0,
    "checkpoint_every": 2,
}
SECONDS = 20
"""Longest time that a refusal may take."""


class Killed(Exception):
    """As by kill -9: nothing is written after it."""


def kill(progress):
    if progress.step == 3:
        raise Killed


@pytest.fixture(scope="session")
def killed(tmp_path_factory):
    """The folder of a training that was killed after its third step of four."""
    from imfuse.learn.training.config import make_config
    from imfuse.learn.training.run import execute
    from imfuse.learn.training.setup import prepare

    folder = tmp_path_factory.mktemp("attack") / "killed"
    given = {"recipe": "seafusion", "data": ["scenes:3"], "budget": "4it"}
    with pytest.raises(Killed):
        execute(prepare(make_config({}, given, QUICK)), folder, None, kill)
    return folder


@pytest.fixture
def attacked(killed, tmp_path):
    shutil.copytree(killed, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def refuse(run):
    """Run the command, and check that it refuses in time, by a short message and no traceback."""

    def check(*arguments, names=""):
        began = time.monotonic()
        code, out, error = run(*arguments)
        assert time.monotonic() - began < SECONDS
        assert code in {2, 3}, error
        assert "error: " in error
        assert names in error
        assert "Traceback" not in error
        assert "bug in imfuse" not in error
        assert out == ""
        assert len(error) < 1500

    return check
