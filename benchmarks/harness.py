"""Shared parts of the benchmarks: medians, and results as JSON with their conditions."""

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from imfuse.engines.packages import OURS, ZOO
from imfuse.registry import method_names

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PACKAGES_OF_WEIGHTS = {
    OURS: ROOT / "src" / "imfuse" / "weights",
    ZOO: ROOT / "zoo" / "src" / "imfuse_zoo",
}
"""Folders of the weights in this repository, by distribution."""
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "pillow", "pywavelets")


def median_seconds(
    work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the median time of a task by a clock (wall time), after one warm-up run."""
    work()
    seconds = []
    for _ in range(repeats):
        started = clock()
        work()
        seconds.append(clock() - started)
    return statistics.median(seconds)


def imfuse(*arguments: str | Path) -> str:
    """Run an imfuse command and return its output; errors are passed through."""
    command = [sys.executable, "-m", "imfuse", *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")


def write_results(name: str, results: object) -> None:
    """Write `results/NAME.json` and print it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    record = {
        "benchmark": name,
        "commit": commit,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {p: importlib.metadata.version(p) for p in PACKAGES},
        "results": results,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)


def with_others(name: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return rows with those of methods that an earlier run measured and this one did not."""
    file = RESULTS / f"{name}.json"
    before = json.loads(file.read_text())["results"]["rows"] if file.exists() else []
    new = {row["method"] for row in rows}
    return [*(row for row in before if row["method"] not in new), *rows]


def ready_methods() -> list[str]:
    """Return the classical methods and our own networks: what users with a camera choose from."""
    return [*method_names(), "imfuse-s", "imfuse-b"]


def peak_mb(arguments: list[str]) -> tuple[float, float, int, str]:
    """Run a command; return its peak resident megabytes, seconds, exit code and messages."""
    # VmHWM, not ru_maxrss, which inherits the size of the parent process.
    code = (
        "import sys\nfrom imfuse.cli import main\ntry:\n    main(sys.argv[1:])\n"
        "finally:\n    lines = open('/proc/self/status').read().splitlines()\n"
        "    peak = next(x.split()[1] for x in lines if x.startswith('VmHWM'))\n"
        "    sys.stderr.write(f'\\npeak {peak}')"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    *messages, peak = [line for line in done.stderr.splitlines() if line]
    kilobytes = int(peak.removeprefix("peak "))
    message = "".join(messages[-1:])
    return kilobytes * 1.024e-3, time.perf_counter() - started, done.returncode, message


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser described by the first line of a module docstring."""
    return argparse.ArgumentParser(description=(description or "").splitlines()[0])
