"""Setting up a run: its recipe, pairs, schedule and device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from imfuse import __version__
from imfuse.data.opening import open_source
from imfuse.data.sources import Source
from imfuse.data.splitting import hold_out
from imfuse.errors import UsageError
from imfuse.learn.batches.cache import CachedSource
from imfuse.learn.recipes.recipe import Recipe
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Planned
from imfuse.learn.recipes.table import SEGMENTERS, Kind, find_recipe
from imfuse.learn.training.budget import parse_budget, scaled
from imfuse.learn.training.config import RunConfig, check_same, is_rendered
from imfuse.learn.training.devices import make_fabric, precision_of
from imfuse.learn.training.folder import CONFIG, STATE, is_unbegun
from imfuse.learn.training.state import State, check_progress, damaged, load_state
from imfuse.learn.training.step import seconds_a_step


@dataclass(frozen=True)
class Run:
    """A prepared training run, new or to be resumed.

    Attributes:
        recipe: The recipe, with new modules.
        source: The training pairs.
        held_out: Pairs for previews and scores, or None.
        plan: The stages of the paper's schedule.
        steps: Steps of each stage in this run.
        config: The complete configuration.
        fabric: Device, precision and processes.
        seen: Time and size of the state file when it was read, to detect later changes.
    """

    recipe: Recipe
    source: Source
    held_out: Source | None
    plan: tuple[Planned, ...]
    steps: tuple[int, ...]
    config: RunConfig = field(repr=False)
    fabric: Fabric = field(repr=False)
    seen: tuple[int, int] | None = None


def prepare(config: RunConfig, *, device: str = "auto") -> Run:
    """Set up a training run: open its data, check its settings, and make its schedule.

    For a budget in time, a few steps of each stage are measured.

    Args:
        config: What to train.
        device: `auto`, `cpu`, `gpu`, or a number of GPUs.

    Raises:
        UnknownName: There is no such recipe, preset or setting.
        UsageError: A value makes no sense, or the pairs lack what the recipe needs.
        DatasetNotFound: See `open_source`.
    """
    kind = find_recipe(config.recipe)
    settings = config.chosen(kind)
    budget = None if config.budget is None else parse_budget(config.budget)
    fabric = make_fabric(device, settings)
    source, held_out = _open(config, kind, settings)
    torch.manual_seed(settings.seed)
    recipe = kind(settings)
    plan = tuple(recipe.schedule(source))
    factor = 1.0
    if budget is not None and config.steps is None:
        paces = [0.0] * len(plan)
        if budget.seconds is not None:
            paces = seconds_a_step(recipe.twin(), source, fabric)
        factor = budget.scale(plan, paces)
    steps = scaled(plan, factor)
    if config.steps is not None:
        _check_steps(config.steps, plan)
        steps = config.steps
    if fabric.world_size > 1:
        steps = tuple(fabric.broadcast(steps))
    config = config.model_copy(
        update={
            "steps": steps,
            "pairs": len(source),
            "pairs_sha256": source.fingerprint,
            "precision": precision_of(settings, fabric.device.type),
            "imfuse": __version__,
        }
    )
    return Run(recipe, source, held_out, plan, steps, config, fabric)


def _check_steps(steps: Sequence[int], plan: Sequence[Planned]) -> None:
    if len(steps) != len(plan):
        raise UsageError(
            f"steps {list(steps)[:10]}", expected=f"a number from 1 for each of {len(plan)} stages"
        )


def reopen(
    folder: Path,
    asked: RunConfig | None = None,
    *,
    device: str = "auto",
    changes: Mapping[str, Any] | None = None,
    kind: Kind | None = None,
) -> tuple[Run, State | None]:
    """Set up an interrupted run again from its state.

    Args:
        folder: The run's folder.
        asked: Configuration that the run must have; None: any.
        device: See `prepare`; it need not be the device on which the run was started.
        changes: Settings to resume with, only such as don't affect the weights.
        kind: The kind of recipe that may be resumed.

    Returns:
        The run and its state; the state is None if the run was killed before it stored one, and
        must start again.

    Raises:
        WeightsError: There is no state to resume from, or a damaged one.
        UsageError: The run differs from the requested configuration, or its data or `config.yaml`
            have changed.
    """
    file = folder / STATE
    if is_unbegun(folder):
        config, state, seen = RunConfig.read(folder / CONFIG), None, None
    else:
        state = load_state(file)
        seen = signature(file)
        with damaged(file):
            config = RunConfig.of(state.config)
            check_progress(state, config.steps or ())
    recipe_type = _resumable(config, folder, kind)
    if asked is not None:
        check_same(asked, config, recipe_type, folder)
    _check_file(config, recipe_type, folder)
    settings = config.chosen(recipe_type, changes)
    stored = recipe_type.options.model_validate(settings.model_dump())
    config = config.model_copy(update={"settings": stored.model_dump(mode="json")})
    if state is None:
        return prepare(config, device=device), None
    state.config = config.model_dump(mode="json")
    fabric = make_fabric(device, settings)
    source, held_out = _open(config, recipe_type, settings)
    if source.fingerprint != config.pairs_sha256:
        raise UsageError(
            f"other pairs than the {config.pairs} with which the training began",
            file=folder,
            remedy="Restore the same data, or start a new training elsewhere.",
        )
    torch.manual_seed(settings.seed)
    recipe = recipe_type(settings)
    plan, steps = tuple(recipe.schedule(source)), config.steps or ()
    with damaged(file):
        _check_steps(steps, plan)
    return Run(recipe, source, held_out, plan, steps, config, fabric, seen), state


def signature(path: Path) -> tuple[int, int]:
    """Return time and size of a file, to detect that it was replaced."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _resumable(config: RunConfig, folder: Path, kind: Kind | None) -> type[Recipe]:
    recipe = find_recipe(config.recipe)
    if kind is not None and recipe.kind != kind:
        command = "segment train" if config.recipe in SEGMENTERS else "train"
        raise UsageError(
            f"a training of {config.recipe}",
            file=folder,
            remedy=f"Resume it with `imfuse {command} --resume`.",
        )
    return recipe


def _check_file(config: RunConfig, kind: type[Recipe], folder: Path) -> None:
    """Refuse a `config.yaml` that differs from the state."""
    file = folder / CONFIG
    if not file.exists():
        return
    try:
        check_same(RunConfig.read(file), config, kind, file)
    except UsageError as error:
        raise UsageError(
            error.found,
            file=file,
            expected=error.expected,
            remedy="Undo the change, or delete the file; the state holds another copy.",
        ) from error


def _refuse_repeats(data: Sequence[str]) -> None:
    """Refuse data given twice, of which a pair could be both trained on and held out."""
    rendered = [one for one in data if is_rendered(one)]
    places = [Path(one).resolve() for one in data if one not in rendered]
    twice = [str(place) for place in places if places.count(place) > 1]
    if len(rendered) > 1 or twice:
        raise UsageError(
            "given twice as data",
            file=twice[0] if twice else "scenes",
            remedy="To repeat a dataset, give it once, and --set times.NAME=2 (settings=).",
        )


def _open(
    config: RunConfig, kind: type[Recipe], settings: Settings
) -> tuple[Source, Source | None]:
    source = open_source(
        config.places,
        split="train",
        layout=config.layout,
        stride=config.stride,
        times=settings.times,
    )
    _refuse_repeats(config.places)
    source = kind.view(source, settings)
    groups = {entry.group for entry in source.entries}
    if settings.held_out == 0 or len(groups) < 2:
        return CachedSource(source), None
    kept, held_out = hold_out(source, settings.held_out)
    return CachedSource(kept), held_out
