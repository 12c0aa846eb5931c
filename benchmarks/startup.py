"""Start-up time of the command and of the import.

Goal: `imfuse --help` in at most 0.3 s.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import median_seconds, parser, write_results

from imfuse.data.rendered import render_pairs


def main() -> None:
    """Time whole processes, 15 runs each."""
    parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (pair,) = render_pairs(Path(folder), ["street-day"], count=1, size=(480, 640), seed=0)
        ir, vis = (f"{folder}/{side}/{pair['name']}.png" for side in ("ir", "vis"))
        python = [sys.executable]
        commands = {
            "python -c pass": [*python, "-c", "pass"],
            "import imfuse": [*python, "-c", "import imfuse"],
            "import numpy": [*python, "-c", "import numpy"],
            "import torch": [*python, "-c", "import torch"],
            "imfuse --version": [*python, "-m", "imfuse", "--version"],
            "imfuse --help": [*python, "-m", "imfuse", "--help"],
            "imfuse fuse (640x480)": [
                *python,
                "-m",
                "imfuse",
                "fuse",
                ir,
                vis,
                "-o",
                f"{folder}/f.png",
            ],
        }
        seconds = {
            name: round(
                median_seconds(
                    lambda c=command: subprocess.run(c, capture_output=True, check=True), 15
                ),
                4,
            )
            for name, command in commands.items()
        }
    write_results("startup", {"median_seconds": seconds})


if __name__ == "__main__":
    main()
