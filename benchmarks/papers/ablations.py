"""Ablations: a paper's rows trained at one equal budget, and whether its order of rows appears.

    python benchmarks/papers/ablations.py refinefuse --train MSRS --data MSRS -o ablations

Every row is trained from random weights with the same seed, preset `cpu`, for `--budget`, then
scored on the pairs of `--data`. The same command goes on where it was stopped. So short a training
does not reach the printed values; what it may show is their order.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from common import parser, write_json

from imfuse.cli.console import parse_settings
from imfuse.errors import ImfuseError, UsageError
from imfuse.learn import train
from imfuse.metrics.catalogue import infos_of
from imfuse.metrics.published import published_rows

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Ablation:
    """Rows of a printed table.

    Attributes:
        paper: Key of the paper in the table of printed values.
        table: Number of the table.
        dataset: Dataset that it is printed for.
        protocol: Protocol that comes closest to the paper's numbers.
        rows: Printed name of a row to the settings that make it; {}: the complete network.
    """

    paper: str
    table: str
    dataset: str
    protocol: str
    rows: Mapping[str, Mapping[str, Any]]


ABLATIONS = {
    "scgrfuse": Ablation(
        "SCGRFuse",
        "5",
        "MSRS",
        "tang",
        {
            "SCGRFuse": {},
            "SCGRFuse w/o GRXDB": {"network.gradient_blocks": False},
            "SCGRFuse w/o SCAM": {"network.attention": False},
        },
    ),
    "psfusion": Ablation(
        "PSFusion",
        "3",
        "MSRS",
        "tang",
        {
            "PSFusion": {},
            "PSFusion w/o Mask": {"intensity": "both"},
            "PSFusion w/o SFP": {"network.fidelity_heads": False},
        },
    ),
    "smfnet": Ablation(
        "SMFNet",
        "5",
        "RoadScene",
        "smfnet",
        {
            "SMFNet": {},
            "w/o residual transformer": {"network.residual_base": False},
            "w/o GNN": {"network.graph": False},
        },
    ),
    "refinefuse": Ablation(
        "RefineFuse",
        "8",
        "MSRS",
        "tang",
        {
            "RefineFuse": {},
            "Setting A": {"intensity": "both"},
            "Setting B": {"intensity": "maximum"},
            "Setting C": {"texture": 0},
        },
    ),
}
"""Rows that are trained, by recipe. BFFR's table prints only a segmenter's mIoU on MFNet, which
takes a training of that segmenter for each row."""


def printed(ablation: Ablation) -> dict[str, Mapping[str, float]]:
    """Return the printed values of the rows, by name."""
    found = published_rows(ablation.dataset, task="ablation")
    own = (row for row in found if (row.paper, row.table) == (ablation.paper, ablation.table))
    return {row.method: row.values for row in own if row.method in ablation.rows}


def agreement(
    ours: Mapping[str, Scores], theirs: Mapping[str, Scores]
) -> dict[str, tuple[int, int]]:
    """Return per metric in how many pairs of rows the order is the printed one, and of how many.

    Rows with equal printed values, or without a value, are not compared.
    """
    found = {}
    for symbol in next(iter(theirs.values())):
        same = count = 0
        for first, second in combinations([name for name in theirs if name in ours], 2):
            a, b = theirs[first].get(symbol), theirs[second].get(symbol)
            c, d = ours[first].get(symbol), ours[second].get(symbol)
            if a is None or b is None or c is None or d is None or a == b:
                continue
            count += 1
            same += (c - d) * (a - b) > 0
        if count:
            found[symbol] = (same, count)
    return found


def run_row(recipe: str, name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Train and score a row, or return what an earlier call with the same options found.

    Raises:
        UsageError: The folder holds the scores of a row with other options.
        ImfuseError: It can't be trained.
    """
    ablation = ABLATIONS[recipe]
    folder = given.out / recipe / slug(name)
    file = folder.with_suffix(".json")
    own = parse_settings(given.settings) | dict(ablation.rows[name])
    conditions = {
        "settings": own,
        "budget": given.budget,
        "train": given.train,
        "data": given.data,
        "limit": given.limit,
    }
    if file.exists():
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if known["conditions"] != conditions:
            raise UsageError(
                f"{file}, scored with other options",
                expected="the options of the first call",
                remedy="Give another folder with -o.",
            )
        return known
    if not (folder / "model.onnx").exists():
        print(f"{name}: training for {given.budget}", flush=True)
        begun = (folder / "config.yaml").exists()
        folder.parent.mkdir(parents=True, exist_ok=True)
        train(
            recipe,
            given.train,
            folder,
            preset="cpu",
            settings=own,
            budget=given.budget,
            resume=begun,
        )
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    mean = score(folder / "model.onnx", ablation.protocol, given)
    result = {"conditions": conditions, "steps": card.get("steps"), "mean": mean}
    write_json(file, result)
    return result


