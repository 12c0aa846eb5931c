"""The loop: stage after stage, step after step, able to stop anywhere and go on exactly there."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from imfuse.data.sample import Sample
from imfuse.data.sources import Source
from imfuse.errors import TrainingInterrupted
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.trainer.checkpoint import (
    FILE,
    State,
    random_state,
    save_state,
    set_random_state,
)
from imfuse.learn.trainer.journal import Journal
from imfuse.learn.trainer.previews import preview_samples, write_preview
from imfuse.learn.trainer.recipe import Recipe
from imfuse.learn.trainer.running import Running, Taken
from imfuse.learn.trainer.stage import Planned, Stage, Workshop

_SEED_OF_STAGE = 1000
"""Distance of the seeds of two stages."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        stage: Name of the stage.
        step: Steps of all stages that are done.
        steps: Steps of all stages.
        loss: Of the last step.
        seconds: Time that the steps took, those before interruptions included.
        left: Seconds that the others are expected to take.
    """

    stage: str
    step: int
    steps: int
    loss: float
    seconds: float
    left: float


class Trainer:
    """Runs the stages of a recipe.

    Args:
        recipe: The recipe, with its modules.
        source: What to train on.
        held_out: What to make previews of; None: no previews.
        folder: The run's folder.
        fabric: Device, precision and processes; launched.
        plan: The stages of the paper's schedule.
        steps: Steps of each stage in this run.
        watch: Called after each step, in the process that writes files.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: Source,
        held_out: Source | None,
        folder: Path,
        *,
        fabric: Fabric,
        plan: Sequence[Planned],
        steps: Sequence[int],
        watch: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.recipe, self.source, self.folder = recipe, source, folder
        self.plan, self.steps, self._watch = tuple(plan), tuple(steps), watch
        self._fabric, self._settings = fabric, recipe.settings
        self._lead = fabric.is_global_zero
        self._average: AveragedModel | None = None
        self._told: Progress | None = None
        self._previewed = preview_samples(held_out) if held_out and self._lead else []

    @property
    def result(self) -> nn.Module:
        """The module that came out: with the mean of its weights, if one was kept."""
        return self._subject if self._average is None else self._average.module

    @property
    def network(self) -> FusionNetwork:
        """The same, where the recipe trains a fusion network."""
        return cast(FusionNetwork, self.result)

    @property
    def _subject(self) -> nn.Module:
        return self.recipe.modules[self.recipe.subject]

    def fit(self, state: State) -> State:
        """Train from a state to the end.

        Args:
            state: A fresh state, or one to go on from.

        Returns:
            The last state, which is stored as well.

        Raises:
            TrainingDiverged: A loss or a gradient is not finite; the last state is kept.
            TrainingInterrupted: The process was asked to stop; the state is kept.
            UsageError: The samples lack what a stage needs, or the batch can't be shared.
        """
        if state.modules:
            self._restore(state)
        else:
            self._save(state)
        with _stop_signal() as stop, _journal(self.folder, state.total, write=self._lead) as log:
            for index in range(state.stage, len(self.plan)):
                if state.step == 0:
                    torch.manual_seed(self._settings.seed + _SEED_OF_STAGE * index)
                    self.recipe.begin(index)
                self._run(index, state, log, stop)
                state.stage, state.step, state.optimizers = index + 1, 0, []
                self._save(state)
                if state.stage < len(self.plan):
                    self._stop_if_asked(stop, state)
        return state

    def _restore(self, state: State) -> None:
        self.recipe.modules.load_state_dict(state.modules)
        if state.average is not None:
            self._average = self._new_average()
            self._average.load_state_dict(state.average)

    def _new_average(self) -> AveragedModel:
        mean = get_ema_multi_avg_fn(self._settings.ema)  # type: ignore[no-untyped-call]
        averaged = AveragedModel(self._subject, multi_avg_fn=mean, use_buffers=True)
        return averaged.to(self._fabric.device)

    def _run(self, index: int, state: State, log: Journal | None, stop: threading.Event) -> None:
        """Run what is left of a stage."""
        name, planned = self.plan[index]
        steps = self.steps[index]
        stage = self.recipe.stage(index, self._workshop())
        running = Running(stage, self.recipe, self._fabric)
        if self._settings.ema and self.recipe.subject in stage.trained and state.step == 0:
            self._average = self._new_average()
        if state.optimizers:
            for one, stored in zip(stage.optimizations, state.optimizers, strict=True):
                one.optimizer.load_state_dict(stored)
        if state.random:
            # The state of a fresh stage is that of its seed.
            set_random_state(state.random)
            state.random = {}
        batches = running.batches(
            seed=self._settings.seed + _SEED_OF_STAGE * index,
            done=state.step,
            steps=steps - state.step,
            workers=self._settings.workers,
        )
        before = time.perf_counter()
        for batch in batches:
            arrived = time.perf_counter()
            position = state.step * planned / steps
            taken = running.step(batch, position, f"{name}, step {state.total + 1}")
            if self._average is not None and self.recipe.subject in stage.trained:
                self._average.update_parameters(self._subject)
            now = time.perf_counter()
            state.step, state.total = state.step + 1, state.total + 1
            state.seconds += now - before
            self._note(log, name, state, taken, waited=arrived - before)
            before = time.perf_counter()
            self._keep(index, state, stage, stop)
            # Checkpoints and previews count as time of the run, too.
            state.seconds += time.perf_counter() - before
            before = time.perf_counter()

    def _workshop(self) -> Workshop:
        return Workshop(
            self.source,
            self.folder,
            self._fabric.device,
            lead=self._lead,
            wait=self._fabric.barrier,
            autocast=self._fabric.autocast,
            tell=self.tell,
        )

    def tell(self, what: str) -> None:
        """Tell who watches what keeps the next step, or the end, waiting."""
        if self._told is not None:
            self._watch(replace(self._told, stage=what))

    def _note(
        self, log: Journal | None, name: str, state: State, taken: Taken, *, waited: float
    ) -> None:
        """Write the line of a step, and tell who watches."""
        if log is None:
            return
        line: dict[str, Any] = {
            "step": state.total,
            "stage": name,
            "seconds": round(state.seconds, 3),
            "lr": taken.rates[0] if taken.rates else 0.0,
            "loss": taken.loss,
            "terms": taken.terms,
            "gradient": taken.gradient,
            "waited": round(waited, 4),
        }
        if len(taken.rates) > 1:
            line["lrs"] = list(taken.rates)
        log.write(line)
        steps = sum(self.steps)
        left = state.seconds / state.total * (steps - state.total)
        self._told = Progress(name, state.total, steps, taken.loss, state.seconds, left)
        self._watch(self._told)

    def _keep(self, index: int, state: State, stage: Stage, stop: threading.Event) -> None:
        """Write previews and checkpoints where they are due; stop where that was asked for."""
        settings, last = self._settings, state.step == self.steps[index]
        if self._previewed and (state.total % settings.preview_every == 0 or last):
            self._preview(state.total)
        if last:
            return  # the end of a stage is stored as such
        if self._asked(stop) or state.total % settings.checkpoint_every == 0:
            state.stage = index
            state.optimizers = [one.optimizer.state_dict() for one in stage.optimizations]
            state.random = random_state()
            self._save(state)
            state.random = {}
            self._stop_if_asked(stop, state)

    def _asked(self, stop: threading.Event) -> bool:
        """Return whether any process was asked to stop, the same in all of them."""
        if self._fabric.world_size == 1:
            return stop.is_set()
        asked = torch.tensor(float(stop.is_set()), device=self._fabric.device)
        return bool(self._fabric.all_reduce(asked, reduce_op="sum"))

    def _stop_if_asked(self, stop: threading.Event, state: State) -> None:
        if self._asked(stop):
            raise TrainingInterrupted(
                f"stopped after step {state.total} of {sum(self.steps)}",
                file=self.folder,
                remedy="Go on by the same command with --resume.",
            )

    def _preview(self, step: int) -> None:
        folder = self.folder / "previews"
        folder.mkdir(exist_ok=True)
        modes = [(module, module.training) for module in self.result.modules()]
        self.result.eval()
        self.preview(folder / f"{step:07d}.png", self._previewed)
        for module, training in modes:
            module.training = training  # one by one: some may be frozen

    def preview(self, path: Path, samples: Sequence[Sample]) -> None:
        """Write a picture of what the result makes of samples."""
        device, autocast = self._fabric.device, self._fabric.autocast
        write_preview(path, self.network, samples, device, autocast)

    def _save(self, state: State) -> None:
        if self._lead:
            state.modules = self.recipe.modules.state_dict()
            state.average = None if self._average is None else self._average.state_dict()
            save_state(self.folder / FILE, state)
        self._fabric.barrier()


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Turn the first request to end the process into an event; a second one ends it at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _journal(folder: Path, steps: int, *, write: bool) -> Iterator[Journal | None]:
    if not write:
        yield None
        return
    with Journal(folder, steps) as journal:
        yield journal
