"""Scores of the networks trained here, on the papers' test pairs, in the papers' conventions.

Every network in imfuse and imfuse-zoo fuses MSRS's 361 test pairs, the 25 of TNO and the 50 of
RoadScene, and the Harvard test pairs if its paper does; so do trivial baselines. Each is scored
unchanged, and as most papers save it: with every picture stretched to the full range. Networks and
datasets that are not named keep their rows; each row is stored as soon as it is ready. Needs
`IMFUSE_DATA`.

`python trained.py [NAME | RUN]... [--sets SET...] [--every N]`: a folder of `imfuse train` adds a
network whose weights are too large for the package, or were trained on medical pairs (it then fuses
only those). `--every 5` takes every fifth pair, for networks that need half a minute per pair.
"""

import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from harness import RESULTS, imfuse, parser, write_results
from schedules import pixels_of

from imfuse.cards import network_cards
from imfuse.engines.shipped import shipped
from imfuse.learn.recipes.card import JSON

SETS = {
    "MSRS": ("msrs/test/ir", "msrs/test/vis", ""),
    "TNO": ("tno25/ir", "tno25/vis", ""),
    "RoadScene": ("roadscene/ir", "roadscene/vis", "roadscene/test50.txt"),
    "Harvard MRI-CT": ("harvard/mri-ct/test/ct", "harvard/mri-ct/test/mri", ""),
    "Harvard MRI-PET": ("harvard/mri-pet/test/mri", "harvard/mri-pet/test/pet", ""),
    "Harvard MRI-SPECT": ("harvard/mri-spect/test/mri", "harvard/mri-spect/test/spect", ""),
}
MEDICAL_SETS = tuple(name for name in SETS if name.startswith("Harvard"))
BASELINES = ("average", "max", "laplacian-max")
MEDICAL = ("imfuse-b", "smfnet", "refinefuse", *BASELINES)
"""Models that fuse the Harvard pairs."""

_HEAVY = ("scgrfuse", "psfusion", "smfnet", "bffr")
"""Networks that take seconds per picture in ONNX Runtime, and much less in OpenVINO with bfloat16.

That needs a processor with bfloat16 matrix units. It changed no mean of SCGRFuse's scores on MSRS's
30 training pairs by as much as 0.2 %.
"""


def _network(model: str) -> str:
    """Return the network of a row such as `bffr@warm-start` or `smfnet (medical)`."""
    return model.partition(" ")[0].partition("@")[0]


def _protocols(model: str) -> tuple[str, ...]:
    """Return the kits that a paper's tables agree with, and that all rows share."""
    return ("tang", "smfnet") if _network(model) in {"smfnet", *BASELINES} else ("tang",)


def _sets(model: str) -> tuple[str, ...]:
    """Return the datasets that a network fuses."""
    if model.endswith(("(medical)", "@medical")):
        return MEDICAL_SETS
    return tuple(name for name in SETS if model in MEDICAL or name not in MEDICAL_SETS)


def _linked(data: Path, parts: tuple[str, str, str], every: int, into: Path) -> tuple[Path, Path]:
    """Return folders with only the test pairs, or with every n-th of them."""
    ir, vis, names = parts
    wanted = None
    if names:
        listed = set((data / names).read_text().split())
        wanted = listed | {Path(name).stem for name in listed}
    for kind, folder in (("ir", ir), ("vis", vis)):
        (into / kind).mkdir(parents=True)
        files = [f for f in sorted((data / folder).iterdir()) if not wanted or f.stem in wanted]
        for file in files[::every]:
            (into / kind / file.name).symlink_to(file.resolve())
    return into / "ir", into / "vis"


def _stretch(fused: Path, out: Path) -> None:
    """Stretch every picture to 0..255, all channels together."""
    out.mkdir()
    for file in sorted(fused.glob("*.png")):
        pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.float64)
        span = max(float(np.ptp(pixels)), 1.0)
        stretched = np.rint((pixels - pixels.min()) / span * 255)
        cv2.imwrite(str(out / file.name), stretched.astype(np.uint8))


def _runtime(model: str) -> str:
    fast = _network(model) in _HEAVY and torch.cpu.get_capabilities().get("amx_bf16")
    return "openvino-bf16" if fast else "onnxruntime"


def _rows(
    model: str, source: str | Path, dataset: str, data: Path, every: int
) -> list[dict[str, object]]:
    runtime = _runtime(model)
    with tempfile.TemporaryDirectory() as folder:
        pairs = _linked(data, SETS[dataset], every, Path(folder) / "pairs")
        fused, stretched = Path(folder) / "fused", Path(folder) / "stretched"
        imfuse("fuse", *pairs, "-o", fused, "-m", source, "--runtime", runtime)
        _stretch(fused, stretched)
        rows = []
        outputs = (("as it is", fused), ("stretched", stretched))
        for (kind, where), protocol in itertools.product(outputs, _protocols(model)):
            asked = ("--protocol", protocol, "--metrics", "papers", "--json")
            found = json.loads(imfuse("evaluate", where, *pairs, *asked))
            rows.append(
                {
                    "model": model,
                    "dataset": dataset,
                    "runtime": runtime,
                    "pairs": found["count"],
                    "pairs_sha256": found["pairs_sha256"],
                    "output": kind,
                    "protocol": protocol,
                    "means": {s: round(value, 4) for s, value in found["mean"].items()},
                }
            )
        return rows


def _training(card: dict[str, Any]) -> dict[str, object]:
    """Return the table's description of a training run."""
    kept = ("recipe", "preset", "pairs", "stages", "seconds", "device")
    begun = {name: card.get(name) for name in ("begun_steps", "begun_pixels")}
    return {name: card[name] for name in kept} | {"pixels": pixels_of(card)} | begun


def _load() -> tuple[dict[str, Any], dict[tuple[str, str], list[dict[str, object]]]]:
    """Return the stored results: training runs by name, and rows by network and dataset."""
    before = RESULTS / "trained.json"
    found = json.loads(before.read_text())["results"] if before.exists() else {}
    rows: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in found.get("rows", []):
        rows.setdefault((row["model"], row["dataset"]), []).append(row)
    return found.get("trainings", {}), rows


def _place(key: tuple[str, str]) -> tuple[int, str, int]:
    """Return the sort key of a row: network, in the order of `imfuse models list`, then dataset."""
    known = [*network_cards(), *BASELINES]
    return known.index(_network(key[0])), key[0], list(SETS).index(key[1])


def main() -> None:
    """Score all networks and baselines on all sets, or those that are named."""
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", default=[*shipped(), *BASELINES])
    arguments.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    arguments.add_argument("--every", type=int, default=1)
    given = arguments.parse_args()
    data = Path(os.environ.get("IMFUSE_DATA", "../shared/data"))
    for one in given.names:
        name, source = one, Path(one)
        if source.is_dir():
            card = json.loads((source / JSON).read_text())
            name, source = card["network"], source / "model.onnx"
            if "Harvard" in card["training_data"]:
                name = f"{name} (medical)"
        else:
            card = shipped()[one].card if one in shipped() else None
        for dataset in _sets(name):
            if dataset not in given.sets:
                continue
            found = _rows(name, source, dataset, data, given.every)
            # Read again each time, since another process may have scored another network.
            trainings, rows = _load()
            rows[name, dataset] = found
            if card is not None:
                trainings[name] = _training(card)
            flat = [row for key in sorted(rows, key=_place) for row in rows[key]]
            write_results("trained", {"trainings": trainings, "rows": flat})


if __name__ == "__main__":
    main()
