"""A training from its first to its last file: what `imfuse train` does.

A run's folder holds `config.yaml` (complete), `log.jsonl`, `state.ckpt`, `weights.safetensors`,
`model.onnx`, `card.md` and `card.json`, `previews/` and `tensorboard/`.
"""

import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from imfuse import __version__
from imfuse.errors import OutputError, UnknownName, UsageError
from imfuse.io.atomic import write_atomically
from imfuse.learn.checkpoints import save_weights
from imfuse.learn.data.cache import CachedSource
from imfuse.learn.data.opening import open_source
from imfuse.learn.data.sources import Source, hold_out
from imfuse.learn.export import export_onnx
from imfuse.learn.models.base import Origin
from imfuse.learn.recipes.table import RECIPES, find_recipe
from imfuse.learn.trainer.budget import parse_budget, scaled
from imfuse.learn.trainer.card import StageDone, TrainingCard, write_card
from imfuse.learn.trainer.checkpoint import FILE, State, load_state
from imfuse.learn.trainer.loop import Progress, Trainer, seconds_a_step
from imfuse.learn.trainer.recipe import Planned, Recipe, Settings
from imfuse.learn.trainer.scores import score
from imfuse.learn.trainer.settings import make_settings
from imfuse.machine import available_cores

CONFIG = "config.yaml"
WEIGHTS = "weights.safetensors"
MODEL = "model.onnx"
_SCORED = 8
"""Held-out pairs whose scores the card shows, at the most."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained, on what, and for how long.

    Attributes:
        recipe: Name of the recipe.
        data: Folders of pairs, `scenes`, or `scenes:N`.
        preset: Which values of the recipe: `paper`, or another of its presets.
        settings: Changes to them, later ones over earlier ones.
        budget: Such as `30m`, `2h` or `5000it`; None: the paper's schedule.
        layout: Name of the data's layout, where folders don't show it.
        stride: Take every so many frames of video.
        device: `auto`, `cpu`, `gpu`, or a number of GPUs.
    """

    recipe: str
    data: Sequence[str]
    preset: str = "paper"
    settings: Sequence[Mapping[str, Any]] = ()
    budget: str | None = None
    layout: str | None = None
    stride: int = 1
    device: str = "auto"


_OF_A_RUN = ("settings", "steps", "pairs", "pairs_sha256", "precision", "imfuse")
"""Keys of a run's `config.yaml` besides those of the order."""


def make_order(
    file: Mapping[str, Any],
    given: Mapping[str, Any],
    changes: Mapping[str, Any],
    device: str = "auto",
) -> Order:
    """Put an order together from a file of settings and what was given besides.

    Args:
        file: Settings of a recipe, or a run's whole configuration, which has them under `settings`.
        given: Fields of the order that were given, or None; they count before those of the file.
        changes: Settings that count before those of the file.
        device: See `Order`.

    Raises:
        UsageError: There is no recipe, or no data.
        UnknownName: A whole configuration has an unknown key.
    """
    stored: Mapping[str, Any] = {}
    if "settings" in file:
        known = {one.name for one in fields(Order)} | set(_OF_A_RUN)
        for key in file:
            if key not in known:
                raise UnknownName("key of a configuration", key, known)
        stored, file = file, file["settings"] or {}
    merged = {name: stored.get(name) for name in given}
    merged |= {name: value for name, value in given.items() if value is not None}
    if merged["recipe"] is None:
        raise UsageError("no recipe", expected=f"one of {', '.join(RECIPES)}")
    if not merged["data"]:
        raise UsageError("no pairs to train on", expected="--data DIR, or --data scenes:200")
    filled = {name: value for name, value in merged.items() if value is not None}
    return Order(**filled, settings=[file, changes], device=device)


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


def prepare(order: Order) -> Run:
    """Set a training up: open its data, check its settings, and make its schedule.

    A budget in time has a few steps of each stage tried.

    Raises:
        UnknownName: There is no such recipe, preset or setting.
        UsageError: A value makes no sense, or the pairs lack what the recipe needs.
        DatasetNotFound: See `open_source`.
    """
    kind = find_recipe(order.recipe)
    settings = make_settings(kind, *order.settings, preset=order.preset)
    budget = None if order.budget is None else parse_budget(order.budget)
    fabric = _fabric(order.device, settings)
    source, held_out = _open(order, settings)
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
    config = _config(order, settings, source, steps, _precision(settings, fabric.device.type))
    torch.manual_seed(settings.seed)
    return Run(kind(settings), source, held_out, plan, steps, config, fabric)


