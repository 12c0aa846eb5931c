"""A training from its data to its end."""

import os
import signal
import sys
from dataclasses import replace

import pytest
import torch

from imfuse.errors import TrainingInterrupted
from imfuse.learn.data.sources import Source
from imfuse.learn.order import make_order
from imfuse.learn.run import prepare, train
from imfuse.learn.trainer.checkpoint import FILE, load_state


class Deadly(Source):
    """Pairs whose reading costs a worker its life, as a full memory does."""

    def __init__(self, source):
        self.source, self.entries, self.layout = source, source.entries, source.layout

    def load(self, index):
        if torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.source.load(index)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_reader_that_is_killed_is_named_and_the_state_kept(tmp_path):
    given = {"recipe": "seafusion", "data": ["scenes:3"], "budget": "4it"}
    changes = {"rounds": 1, "gamma": 0, "crop": 32, "batch": 2, "workers": 1, "held_out": 0}
    run = prepare(make_order({}, given, changes))
    run = replace(run, source=Deadly(run.source))
    with pytest.raises(TrainingInterrupted, match=r"ended from outside[\s\S]*--resume"):
        train(run, tmp_path / "run", None, lambda _: None)
    assert load_state(tmp_path / "run" / FILE).total == 0
