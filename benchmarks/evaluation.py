"""Scoring of folders: pictures per second of the whole command, and memory over 10,000 pairs.

Throughput: the nine metrics of the papers at 640x480, from files (fused and visible in colour),
with one and with two workers, each stage in its own threads. Memory: peak of the command for 100
and for 10,000 small pairs.
"""

import tempfile
from pathlib import Path

from harness import parser, peak_mb, write_results

from imfuse.data.rendered import render_pairs
from imfuse.folders import FolderJob, prepare
from imfuse.io.images import read_image, write_image

FOLDERS = ("fused", "ir", "vis")


def _make(root: Path, size: tuple[int, int], suffix: str, count: int, copies: int) -> list[str]:
    """Render and fuse pairs, link each several times, and return the three folders."""
    render_pairs(root, ["random"], count=count, size=size, seed=0)
    list(prepare(FolderJob(ir=root / "ir", vis=root / "vis", out=root / "fused")))
    for folder in FOLDERS:
        for index, path in enumerate(sorted((root / folder).glob("*.png"))):
            first = root / folder / f"{index:02d}-{0:05d}{suffix}"
            write_image(first, read_image(path))
            path.unlink()
            for copy in range(1, copies):
                (root / folder / f"{index:02d}-{copy:05d}{suffix}").hardlink_to(first)
    return [str(root / folder) for folder in FOLDERS]


def _run(folders: list[str], *options: str) -> tuple[float, float]:
    peak, seconds, code, message = peak_mb(["evaluate", *folders, "--json", *options])
    if code:
        raise RuntimeError(message)
    return peak, seconds


def main() -> None:
    """Measure throughput for PNG and TIFF, then memory."""
    parser(__doc__).parse_args()
    results: dict[str, object] = {"size": "640x480", "metrics": "papers"}
    for suffix in (".png", ".tif"):
        with tempfile.TemporaryDirectory() as folder:
            folders = _make(Path(folder), (480, 640), suffix, 8, 30)
            for workers in (1, 2):
                _, seconds = _run(folders, "--metrics", "papers", "--workers", str(workers))
                results[f"{suffix[1:]}_per_s_{workers}_workers"] = round(240 / seconds, 1)
    for copies in (10, 1000):
        with tempfile.TemporaryDirectory() as folder:
            folders = _make(Path(folder), (120, 160), ".tif", 10, copies)
            peak, _ = _run(folders, "--metrics", "EN,VIF", "--workers", "2")
            results[f"peak_mb_{10 * copies}_pairs"] = round(peak)
    write_results("evaluation", results)


if __name__ == "__main__":
    main()
