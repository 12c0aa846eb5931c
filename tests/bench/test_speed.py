"""Cost is measured, not made up: more work takes longer, more memory shows."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from imfuse.bench.speed import measure_speed, peak_in_fresh_process
from imfuse.data.entries import NamedPair
from imfuse.types import ImagePair, Picture


def pairs(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    pair = ImagePair(ir=Picture(pixels=pixels), vis=Picture(pixels=pixels[::-1].copy()))
    return [NamedPair("a", lambda: pair)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_larger_pictures_cost_more():
    small, large = (measure_speed("laplacian", pairs(*size)) for size in ((64, 80), (1200, 1600)))
    assert large.latency_ms > 3 * small.latency_ms > 0
    assert large.peak_mb > small.peak_mb + 8
    assert large.size == "1600x1200"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX alarms")
def test_an_interrupt_leaves_no_process_behind(monkeypatch):
    started = []

    class Slow(subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__([sys.executable, "-c", "import time; time.sleep(60)"], **options)
            started.append(self)
            signal.setitimer(signal.ITIMER_REAL, 0.2)

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Slow)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            peak_in_fresh_process("max", 32, 32)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert started[0].returncode is not None
