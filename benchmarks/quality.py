"""Scores of every method on training pairs, the basis for choosing the default method.

30 training pairs of MSRS and the first 60 of RoadScene's 171, by `imfuse bench`; needs the real
pairs (`IMFUSE_DATA`). Test pairs are never used to choose a method.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from harness import parser, write_results

from imfuse.registry import method_names


def _bench(*options: str) -> dict[str, object]:
    """Run the command for all methods and return its JSON results for the main protocol."""
    command = [sys.executable, "-m", "imfuse", "bench", "--models", ",".join(method_names())]
    fixed = ["--protocols", "reference", "--no-audit", "--no-speed", "--json"]
    done = subprocess.run([*command, *options, *fixed], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    ranking = found["rankings"]["reference"]
    return {
        "pairs": found["count"],
        "pairs_sha256": found["pairs_sha256"],
        "rows": [
            {
                "method": row["model"],
                "mean": {symbol: round(value, 4) for symbol, value in row["mean"].items()},
                "mean_rank": round(ranking["mean_rank"][row["model"]], 2),
            }
            for row in found["models"]
        ],
    }


def main() -> None:
    """Run both sets."""
    parser(__doc__).parse_args()
    data = Path(os.environ.get("IMFUSE_DATA", "../../shared/data"))
    roads = data / "roadscene"
    results = {
        "MSRS train": _bench("--data", str(data / "msrs" / "train34")),
        "RoadScene train": _bench(
            *("--data", str(roads), "--names", str(roads / "train171.txt"), "--limit", "60")
        ),
    }
    write_results("quality", results)


if __name__ == "__main__":
    main()
