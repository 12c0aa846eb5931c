"""Training speed of the recipes: samples per second, and the share of time waiting for data.

Each stage of each recipe takes some steps on rendered pairs of 640x480, cropped to 128x128 in
batches of 4, alternating between bfloat16 and single precision. Recipes that are not named keep
their rows. Use `python training.py smfnet --batch 2` for networks that do not fit into memory
otherwise.
"""

import itertools
import json
import statistics
import time

import torch
from harness import RESULTS, parser, write_results
from lightning_fabric import Fabric

from imfuse.data.opening import open_source
from imfuse.data.sources import Source
from imfuse.learn.batches.cache import CachedSource
from imfuse.learn.recipes.recipe import Recipe
from imfuse.learn.recipes.stage import Workshop
from imfuse.learn.recipes.table import RECIPES, find_recipe
from imfuse.learn.training.settings import make_settings
from imfuse.learn.training.step import Running

CROP = 128
_STEPS, _UNCOUNTED, _ENOUGH_SECONDS = 24, 3, 40.0
_PRECISIONS = {"bf16": "bf16-mixed", "f32": "32-true"}


def _recipe(name: str, batch: int) -> Recipe:
    kind = find_recipe(name)
    fields = kind.options.model_fields
    wanted = {"batch": batch, "crop": [CROP, CROP]}
    alike = {key: value for key, value in wanted.items() if key in fields}
    if "segmentation" in fields:
        alike |= {f"segmentation.{key}": value for key, value in wanted.items()}
    torch.manual_seed(0)
    return kind(make_settings(kind, alike))


def _measure(recipe: Recipe, index: int, source: Source, precision: str) -> tuple[float, float]:
    """Return the seconds per step, and the share of waiting for the batch."""
    middle = recipe.plan(source)[index].steps / 2
    fabric = Fabric(accelerator="cpu", devices=1, precision=_PRECISIONS[precision])
    stage = recipe.stage(index, Workshop(source, None, fabric.device))
    running = Running(stage, recipe, fabric)
    times, waits = [], []
    began = before = time.perf_counter()
    batches = running.batches(seed=0, done=0, steps=_STEPS, workers=recipe.settings.workers)
    for count, batch in enumerate(batches):
        arrived = time.perf_counter()
        running.step(batch, middle, "benchmark")
        now = time.perf_counter()
        if count >= _UNCOUNTED:
            times.append(now - before)
            waits.append(arrived - before)
        before = now
        if now - began > _ENOUGH_SECONDS and len(times) > 2:
            break
    return statistics.median(times), sum(waits) / sum(times)


def _rows(name: str, source: Source, batch: int) -> list[dict[str, object]]:
    recipe = _recipe(name, batch)
    seen, rows = set(), []
    for index, planned in enumerate(recipe.plan(source)):
        kind = planned.name.rstrip(" 0123456789")
        # The second round counts; the first has no segmenter.
        if kind in seen or (planned.name.endswith(" 1") and len(recipe.plan(source)) > 2):
            continue
        seen.add(kind)
        row: dict[str, object] = {"recipe": name, "stage": kind, "batch": batch, "crop": CROP}
        for precision in _PRECISIONS:
            seconds, waiting = _measure(recipe, index, source, precision)
            row[f"{precision}_samples_per_second"] = round(batch / seconds, 2)
            row[f"{precision}_waiting_percent"] = round(100 * waiting, 2)
        rows.append(row)
    return rows


def main() -> None:
    """Measure all recipes, or those that are named."""
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", default=list(RECIPES))
    arguments.add_argument("--batch", type=int, default=4)
    given = arguments.parse_args()
    source = CachedSource(open_source("scenes:12", split="train"))
    for index in range(len(source)):  # rendering is not part of the measurement
        source.load(index)
    before = RESULTS / "training.json"
    kept = json.loads(before.read_text())["results"]["rows"] if before.exists() else []
    rows = {name: [row for row in kept if row["recipe"] == name] for name in RECIPES}
    for name in given.names:
        rows[name] = _rows(name, source, given.batch)
        flat = list(itertools.chain.from_iterable(rows.values()))
        write_results("training", {"torch": torch.__version__, "rows": flat})


if __name__ == "__main__":
    main()
