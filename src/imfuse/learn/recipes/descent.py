"""Gradient descent shared by PSFusion and RefineFuse, and norms without weight decay."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import nn

from imfuse.learn.recipes.guidance import FusionSettings
from imfuse.learn.recipes.settings import Share
from imfuse.learn.recipes.stage import Optimization
from imfuse.learn.schedules import cosine, kept_warmup, polynomial


class DescentSettings(FusionSettings):
    """Settings of training by stochastic gradient descent (SGD), or by Adam."""

    optimizer: Literal["sgd", "adam"] = "sgd"
    """Optimiser: SGD with polynomial decay, or Adam with cosine decay."""
    rate: PositiveFloat = 1e-3
    """Peak learning rate."""
    momentum: Share = 0.9
    """Momentum of SGD."""
    weight_decay: NonNegativeFloat = 5e-4
    """Weight decay of SGD."""
    power: PositiveFloat = 0.9
    """Power of the polynomial decay of the learning rate of SGD."""
    warmup: NonNegativeInt = 1000
    """Warm-up steps of SGD, from a rate of 1e-5; at most a tenth of all steps."""


def descent_departure(settings: DescentSettings) -> str:
    """Return how the descent differs from papers that only name SGD and its learning rate."""
    if settings.optimizer == "adam":
        return "Adam, whose rate decays along half a cosine, instead of SGD."
    return (
        "Momentum, weight decay, polynomial decay and warm-up of SGD are those of PSFusion's "
        "program."
    )


def make_descent(
    parameters: Iterable[nn.Parameter],
    settings: DescentSettings,
    steps: int,
    *,
    begun: int = 0,
    pace: float = 1.0,
) -> Optimization:
    """Return an optimiser and its learning rates.

    Args:
        parameters: The parameters to train.
        settings: Learning rates and the like.
        steps: Steps of the paper's schedule for the given pairs; fewer pairs take fewer steps.
        begun: Steps of the schedule that lie before the stage.
        pace: Steps of the schedule per real step; see `Workshop`.
    """
    if settings.optimizer == "adam":
        adam = torch.optim.Adam(parameters, lr=settings.rate, fused=True)
        return Optimization(
            adam, lambda step: cosine(begun + step, steps=steps, start=settings.rate)
        )
    sgd = torch.optim.SGD(
        parameters,
        lr=settings.rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    warmup = kept_warmup(min(settings.warmup, steps // 10), planned=steps, pace=pace)

    def rate(step: float) -> float:
        return polynomial(
            begun + step, steps=steps, start=settings.rate, power=settings.power, warmup=warmup
        )

    return Optimization(sgd, rate)


def undecayed_norms(
    module: nn.Module, groups: Iterable[Mapping[str, Any]], *kinds: type[nn.Module]
) -> Iterator[dict[str, Any]]:
    """Yield groups of parameters for an optimiser, with norms separate and without weight decay.

    Args:
        module: The module that owns the parameters.
        groups: The groups, each with its `params`.
        kinds: Types of layers that count as norms.
    """
    norms = {
        id(parameter)
        for part in module.modules()
        if isinstance(part, kinds)
        for parameter in part.parameters()
    }
    for group in groups:
        decayed = [p for p in group["params"] if id(p) not in norms]
        spared = [p for p in group["params"] if id(p) in norms]
        if decayed:
            yield {**group, "params": decayed}
        if spared:
            yield {**group, "params": spared, "weight_decay": 0.0}


def is_square(crop: tuple[int, int] | None) -> bool:
    """Return True if crops can be rotated by 90 degrees and still form a batch."""
    return crop is not None and crop[0] == crop[1]
