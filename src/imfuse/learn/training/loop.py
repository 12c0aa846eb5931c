"""The training loop over stages and steps, which can stop anywhere and resume exactly there."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from imfuse.data.sources import Source
from imfuse.errors import TrainingInterrupted
from imfuse.io.atomic import write_atomically
from imfuse.learn.models.base import Origin
from imfuse.learn.recipes.previews import preview_samples
from imfuse.learn.recipes.recipe import Recipe
from imfuse.learn.recipes.stage import Planned, Stage, Workshop
from imfuse.learn.training.folder import PREVIEWS, STATE, stage_weights
from imfuse.learn.training.journal import Journal
from imfuse.learn.training.signals import stop_signal
from imfuse.learn.training.state import (
    State,
    check_progress,
    damaged,
    random_state,
    restore_optimizer,
    save_state,
    set_random_state,
)
from imfuse.learn.training.step import Running, Taken

_SEED_OF_STAGE = 1000
"""Distance between the seeds of two stages."""


@dataclass(frozen=True)
class Progress:
    """Progress of a training.

    Attributes:
        stage: Name of the stage.
        step: Steps of all stages that are done.
        steps: Steps of all stages.
        loss: Loss of the last step.
        seconds: Time that the steps took, including those before interruptions.
        left: Expected seconds until the last step.
    """

    stage: str
    step: int
    steps: int
    loss: float
    seconds: float
    left: float


class Trainer:
    """The loop over the stages and steps of a recipe.

    Args:
        recipe: The recipe, with its modules.
        source: The training pairs.
        held_out: Pairs for previews; None: no previews.
        folder: The run's folder.
        fabric: Device, precision and processes; launched.
        plan: The stages of the paper's schedule.
        steps: Steps of each stage in this run.
        watch: Called after each step, in the process that writes files.
        origin: Describes the weights after a number of steps, for the files that hold them.
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
        origin: Callable[[int], Origin] = lambda steps: Origin(steps=steps),
    ) -> None:
        self.recipe, self.source, self.folder = recipe, source, folder
        self.plan, self.steps, self._watch = tuple(plan), tuple(steps), watch
        self._fabric, self._settings = fabric, recipe.settings
        self._lead, self._origin = fabric.is_global_zero, origin
        self._average: AveragedModel | None = None
        self._told: Progress | None = None
        self._previewed = preview_samples(held_out) if held_out and self._lead else []

    @property
    def result(self) -> nn.Module:
        """The trained network, with the moving average of its weights if there is one."""
        return self._subject if self._average is None else self._average.module

    @property
    def _subject(self) -> nn.Module:
        return self.recipe.modules[self.recipe.subject]

    def fit(self, state: State) -> State:
        """Train from a state to the end.

        Args:
            state: A new state, or one to continue from.

        Returns:
            The last state, which is stored as well.

        Raises:
            TrainingDiverged: A loss or a gradient is not finite, or nothing is learnt any more; the
                last state is kept.
            TrainingInterrupted: The process was asked to stop; the state is kept.
            UsageError: The samples lack what a stage needs, or the batch can't be shared.
        """
        if state.modules:
            with damaged(self.folder / STATE):
                self._restore(state)
        else:
            self._save(state)
        journal = Journal(self.folder, state.total) if self._lead else nullcontext()
        with stop_signal() as stop, journal as log:
            for index in range(state.stage, len(self.plan)):
                if state.step == 0:
                    torch.manual_seed(self._settings.seed + _SEED_OF_STAGE * index)
                    self.recipe.start(index, self.source)
                self._run(index, state, log, stop)
                state.stage, state.step, state.optimizers = index + 1, 0, []
                if self._lead:
                    origin = self._origin(state.total)
                    self.recipe.save(self.result, stage_weights(self.folder, index), origin)
                self._save(state)
                if state.stage < len(self.plan):
                    self._stop_if_asked(stop, state)
        return state

    def _restore(self, state: State) -> None:
        check_progress(state, self.steps)
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
        name, planned = self.plan[index].name, self.plan[index].steps
        steps = self.steps[index]
        stage = self.recipe.open_stage(index, self._workshop(pace=planned / steps))
        running = Running(stage, self.recipe, self._fabric)
        if self._settings.ema and self.recipe.subject in stage.trained and state.step == 0:
            self._average = self._new_average()
        with damaged(self.folder / STATE):
            if state.step:
                for one, stored in zip(stage.optimizations, state.optimizers, strict=True):
                    restore_optimizer(one.optimizer, stored)
            if state.random:  # a new stage begins with the random numbers of its seed
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

    def _workshop(self, *, pace: float) -> Workshop:
        return Workshop(
            self.source,
            self.folder,
            self._fabric.device,
            lead=self._lead,
            wait=self._fabric.barrier,
            autocast=self._fabric.autocast,
            tell=self.tell,
            pace=pace,
        )

    def tell(self, what: str) -> None:
        """Report the work that delays the next step or the end of the training."""
        if self._told is not None:
            self._watch(replace(self._told, stage=what))

    def _note(
        self, log: Journal | None, name: str, state: State, taken: Taken, *, waited: float
    ) -> None:
        """Log a step, and report it."""
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
        """Write previews and checkpoints when they are due; stop if requested."""
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
        """Return True if any of the processes was asked to stop."""
        if self._fabric.world_size == 1:
            return stop.is_set()
        asked = torch.tensor(float(stop.is_set()), device=self._fabric.device)
        return bool(self._fabric.all_reduce(asked, reduce_op="sum"))

    def _stop_if_asked(self, stop: threading.Event, state: State) -> None:
        if self._asked(stop):
            raise TrainingInterrupted(
                f"stopped after step {state.total} of {sum(self.steps)}",
                file=self.folder,
                remedy="Resume it with --resume (resume=True).",
            )

    def _preview(self, step: int) -> None:
        folder = self.folder / PREVIEWS
        folder.mkdir(exist_ok=True)
        modes = [(module, module.training) for module in self.result.modules()]
        self.result.eval()
        device, autocast = self._fabric.device, self._fabric.autocast
        picture = self.recipe.preview(self.result, self._previewed, device, autocast)
        _, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        write_atomically(folder / f"{step:07d}.png", [content.tobytes()])
        for module, training in modes:
            module.training = training  # one by one: some may be frozen

    def _save(self, state: State) -> None:
        if self._lead:
            state.modules = self.recipe.modules.state_dict()
            state.average = None if self._average is None else self._average.state_dict()
            save_state(self.folder / STATE, state)
        self._fabric.barrier()
