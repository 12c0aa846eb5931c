"""A training set up and not begun: its recipe, pairs, schedule and device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from imfuse.data.opening import open_source
from imfuse.data.sources import Source, hold_out
from imfuse.errors import UnknownName, UsageError
from imfuse.learn.batches.cache import CachedSource
from imfuse.learn.order import Find, Order, check_same, make_config, stored_order
from imfuse.learn.recipes.table import find_recipe
from imfuse.learn.trainer.budget import parse_budget, scaled
from imfuse.learn.trainer.checkpoint import FILE, State, load_state
from imfuse.learn.trainer.devices import make_fabric, precision_of
from imfuse.learn.trainer.recipe import Recipe, Settings
from imfuse.learn.trainer.running import seconds_a_step
from imfuse.learn.trainer.settings import make_settings
from imfuse.learn.trainer.stage import Planned


@dataclass(frozen=True)
class Run:
    """A training that is set up and not begun, or to be gone on with.

    Attributes:
        recipe: The recipe, with fresh modules.
        source: What is trained on.
        held_out: What is kept for previews and scores; None: nothing.
        plan: The stages of the paper's schedule.
        steps: Steps of each stage in this run.
        config: All that the run is made from, as plain values.
    """

    recipe: Recipe
    source: Source
    held_out: Source | None
    plan: tuple[Planned, ...]
    steps: tuple[int, ...]
    config: dict[str, Any] = field(repr=False)
    fabric: Fabric = field(repr=False)


def prepare(order: Order, find: Find = find_recipe) -> Run:
    """Set a training up: open its data, check its settings, and make its schedule.

    A budget in time has a few steps of each stage tried.

    Args:
        order: What is to be trained.
        find: Where its recipe is looked up.

    Raises:
        UnknownName: There is no such recipe, preset or setting.
        UsageError: A value makes no sense, or the pairs lack what the recipe needs.
        DatasetNotFound: See `open_source`.
    """
    kind = find(order.recipe)
    settings = make_settings(kind, *order.settings, preset=order.preset)
    budget = None if order.budget is None else parse_budget(order.budget)
    fabric = make_fabric(order.device, settings)
    source, held_out = _open(order, kind, settings)
    torch.manual_seed(settings.seed)
    recipe = kind(settings)
    plan = tuple(recipe.plan(source))
    factor = 1.0
    if budget is not None and order.steps is None:
        paces = [0.0] * len(plan)
        if budget.seconds is not None:
            # Its weights are changed by the trial: a recipe of its own.
            paces = seconds_a_step(kind(settings), source, fabric)
        factor = budget.scale(plan, paces)
    steps = scaled(plan, factor)
    if order.steps is not None:
        _check_steps(order.steps, plan)
        steps = tuple(order.steps)
    if fabric.world_size > 1:
        steps = tuple(fabric.broadcast(steps))
    config = make_config(order, settings, source, steps, precision_of(settings, fabric.device.type))
    torch.manual_seed(settings.seed)
    return Run(kind(settings), source, held_out, plan, steps, config, fabric)


def _check_steps(steps: Sequence[int], plan: Sequence[Planned]) -> None:
    if len(steps) != len(plan) or min(steps) < 1:
        raise UsageError(
            f"steps {list(steps)}", expected=f"a number from 1 for each of {len(plan)} stages"
        )


def reopen(
    folder: Path,
    order: Order | None,
    device: str = "auto",
    find: Find = find_recipe,
    changes: Mapping[str, Any] | None = None,
) -> tuple[Run, State]:
    """Set an interrupted training up again, as its state tells.

    Args:
        folder: The run's folder.
        order: What it is thought to be; None: whatever it is.
        device: See `Order`; a training may go on elsewhere.
        find: Where its recipe is looked up.
        changes: Settings that change no weights, to go on with.

    Raises:
        WeightsError: There is no state to go on from, or a damaged one.
        UsageError: The order differs from the one that was begun, or its data have changed.
    """
    state = load_state(folder / FILE)
    config = state.config
    stored = stored_order(config, device)
    try:
        kind = find(stored.recipe)
    except UnknownName as error:
        raise UsageError(
            f"a training of {stored.recipe}",
            file=folder,
            remedy="Fusion networks go on by imfuse train --resume, segmenters by imfuse segment "
            "train --resume.",
        ) from error
    settings = make_settings(kind, *stored.settings, changes or {}, preset=stored.preset)
    config["settings"] = settings.model_dump(mode="json")
    if order is not None:
        check_same(order, config, folder, find)
    fabric = make_fabric(device, settings)
    source, held_out = _open(stored, kind, settings)
    if source.fingerprint != config["pairs_sha256"]:
        raise UsageError(
            f"other pairs than the {config['pairs']} with which the training began",
            file=folder,
            remedy="Give the same data back, or start a new training elsewhere.",
        )
    torch.manual_seed(settings.seed)
    recipe = kind(settings)
    plan, steps = tuple(recipe.plan(source)), tuple(config["steps"])
    return Run(recipe, source, held_out, plan, steps, config, fabric), state


def _refuse_repeats(data: Sequence[str]) -> None:
    """Refuse data of which a pair could be trained on and held out, under two names."""
    rendered = [one for one in data if one.partition(":")[0] == "scenes"]
    places = [Path(one).resolve() for one in data if one not in rendered]
    twice = [str(place) for place in places if places.count(place) > 1]
    if len(rendered) > 1 or twice:
        raise UsageError(
            "given twice as data",
            file=twice[0] if twice else "scenes",
            remedy="To take a set more often, give it once, and --set times.NAME=2.",
        )


def _open(order: Order, kind: type[Recipe], settings: Settings) -> tuple[Source, Source | None]:
    source = open_source(
        list(order.data),
        split="train",
        layout=order.layout,
        stride=order.stride,
        times=settings.times,
    )
    _refuse_repeats(order.data)
    source = kind.view(source, settings)
    groups = {entry.group for entry in source.entries}
    if settings.held_out == 0 or len(groups) < 2:
        return CachedSource(source), None
    kept, held_out = hold_out(source, settings.held_out)
    return CachedSource(kept), held_out
