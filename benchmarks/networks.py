"""Every network at 480x640 on all cores: PyTorch in three ways against our ONNX route.

Weights are random: they do not matter for time. `eager` is the network as it is; `bf16` runs in
channels_last under bfloat16 autocast; `onnx` is the exported file in ONNX Runtime, as `imfuse fuse`
uses it. Memory is that of a fresh process that fuses one pair by the ONNX file, above what it had
before.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from harness import median_seconds, parser, write_results

from imfuse.engines.onnx import OnnxEngine
from imfuse.learn.cost import count_macs
from imfuse.learn.export import export_onnx
from imfuse.learn.networks import NETWORKS, create_network
from imfuse.machine import available_cores

SIZE = (480, 640)
_SLOW = 1.0
"""Seconds above which three runs are enough."""


def _milliseconds(work: object) -> float:
    once = median_seconds(work, 1)
    return round(1e3 * median_seconds(work, 3 if once > _SLOW else 9), 1)


def _measure(name: str, folder: Path) -> dict[str, object]:
    torch.manual_seed(0)
    network = create_network(name).eval()
    channels = 3 if network.visible == "rgb" else 1
    ir, vis = torch.rand(1, 1, *SIZE), torch.rand(1, channels, *SIZE)
    out = folder / f"{name}.onnx"
    difference = export_onnx(network, out)
    engine = OnnxEngine(out)
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
        "onnx_ms": _milliseconds(lambda: engine.fuse(*arrays)),
        "eager_ms": _milliseconds(eager),
    }
    network.to(memory_format=torch.channels_last)
    row["bf16_ms"] = _milliseconds(half)
    row["eager_to_onnx"] = round(row["eager_ms"] / row["onnx_ms"], 2)
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
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            rows.append(_measure(name, Path(folder)))
            print(rows[-1])
    write_results("networks", {"size": "640x480", "torch": torch.__version__, "rows": rows})


if __name__ == "__main__":
    main()
