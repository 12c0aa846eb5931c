"""Cost of networks at the sizes of the papers' tables: parameters, MACs, time and memory.

`python efficiency.py [NETWORK]... [--sizes HEIGHTxWIDTH...] [--count-only]`. Weights are random,
which changes neither. Time is the median of one pair in ONNX Runtime on all cores; memory is the
increase in a fresh process that fuses one pair. `--count-only` counts parameters and MACs, which
takes seconds, and leaves times as they were. Networks and sizes that are not named keep their rows.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from harness import RESULTS, parser, write_results
from networks import milliseconds

from imfuse.engines.load import load_engine
from imfuse.learn.cost import count_macs
from imfuse.learn.export import export_onnx
from imfuse.learn.networks import NETWORKS, create_network

SIZES = ("256x256", "512x512", "768x1024")
"""Heights and widths; RefineFuse's table 11 has the first two, and the times on M3FD the last."""

Size = tuple[int, int]


def parse_size(text: str) -> Size:
    """Return the height and width of a size such as `768x1024`."""
    height, width = text.split("x")
    return int(height), int(width)


def count(name: str, size: Size) -> dict[str, object]:
    """Return the parameters and MACs of a network for a pair."""
    network = create_network(name)
    return {
        "network": name,
        "size": f"{size[0]}x{size[1]}",
        "parameters": network.parameters_count,
        "gmac": round(count_macs(network, *size) / 1e9, 3),
    }


def measure(name: str, size: Size, folder: Path) -> dict[str, object]:
    """Return the time and memory of a network for a pair.

    Args:
        name: Name of the network.
        size: Height and width.
        folder: Folder for the exported file, which is made once.
    """
    file = folder / f"{name}.onnx"
    if not file.exists():
        torch.manual_seed(0)
        export_onnx(create_network(name), file)
    engine = load_engine(file)
    rng = np.random.default_rng(0)
    channels = (3,) if engine.spec.visible == "rgb" else ()
    ir, vis = (rng.random((*size, *more), np.float32) for more in ((), channels))
    command = [sys.executable, "-m", "imfuse.bench.speed", str(file), *map(str, size)]
    peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {
        "onnx_ms": milliseconds(lambda: engine.fuse(ir, vis)),
        "peak_mb": round(json.loads(peak)),
    }


def main() -> None:
    """Measure the given networks at the given sizes."""
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", default=list(NETWORKS))
    arguments.add_argument("--sizes", nargs="+", default=SIZES, metavar="HEIGHTxWIDTH")
    arguments.add_argument("--count-only", action="store_true")
    given = arguments.parse_args()
    before = RESULTS / "efficiency.json"
    kept = json.loads(before.read_text())["results"]["rows"] if before.exists() else []
    rows = {(row["network"], row["size"]): row for row in kept}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.names:
            for text in given.sizes:
                size = parse_size(text)
                row = {"onnx_ms": None, "peak_mb": None} | rows.get((name, text), {})
                row |= count(name, size)
                row |= {} if given.count_only else measure(name, size, Path(folder))
                rows[name, text] = row
                print(row, flush=True)
    order = {name: place for place, name in enumerate(NETWORKS)}
    listed = sorted(rows.values(), key=lambda row: (order[row["network"]], row["gmac"]))
    write_results("efficiency", {"rows": listed})


if __name__ == "__main__":
    main()
