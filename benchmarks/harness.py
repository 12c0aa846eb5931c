"""What the benchmarks share: medians, and results as JSON with all that they depend on."""

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "pillow", "pywavelets")


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median wall time of some work, after one run that does not count."""
    work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


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


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that has the first line of a module docstring as its description."""
    return argparse.ArgumentParser(description=(description or "").splitlines()[0])
