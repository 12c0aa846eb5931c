"""Errors of values read from false colours: rendered scenes, cameras' files, and photographs.

Values of rendered scenes are shown in the colours of each palette, with a colour bar, a box,
writing and a cross-hair, and stored as JPEG with chroma at half the size; errors are mean
differences in percent of the range, marks left out. Files of cameras hold counts beside the
picture: their rank correlation is given. Photographs must be refused. CPU times are of one thread,
for 640x512.
"""

import io
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from harness import median_seconds, parser, write_results
from PIL import Image

from imfuse.errors import BadValues
from imfuse.falsecolour import recovered
from imfuse.ops.palettes import coloured
from imfuse.options import FuseOptions
from imfuse.readings import Recovered
from imfuse.types import Float, Picture

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from reference.false_colour import jpeg, photograph, scene, with_marks

AUTO = FuseOptions(palette="auto")
QUALITIES = (60, 75, 90, 95)
SCENES = (("street-day", 2), ("street-night", 1), ("random", 3), ("random", 5))
STEPS = {"medical": "ten stripes", "hottest": "the hottest 14 % in one colour"}
"""Palettes that can't give every value back, and why."""

FOLDERS = {"msrs/test/vis": 1, "roadscene/vis": 1, "llvip256/train": 2, "tno25/vis": 1}
"""Folders of visible pictures, and how many of them to leave out between two."""

SUFFIXES = {".jpg", ".png", ".webp"}


def _ranks(one: Float, other: Float) -> float:
    ranks = [values.argsort(kind="stable").argsort() for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def _rendered(name: str) -> dict[str, object]:
    row: dict[str, object] = {"palette": name}
    refused = 0
    options = FuseOptions(palette=name)
    for quality in QUALITIES:
        errors, ranks, hidden = [], [], []
        for kind, seed in SCENES:
            truth = scene(kind, seed)
            rgb, _, drawn = with_marks(name, truth)
            try:
                found = recovered(Picture(pixels=jpeg(rgb, quality)), options)
            except BadValues:
                refused += 1
                continue
            clear = np.ones(truth.shape, bool) if found.nodata is None else ~found.nodata
            errors.append(float(np.abs(found.pixels - truth)[clear].mean()))
            ranks.append(_ranks(found.pixels[clear], truth[clear]))
            hidden.append(float((~clear)[drawn].mean()))
        row[f"error_{quality}"] = round(100 * float(np.mean(errors)), 2)
        row[f"rank_{quality}"] = round(min(ranks), 4)
        row[f"marks_hidden_{quality}"] = round(100 * float(np.mean(hidden)), 1)
    return row | {"refused": refused}


def _segments(content: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 2
    while content[at] == 0xFF and content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        found.append((content[at + 1], content[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def _counts(content: bytes, size: tuple[int, int]) -> Float:
    """Return the raw picture of a file of DJI's or FLIR's, at the size of its preview."""
    parts = _segments(content)
    dji = b"".join(part for marker, part in parts if marker == 0xE3)
    if len(dji) >= 2 * size[0] * size[1]:
        return np.frombuffer(dji[: 2 * size[0] * size[1]], "<u2").reshape(size).astype(np.float32)
    flir = {part[6]: part[8:] for _, part in parts if part[:5] == b"FLIR\0"}
    block = b"".join(flir[key] for key in sorted(flir))
    order = "big" if int.from_bytes(block[0x1C:0x20], "big") < 1000 else "little"
    start, count = (int.from_bytes(block[at : at + 4], order) for at in (0x18, 0x1C))
    entries = (block[start + 32 * k :][:32] for k in range(count))
    raw = next(entry for entry in entries if int.from_bytes(entry[:2], order) == 1)
    at, length = (int.from_bytes(raw[k : k + 4], order) for k in (12, 16))
    head, stored = block[at : at + 32], block[at + 32 : at + length]
    if stored[:4] == b"\x89PNG":
        counts = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED).byteswap()
    else:
        inner = "little" if head[0] == 2 else "big"
        width, height = (int.from_bytes(head[k : k + 2], inner) for k in (2, 4))
        counts = np.frombuffer(stored[: 2 * width * height], "<u2").reshape(height, width)
    return cv2.resize(counts.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)


def _cameras(data: Path) -> list[dict[str, object]]:
    rows = []
    names = ("ax8", "e30bx", "e40", "e60", "i7", "infracam", "one", "t420")
    files = [*(f"flir_{name}" for name in names), "dji_h20t", "dji_m2ea"]
    for name in files:
        content = (data / "thermal" / f"{name}.jpg").read_bytes()
        with Image.open(io.BytesIO(content)) as opened:
            rgb = np.asarray(opened.convert("RGB"))
        found = recovered(Picture(pixels=rgb), AUTO)
        clear = np.ones(found.size, bool) if found.nodata is None else ~found.nodata
        counts = _counts(content, found.size)
        luma = rgb @ np.array([0.299, 0.587, 0.114])
        rows.append(
            {
                "file": name,
                **found.reading.as_dict(),
                "rank": round(_ranks(found.pixels[clear], counts[clear]), 4),
                "rank_of_luma": round(_ranks(luma[clear], counts[clear]), 4),
            }
        )
    return rows


def _photographs(data: Path) -> dict[str, object]:
    counts = {"pictures": 0, "refused": 0, "gray": 0, "taken": 0}
    for folder, every in FOLDERS.items():
        files = sorted(
            p for p in (data / folder).iterdir() if p.suffix in {".jpg", ".webp", ".png"}
        )
        for path in files[::every]:
            counts["pictures"] += 1
            try:
                found = recovered(Picture(pixels=photograph(path)), AUTO)
            except BadValues:
                counts["refused"] += 1
                continue
            counts["taken" if isinstance(found, Recovered) else "gray"] += 1
    return counts


def _milliseconds() -> dict[str, float]:
    values = cv2.resize(scene("street-day", 2), (640, 512))
    rows = {}
    for name in ("iron", "rainbow-hc"):
        rgb, _, _ = with_marks(name, values)
        picture = Picture(pixels=jpeg(rgb, 90))
        seconds = median_seconds(lambda p=picture: recovered(p, AUTO), 15, time.process_time)
        rows[name] = round(1e3 * seconds, 1)
    return rows


def main() -> None:
    """Measure all of it."""
    parser(__doc__).parse_args()
    cv2.setNumThreads(1)
    data = Path(os.environ.get("IMFUSE_DATA", "../../shared/data"))
    results = {
        "scenes": len(SCENES),
        "size": "320x256",
        "rendered": [_rendered(palette.name) for palette in coloured()],
        "not_invertible": STEPS,
        "cameras": _cameras(data),
        "photographs": _photographs(data),
        "cpu_ms_640x512": _milliseconds(),
    }
    write_results("palettes", results)


if __name__ == "__main__":
    main()
