"""Write the cards of the networks, `src/imfuse/cards.json`, from the networks and the results.

`--check` changes nothing and fails if the cards are out of date.
"""

import json
import sys
from pathlib import Path

from harness import PACKAGES_OF_WEIGHTS, RESULTS, parser

from imfuse.cards import NetworkCard, Published, Score
from imfuse.engines.packages import MANIFEST, read_manifest
from imfuse.learn.checkpoints import FORMATS
from imfuse.learn.cost import count_macs
from imfuse.learn.networks import NETWORKS, create_network

CARDS = Path(__file__).parents[1] / "src" / "imfuse" / "cards.json"


def _rows(name: str) -> dict[str, dict[str, object]]:
    path = RESULTS / f"{name}.json"
    rows = json.loads(path.read_text())["results"]["rows"] if path.exists() else []
    return {row["network"]: row for row in rows}


def _packages() -> dict[str, str]:
    """Return the distribution that holds each network's weights; those with none are missing."""
    return {
        name: package
        for package, folder in PACKAGES_OF_WEIGHTS.items()
        for name in read_manifest(folder / MANIFEST, "Write it with benchmarks/ship.py.").networks
    }


def cards() -> dict[str, NetworkCard]:
    """Return the card of each network."""
    speeds, scores, packages = _rows("networks"), _rows("published"), _packages()
    formats = {one.network: one for one in reversed(FORMATS)}
    found = {}
    for name in NETWORKS:
        network = create_network(name)
        speed = speeds.get(name, {})
        foreign = formats.get(name)
        found[name] = NetworkCard(
            spec=network.spec(),
            good_for=network.good_for,
            gmacs_256=round(count_macs(network) / 1e9, 3),
            milliseconds=speed.get("onnx_ms"),
            peak_megabytes=speed.get("onnx_peak_mb"),
            published=foreign
            and Published(
                home=foreign.home,
                files=foreign.files,
                licence=foreign.licence,
                training_data=foreign.training_data,
            ),
            scores=tuple(
                Score(pairs=row["pairs"], protocol=row["protocol"], means=row["means"])
                for row in ([scores[name]] if name in scores else [])
            ),
            package=packages.get(name, ""),
        )
    return found


def main() -> None:
    """Write or check the file."""
    arguments = parser(__doc__)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    made = {name: card.model_dump(mode="json") for name, card in cards().items()}
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if not check:
        CARDS.write_text(text, encoding="utf-8")
    elif CARDS.read_text(encoding="utf-8") != text:
        sys.exit(f"{CARDS.name} is not what the networks and results say; run benchmarks/cards.py")


if __name__ == "__main__":
    main()
