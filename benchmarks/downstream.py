"""Training of a segmenter on each method's pictures: MSRS's two folds, one seed at a time.

The papers' downstream protocol on the labelled pairs that are here. Trainings of other rows and
seeds with the same settings stay in the results, so that the comparison can grow over days; those
of each sensor alone and of two encoders needn't be repeated (`--no-base-rows`). Needs `IMFUSE_DATA`
and the extras `learn`, `imagenet`, `judge`.

`python downstream.py CACHE --models max,seafusion --fused LABEL=DIR --seed 0 --steps 600`
"""

import json
import os
from pathlib import Path

from harness import RESULTS, parser, write_results

from imfuse.bench.run import parse_folder
from imfuse.learn.downstream import retrain
from imfuse.learn.downstream.summary import RetrainSummary

SEGMENTER = "banet-imagenet"
SETTINGS = {"workers": 0, "precision": "float32"}


def _row(summary: RetrainSummary, index: int) -> dict[str, object]:
    """Return the result of one row and one seed: pixels by true and found class, and mean IoU."""
    row = summary.rows[index]
    tables = row.whole.confusion or {}
    return {
        "confusion": {light: table.tolist() for light, table in tables.items()},
        "by_fold": {f"{a} to {b}": round(one.mean(), 2) for (a, b), one in row.ways.items()},
        "steps": list(row.steps),
        "seconds": round(row.seconds),
    }


def _before(protocol: dict[str, str]) -> dict[str, dict[str, object]]:
    """Return the rows of earlier runs with the same protocol."""
    file = RESULTS / "downstream.json"
    found = json.loads(file.read_text())["results"] if file.exists() else {}
    rows: dict[str, dict[str, object]] = found["rows"] if found.get("protocol") == protocol else {}
    return rows


def main() -> None:
    """Train and test each row with one seed, and add what comes out to the results."""
    arguments = parser(__doc__)
    arguments.add_argument("cache", type=Path)
    arguments.add_argument("--models", default="")
    arguments.add_argument("--fused", action="append", default=[])
    arguments.add_argument("--exchange", default="none")
    arguments.add_argument("--no-base-rows", dest="base_rows", action="store_false")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--steps", type=int, default=600)
    given = arguments.parse_args()
    msrs = Path(os.environ["IMFUSE_DATA"]) / "msrs"
    summary = retrain(
        SEGMENTER,
        msrs / "test",
        given.cache,
        models=[name for name in given.models.split(",") if name],
        fused=[parse_folder(text) for text in given.fused],
        folds=msrs / "folds.json",
        budget=f"{given.steps}it",
        preset="cpu",
        settings={**SETTINGS, "seed": given.seed},
        exchange=given.exchange.split(","),
        base_rows=given.base_rows,
        tell=print,
    )
    protocol = {**summary.about, **{name: str(value) for name, value in SETTINGS.items()}}
    rows = _before(protocol)
    for index, row in enumerate(summary.rows):
        rows.setdefault(row.whole.label, {})[str(given.seed)] = _row(summary, index)
    names = [name for name in summary.rows[0].whole.main["all"] if name != "mean"]
    write_results("downstream", {"protocol": protocol, "classes": names, "rows": rows})


if __name__ == "__main__":
    main()
