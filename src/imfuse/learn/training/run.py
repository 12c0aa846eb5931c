"""Complete training runs, as done by `imfuse train`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from imfuse import __version__
from imfuse.data.checks import check_readable
from imfuse.errors import OutputError, TrainingInterrupted, UnreadableImage
from imfuse.io.atomic import remove_stale_temporaries
from imfuse.io.locks import locked
from imfuse.learn.models.base import Origin
from imfuse.learn.recipes.card import StageDone, TrainingCard, shareable, write_card
from imfuse.learn.training.config import make_config
from imfuse.learn.training.devices import hardware
from imfuse.learn.training.folder import (
    CONFIG,
    LOCK,
    MODEL,
    STATE,
    WEIGHTS,
    check_folder,
    no_folder,
)
from imfuse.learn.training.loop import Progress, Trainer
from imfuse.learn.training.setup import Run, prepare, reopen, signature
from imfuse.learn.training.state import State

_NAMED, _TOLD = 5, 200
"""Largest number of broken pairs that a message names, and of characters for each."""

Watch = Callable[[Progress], None]


def train(  # noqa: PLR0913 - as many as the command has
    recipe: str,
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    budget: str | None = None,
    layout: str | None = None,
    stride: int = 1,
    guide: str | Path | Sequence[str | Path] = (),
    resume: bool = False,
    device: str = "auto",
    watch: Watch = lambda _: None,
    export: bool = True,
) -> TrainingCard:
    """Train a network as its paper describes.

    Args:
        recipe: Name of a recipe, such as `seafusion`, or of a segmenter, such as `banet`.
        data: Folder of pairs, `scenes:N` for N rendered pairs, or several of these.
        out: Folder of the run, empty or new. At the end it holds `weights.safetensors`,
            `model.onnx`, `card.md`, and everything else that docs/training.md lists.
        preset: `paper`, or another preset of the recipe, such as `cpu`.
        settings: Changes to the preset, by name: `{"batch": 4, "segmentation.steps": 500}`.
        budget: Length such as `30m`, `2h` or `5000it`, to which the schedule is scaled; None: the
            whole schedule.
        layout: Name of the layout of the data, if it can't be recognised from the folders.
        stride: Take every N-th frame of video.
        guide: ONNX file of a detector or segmenter that guides a last stage, without labels; or
            several.
        resume: Continue the run in `out`, which was started with the same arguments.
        device: `auto`, `cpu`, `gpu`, or a number of GPUs.
        watch: Called after each step.
        export: Whether to write `model.onnx`.

    Returns:
        The card, which describes the network, its training data, duration and `scores`.

    Raises:
        UsageError: An argument makes no sense, or the pairs lack what the recipe needs.
        UnknownName: There is no such recipe, preset or setting.
        DatasetNotFound: A folder holds no pairs.
        OutputError: The folder holds something else, is in use, or can't be written to.
        TrainingDiverged: A loss or a gradient is not finite, or nothing is learnt any more.
        TrainingInterrupted: The process was asked to stop; the run can be resumed.

    Examples:
        >>> card = train("seafusion", "scenes:40", "run", preset="cpu",
        ...              budget="200it")  # doctest: +SKIP
        >>> network = load("run")  # doctest: +SKIP
    """
    given = {
        "recipe": recipe,
        "data": _listed(data),
        "preset": preset,
        "budget": budget,
        "layout": layout,
        "stride": stride,
    }
    guides = {"guidance.networks": _listed(guide)} if guide else {}
    config = make_config({}, given, {**(settings or {}), **guides})
    folder = Path(out)
    if resume:
        run, state = reopen(folder, config, device=device)
        return execute(run, folder, state, watch, export=export)
    check_folder(folder)
    return execute(prepare(config, device=device), folder, None, watch, export=export)


def _listed(given: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(one) for one in ([given] if isinstance(given, str | Path) else given)]


def execute(
    run: Run,
    folder: Path,
    state: State | None = None,
    watch: Watch = lambda _: None,
    *,
    export: bool = True,
) -> TrainingCard:
    """Train, and write the results.

    Args:
        run: The run, from `prepare` or `reopen`.
        folder: The run's folder.
        state: The state from `reopen`; None: start from the beginning.
        watch: Called after each step.
        export: Whether to write `model.onnx`.

    Raises:
        OutputError: The folder holds a run already, is in use, or can't be written to.
        TrainingDiverged: A loss or a gradient is not finite, or nothing is learnt any more; the
            last state is kept.
        TrainingInterrupted: This process was asked to stop, or a loader process was; the state is
            kept.
    """
    with _held(run, folder):
        trainer, state = fit(run, folder, state, watch)
        card = _card(run, trainer, state)
        if run.fabric.is_global_zero:
            form = torch.contiguous_format
            network = trainer.result.to("cpu", memory_format=form).eval()  # type: ignore[call-overload]
            origin = origin_after(run, state.total)
            run.recipe.save(network, folder / WEIGHTS, origin)
            if export:
                trainer.tell("writing the model, and comparing it with the network")
                run.recipe.export(network, folder / MODEL, origin, run.source.layouts)
            write_card(folder, card)
    run.fabric.barrier()
    return card


@contextmanager
def _held(run: Run, folder: Path) -> Iterator[None]:
    """Keep other processes out of the run's folder, which is created if missing."""
    if not run.fabric.is_global_zero:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise no_folder(folder, error) from error
    with locked(folder, LOCK):
        if run.seen is not None and signature(folder / STATE) != run.seen:
            raise OutputError(
                "another process has resumed this run meanwhile",
                file=folder,
                remedy="Start again, to resume from its state.",
            )
        remove_stale_temporaries(folder)
        yield


