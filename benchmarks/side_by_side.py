"""Time and memory of our own networks in one run with a classical method and published networks.

Goals at 640x480 in colour, on two cores, everything but reading files: `imfuse-s` at most 1.5 times
`laplacian-max`, `imfuse-b` at most 8 times; 1920x1080 at most 8 times as long as 640x480; peak
memory under 200 MB above a bare start. The methods take turns, so that what else the machine does
hits all alike; the first runs of a turn don't count, as threads of the method before still spin
then. DenseFuse and IFCNN have random weights, since these do not affect the time.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from harness import parser, write_results

from imfuse.bench.speed import peak_in_fresh_process
from imfuse.fuser import Fuser
from imfuse.learn.export import export_onnx
from imfuse.learn.networks import create_network
from imfuse.scenes import render
from imfuse.types import ImagePair, Picture

SIZES = {"640x480": (480, 640), "1920x1080": (1080, 1920)}
FIRST = "laplacian-max"
OURS = ("imfuse-s", "imfuse-b")
PUBLISHED = ("densefuse", "ifcnn", "seafusion")
_TURNS = 3
_FIRST, _COUNTED = 3, 9
"""Runs in a turn before those that count, and those that count, of fast methods; of slow ones, one
run counts after another one."""


def _pair(size: tuple[int, int]) -> ImagePair:
    scene = render("street-night", size=size, seed=0)
    ir, vis = (np.rint(values * 255).astype(np.uint8) for values in (scene.ir, scene.vis))
    return ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))


def _models(folder: Path) -> dict[str, str | Path]:
    models: dict[str, str | Path] = {name: name for name in (FIRST, *OURS)}
    for name in PUBLISHED:
        torch.manual_seed(0)
        models[name] = folder / f"{name}.onnx"
        export_onnx(create_network(name).eval(), folder / f"{name}.onnx")
    return models


def _medians(models: dict[str, str | Path], size: tuple[int, int]) -> dict[str, float]:
    """Return the median milliseconds of each method."""
    pair, fusers = _pair(size), {name: Fuser(model) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in fusers}
    for _ in range(_TURNS):
        for name, fuser in fusers.items():
            first, counted = (1, 1) if name in PUBLISHED else (_FIRST, _COUNTED)
            for run in range(first + counted):
                started = time.perf_counter()
                fuser.fuse(pair)
                if run >= first:
                    seconds[name].append(time.perf_counter() - started)
    return {name: 1e3 * statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    """Measure all methods at both sizes."""
    parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = _models(Path(folder))
        rows = {name: {"method": name} for name in models}
        for label, size in SIZES.items():
            found = _medians(models, size)
            for name, milliseconds in found.items():
                peak = peak_in_fresh_process(str(models[name]), *size)
                rows[name][label] = {
                    "ms": round(milliseconds, 2),
                    "times_first": round(milliseconds / found[FIRST], 2),
                    "peak_mb": None if peak is None else round(peak * 1.048576),
                }
                print(name, label, rows[name][label], flush=True)
    write_results("side_by_side", {"rows": list(rows.values())})


if __name__ == "__main__":
    main()
