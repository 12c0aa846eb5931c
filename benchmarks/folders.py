"""Throughput of a folder run against the pure method, at 640x480 with two workers.

Goal: at least 90 % of the pure method's throughput. Two readings of that are given. `one_thread`
compares with the method called in a loop in one thread, which is what a script without a folder
runner would do at best (decoding and encoding cost it nothing here). `two_threads` compares with
the method alone on two threads: then decoding and encoding compete for the same two cores, and
the ratio can only approach 1 for methods that take much longer than they do.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
from harness import parser, write_results

from imfuse.demo import render_pairs
from imfuse.folders import FolderJob, prepare
from imfuse.io.images import encode_image, read_image
from imfuse.pipeline import Fuser
from imfuse.registry import method_names
from imfuse.types import ImagePair


def _pure(fuser: Fuser, pairs: list[ImagePair], threads: int) -> float:
    """Return pairs per second of the method on decoded pictures, without any file."""
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fuser.fuse, pairs))
    return len(pairs) / (time.perf_counter() - started)


def _folder(root: Path, method: str, count: int) -> float:
    job = FolderJob(ir=root / "ir", vis=root / "vis", out=root / method, model=method, workers=2)
    started = time.perf_counter()
    results = list(prepare(job))
    seconds = time.perf_counter() - started
    if len(results) != count or any(result.error for result in results):
        raise RuntimeError(f"{method}: the run failed")
    return count / seconds


def main() -> None:
    """Measure every method, best of three runs each, on rendered pairs."""
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=int, default=48)
    arguments.add_argument("--methods", default=",".join(method_names()))
    options = arguments.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        render_pairs(root, ["random"], count=options.count, size=(480, 640), seed=0)
        files = sorted((root / "ir").iterdir())
        pairs = [
            ImagePair(ir=read_image(file), vis=read_image(root / "vis" / file.name))
            for file in files
        ]
        cv2.setNumThreads(1)
        started = time.perf_counter()
        for file in files:
            read_image(file), read_image(root / "vis" / file.name)
        decode = (time.perf_counter() - started) / len(files)
        started = time.perf_counter()
        for pair in pairs:
            encode_image(pair.vis, "PNG")
        encode = (time.perf_counter() - started) / len(files)
        for method in options.methods.split(","):
            fuser = Fuser(method, threads=1)
            slow = _pure(fuser, pairs[:4], 1) < 4
            some = pairs[:8] if slow else pairs
            runs = 1 if slow else 3
            one = max(_pure(fuser, some, 1) for _ in range(runs))
            two = max(_pure(fuser, some, 2) for _ in range(runs))
            whole = max(_folder(root, method, options.count) for _ in range(runs))
            row = {
                "method": method,
                "pure_one_thread_per_s": round(one, 2),
                "pure_two_threads_per_s": round(two, 2),
                "folder_two_workers_per_s": round(whole, 2),
                "ratio_one_thread": round(whole / one, 3),
                "ratio_two_threads": round(whole / two, 3),
            }
            print(row)
            rows.append(row)
    write_results(
        "folders",
        {
            "decode_pair_ms": round(1e3 * decode, 2),
            "encode_ms": round(1e3 * encode, 2),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
