"""A training from its first to its last file: what `imfuse train` does.

A run's folder holds `config.yaml` (complete), `log.jsonl`, `state.ckpt`, `weights.safetensors`,
`model.onnx`, `card.md` and `card.json`, `previews/` and `tensorboard/`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning_fabric import Fabric

from imfuse import __version__
from imfuse.errors import OutputError, TrainingInterrupted, UsageError
from imfuse.io.atomic import write_atomically
from imfuse.learn.checkpoints import save_weights
from imfuse.learn.data.cache import CachedSource
from imfuse.learn.data.opening import open_source
from imfuse.learn.data.sources import Source, hold_out
from imfuse.learn.export import export_onnx
from imfuse.learn.models.base import Origin
from imfuse.learn.order import Find, Order, check_same, make_config, stored_order
from imfuse.learn.recipes.table import find_recipe
from imfuse.learn.trainer.budget import parse_budget, scaled
from imfuse.learn.trainer.card import StageDone, TrainingCard, shareable, write_card
from imfuse.learn.trainer.checkpoint import FILE, State, load_state
from imfuse.learn.trainer.devices import hardware, make_fabric, precision_of
from imfuse.learn.trainer.loop import Progress, Trainer
from imfuse.learn.trainer.recipe import Planned, Recipe, Settings
from imfuse.learn.trainer.running import seconds_a_step
from imfuse.learn.trainer.scores import score
from imfuse.learn.trainer.settings import make_settings

CONFIG = "config.yaml"
WEIGHTS = "weights.safetensors"
MODEL = "model.onnx"
_SCORED = 8
"""Held-out pairs whose scores the card shows, at the most."""


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
    if budget is not None:
        paces = [0.0] * len(plan)
        if budget.seconds is not None:
            # Its weights are changed by the trial: a recipe of its own.
            paces = seconds_a_step(kind(settings), source, fabric)
        factor = budget.scale(plan, paces)
    steps = scaled(plan, factor)
    if fabric.world_size > 1:
        steps = tuple(fabric.broadcast(steps))
    config = make_config(order, settings, source, steps, precision_of(settings, fabric.device.type))
    torch.manual_seed(settings.seed)
    return Run(kind(settings), source, held_out, plan, steps, config, fabric)


def reopen(
    folder: Path, order: Order | None, device: str = "auto", find: Find = find_recipe
) -> tuple[Run, State]:
    """Set an interrupted training up again, as its state tells.

    Args:
        folder: The run's folder.
        order: What it is thought to be; None: whatever it is.
        device: See `Order`; a training may go on elsewhere.
        find: Where its recipe is looked up.

    Raises:
        WeightsError: There is no state to go on from, or a damaged one.
        UsageError: The order differs from the one that was begun, or its data have changed.
    """
    state = load_state(folder / FILE)
    config = state.config
    stored = stored_order(config, device)
    kind = find(stored.recipe)
    settings = make_settings(kind, *stored.settings, preset=stored.preset)
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


def execute(
    run: Run,
    folder: Path,
    state: State | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> TrainingCard:
    """Train, and write what came out.

    Args:
        run: What `prepare` or `reopen` gave.
        folder: The run's folder.
        state: What `reopen` gave; None: from the beginning.
        watch: Called after each step.

    Raises:
        OutputError: The folder holds a run already, or can't be written to.
        TrainingDiverged: A loss or a gradient is not finite; the last state is kept.
        TrainingInterrupted: This process was asked to stop, or one that reads pairs was; the state
            is kept.
    """
    trainer, state = train(run, folder, state, watch)
    card = _card(run, trainer, state)
    if run.fabric.is_global_zero:
        network = trainer.network.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        before = run.recipe.origin or Origin()
        begun = card.begun_with or ""
        added = _unmentioned([layout.title for layout in run.source.layouts], begun)
        seen = "; then ".join(one for one in (begun, "; ".join(added)) if one)
        steps = sum(stage.steps for stage in card.stages)
        origin = replace(
            before,
            training_data=seen,
            training_terms=card.training_terms,
            steps=steps if card.begun_with is None else _sum(steps, card.begun_steps),
        )
        made = run.recipe.settings.network
        save_weights(folder / WEIGHTS, network, settings=made, origin=origin)
        trainer.tell("writing the model, and comparing it with the network")
        export_onnx(network, folder / MODEL, network.spec(origin), settings=made)
        write_card(folder, card)
    run.fabric.barrier()
    return card


def train(
    run: Run,
    folder: Path,
    state: State | None,
    watch: Callable[[Progress], None],
    kind: type[Trainer] = Trainer,
) -> tuple[Trainer, State]:
    """Train, and write all but what comes out; see `execute`.

    Args:
        run: What `prepare` or `reopen` gave.
        folder: The run's folder.
        state: What `reopen` gave; None: from the beginning.
        watch: Called after each step.
        kind: The trainer to use.
    """
    if run.fabric.is_global_zero:
        _make_folder(folder, fresh=state is None)
        write_atomically(folder / CONFIG, [yaml.safe_dump(run.config, sort_keys=False).encode()])
    run.fabric.barrier()
    trainer = kind(
        run.recipe,
        run.source,
        run.held_out,
        folder,
        fabric=run.fabric,
        plan=run.plan,
        steps=run.steps,
        watch=watch,
    )
    try:
        return trainer, trainer.fit(state or State(run.config))
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise TrainingInterrupted(
            f"a process that reads pairs was ended from outside ({error})",
            file=folder,
            remedy="Go on by --resume. If memory ran out, take smaller crops or --set workers=0.",
        ) from error


def _open(order: Order, kind: type[Recipe], settings: Settings) -> tuple[Source, Source | None]:
    source = open_source(
        list(order.data),
        split="train",
        layout=order.layout,
        stride=order.stride,
        times=settings.times,
    )
    source = kind.view(source, settings)
    groups = {entry.group for entry in source.entries}
    if settings.held_out == 0 or len(groups) < 2:
        return CachedSource(source), None
    kept, held_out = hold_out(source, settings.held_out)
    return CachedSource(kept), held_out


def _make_folder(folder: Path, *, fresh: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = fresh and any(folder.iterdir())
    except OSError as error:
        found = f"the folder can't be made ({error.strerror})"
        raise OutputError(found, file=folder, remedy="Choose another folder.") from error
    if taken:
        begun = (folder / FILE).exists()
        raise OutputError(
            "it holds a training already" if begun else "the folder is not empty",
            file=folder,
            remedy="Go on with it by --resume, or choose another folder."
            if begun
            else "Choose another folder.",
        )


def _card(run: Run, trainer: Trainer, state: State) -> TrainingCard:
    network, fabric = trainer.network.eval(), run.fabric
    scores: dict[str, float] = {}
    scored = 0 if run.held_out is None else min(_SCORED, len(run.held_out))
    if run.held_out is not None and fabric.is_global_zero:
        scores = score(network, run.held_out, fabric.device, most=scored, tell=trainer.tell)
    return TrainingCard(
        **facts(run, state),
        network=network.name,
        parameters=network.parameters_count,
        scores=scores,
        scored=scored,
    )


def _sum(steps: int, before: int | None) -> int | None:
    return None if before is None else before + steps


def _unmentioned(parts: Sequence[str], text: str) -> list[str]:
    """Return what a text does not say yet."""
    return [part for part in parts if part not in text]


def facts(run: Run, state: State) -> dict[str, Any]:
    """Return what a card says of a run, whatever came out of it."""
    layouts, origin = run.source.layouts, run.recipe.origin
    # Weights to begin with hand on the terms of what they were trained on.
    before = "" if origin is None else origin.training_terms
    terms = _unmentioned([f"{one.name}: {one.terms}" for one in layouts if one.terms], before)
    stages = [
        StageDone(name=planned.name, steps=steps, planned=planned.steps)
        for planned, steps in zip(run.plan, run.steps, strict=True)
    ]
    return {
        "recipe": run.recipe.name,
        "preset": run.config["preset"],
        "paper": run.recipe.paper,
        "departures": run.recipe.departures,
        "training_data": "; ".join(layout.title for layout in layouts),
        "training_terms": "; ".join([before, *terms] if before else terms),
        "begun_with": None if origin is None else origin.training_data or "unknown",
        "begun_steps": None if origin is None else origin.steps,
        "data": [Path(one).name for one in run.config["data"]],
        "pairs": len(run.source),
        "held_out": 0 if run.held_out is None else len(run.held_out),
        "pairs_sha256": run.source.fingerprint,
        "stages": stages,
        "budget": run.config["budget"],
        "seconds": round(state.seconds, 1),
        "precision": run.config["precision"],
        "device": hardware(run.fabric),
        "processes": run.fabric.world_size,
        "imfuse": __version__,
        "torch": torch.__version__,
        "seed": run.recipe.settings.seed,
        "settings": shareable(run.recipe.settings),
    }
