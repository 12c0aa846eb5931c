"""Put trained weights into the package: `python ship.py RUN...` (folders of `imfuse train`).

Writes `src/imfuse/weights/NETWORK.onnx` in half precision, and its card into the manifest.
"""

import hashlib
import json
import subprocess
from pathlib import Path

from harness import parser

from imfuse.engines.shipped import MANIFEST
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.export import export_onnx
from imfuse.learn.recipes.card import JSON, TrainingCard
from imfuse.learn.training.folder import CONFIG

TOLD = ("licence", "training_data", "training_terms", "training_steps")
"""Fields of the weights' origin that the manifest copies from the file."""
WEIGHTS = Path(__file__).parents[1] / "src" / "imfuse" / "weights"


def _commit(run: Path) -> str:
    """Return the commit at which the run started or was last resumed."""
    began = int((run / CONFIG).stat().st_mtime)
    command = ["git", "rev-list", "-1", "--abbrev-commit", f"--before={began}", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def ship(run: Path) -> None:
    """Export the weights of a run, and add them to the manifest."""
    loaded = load_weights(run / "weights.safetensors")
    card = TrainingCard.model_validate_json((run / JSON).read_text())
    name = loaded.network.name
    out = WEIGHTS / f"{name}.onnx"
    spec = loaded.network.spec(loaded.origin)
    difference = export_onnx(loaded.network, out, spec, settings=loaded.settings, half=True)
    manifest = json.loads((WEIGHTS / MANIFEST).read_text())
    manifest[name] = {
        "file": out.name,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "origin": {name: getattr(spec, name) for name in TOLD},
        "card": {**card.model_dump(mode="json"), "commit": _commit(run)},
    }
    text = json.dumps(dict(sorted(manifest.items())), indent=2)
    (WEIGHTS / MANIFEST).write_text(text + "\n")
    print(f"{out.name}: {out.stat().st_size / 1e6:.2f} MB, differs by {difference:.1g}")


def main() -> None:
    """Ship the given runs."""
    arguments = parser(__doc__)
    arguments.add_argument("runs", nargs="+", type=Path)
    for run in arguments.parse_args().runs:
        ship(run)


if __name__ == "__main__":
    main()
