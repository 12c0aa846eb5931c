"""Scores of the published weights that are available, on the test pairs of MSRS.

`imfuse models info NAME` shows them as measured here. Needs the real pairs and the weights
(`IMFUSE_DATA`). Results of networks that are not named are kept.
"""

import json
import os
import tempfile
from pathlib import Path

from harness import RESULTS, imfuse, parser, write_results

FILES = {
    "seafusion": ["SeAFusion.pth"],
    "densefuse": ["DenseFuse-gray.pth"],
    "ifcnn": ["IFCNN-MAX.pth"],
    "didfuse": ["DIDFuse-Encoder.pkl", "DIDFuse-Decoder.pkl"],
}
SYMBOLS = ("EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf", "SSIM")


def _score(name: str, data: Path) -> dict[str, object]:
    pairs = [data / "msrs" / "test" / kind for kind in ("ir", "vis")]
    with tempfile.TemporaryDirectory() as folder:
        weights, model = (Path(folder) / f"{name}.{ending}" for ending in ("safetensors", "onnx"))
        imfuse("convert", *(data / "checkpoints" / file for file in FILES[name]), weights)
        imfuse("export", weights, "-o", model)
        out = Path(folder) / "fused"
        imfuse("fuse", *pairs, "-o", out, "-m", model, "--workers", "1")
        found = json.loads(imfuse("evaluate", out, *pairs, "--json"))
    return {
        "network": name,
        "pairs": f"MSRS test ({found['count']})",
        "pairs_sha256": found["pairs_sha256"],
        "protocol": found["protocol"],
        "means": {symbol: round(found["mean"][symbol], 4) for symbol in SYMBOLS},
    }


def main() -> None:
    """Score all networks, or those that are named."""
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", default=list(FILES))
    names = arguments.parse_args().names
    data = Path(os.environ.get("IMFUSE_DATA", "../shared/data"))
    before = RESULTS / "published.json"
    kept = json.loads(before.read_text())["results"]["rows"] if before.exists() else []
    rows = {row["network"]: row for row in kept}
    for name in names:
        rows[name] = _score(name, data)
        write_results("published", {"rows": [rows[name] for name in FILES if name in rows]})


if __name__ == "__main__":
    main()
