"""Put trained weights into the packages: `python ship.py RUN...` (folders of `imfuse train`).

Writes `NETWORK.onnx` in half precision and its card into the manifest: our own networks into
imfuse, all others into imfuse-zoo. `--bits 8` halves the file of a large network once more;
`--stage 1 --variant warm-start` ships the weights at the end of a stage as `NETWORK@warm-start`.
"""

import hashlib
import json
import subprocess
from pathlib import Path

from harness import PACKAGES_OF_WEIGHTS, parser

from imfuse.engines.packages import FORMAT, MANIFEST, OURS, ZOO
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.export import export_onnx
from imfuse.learn.recipes.card import JSON, TrainingCard
from imfuse.learn.training.folder import CONFIG


def _commit(run: Path) -> str:
    """Return the commit at which the run started or was last resumed."""
    began = int((run / CONFIG).stat().st_mtime)
    command = ["git", "rev-list", "-1", "--abbrev-commit", f"--before={began}", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _card(run: Path, stage: int | None) -> dict[str, object]:
    """Return the card of a run, or of its first stages, which have no scores of their own."""
    card = TrainingCard.model_validate_json((run / JSON).read_text())
    if stage is not None:
        part = {"stages": card.stages[:stage], "scores": {}, "scored": 0}
        card = card.model_copy(update=part)
    return {**card.model_dump(mode="json"), "commit": _commit(run)}


def ship(run: Path, bits: int = 16, stage: int | None = None, variant: str = "") -> None:
    """Export the weights of a run, and add them to the manifest of their package."""
    file = "weights.safetensors" if stage is None else f"stage-{stage}.safetensors"
    loaded = load_weights(run / file)
    name = f"{loaded.network.name}@{variant}" if variant else loaded.network.name
    folder = PACKAGES_OF_WEIGHTS[OURS if name.startswith("imfuse-") else ZOO]
    out = folder / f"{name}.onnx"
    spec = loaded.network.spec(loaded.origin).model_copy(update={"name": name})
    difference = export_onnx(loaded.network, out, spec, settings=loaded.settings, bits=bits)
    networks = json.loads((folder / MANIFEST).read_text())["networks"]
    networks[name] = {
        "file": out.name,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "spec": spec.model_dump(mode="json"),
        "card": _card(run, stage),
    }
    content = {"format": FORMAT, "networks": dict(sorted(networks.items()))}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n")
    print(f"{out.name}: {out.stat().st_size / 1e6:.2f} MB, differs by {difference:.1g}")


def main() -> None:
    """Ship the given runs."""
    arguments = parser(__doc__)
    arguments.add_argument("runs", nargs="+", type=Path)
    arguments.add_argument("--bits", type=int, choices=(8, 16, 32), default=16)
    arguments.add_argument("--stage", type=int, help="take stage-N.safetensors of the runs")
    arguments.add_argument("--variant", default="", help="ship as NETWORK@VARIANT")
    given = arguments.parse_args()
    for run in given.runs:
        ship(run, given.bits, given.stage, given.variant)


if __name__ == "__main__":
    main()
