"""Training of BANet, alone or in the rounds of joint training."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn

from imfuse.data.sources import Source
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.two_encoders import TwoEncoders
from imfuse.learn.models.seafusion import SeAFusion
from imfuse.learn.recipes.descent import undecayed_norms
from imfuse.learn.recipes.segmenter import LargeSize, SegmenterRecipe, SegmenterSettings
from imfuse.learn.recipes.settings import Section, Settings, Several, Share
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
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Optimiser: SGD, or Adam with decoupled weight decay (AdamW)."""
    rate: PositiveFloat = 0.01
    """Peak learning rate."""
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
    """Return SGD or AdamW, with polynomial decay of the learning rate.

    Args:
        segmenter: The segmenter to train.
        settings: Learning rates, momentum, decay.
        steps: Steps of the whole schedule.
        begun: Steps of the schedule that are already done.
        pace: Steps of the schedule per real step; see `Workshop`.
    """
    found = segmenter.parameter_groups(settings.head_rate)
    groups = [*undecayed_norms(segmenter, found, nn.BatchNorm2d, nn.LayerNorm)]
    decay = settings.weight_decay
    optimizer: torch.optim.Optimizer
    if settings.optimizer == "adam":
        optimizer = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=decay, fused=True)
    else:
        optimizer = torch.optim.SGD(
            groups, lr=settings.rate, momentum=settings.momentum, weight_decay=decay
        )
    warmup = kept_warmup(settings.warmup, planned=steps, pace=pace)

    def rate(step: float) -> float:
        return polynomial(
            begun + step, steps=steps, start=settings.rate, power=settings.power, warmup=warmup
        )

    return Optimization(optimizer, rate)


class BANetSettings(BANetTraining, SegmenterSettings):
    """Settings of training BANet alone."""

    steps: PositiveInt = 80_000
    """Steps of training: as many as in all four rounds."""


CPU: dict[str, Any] = {
    "batch": 4,
    "crop": 192,
    "scale": (0.5, 1.25),
    "optimizer": "adam",
    "rate": 1e-3,
    "head_rate": 3.0,
    "weight_decay": 0.01,
    "warmup": 1000,
    "loss": "cross-entropy-dice",
}
"""The best use of some minutes to an hour of a few cores. 300 steps on visible pictures, 2 minutes
of a core, gave 25 % mIoU on held-out pairs of one fold of MSRS's labels; without smaller pictures
(scale) 20 %, with the paper's settings and the same crops 10 %, which is background alone."""


class BANetRecipe(SegmenterRecipe):
    """BANet as SeAFusion and SCGRFuse train it, all rounds in one.

    Departures: BANet begins with random weights instead of ImageNet's; all rounds train on the same
    kind of pictures, not on the output of each round's fusion network; resize factors are drawn
    from a continuous range, where the published programs choose one of six.
    """

    name = network = "banet"
    title = "BANet, as SeAFusion and SCGRFuse train it"
    paper = SeAFusion.paper
    options: ClassVar[type[SegmenterSettings]] = BANetSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "release": {"warmup": 1000, "loss": "hard-examples", "auxiliary": 0.75},
        "cpu": CPU,
    }
    departures = (
        "Begins with random weights instead of ImageNet's; resize factors are drawn from a "
        "continuous range."
    )
    settings: BANetSettings

    def stages(self, pairs: int) -> Sequence[Planned]:
        """Return the only stage."""
        return [Planned("segment", self.settings.steps)]

    def optimization(self, index: int, pairs: int, pace: float) -> Optimization:
        """Return SGD with polynomial decay of the learning rate."""
        return descend(self.segmenter, self.settings, steps=self.settings.steps, pace=pace)


class ImageNetRecipe(BANetRecipe):
    """BANet with an encoder pretrained on ImageNet, unless `network.pretrained=false`."""

    name = network = "banet-imagenet"
    title = "BANet on EfficientNet-Lite0 with weights of ImageNet"
    departures = (
        "EfficientNet-Lite0 in place of ResNet-18; resize factors are drawn from a continuous "
        "range."
    )


class TwoEncodersSettings(BANetSettings):
    """Settings of training two encoders on unfused pairs."""

    on: Literal["pair"] = "pair"
    """Input: both pictures of a pair, unfused."""


class TwoEncodersRecipe(BANetRecipe):
    """Two encoders on unfused pairs, trained like BANet: fusion of features, not of pictures."""

    name = network = "two-encoders"
    title = "Two light encoders on the unfused pair"
    paper = TwoEncoders.paper
    options = TwoEncodersSettings
    settings: TwoEncodersSettings
    departures = (
        "EfficientNet-Lite0 and BANet's decoder in place of mix transformers and an MLP; without "
        "network.exchange=cmx the encoders exchange nothing, with it no cross-attention follows; "
        "trained like BANet."
    )

    @classmethod
    def view(cls, source: Source, settings: Settings) -> Source:
        """Return the pairs as they are."""
        return source
