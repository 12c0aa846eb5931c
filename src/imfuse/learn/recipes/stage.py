"""A training stage: its objective, optimisers with learning rates, and samples."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from imfuse.data.sources import Source
from imfuse.learn.batches.transforms import Augmentation


class Losses(NamedTuple):
    """Losses of a batch.

    Attributes:
        total: The loss to minimise.
        terms: The terms of the loss, for the log, unweighted unless the name says otherwise.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


class Objective(nn.Module, ABC):
    """The loss of a stage, with the networks that it trains and those that it only runs."""

    @abstractmethod
    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return the losses of a batch.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 3, h, w)` in [0, 1], RGB.
            labels: `(b, h, w)` classes, 255 for unknown; None if the source has none.
        """


def exact(like: Tensor) -> torch.autocast:
    """Return a context without reduced precision, to compute losses in."""
    return torch.autocast(like.device.type, enabled=False)


@dataclass
class Optimization:
    """An optimiser, and its learning rate at each step.

    Attributes:
        optimizer: The optimiser. The rate of a group is multiplied by the group's `scale`, if any.
            Adam is best `fused`: on a CPU it takes a quarter of the time, which is a quarter of a
            second a step for PSFusion's 46 million weights.
        rate: Maps a step of the paper's schedule to the learning rate. The step is fractional if a
            budget shortens or stretches the schedule.
        clip: Largest gradient norm over all its parameters together; None: no clipping.
    """

    optimizer: torch.optim.Optimizer
    rate: Callable[[float], float]
    clip: float | None = None

    def set_rate(self, step: float) -> float:
        """Set and return the learning rate of a step."""
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        return rate

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters that the optimiser changes."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]


class Planned(NamedTuple):
    """A stage before it begins.

    Attributes:
        name: Its name.
        steps: Its length in the paper's schedule.
        batch: Name of the setting that is its batch size, such as `segmentation.batch`.
        crop: Name of the setting that is the size of its crops.
    """

    name: str
    steps: int
    batch: str = "batch"
    crop: str = "crop"


@dataclass
class Stage:
    """A training stage, ready to run.

    Attributes:
        objective: The loss.
        trained: Names of the recipe's modules that train; the others are in evaluation mode.
        optimizations: The optimisers, which each take a step per batch; empty if only the running
            means of norms are updated.
        source: The samples.
        batch: Batch size, summed over all processes.
        augmentation: Random changes of the samples.
        least: Smallest batch size of each process; two where there are batch norms.
        frozen_norms: Whether batch norms keep their statistics.
    """

    objective: Objective
    trained: Sequence[str]
    optimizations: Sequence[Optimization]
    source: Source
    batch: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    least: int = 1
    frozen_norms: bool = False


@dataclass(frozen=True)
class Workshop:
    """Everything that a recipe needs to build a stage.

    Attributes:
        source: The training samples.
        folder: Folder for the recipe's own files; None: no files, as in speed trials.
        device: Device that networks run on.
        lead: Whether this process is the one that writes files.
        wait: Returns when all processes have called it.
        autocast: Returns a context in which networks compute in the precision of the training.
        tell: Called with short progress messages during work before the first step.
        pace: Steps of the paper's schedule per step of this stage: above 1 if a budget shortens the
            schedule.
    """

    source: Source
    folder: Path | None
    device: torch.device
    lead: bool = True
    wait: Callable[[], object] = lambda: None
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    tell: Callable[[str], object] = lambda _: None
    pace: float = 1.0


def trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of modules that may train."""
    return [p for module in modules for p in module.parameters() if p.requires_grad]
