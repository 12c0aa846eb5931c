"""Throughput of a folder run against the pure method, at 640x480 with two workers.

Goal: at least 90 % of the pure method's throughput. The ratio is reported in two ways. `one_thread`
compares with the method called in a loop in one thread, the best that a script without a folder
runner could do (decoding and encoding are free here). `two_threads` compares with the method alone
on two threads; decoding and encoding then compete for the same two cores, so the ratio approaches 1
only for methods that take much longer than they do.

Pairs are read and written as PNG, and again as uncompressed TIFF, which shows the cost of the
runner itself, since coding is then almost free.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
from harness import parser, ready_methods, with_others, write_results

from imfuse.data.rendered import render_pairs
from imfuse.folders import FolderJob, prepare
from imfuse.fuser import Fuser
from imfuse.io.images import encode_image, read_image, write_image
from imfuse.options import FuseOptions
from imfuse.types import ImagePair


def _pure(fuser: Fuser, pairs: list[ImagePair], threads: int) -> float:
    """Return pairs per second of the method on decoded pictures, without any file."""
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fuser.fuse, pairs))
    return len(pairs) / (time.perf_counter() - started)


def _folder(root: Path, method: str, count: int, suffix: str) -> float:
    source = root / suffix[1:]
    job = FolderJob(
        ir=source / "ir",
        vis=source / "vis",
        out=source / method,
        options=FuseOptions(model=method),
        suffix=suffix,
        workers=2,
    )
    started = time.perf_counter()
    results = list(prepare(job))
    seconds = time.perf_counter() - started
    if len(results) != count or any(result.error for result in results):
        raise RuntimeError(f"{method}: the run failed")
    return count / seconds


def _prepare_pairs(root: Path, count: int) -> list[ImagePair]:
    """Render pairs, write them as PNG and as TIFF, and return them decoded."""
    render_pairs(root / "png", ["random"], count=count, size=(480, 640), seed=0)
    pairs = []
    for file in sorted((root / "png" / "ir").iterdir()):
        ir, vis = (read_image(root / "png" / side / file.name) for side in ("ir", "vis"))
        for side, picture in (("ir", ir), ("vis", vis)):
            folder = root / "tif" / side
            folder.mkdir(parents=True, exist_ok=True)
            write_image(folder / f"{file.stem}.tif", picture)
        pairs.append(ImagePair(ir=ir, vis=vis))
    return pairs


def _codec_ms(root: Path, pairs: list[ImagePair]) -> dict[str, float]:
    """Return the milliseconds on one thread for decoding a pair and for encoding one picture."""
    found = {}
    for suffix, kind in (("png", "PNG"), ("tif", "TIFF")):
        files = sorted((root / suffix / "ir").iterdir())
        started = time.perf_counter()
        for file in files:
            read_image(file)
            read_image(root / suffix / "vis" / file.name)
        found[f"decode_pair_{suffix}"] = 1e3 * (time.perf_counter() - started) / len(files)
        started = time.perf_counter()
        for pair in pairs:
            encode_image(pair.vis, kind)
        found[f"encode_{suffix}"] = 1e3 * (time.perf_counter() - started) / len(pairs)
    return {name: round(value, 2) for name, value in found.items()}


def _measure(root: Path, method: str, pairs: list[ImagePair]) -> dict[str, object]:
    fuser = Fuser(method, threads=1)
    slow = _pure(fuser, pairs[:4], 1) < 4
    some, runs = (pairs[:8], 1) if slow else (pairs, 3)
    one = max(_pure(fuser, some, 1) for _ in range(runs))
    two = max(_pure(fuser, some, 2) for _ in range(runs))
    row: dict[str, object] = {
        "method": method,
        "pure_one_thread_per_s": round(one, 2),
        "pure_two_threads_per_s": round(two, 2),
    }
    for suffix in ("png", "tif"):
        rate = max(_folder(root, method, len(pairs), f".{suffix}") for _ in range(runs))
        row[f"{suffix}_per_s"] = round(rate, 2)
        row[f"{suffix}_to_one_thread"] = round(rate / one, 3)
        row[f"{suffix}_to_two_threads"] = round(rate / two, 3)
    return row


def main() -> None:
    """Measure every method, best of three runs each, on rendered pairs."""
    # The command sets this before NumPy is loaded; here it must be in the environment.
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - this very script
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=int, default=48)
    arguments.add_argument("--methods", default=",".join(ready_methods()))
    options = arguments.parse_args()
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pairs = _prepare_pairs(root, options.count)
        codec = _codec_ms(root, pairs)
        for method in options.methods.split(","):
            rows.append(_measure(root, method, pairs))
            print(rows[-1])
    write_results("folders", {"codec_ms": codec, "rows": with_others("folders", rows)})


if __name__ == "__main__":
    main()