def reopen(folder: Path, order: Order | None, device: str = "auto") -> tuple[Run, State]:
    """Set an interrupted training up again, as its state tells.

    Args:
        folder: The run's folder.
        order: What it is thought to be; None: whatever it is.
        device: See `Order`; a training may go on elsewhere.

    Raises:
        WeightsError: There is no state to go on from, or a damaged one.
        UsageError: The order differs from the one that was begun, or its data have changed.
    """
    state = load_state(folder / FILE)
    config = state.config
    stored = Order(
        recipe=config["recipe"],
        data=config["data"],
        preset=config["preset"],
        settings=[config["settings"]],
        budget=None,
        layout=config["layout"],
        stride=config["stride"],
        device=device,
    )
    kind = find_recipe(stored.recipe)
    settings = make_settings(kind, *stored.settings, preset=stored.preset)
    if order is not None:
        _same(order, config, folder)
    fabric = _fabric(device, settings)
    source, held_out = _open(stored, settings)
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
        TrainingInterrupted: The process was asked to stop; the state is kept.
    """
    if run.fabric.is_global_zero:
        _make_folder(folder, fresh=state is None)
        write_atomically(folder / CONFIG, [yaml.safe_dump(run.config, sort_keys=False).encode()])
    run.fabric.barrier()
    trainer = Trainer(
        run.recipe,
        run.source,
        run.held_out,
        folder,
        fabric=run.fabric,
        plan=run.plan,
        steps=run.steps,
        watch=watch,
    )
    state = trainer.fit(state or State(run.config))
    card = _card(run, trainer, state)
    if run.fabric.is_global_zero:
        network = trainer.network.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        origin = Origin(training_data=card.training_data, training_terms=card.training_terms)
        made = run.recipe.settings.network
        save_weights(folder / WEIGHTS, network, settings=made, origin=origin)
        export_onnx(network, folder / MODEL, network.spec(origin))
        write_card(folder, card)
    run.fabric.barrier()
    return card


def _fabric(device: str, settings: Settings) -> Fabric:
    """Return the devices and processes to work with; those of `torchrun`, if it started us."""
    accelerator, devices = _devices(device)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # the card says it all
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = int(os.environ.get("WORLD_SIZE", "1")) // local
    several = local * nodes > 1 or devices > 1
    fabric = Fabric(
        accelerator=accelerator,
        devices=max(devices, local),
        num_nodes=nodes,
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        precision=_precision(settings, accelerator),
    )
    fabric.launch()
    return fabric


def _devices(device: str) -> tuple[str, int]:
    if device == "auto":
        return ("cuda" if torch.cuda.is_available() else "cpu"), 1
    if device == "cpu":
        return "cpu", 1
    if device == "gpu" or device.isdecimal():
        count = 1 if device == "gpu" else int(device)
        if not 1 <= count <= torch.cuda.device_count():
            found = f"{count} GPUs asked for, {torch.cuda.device_count()} there"
            raise UsageError(found, remedy="Use --device cpu, or a PyTorch built for your GPU.")
        return "cuda", count
    raise UsageError(f"device {device!r}", expected="auto, cpu, gpu, or a number of GPUs")


def _precision(settings: Settings, accelerator: str) -> Literal["bf16-mixed", "32-true"]:
    wanted = settings.precision
    if wanted == "auto":
        fast = (
            torch.cuda.is_bf16_supported()
            if accelerator == "cuda"
            else torch.cpu.get_capabilities().get("amx_bf16")
            or torch.cpu.get_capabilities().get("avx512_bf16")
        )
        wanted = "bfloat16" if fast else "float32"
    return "bf16-mixed" if wanted == "bfloat16" else "32-true"


def _open(order: Order, settings: Settings) -> tuple[Source, Source | None]:
    source = open_source(list(order.data), split="train", layout=order.layout, stride=order.stride)
    groups = {entry.group for entry in source.entries}
    if settings.held_out == 0 or len(groups) < 2:
        return CachedSource(source), None
    kept, held_out = hold_out(source, settings.held_out)
    return CachedSource(kept), held_out


def _config(
    order: Order, settings: Settings, source: Source, steps: tuple[int, ...], precision: str
) -> dict[str, Any]:
    return {
        "recipe": order.recipe,
        "preset": order.preset,
        "data": [str(one) for one in order.data],
        "layout": order.layout,
        "stride": order.stride,
        "budget": order.budget,
        "steps": list(steps),
        "pairs": len(source),
        "pairs_sha256": source.fingerprint,
        "precision": precision,
        "imfuse": __version__,
        "settings": settings.model_dump(mode="json"),
    }


def _same(order: Order, config: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with something else than what was begun."""
    kind = find_recipe(order.recipe)
    settings = make_settings(kind, *order.settings, preset=order.preset)
    asked = {
        "recipe": order.recipe,
        "data": [str(one) for one in order.data],
        "budget": order.budget,
        "layout": order.layout,
        "stride": order.stride,
        **settings.model_dump(mode="json"),
    }
    begun = {**config, **config["settings"]}
    unlike = [name for name, value in asked.items() if begun.get(name) != value]
    if unlike:
        raise UsageError(
            f"{', '.join(unlike)}: not what the training began with",
            file=folder,
            remedy="Go on with --resume and -o alone, or start a new training elsewhere.",
        )


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
        scores = score(network, run.held_out, fabric.device, most=scored)
    layouts = run.source.layouts
    stages = [
        StageDone(name=planned.name, steps=steps, planned=planned.steps)
        for planned, steps in zip(run.plan, run.steps, strict=True)
    ]
    return TrainingCard(
        network=network.name,
        recipe=run.recipe.name,
        preset=run.config["preset"],
        paper=run.recipe.paper,
        departures=run.recipe.departures,
        parameters=network.parameters_count,
        training_data="; ".join(layout.title for layout in layouts),
        training_terms="; ".join(f"{one.name}: {one.terms}" for one in layouts if one.terms),
        data=[Path(one).name for one in run.config["data"]],
        pairs=len(run.source),
        held_out=0 if run.held_out is None else len(run.held_out),
        pairs_sha256=run.source.fingerprint,
        stages=stages,
        budget=run.config["budget"],
        seconds=round(state.seconds, 1),
        precision=run.config["precision"],
        device=_hardware(fabric),
        processes=fabric.world_size,
        imfuse=__version__,
        torch=torch.__version__,
        seed=run.recipe.settings.seed,
        settings=run.config["settings"],
        scores=scores,
        scored=scored,
    )


def _hardware(fabric: Fabric) -> str:
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return f"{available_cores()} cores of {name}"
