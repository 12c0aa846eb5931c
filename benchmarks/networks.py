"""Speed of every network at 480x640 on all cores: PyTorch in two modes, ONNX in three.

Weights are random, since they do not affect the time. `eager` is plain PyTorch; `bf16` runs in
channels_last under bfloat16 autocast; `onnx` is the exported file in ONNX Runtime, as `imfuse fuse`
uses it; `openvino` and `openvino_bf16` are the same file in the other runtimes of `imfuse fuse`.
Memory is the increase in a fresh process that fuses one pair in ONNX Runtime. Rows of networks that
are not named are kept.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from harness import RESULTS, parser, write_results

from imfuse.engines.onnx import OnnxEngine
from imfuse.engines.openvino import OpenVinoEngine
from imfuse.learn.cost import count_macs
from imfuse.learn.export import export_onnx
from imfuse.learn.networks import NETWORKS, create_network
from imfuse.machine import available_cores

SIZE = (480, 640)
_MOST_RUNS, _ENOUGH_SECONDS = 9, 8.0
"""Number of runs for a median, or as many as start within this time."""


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of a task, after one warm-up run."""
    work()
    seconds: list[float] = []
    while len(seconds) < _MOST_RUNS and sum(seconds) < _ENOUGH_SECONDS:
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return round(1e3 * statistics.median(seconds), 1)


def _measure(name: str, folder: Path) -> dict[str, object]:
    torch.manual_seed(0)
    network = create_network(name).eval()
    channels = 3 if network.visible == "rgb" else 1
    ir, vis = torch.rand(1, 1, *SIZE), torch.rand(1, channels, *SIZE)
    out = folder / f"{name}.onnx"
    difference = export_onnx(network, out)
    engine = OnnxEngine(out)
    compiled = {
        f"openvino{'_bf16' * (precision == 'bf16')}": OpenVinoEngine(out, precision=precision)
        for precision in ("f32", "bf16")
    }
    arrays = ir[0, 0].numpy(), np.ascontiguousarray(vis[0].permute(1, 2, 0).squeeze(-1).numpy())
    last = [x.to(memory_format=torch.channels_last) for x in (ir, vis)]

    def eager() -> None:
        with torch.inference_mode():
            network(ir, vis)

    def half() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            network(*last)

    row: dict[str, object] = {
        "network": name,
        "parameters": network.parameters_count,
        "gmacs_256": round(count_macs(network) / 1e9, 3),
        "export_difference": difference,
        "onnx_ms": milliseconds(lambda: engine.fuse(*arrays)),
        "eager_ms": milliseconds(eager),
    }
    network.to(memory_format=torch.channels_last)
    row["bf16_ms"] = milliseconds(half)
    exact = engine.fuse(*arrays)
    for runtime, other in compiled.items():
        row[f"{runtime}_ms"] = milliseconds(lambda other=other: other.fuse(*arrays))
        row[f"{runtime}_difference"] = float(np.abs(other.fuse(*arrays) - exact).max())
    command = [sys.executable, "-m", "imfuse.bench.speed", str(out), *map(str, SIZE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row["onnx_peak_mb"] = round(json.loads(done.stdout))
    return row


def main() -> None:
    """Measure all networks, or those that are named."""
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", default=list(NETWORKS))
    names = arguments.parse_args().names
    torch.set_num_threads(available_cores())
    before = RESULTS / "networks.json"
    kept = json.loads(before.read_text())["results"]["rows"] if before.exists() else []
    rows = {row["network"]: row for row in kept}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            rows[name] = _measure(name, Path(folder))
            print(rows[name], flush=True)
    versions = {"torch": torch.__version__, "openvino": metadata.version("openvino")}
    listed = [rows[name] for name in NETWORKS if name in rows]
    write_results("networks", {"size": "640x480", **versions, "rows": listed})


if __name__ == "__main__":
    main()
