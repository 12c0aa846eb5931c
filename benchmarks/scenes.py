"""Time of rendering one pair of each kind at 640x480, on one core."""

import itertools

import cv2
from harness import median_seconds, parser, write_results

from imfuse.scenes import SCENES, render

SEEDS = 12


def main() -> None:
    """Measure the median over the first seeds of each kind, without the very first call."""
    parser(__doc__).parse_args()
    cv2.setNumThreads(1)
    seconds = {}
    for kind in SCENES:
        seeds = itertools.count(-1)  # the warm-up run renders seed 0 too
        seconds[kind] = round(
            median_seconds(lambda k=kind, n=seeds: render(k, seed=max(next(n), 0)), SEEDS), 3
        )
    write_results("scenes", {"size": "640x480", "seeds": SEEDS, "median_seconds": seconds})


if __name__ == "__main__":
    main()