def score(model: Path, protocol: str, given: argparse.Namespace) -> dict[str, float | None]:
    """Return the means of a network's pictures by `imfuse bench`.

    Raises:
        UsageError: The bench failed; the message has its own.
    """
    command = [sys.executable, "-m", "imfuse", "bench", "--models", str(model), "--json"]
    command += ["--data", given.data, "--protocols", protocol, "--no-audit", "--no-speed"]
    command += [] if given.limit is None else ["--limit", str(given.limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"scoring failed: {done.stderr.strip()}")
    models = json.loads(done.stdout)["models"]
    mean: dict[str, float | None] = next(one["mean"] for one in models if not one["baseline"])
    return mean


def slug(name: str) -> str:
    """Return a name for files."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def show(ours: Mapping[str, Scores], theirs: Mapping[str, Scores]) -> None:
    """Print our means, the printed ones in brackets, and how far the orders agree."""
    agreed = agreement(ours, theirs)
    symbols = [symbol for symbol in infos_of(next(iter(theirs.values()))) if symbol in agreed]
    print(f"{'':<28}" + "".join(f"{symbol:>18}" for symbol in symbols))
    for name, values in ours.items():
        cells = (f"{values[symbol]:.3f} ({theirs[name][symbol]:.3f})" for symbol in symbols)
        print(f"{name:<28}" + "".join(f"{cell:>18}" for cell in cells))
    orders = (f"{agreed[symbol][0]} of {agreed[symbol][1]}" for symbol in symbols)
    print(f"{'pairs of rows in that order':<28}" + "".join(f"{cell:>18}" for cell in orders))


def chosen(recipe: str, text: str) -> Sequence[str]:
    """Return the rows that a user names by their place in the table, such as `0,2`.

    Raises:
        UsageError: There is no such place, or fewer than two are left.
    """
    names = list(ABLATIONS[recipe].rows)
    places = (
        [part.strip() for part in text.split(",")] if text else list(map(str, range(len(names))))
    )
    known = dict(zip(map(str, range(len(names))), names, strict=True))
    if not set(places) <= set(known) or len(set(places)) < 2:
        listed = ", ".join(f"{place}: {name}" for place, name in known.items())
        raise UsageError(f"--rows {text}", expected=f"at least two of {listed}")
    return [known[place] for place in known if place in places]


def main() -> None:
    """Train, score and compare the rows of a paper."""
    arguments = parser(__doc__)
    arguments.add_argument("recipe", choices=list(ABLATIONS))
    arguments.add_argument("--train", action="append", metavar="DIR|scenes:N", help="repeatable")
    arguments.add_argument("--budget", default="10m", help="of each row; default: 10m")
    arguments.add_argument("--rows", default="", metavar="0,1,...", help="default: all rows")
    arguments.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
        help="setting of all rows; repeatable",
    )  # fmt: skip
    arguments.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    given = arguments.parse_args()
    given.train = given.train or ["scenes:200"]
    ablation = ABLATIONS[given.recipe]
    try:
        rows = {
            name: run_row(given.recipe, name, given) for name in chosen(given.recipe, given.rows)
        }
        ours = {name: row["mean"] for name, row in rows.items()}
        theirs = {name: dict(printed(ablation)[name]) for name in rows}
        found = {"rows": rows, "printed": theirs, "agreement": agreement(ours, theirs)}
        write_json(given.out / f"{given.recipe}.json", found)
    except ImfuseError as error:
        sys.exit(str(error))
    show(ours, theirs)


if __name__ == "__main__":
    main()
