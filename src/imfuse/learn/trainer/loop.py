"""The loop: stage after stage, step after step, able to stop anywhere and go on exactly there."""

import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from imfuse.errors import TrainingDiverged, TrainingInterrupted, UsageError
from imfuse.learn.data.batches import Batch, Batches
from imfuse.learn.data.sources import Source
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
from imfuse.learn.trainer.recipe import Losses, Planned, Recipe, Stage, Workshop

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
        self._previewed = preview_samples(held_out) if held_out and self._lead else []

    @property
    def network(self) -> FusionNetwork:
        """The network that came out: with the mean of its weights, if one was kept."""
        if self._average is None:
            return self.recipe.fusion
        return cast(FusionNetwork, self._average.module)

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
        return state

    def _restore(self, state: State) -> None:
        self.recipe.modules.load_state_dict(state.modules)
        if state.average is not None:
            self._average = self._new_average()
            self._average.load_state_dict(state.average)

    def _new_average(self) -> AveragedModel:
        mean = get_ema_multi_avg_fn(self._settings.ema)  # type: ignore[no-untyped-call]
        averaged = AveragedModel(self.recipe.fusion, multi_avg_fn=mean, use_buffers=True)
        return averaged.to(self._fabric.device)

    def _run(self, index: int, state: State, log: Journal | None, stop: threading.Event) -> None:
        """Run what is left of a stage."""
        name, planned = self.plan[index]
        steps = self.steps[index]
        stage = self.recipe.stage(index, self._workshop())
        running = Running(stage, self.recipe, self._fabric)
        if self._settings.ema and "fusion" in stage.trained and state.step == 0:
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
            if self._average is not None and "fusion" in stage.trained:
                self._average.update_parameters(self.recipe.fusion)
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
        )

    def _note(
        self, log: Journal | None, name: str, state: State, taken: "Taken", *, waited: float
    ) -> None:
        """Write the line of a step, and tell who watches."""
        if log is None:
            return
        line: dict[str, Any] = {
            "step": state.total,
            "stage": name,
            "seconds": round(state.seconds, 3),
            "lr": taken.rates[0],
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
        self._watch(Progress(name, state.total, steps, taken.loss, state.seconds, left))

    def _keep(self, index: int, state: State, stage: Stage, stop: threading.Event) -> None:
        """Write previews and checkpoints where they are due; stop where that was asked for."""
        settings, last = self._settings, state.step == self.steps[index]
        if self._previewed and (state.total % settings.preview_every == 0 or last):
            self._preview(state.total, stage)
        stopping = stop.is_set()
        if (state.total % settings.checkpoint_every == 0 or stopping) and not last:
            state.stage = index
            state.optimizers = [one.optimizer.state_dict() for one in stage.optimizations]
            state.random = random_state()
            self._save(state)
            state.random = {}
        if stopping:
            raise TrainingInterrupted(
                f"stopped after step {state.total} of {sum(self.steps)}",
                file=self.folder,
                remedy="Go on by the same command with --resume.",
            )

    def _preview(self, step: int, stage: Stage) -> None:
        folder = self.folder / "previews"
        folder.mkdir(exist_ok=True)
        network = self.network
        was_training = network.training
        network.eval()
        write_preview(folder / f"{step:07d}.png", network, self._previewed, self._fabric.device)
        network.train(was_training)

    def _save(self, state: State) -> None:
        if self._lead:
            state.modules = self.recipe.modules.state_dict()
            state.average = None if self._average is None else self._average.state_dict()
            save_state(self.folder / FILE, state)
        self._fabric.barrier()


@dataclass(frozen=True)
class Taken:
    """What a step was: rates of the optimisers, loss, its terms, norm of the gradient."""

    rates: tuple[float, ...]
    loss: float
    terms: dict[str, float]
    gradient: float


class Running:
    """A stage set up on a device.

    Args:
        stage: The stage.
        recipe: Whose modules it trains.
        fabric: Device, precision and processes.
    """

    def __init__(self, stage: Stage, recipe: Recipe, fabric: Fabric) -> None:
        self.stage, self._recipe, self._fabric = stage, recipe, fabric
        recipe.set_modes(stage.trained)
        stage.objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizers = [one.optimizer for one in stage.optimizations]
        self._objective, *self._optimizers = fabric.setup(stage.objective, *optimizers)
        # Setting up may have changed modes of the objective as a whole.
        recipe.set_modes(stage.trained)

    def batches(self, *, seed: int, done: int, steps: int, workers: int | None) -> Batches:
        """Return the batches of this process.

        Raises:
            UsageError: A batch can't be shared evenly among the processes.
        """
        world, batch = self._fabric.world_size, self.stage.batch
        if batch % world:
            raise UsageError(
                f"batches of {batch} for {world} processes",
                expected="a batch that can be divided by the number of processes",
            )
        if workers is None and self._fabric.device.type == "cpu":
            workers = 1  # the cores are at work on the steps themselves
        return Batches(
            self.stage.source,
            batch // world,
            self.stage.augmentation,
            seed=seed,
            seen=done * batch,
            steps=steps,
            workers=workers,
            ranks=(self._fabric.global_rank, world),
        )

    def step(self, batch: Batch, position: float, where: str) -> Taken:
        """Take one step.

        Args:
            batch: The samples.
            position: Step of the paper's schedule, for the rates.
            where: What an error calls this step.

        Raises:
            TrainingDiverged: A loss or a gradient is not finite; no weight was changed.
        """
        rates = tuple(one.set_rate(position) for one in self.stage.optimizations)
        batch = batch.to(self._fabric.device)
        form = torch.channels_last
        ir, vis = (part.contiguous(memory_format=form) for part in (batch.ir, batch.vis))
        for one in self.stage.optimizations:
            one.optimizer.zero_grad(set_to_none=True)
        losses: Losses = self._objective(ir, vis, batch.labels)
        self._fabric.backward(losses.total)
        norms = [self._gradient(one.parameters, one.clip) for one in self.stage.optimizations]
        norm = float(torch.stack(norms).norm())
        taken = self._reduced(losses, rates, norm)
        if not all(torch.isfinite(torch.tensor([taken.loss, norm]))):
            raise self._diverged(taken, batch, where)
        for optimizer in self._optimizers:
            optimizer.step()
        return taken

    @staticmethod
    def _gradient(parameters: Sequence[nn.Parameter], clip: float | None) -> Tensor:
        """Return the norm of a gradient before it is clipped."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if clip is not None:
            nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        return norm

    def _reduced(self, losses: Losses, rates: tuple[float, ...], norm: float) -> Taken:
        """Return the losses as numbers, as means over all processes."""
        values = torch.stack([losses.total, *losses.terms.values()]).detach().float()
        if self._fabric.world_size > 1:
            values = self._fabric.all_reduce(values, reduce_op="mean")  # type: ignore[assignment]
        loss, *terms = values.tolist()
        return Taken(rates, loss, dict(zip(losses.terms, terms, strict=True)), norm)

    def _diverged(self, taken: Taken, batch: Batch, where: str) -> TrainingDiverged:
        def bad(number: float) -> bool:
            return not abs(number) < float("inf")

        terms = [f"{name} = {value}" for name, value in taken.terms.items() if bad(value)]
        gradients = [
            name
            for name, p in self._recipe.modules.named_parameters()
            if p.grad is not None and not torch.isfinite(p.grad).all()
        ]
        what = f"loss terms: {', '.join(terms)}" if terms else f"loss {taken.loss}"
        if gradients:
            more = f" and {len(gradients) - 2} more" if len(gradients) > 2 else ""
            what += f"; gradient of {', '.join(gradients[:2])}{more}"
        return TrainingDiverged(
            f"{where}: {what} not finite, with {', '.join(batch.names[:3])}",
            remedy="The last checkpoint is kept. Lower the learning rate, or try "
            "--set precision=float32; look at the pairs named.",
        )


def seconds_a_step(recipe: Recipe, source: Source, fabric: Fabric) -> list[float]:
    """Return how long a step of each stage takes, by trying some.

    Args:
        recipe: A recipe of its own for this: its weights are changed.
        source: What would be trained on.
        fabric: Device, precision and processes.
    """
    found = []
    for index in range(len(recipe.plan(source))):
        recipe.begin(index)
        stage = recipe.stage(index, Workshop(source, None, fabric.device))
        running = Running(stage, recipe, fabric)
        batches = running.batches(seed=0, done=0, steps=_TRIED, workers=recipe.settings.workers)
        times: list[float] = []
        before = time.perf_counter()
        for batch in batches:
            running.step(batch, 0.0, f"trial of stage {index + 1}")
            times.append(time.perf_counter() - before)
            if len(times) > 1 and sum(times) > _ENOUGH:
                break
            before = time.perf_counter()
        # The first steps of a process are slower than all others.
        found.append(statistics.median(times[len(times) // 2 :]))
    return found


_TRIED, _ENOUGH = 8, 20.0
"""Steps, and seconds, that a trial of a stage takes at most; at least two steps."""


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
