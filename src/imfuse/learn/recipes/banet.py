"""Training of BANet, on its own or in the rounds of a joint training."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn

from imfuse.learn.guides.base import Segmenter
from imfuse.learn.models.seafusion import SeAFusion
from imfuse.learn.recipes.descent import undecayed_norms
from imfuse.learn.recipes.segmenter import LargeSize, SegmenterRecipe, SegmenterSettings
from imfuse.learn.recipes.settings import Section, Several, Share
from imfuse.learn.recipes.stage import Optimization, Planned
from imfuse.learn.schedules import kept_warmup, polynomial


class BANetTraining(Section):
    """Settings shared by joint training and by training of the segmenter alone."""

    batch: Several = 16
    """Batch size of the segmenter, summed over all processes."""
    crop: LargeSize = (480, 640)
    """Height and width of the random crop from each sample; none: whole pictures."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.75, 2.0)
    """Smallest and largest factor by which samples are resized."""
    jitter: tuple[Share, Share, Share] = (0.5, 0.5, 0.5)
    """Largest random change of brightness, contrast and saturation."""
    rate: PositiveFloat = 0.01
    """Peak learning rate of SGD."""
    head_rate: PositiveFloat = 10.0
    """Factor of the learning rate for the heads."""
    momentum: Share = 0.9
    """Momentum of SGD."""
    weight_decay: NonNegativeFloat = 5e-4
    """Weight decay of all parameters except norms, as in the published code."""
    power: PositiveFloat = 0.9
    """Power of the polynomial decay of the learning rate."""
    warmup: NonNegativeInt = 0
    """Warm-up steps, during which the learning rate grows from 1e-5."""
    auxiliary: NonNegativeFloat = 0.1
    """Weight of the auxiliary head's loss."""


def descend(
    segmenter: Segmenter, settings: BANetTraining, *, steps: int, begun: int = 0, pace: float = 1.0
) -> Optimization:
    """Return SGD with a rate that falls by a polynomial.

    Args:
        segmenter: What it trains.
        settings: Rates, momentum, decay.
        steps: Steps of the whole schedule.
        begun: Steps of it that lie before the first.
        pace: Steps of it per real step, as `Workshop` has it.
    """
    groups = segmenter.parameter_groups(settings.head_rate)
    sgd = torch.optim.SGD(
        [*undecayed_norms(segmenter, groups, nn.BatchNorm2d, nn.LayerNorm)],
        lr=settings.rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    warmup = kept_warmup(settings.warmup, planned=steps, pace=pace)

    def rate(step: float) -> float:
        return polynomial(
            begun + step, steps=steps, start=settings.rate, power=settings.power, warmup=warmup
        )

    return Optimization(sgd, rate)


class BANetSettings(BANetTraining, SegmenterSettings):
    """Settings of BANet's training on its own."""

    steps: PositiveInt = 80_000
    """Steps of training: as many as in all four rounds."""


class BANetRecipe(SegmenterRecipe):
    """BANet as SeAFusion and SCGRFuse train it, all rounds in one.

    Departures: begins with random weights instead of ImageNet's; whole rounds on one kind of
    pictures instead of on what each round's fusion network makes of them; sizes are drawn between
    the least and the greatest factor, where the published programs have six of them.
    """

    name = network = "banet"
    title = "BANet, as SeAFusion and SCGRFuse train it"
    paper = SeAFusion.paper
    options = BANetSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "release": {"warmup": 1000, "loss": "hard-examples", "auxiliary": 0.75}
    }
    departures = (
        "Begins with random weights instead of ImageNet's; any factor of size between the least "
        "and the greatest."
    )
    settings: BANetSettings

    def stages(self, pairs: int) -> Sequence[Planned]:
        """Return the only stage."""
        return [Planned("segment", self.settings.steps)]

    def optimization(self, index: int, pairs: int, pace: float) -> Optimization:
        """Return SGD with a rate that falls by a polynomial."""
        return descend(self.segmenter, self.settings, steps=self.settings.steps, pace=pace)


class ImageNetRecipe(BANetRecipe):
    """BANet on an encoder that has seen ImageNet; `network.pretrained=false` takes that away."""

    name = network = "banet-imagenet"
    title = "BANet on EfficientNet-Lite0 with weights of ImageNet"
    departures = (
        "EfficientNet-Lite0 in place of ResNet-18; any factor of size between the least and the "
        "greatest."
    )
