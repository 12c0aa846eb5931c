"""Compare rendered scenes with real pairs in first-, second- and higher-order statistics.

Usage: `python benchmarks/scene_statistics.py [--seeds 40] [--json FILE]`. Real pairs are read from
`$IMFUSE_DATA` (default `../shared/data`): MSRS train34, RoadScene train171, five M3SVD clips.
Prints one Markdown table of means and standard deviations over pictures. With `--sheet FILE` it
only writes a contact sheet of rendered scenes, and reads nothing.
"""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.ops.color import luma
from imfuse.scenes import SCENES, render

Gray = NDArray[np.float32]
Pair = tuple[Gray, Gray, Gray | None]
"""Infrared, luma, and (where there is colour) RGB."""

ROWS = (
    ("mean", "mean"),
    ("std", "standard deviation"),
    ("entropy", "entropy (bits)"),
    ("p1", "1st percentile"),
    ("p50", "median"),
    ("p99", "99th percentile"),
    ("gradient", "gradient magnitude, mean x 100"),
    ("kurtosis", "kurtosis of the horizontal derivative"),
    ("slope", "slope of the power spectrum"),
    ("noise", "noise sigma x 1000"),
)
BOTH = (
    ("correlation", "correlation of luma and infrared"),
    ("gradient_correlation", "correlation of their gradient magnitudes"),
    ("saturation", "mean colour saturation"),
)


def one_picture(x: Gray) -> dict[str, float]:
    """Return the statistics of one `(H, W)` picture in [0, 1]."""
    quantised = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8)
    share = np.bincount(quantised.ravel(), minlength=256) / x.size
    share = share[share > 0]
    dx = np.diff(x, axis=1)
    p1, p50, p99 = np.percentile(x, (1, 50, 99))
    return {
        "mean": float(x.mean()),
        "std": float(x.std()),
        "entropy": float(-(share * np.log2(share)).sum()),
        "p1": float(p1),
        "p50": float(p50),
        "p99": float(p99),
        "gradient": 100 * float(gradient(x).mean()),
        "kurtosis": float(((dx - dx.mean()) ** 4).mean() / max(float(dx.var()) ** 2, 1e-16)),
        "slope": spectrum_slope(x),
        "noise": 1000 * noise_sigma(x),
    }


def gradient(x: Gray) -> Gray:
    """Return the length of the central-difference gradient."""
    dy, dx = np.gradient(x)
    return np.hypot(dx, dy)


def spectrum_slope(x: Gray) -> float:
    """Return the slope of log power over log frequency, between 0.02 and 0.35 cycles per pixel."""
    window = np.hanning(x.shape[0])[:, None] * np.hanning(x.shape[1])[None]
    power = np.abs(np.fft.rfft2((x - x.mean()) * window)) ** 2
    f = np.hypot(np.fft.fftfreq(x.shape[0])[:, None], np.fft.rfftfreq(x.shape[1])[None])
    edges = np.geomspace(0.02, 0.35, 13)
    band = np.digitize(f, edges)
    level = [np.log(power[band == k].mean() + 1e-20) for k in range(1, 13)]
    middle = np.log(np.sqrt(edges[:-1] * edges[1:]))
    return float(np.polyfit(middle, level, 1)[0])


def noise_sigma(x: Gray) -> float:
    """Estimate noise as 1.4826 MAD of the diagonal second difference, whose squares sum to 4."""
    d = x[1:, 1:] - x[1:, :-1] - x[:-1, 1:] + x[:-1, :-1]
    return float(1.4826 * np.median(np.abs(d - np.median(d))) / 2)


def one_pair(pair: Pair) -> dict[str, float]:
    """Return the statistics of both pictures and of their relationship."""
    ir, vis, rgb = pair
    row = {f"ir_{k}": v for k, v in one_picture(ir).items()}
    row |= {f"vis_{k}": v for k, v in one_picture(vis).items()}
    row["correlation"] = _correlation(ir, vis)
    row["gradient_correlation"] = _correlation(gradient(ir), gradient(vis))
    if rgb is not None:
        high, low = rgb.max(2), rgb.min(2)
        row["saturation"] = float(((high - low) / np.maximum(high, 1e-3)).mean())
    return row


def _correlation(a: Gray, b: Gray) -> float:
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _read(path: Path) -> NDArray[np.float32]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        message = f"{path}: not a readable picture"
        raise FileNotFoundError(message)
    return _float(picture)


