"""Weights stored in 16 and 8 bits: size of the file, and what it changes in fused real pairs.

`python storage.py [FILE | NAME]... [--every N]` exports each network in 32, 16 and 8 bits, fuses
every N-th of MSRS's 361 test pairs with each file, and compares the pictures with those of the
32-bit file, in gray levels of 255 before rounding. Networks that are not named keep their rows.
Needs `IMFUSE_DATA`.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from harness import RESULTS, parser, write_results

import imfuse
from imfuse.engines.load import load_engine
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.export import export_onnx
from imfuse.learn.loading import load
from imfuse.learn.storage import Bits
from imfuse.metrics.catalogue import find_metric
from imfuse.ops.color import luma

METRICS = ("VIF", "Qabf", "SF")
Pair = tuple[np.ndarray, np.ndarray]
BITS: tuple[Bits, ...] = (32, 16, 8)


def _row(model: str, bits: Bits, pairs: list[Pair]) -> dict[str, object]:
    """Return the size of a file, its pictures, and their mean scores."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        file = Path(model)
        loaded = load_weights(file) if file.is_file() else None
        network, settings = (loaded.network, loaded.settings) if loaded else (load(model), {})
        spec = network.spec(loaded.origin) if loaded else None
        export_onnx(network, out, spec, settings=settings, bits=bits)
        engine = load_engine(out)
        seen = [(ir, vis if engine.spec.visible == "rgb" else luma(vis)) for ir, vis in pairs]
        fused = [255 * np.clip(engine.fuse(*pair), 0, 1) for pair in seen]
        scores = {
            name: np.mean(
                [
                    find_metric(name)(one, 255 * ir, 255 * luma(vis), data_range=255)
                    for one, (ir, vis) in zip(fused, pairs, strict=True)
                ]
            )
            for name in METRICS
        }
        return {"megabytes": out.stat().st_size / 1e6, "fused": fused, "means": scores}


def compare(model: str, pairs: list[Pair]) -> dict[str, object]:
    """Return the rows of a network."""
    found = {bits: _row(model, bits, pairs) for bits in BITS}
    whole = found[32]["fused"]
    rows = {}
    for bits, row in found.items():
        gaps = [np.abs(a - b) for a, b in zip(row.pop("fused"), whole, strict=True)]
        rows[str(bits)] = {
            "megabytes": round(row["megabytes"], 3),
            "largest_difference": round(float(max(gap.max() for gap in gaps)), 4),
            "mean_difference": round(float(np.mean([gap.mean() for gap in gaps])), 4),
            "means": {name: round(float(value), 4) for name, value in row["means"].items()},
        }
    return {"pairs": len(pairs), "bits": rows}


def _values(file: Path) -> np.ndarray:
    return np.float32(imfuse.read_image(file).pixels) / 255


def main() -> None:
    """Compare the networks that are named."""
    arguments = parser(__doc__)
    arguments.add_argument("models", nargs="+")
    arguments.add_argument("--every", type=int, default=30)
    given = arguments.parse_args()
    data = Path(os.environ.get("IMFUSE_DATA", "../shared/data")) / "msrs" / "test"
    files = sorted((data / "vis").iterdir())[:: given.every]
    pairs = [(luma(_values(data / "ir" / one.name)), _values(one)) for one in files]
    for model in given.models:
        before = RESULTS / "storage.json"
        rows = json.loads(before.read_text())["results"]["rows"] if before.exists() else {}
        write_results("storage", {"rows": rows | {Path(model).stem: compare(model, pairs)}})


if __name__ == "__main__":
    main()
