"""Peak memory of fusing 8192x8192 with each method, above the decoded inputs.

Goal: at most 1 GB above the inputs. Each method runs the real command in a separate process;
`above_inputs_mb` is its peak resident size minus that of a bare start and minus the two decoded
pictures (67 MB gray, 201 MB RGB).
"""

import tempfile
from pathlib import Path

import numpy as np
from harness import parser, peak_mb, ready_methods, with_others, write_results

from imfuse.io.images import write_image
from imfuse.scenes import render
from imfuse.types import Picture

SIDE = 8192


def _make_pair(folder: Path) -> None:
    """Write one large pair by repeating a rendered scene, mirrored so that no seams show."""
    scene = render("street-day", size=(1024, 1024), seed=1)
    for name, values in (("ir", scene.ir), ("vis", scene.vis)):
        small = np.rint(values * 255).astype(np.uint8)
        repeats = [(0, SIDE - 1024)] * 2 + [(0, 0)] * (small.ndim - 2)
        write_image(folder / f"{name}.png", Picture(pixels=np.pad(small, repeats, "symmetric")))


def main() -> None:
    """Measure every method that works in tiles, and record the messages of the others."""
    arguments = parser(__doc__)
    arguments.add_argument("--methods", default=",".join(ready_methods()))
    options = arguments.parse_args()
    inputs_mb = SIDE * SIDE * (1 + 3) / 1e6
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_pair(folder)
        bare = peak_mb(["doctor", "--json"])[0]
        for method in options.methods.split(","):
            files = [str(folder / f"{side}.png") for side in ("ir", "vis")]
            command = ["fuse", *files, "-o", str(folder / "out.png"), "-m", method]
            peak, seconds, code, message = peak_mb(command)
            row: dict[str, object] = {"method": method, "exit_code": code}
            if code == 0:
                row["above_inputs_mb"] = round(peak - bare - inputs_mb)
                row["seconds"] = round(seconds, 1)
            else:
                row["message"] = message.replace(f"{folder}/", "")
            print(row)
            rows.append(row)
    write_results(
        "memory", {"side": SIDE, "bare_start_mb": round(bare), "rows": with_others("memory", rows)}
    )


if __name__ == "__main__":
    main()
