"""Measure the time and memory that a method takes for a pair, separately from everything else."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imfuse.data.entries import NamedPair
from imfuse.fuser import Fuser
from imfuse.options import InfraredRange

_UNLIMITED = 1 << 50
"""Memory limit in bytes, high enough to measure the memory that a method takes without a limit."""

_SECONDS = 1.0
"""Approximate time for repetitions, of which there are at least three."""


@dataclass(frozen=True)
class Speed:
    """Cost of one pair, from arrays in memory to an array in memory.

    Attributes:
        latency_ms: Median wall time in milliseconds, with all cores.
        peak_mb: Peak resident memory of a new process that fuses one pair, minus the memory it had
            before it loaded the method, in 2^20 bytes; None if the system does not report it.
        size: Width x height of the pair.
    """

    latency_ms: float
    peak_mb: float | None
    size: str


def measure_speed(
    model: str, pairs: Sequence[NamedPair], ir_range: InfraredRange | None = None
) -> Speed:
    """Measure the cost of fusing the first pair, by repetition.

    Args:
        model: Name of a method, or a model file.
        pairs: The pairs, of which the first one is fused.
        ir_range: Infrared values that become black and white; None: those of their type.
    """
    pair = pairs[0].load()
    fuser = Fuser(model, max_memory=_UNLIMITED, ir_range=ir_range)
    fuser.fuse(pair)
    seconds: list[float] = []
    while len(seconds) < 3 or sum(seconds) < _SECONDS:
        started = time.perf_counter()
        fuser.fuse(pair)
        seconds.append(time.perf_counter() - started)
    height, width = pair.vis.size
    peak = peak_in_fresh_process(model, height, width)
    return Speed(1e3 * statistics.median(seconds), peak, f"{width}x{height}")


def peak_in_fresh_process(model: str, height: int, width: int) -> float | None:
    """Return `Speed.peak_mb` of a method for colour pictures of a size.

    Args:
        model: Name of a method, or a model file.
        height: Height in pixels.
        width: Width in pixels.
    """
    command = [sys.executable, "-m", "imfuse.bench.speed", model, str(height), str(width)]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            found, _ = process.communicate()
        except BaseException:
            process.kill()
            process.wait()  # which `subprocess.run` leaves out after Ctrl-C
            raise
    return float(found) if process.returncode == 0 else None


def _peak(model: str, height: int, width: int) -> float:
    """Return the growth of this process's peak in MiB while it loads a method and fuses."""
    import numpy as np  # noqa: PLC0415 - its memory counts as present before the method is loaded

    from imfuse.types import ImagePair, Picture  # noqa: PLC0415 - likewise

    rng = np.random.default_rng(0)
    ir, vis = (rng.integers(0, 256, (height, width, *c), dtype=np.uint8) for c in ((), (3,)))
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    before = _kibibytes("VmRSS")
    name = Path(model) if Path(model).suffix else model
    Fuser(name, max_memory=_UNLIMITED).fuse(pair)
    return (_kibibytes("VmHWM") - before) / 1024


def _kibibytes(entry: str) -> int:
    """Return an entry of Linux's memory status of this process; elsewhere the file is missing.

    `getrusage` is of no use: after a fork, it starts with the parent's peak.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))


if __name__ == "__main__":
    sys.stdout.write(f"{_peak(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):.1f}\n")