def _float(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    return bgr[..., ::-1].astype(np.float32) / 255


def _pair(ir: NDArray[np.float32], rgb: NDArray[np.float32]) -> Pair:
    return luma(ir), luma(np.ascontiguousarray(rgb)), rgb


def folder_pairs(ir: Path, vis: Path, stems: Iterable[str] | None = None) -> Iterator[Pair]:
    """Yield the pairs of two folders, matched by stem."""
    infrared = {p.stem: p for p in sorted(ir.iterdir())}
    visible = {p.stem: p for p in sorted(vis.iterdir())}
    for stem in stems if stems is not None else sorted(infrared):
        yield _pair(_read(infrared[stem]), _read(visible[stem]))


def video_pairs(folder: Path, step: int = 40) -> Iterator[Pair]:
    """Yield every `step`-th frame of each clip."""
    for path in sorted((folder / "infrared").iterdir()):
        clips = [cv2.VideoCapture(str(folder / m / path.name)) for m in ("infrared", "visible")]
        index = 0
        while all(clip.grab() for clip in clips):
            if index % step == 0:
                frames = [clip.retrieve()[1] for clip in clips]
                yield _pair(_float(frames[0]), _float(frames[1]))
            index += 1


def rendered(kind: str, seeds: int) -> Iterator[Pair]:
    """Yield rendered pairs, rounded to 8 bits like the real ones."""
    for seed in range(seeds):
        scene = render(kind, seed=seed)
        ir, rgb = (np.rint(a * 255).astype(np.float32) / 255 for a in (scene.ir, scene.vis))
        yield ir, luma(rgb), rgb


def sources(data: Path, seeds: int) -> dict[str, Iterator[Pair]]:
    """Return the groups of pairs that the table compares."""
    road = data / "roadscene"
    stems = [Path(n).stem for n in (road / "train171.txt").read_text().split()]
    msrs = data / "msrs" / "train34"
    nights = [p.stem for p in sorted((msrs / "ir").iterdir()) if p.stem.endswith("N")]
    return {
        "MSRS train34 night": folder_pairs(msrs / "ir", msrs / "vis", nights),
        "RoadScene train171": folder_pairs(road / "ir", road / "vis", stems),
        "M3SVD frames": video_pairs(data / "m3svd"),
        "street-night": rendered("street-night", seeds),
        "street-day": rendered("street-day", seeds),
        "smoke": rendered("smoke", seeds),
        "foliage": rendered("foliage", seeds),
    }


def summarise(pairs: Iterator[Pair]) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of each statistic, and the count of pairs."""
    rows = [one_pair(pair) for pair in pairs]
    table = {k: [row[k] for row in rows if k in row] for k in rows[0]}
    summary = {k: (float(np.mean(v)), float(np.std(v))) for k, v in table.items()}
    return summary | {"count": (float(len(rows)), 0.0)}


def markdown(summary: dict[str, dict[str, tuple[float, float]]]) -> str:
    """Return the table, with one column per group."""
    names = list(summary)
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    keys = [("count", "pairs")]
    keys += [(f"vis_{k}", f"visible: {t}") for k, t in ROWS]
    keys += [(f"ir_{k}", f"infrared: {t}") for k, t in ROWS]
    keys += list(BOTH)
    for key, title in keys:
        cells = [_cell(summary[n].get(key), whole=key == "count") for n in names]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: tuple[float, float] | None, *, whole: bool) -> str:
    if value is None:
        return "-"
    if whole:
        return f"{value[0]:.0f}"
    digits = 2 if abs(value[0]) < 10 else 1
    return f"{value[0]:.{digits}f} ± {value[1]:.{digits}f}"


def sheet(path: Path, seeds: tuple[int, ...], size: tuple[int, int] = (180, 240)) -> None:
    """Write a contact sheet: a row of visible and a row of infrared pictures for each seed."""
    rows = []
    for seed in seeds:
        scenes = [render(kind, seed=seed, size=(360, 480)) for kind in SCENES]
        visible = [s.vis for s in scenes]
        infrared = [np.repeat(s.ir[..., None], 3, 2) for s in scenes]
        for pictures in (visible, infrared):
            small = [cv2.resize(p, size[::-1], interpolation=cv2.INTER_AREA) for p in pictures]
            rows.append(np.concatenate(small, 1))
    page = np.rint(np.concatenate(rows)[..., ::-1] * 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), page, [cv2.IMWRITE_JPEG_QUALITY, 85])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40, help="rendered pairs of each kind")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet and nothing else")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.sheet:
        sheet(options.sheet, (12, 35, 38))
        return
    data = Path(os.environ.get("IMFUSE_DATA", "../shared/data"))
    summary = {name: summarise(pairs) for name, pairs in sources(data, options.seeds).items()}
    print(markdown(summary))
    if options.json:
        options.json.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