def fit(run: Run, folder: Path, state: State | None, watch: Watch) -> tuple[Trainer, State]:
    """Train in an existing folder that this process has locked; see `execute`."""
    if run.fabric.is_global_zero and state is None:
        check_folder(folder)
        _check_files(run)
    # This reads the samples of previews, so it fails before anything is written if it can't.
    trainer = Trainer(
        run.recipe,
        run.source,
        run.held_out,
        folder,
        fabric=run.fabric,
        plan=run.plan,
        steps=run.steps,
        watch=watch,
        origin=lambda steps: origin_after(run, steps),
    )
    if run.fabric.is_global_zero:
        run.config.write(folder / CONFIG)
    run.fabric.barrier()
    try:
        return trainer, trainer.fit(state or State(run.config.model_dump(mode="json")))
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise TrainingInterrupted(
            f"a process that reads pairs was ended from outside ({error})",
            file=folder,
            remedy="Resume with --resume (resume=True); if memory ran out, with --set workers=0 "
            "(settings=).",
        ) from error


def _check_files(run: Run) -> None:
    """Refuse pairs that can't be read, all of them together."""
    sources = [run.source, *([] if run.held_out is None else [run.held_out])]
    broken = [one for source in sources for one in check_readable(source)]
    if broken:
        told = "; ".join(f"{name}: {str(error)[:_TOLD]}" for name, error in broken[:_NAMED])
        more = f"; and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        raise UnreadableImage(
            f"{len(broken)} of {sum(map(len, sources))} pairs can't be read: {told}{more}",
            remedy="Repair or remove these files; `imfuse data check DIR` lists all of them.",
        )


def origin_after(run: Run, steps: int) -> Origin:
    """Return the origin of a run's weights after a number of steps."""
    before, layouts = run.recipe.origin, run.source.layouts
    begun = "" if before is None else before.training_data or "unknown"
    added = _unmentioned([one.on_cards for one in layouts], begun)
    earlier = 0 if before is None else before.steps
    return replace(
        before or Origin(),
        training_data="; then ".join(one for one in (begun, "; ".join(added)) if one),
        training_terms=_terms(run),
        steps=None if earlier is None else earlier + steps,
    )


def _unmentioned(parts: Sequence[str], text: str) -> list[str]:
    """Return the parts that a text does not contain."""
    return [part for part in parts if part not in text]


def _terms(run: Run) -> str:
    """Return the terms of the data, including those of the initial weights' data."""
    layouts, origin = run.source.layouts, run.recipe.origin
    before = "" if origin is None else origin.training_terms
    terms = _unmentioned([f"{one.name}: {one.terms}" for one in layouts if one.terms], before)
    return "; ".join([before, *terms] if before else terms)


def _card(run: Run, trainer: Trainer, state: State) -> TrainingCard:
    recipe, layouts, origin = run.recipe, run.source.layouts, run.recipe.origin
    network = trainer.result.eval()
    held_out = run.held_out if run.fabric.is_global_zero else None
    scored = recipe.score(network, held_out, layouts, run.fabric.device, trainer.tell)
    return recipe.card(
        network=recipe.network,
        recipe=recipe.name,
        preset=run.config.preset,
        paper=recipe.paper,
        departures=recipe.departures,
        parameters=sum(p.numel() for p in network.parameters()),
        training_data="; ".join(dict.fromkeys(one.on_cards for one in layouts)),
        training_terms=_terms(run),
        begun_with=None if origin is None else origin.training_data or "unknown",
        begun_steps=None if origin is None else origin.steps,
        data=[Path(one).name for one in run.config.data],
        pairs=len(run.source),
        held_out=0 if run.held_out is None else len(run.held_out),
        pairs_sha256=run.source.fingerprint,
        stages=[
            StageDone(name=planned.name, steps=steps, planned=planned.steps)
            for planned, steps in zip(run.plan, run.steps, strict=True)
        ],
        budget=run.config.budget,
        seconds=round(state.seconds, 1),
        precision=run.config.precision or "",
        device=hardware(run.fabric),
        processes=run.fabric.world_size,
        imfuse=__version__,
        torch=torch.__version__,
        seed=recipe.settings.seed,
        settings=shareable(recipe.settings),
        scores=dict(scored.means),
        scored=scored.pairs,
        **scored.more,
    )
