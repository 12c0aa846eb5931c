"""Put trained weights into the packages: `python ship.py RUN...` (folders of `imfuse train`).

Writes `NETWORK.onnx` in half precision and its card into the manifest: our own networks into
imfuse, all others into imfuse-zoo. `--bits 8` halves the file of a large network once more;
`--stage 1 --variant warm-start` ships the weights at the end of a stage as `NETWORK@warm-start`.
`--after RUN` names the runs between the weights that are listed now and these, so that the card can
tell how many pixels trained them in all.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import PACKAGES_OF_WEIGHTS, parser
from schedules import pixels_of

from imfuse.engines.packages import FORMAT, MANIFEST, OURS, ZOO
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.export import export_onnx
from imfuse.learn.recipes.card import JSON, TrainingCard
from imfuse.learn.storage import Bits
from imfuse.learn.training.folder import CONFIG


def _commit(run: Path) -> str:
    """Return the commit at which the run started or was last resumed."""
    began = int((run / CONFIG).stat().st_mtime)
    command = ["git", "rev-list", "-1", "--abbrev-commit", f"--before={began}", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _card(run: Path, stage: int | None) -> dict[str, Any]:
    """Return the card of a run, or of its first stages, which have no scores of their own."""
    card = TrainingCard.model_validate_json((run / JSON).read_text())
    if stage is not None:
        part = {"stages": card.stages[:stage], "scores": {}, "scored": 0}
        card = card.model_copy(update=part)
    found = {**card.model_dump(mode="json"), "commit": _commit(run)}
    return found | {"pixels": pixels_of(found)}


def _begun_pixels(
    card: Mapping[str, Any], listed: Mapping[str, Any] | None, after: Sequence[Path]
) -> int | None:
    """Return the pixels that trained the initial weights, if all their steps are accounted for."""
    if not card.get("begun_steps"):
        return None
    before = [json.loads((run / JSON).read_text()) for run in after]
    steps = sum(stage["steps"] for one in before for stage in one["stages"])
    pixels = sum(map(pixels_of, before))
    if listed is not None and steps < card["begun_steps"]:
        earlier = listed["card"]
        if earlier.get("begun_steps") and earlier.get("begun_pixels") is None:
            return None
        steps += listed["spec"]["training_steps"]
        pixels += earlier["pixels"] + (earlier.get("begun_pixels") or 0)
    return pixels if steps == card["begun_steps"] else None


def ship(
    run: Path,
    bits: Bits = 16,
    stage: int | None = None,
    variant: str = "",
    after: Sequence[Path] = (),
) -> None:
    """Export the weights of a run, and add them to the manifest of their package."""
    file = "weights.safetensors" if stage is None else f"stage-{stage}.safetensors"
    loaded = load_weights(run / file)
    name = f"{loaded.network.name}@{variant}" if variant else loaded.network.name
    folder = PACKAGES_OF_WEIGHTS[OURS if name.startswith("imfuse-") else ZOO]
    out = folder / f"{name}.onnx"
    spec = loaded.network.spec(loaded.origin).model_copy(update={"name": name})
    difference = export_onnx(loaded.network, out, spec, settings=loaded.settings, bits=bits)
    networks = json.loads((folder / MANIFEST).read_text())["networks"]
    card = _card(run, stage)
    begun = _begun_pixels(card, networks.get(loaded.network.name), after)
    networks[name] = {
        "file": out.name,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "spec": spec.model_dump(mode="json"),
        "card": card | {"begun_pixels": begun},
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
    arguments.add_argument("--after", nargs="+", type=Path, default=[], metavar="RUN")
    given = arguments.parse_args()
    for run in given.runs:
        ship(run, given.bits, given.stage, given.variant, given.after)


if __name__ == "__main__":
    main()
