"""Time of every method, and of our own networks, for one colour pair, decoded to fused, at 640x480.

The time covers the whole pipeline (luma, method, recombination, rounding) for arrays in memory,
with OpenCV on one thread and on all cores.
"""

import cv2
import numpy as np
from harness import median_seconds, parser, ready_methods, write_results

from imfuse.fuser import Fuser
from imfuse.machine import available_cores
from imfuse.scenes import render
from imfuse.types import ImagePair, Picture


def main() -> None:
    """Measure the median of at least five runs for each method."""
    parser(__doc__).parse_args()
    scene = render("street-day", size=(480, 640), seed=0)
    ir, vis = (np.rint(values * 255).astype(np.uint8) for values in (scene.ir, scene.vis))
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    rows = []
    for method in ready_methods():
        row: dict[str, object] = {"method": method}
        for threads in (1, available_cores()):
            cv2.setNumThreads(threads)
            fuser = Fuser(method, threads=threads)
            once = median_seconds(lambda f=fuser: f.fuse(pair), 1)
            seconds = median_seconds(lambda f=fuser: f.fuse(pair), 5 if once > 0.2 else 31)
            row[f"ms_{threads}_threads"] = round(1e3 * seconds, 2)
        print(row)
        rows.append(row)
    write_results("methods", {"size": "640x480", "rows": rows})


if __name__ == "__main__":
    main()
