"""A training from its first to its last file: what `imfuse train` does.

A run's folder holds `config.yaml` (complete), `log.jsonl`, `state.ckpt`, `weights.safetensors`,
`model.onnx`, `card.md` and `card.json`, `previews/` and `tensorboard/`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from imfuse import __version__
from imfuse.errors import OutputError, TrainingInterrupted
from imfuse.io.atomic import write_atomically
from imfuse.learn.checkpoints import save_weights
from imfuse.learn.export import export_onnx
from imfuse.learn.models.base import Origin
from imfuse.learn.preparation import Run
from imfuse.learn.trainer.card import StageDone, TrainingCard, shareable, write_card
from imfuse.learn.trainer.checkpoint import FILE, State
from imfuse.learn.trainer.devices import hardware
from imfuse.learn.trainer.loop import Progress, Trainer
from imfuse.learn.trainer.scores import score

CONFIG = "config.yaml"
WEIGHTS = "weights.safetensors"
MODEL = "model.onnx"
_SCORED = 8
"""Held-out pairs whose scores the card shows, at the most."""


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
        added = _unmentioned([one.on_cards for one in run.source.layouts], begun)
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
        if state is None:
            check_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_folder(folder, error) from error
    # Reads what previews are made of, and fails before anything is written if it can't.
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
    if run.fabric.is_global_zero:
        write_atomically(folder / CONFIG, [yaml.safe_dump(run.config, sort_keys=False).encode()])
    run.fabric.barrier()
    try:
        return trainer, trainer.fit(state or State(run.config))
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise TrainingInterrupted(
            f"a process that reads pairs was ended from outside ({error})",
            file=folder,
            remedy="Go on by --resume; if memory ran out, with --set workers=0.",
        ) from error


def check_folder(folder: Path) -> None:
    """Refuse a folder in which no training can begin.

    Raises:
        OutputError: There is something in it, or it can't be looked into.
    """
    try:
        taken = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise _no_folder(folder, error) from error
    if taken:
        begun = (folder / FILE).exists()
        raise OutputError(
            "it holds a training already" if begun else "the folder is not empty",
            file=folder,
            remedy="Go on with it by --resume, or choose another folder."
            if begun
            else "Choose another folder.",
        )


def _no_folder(folder: Path, error: OSError) -> OutputError:
    found = f"the folder can't be made ({error.strerror})"
    return OutputError(found, file=folder, remedy="Choose another folder.")


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
        "training_data": "; ".join(dict.fromkeys(one.on_cards for one in layouts)),
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
