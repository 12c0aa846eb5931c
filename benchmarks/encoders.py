"""Benefit of ImageNet weights for a segmenter that guides fusion.

BANet on EfficientNet-Lite0 learns MSRS's nine classes on one half of the labelled pairs, with and
without ImageNet weights, and labels the other half; then the halves swap. They are a fixed two-fold
split of the test pairs, because the labelled training pairs are not available; no fusion network
learns from them. Its inputs are fused by the default method. Needs `IMFUSE_DATA`.
"""

import json
import os
import tempfile
import time
from pathlib import Path

from harness import imfuse, parser, write_results

from imfuse.data.catalogue import MSRS_CLASSES

ENCODERS = {"imagenet": "true", "random": "false"}


def _link(data: Path, names: list[str], into: Path) -> None:
    for kind in ("ir", "vis", "labels"):
        (into / kind).mkdir(parents=True)
        for name in names:
            file = next((data / kind).glob(f"{name}.*"))
            (into / kind / file.name).symlink_to(file.resolve())


def _score(where: Path, folds: list[str], fused: Path, pretrained: str, steps: int) -> dict:
    """Return the scores over all pairs, each half labelled by the network trained on the other."""
    labels = where / f"labels-{pretrained}"
    seconds = 0.0
    for learned, asked in (folds, folds[::-1]):
        run = where / f"run-{pretrained}-{learned}"
        started = time.perf_counter()
        settings = {
            "network.pretrained": pretrained,
            "steps": steps,
            "batch": 4,
            "crop": 192,
            "warmup": steps // 20,
            "preview_every": steps,
        }
        changes = [part for item in settings.items() for part in ("--set", "{}={}".format(*item))]
        imfuse(
            *("segment", "train", "banet-imagenet", "--preset", "release"),
            *("--data", where / learned, "--on", f"fused:{fused}", "-o", run, *changes),
        )
        seconds += time.perf_counter() - started
        pictures = where / f"pictures-{asked}"
        if not pictures.exists():
            pictures.mkdir()
            for name in (file.stem for file in (where / asked / "vis").iterdir()):
                (pictures / f"{name}.png").symlink_to(fused / f"{name}.png")
        imfuse("segment", "run", run / "model.onnx", pictures, "-o", labels)
    return json.loads(imfuse("segment", "score", labels, where / "labels", "--json")) | {
        "seconds_of_training": round(seconds)
    }


def main() -> None:
    """Train and score with and without ImageNet weights."""
    arguments = parser(__doc__)
    arguments.add_argument("--steps", type=int, default=1200)
    steps = arguments.parse_args().steps
    msrs = Path(os.environ.get("IMFUSE_DATA", "../shared/data")) / "msrs"
    folds = json.loads((msrs / "folds.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        for name, pairs in folds.items():
            _link(msrs / "test", pairs, where / name)
        (where / "labels").symlink_to((msrs / "test" / "labels").resolve())
        fused = where / "fused"
        imfuse("fuse", msrs / "test" / "ir", msrs / "test" / "vis", "-o", fused)
        found = {
            name: _score(where, list(folds), fused, pretrained, steps)
            for name, pretrained in ENCODERS.items()
        }
    write_results("encoders", {"steps": steps, "classes": MSRS_CLASSES, "encoders": found})


if __name__ == "__main__":
    main()
