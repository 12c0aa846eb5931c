"""One stage on its device: its batches and optimisation steps."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from imfuse.data.sources import Source
from imfuse.errors import TrainingDiverged, UsageError
from imfuse.learn.batches.loader import Batch, Batches
from imfuse.learn.recipes.recipe import Recipe
from imfuse.learn.recipes.stage import Losses, Stage, Workshop

_STUCK = 300
"""Number of steps in a row without a gradient, or with a constant output, that is too many."""

_FLAT = 1e-6
"""Difference between the largest and the smallest value below which an output is constant."""


@dataclass(frozen=True)
class Taken:
    """The result of one step: learning rates, loss, its terms, gradient norm, output spread.

    The spread is None where the network was not run as a whole.
    """

    rates: tuple[float, ...]
    loss: float
    terms: dict[str, float]
    gradient: float
    spread: float | None = None


class Running:
    """A stage set up on a device.

    Args:
        stage: The stage.
        recipe: The recipe that owns the modules.
        fabric: Device, precision and processes.
    """

    def __init__(self, stage: Stage, recipe: Recipe, fabric: Fabric) -> None:
        self.stage, self._recipe, self._fabric = stage, recipe, fabric
        recipe.set_modes(stage.trained, frozen_norms=stage.frozen_norms)
        # Move it before Fabric does, which warns if an earlier stage has already moved a network.
        form = torch.channels_last
        stage.objective.to(fabric.device, memory_format=form)  # type: ignore[call-overload]
        optimizers = [one.optimizer for one in stage.optimizations]
        if optimizers:
            self._objective, *self._optimizers = fabric.setup(stage.objective, *optimizers)
        else:
            self._objective, self._optimizers = fabric.setup_module(stage.objective), []
        # Fabric's setup may have changed the modes of the whole objective.
        recipe.set_modes(stage.trained, frozen_norms=stage.frozen_norms)
        self._spread: Tensor | None = None
        self._without = {"gradient": 0, "output": 0}

    def _watch(self, _module: nn.Module, _inputs: object, output: object) -> None:
        """Keep the largest spread of an output over its pictures."""
        pictures = output if isinstance(output, Tensor) else getattr(output, "main", None)
        if isinstance(pictures, Tensor):
            flat = pictures.detach().flatten(1)
            self._spread = (flat.amax(1) - flat.amin(1)).max().float()

    def batches(self, *, seed: int, done: int, steps: int, workers: int | None) -> Batches:
        """Return the batches of this process.

        Raises:
            UsageError: A batch can't be shared evenly among the processes, or each gets too few
                samples.
        """
        world, batch = self._fabric.world_size, self.stage.batch
        if batch % world:
            raise UsageError(
                f"batches of {batch} for {world} processes",
                expected="a batch that can be divided by the number of processes",
            )
        if batch // world < self.stage.least:
            raise UsageError(
                f"batches of {batch} for {world} processes",
                expected=f"at least {self.stage.least} samples for each, as norms need them",
            )
        if workers is None and self._fabric.device.type == "cpu":
            workers = 1  # the cores are busy with the steps themselves
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
        """Take one optimisation step.

        Args:
            batch: The samples.
            position: Step of the paper's schedule, for the learning rates.
            where: Name of this step in errors.

        Raises:
            TrainingDiverged: A loss or a gradient is not finite, or the gradient has been 0, or the
                output constant, for 300 steps; no weight was changed.
        """
        rates = tuple(one.set_rate(position) for one in self.stage.optimizations)
        batch = batch.to(self._fabric.device)
        form = torch.channels_last
        ir, vis = (part.contiguous(memory_format=form) for part in (batch.ir, batch.vis))
        for one in self.stage.optimizations:
            one.optimizer.zero_grad(set_to_none=True)
        subject, self._spread = self._recipe.modules[self._recipe.subject], None
        watched = subject.register_forward_hook(self._watch)
        with torch.set_grad_enabled(bool(self._optimizers)):
            losses: Losses = self._objective(ir, vis, batch.labels)
        watched.remove()
        norm = 0.0
        if self._optimizers:
            self._fabric.backward(losses.total)
            norms = [self._gradient(one.parameters, one.clip) for one in self.stage.optimizations]
            norm = float(torch.stack(norms).norm())
        taken = self._reduced(losses, rates, norm)
        if not all(torch.isfinite(torch.tensor([taken.loss, norm]))):
            raise self._diverged(taken, batch, where)
        self._check_learning(taken, where)
        for optimizer in self._optimizers:
            optimizer.step()
        return taken

    def _check_learning(self, taken: Taken, where: str) -> None:
        """Refuse to continue if nothing has been learnt for many steps."""
        if not self._optimizers:
            return
        signs = {
            "gradient": taken.gradient == 0,
            "output": taken.spread is not None and taken.spread < _FLAT,
        }
        for name, seen in signs.items():
            self._without[name] = self._without[name] + 1 if seen else 0
            if self._without[name] == _STUCK:
                found = "gradient is exactly 0" if name == "gradient" else "output is constant"
                raise TrainingDiverged(
                    f"{where}: the {found}, as in the {_STUCK - 1} steps before",
                    remedy="The network no longer learns anything. Lower the learning rate, or "
                    "start from other weights or with another seed.",
                )

    @staticmethod
    def _gradient(parameters: Sequence[nn.Parameter], clip: float | None) -> Tensor:
        """Return the norm of a gradient before it is clipped."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if clip is not None:
            nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        return norm

    def _reduced(self, losses: Losses, rates: tuple[float, ...], norm: float) -> Taken:
        """Return the losses as numbers, averaged over all processes."""
        spread = [] if self._spread is None else [self._spread]
        values = torch.stack([losses.total, *losses.terms.values(), *spread]).detach().float()
        if self._fabric.world_size > 1:
            values = self._fabric.all_reduce(values, reduce_op="mean")  # type: ignore[assignment]
        loss, *terms = values.tolist()
        widest = terms.pop() if spread else None
        return Taken(rates, loss, dict(zip(losses.terms, terms, strict=True)), norm, widest)

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
            "--set precision=float32 (settings=); look at the pairs named.",
        )


def seconds_a_step(recipe: Recipe, source: Source, fabric: Fabric) -> list[float]:
    """Measure the seconds that a step of each stage takes.

    Args:
        recipe: A recipe just for this purpose, as the steps change its weights.
        source: The training pairs.
        fabric: Device, precision and processes.
    """
    found = []
    for index in range(len(recipe.schedule(source))):
        recipe.start(index, source)
        stage = recipe.open_stage(index, Workshop(source, None, fabric.device))
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
"""Most steps and most seconds that a trial of a stage takes; it takes at least two steps."""
