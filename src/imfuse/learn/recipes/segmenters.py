"""Training of the segmenters that guide fusion or judge it.

They come from SCGRFuse and SeAFusion (BANet), BFFR (SegFormer-B0), PSFusion (SegFormer-B2) and
SCGRFuse again (DeepLabv3+); details missing from the papers are taken from the published programs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn

from imfuse.learn.models.bffr import BFFR
from imfuse.learn.models.psfusion import PSFusion
from imfuse.learn.models.scgrfuse import SCGRFuse
from imfuse.learn.recipes.descent import undecayed_norms
from imfuse.learn.recipes.segmenter import (
    LargeSize,
    SegmenterRecipe,
    SegmenterSettings,
)
from imfuse.learn.recipes.settings import Several, Share
from imfuse.learn.recipes.stage import Optimization, Planned, trainable
from imfuse.learn.schedules import cosine, kept_warmup, polynomial_from_below


class SegFormerSettings(SegmenterSettings):
    """Settings of SegFormer's training; defaults are those of BFFR's evaluation."""

    batch: Several = 8
    crop: LargeSize = (240, 320)
    steps: PositiveInt = 160_000
    """Steps of the training."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)
    jitter: tuple[Share, Share, Share] = (0.25, 0.5, 0.5)
    rate: PositiveFloat = 6e-5
    head_rate: PositiveFloat = 10.0
    """Factor of the learning rate for the decoder."""
    weight_decay: NonNegativeFloat = 0.01
    """Weight decay of all parameters except the norms of the encoder."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Betas of AdamW: decay of the means of gradients and of squared gradients."""
    power: PositiveFloat = 1.0
    """Power of the polynomial decay of the learning rate."""
    warmup: NonNegativeInt = 1500
    """Warm-up steps, during which the learning rate grows from a millionth."""


class SegFormerB2Settings(SegFormerSettings):
    """Settings of the SegFormer-B2 that judges PSFusion."""

    crop: LargeSize = (480, 640)
    rate: PositiveFloat = 1e-4


class SegFormerRecipe(SegmenterRecipe):
    """SegFormer-B0 as BFFR trains it to judge fused pictures: from scratch for each fusion method.

    Departures: all weights are random at first; brightness, contrast and saturation always change,
    hues never.
    """

    name = network = "segformer-b0"
    title = "SegFormer-B0, as BFFR is judged"
    paper = BFFR.paper
    options = SegFormerSettings
    departures = "Begins with random weights; hues are not changed."
    settings: SegFormerSettings

    def stages(self, pairs: int) -> Sequence[Planned]:
        """Return the only stage."""
        return [Planned("segment", self.settings.steps)]

    def optimization(self, index: int, pairs: int, pace: float) -> Optimization:
        """Return AdamW with polynomial decay of the learning rate after the warm-up."""
        settings = self.settings
        groups = self.segmenter.parameter_groups(settings.head_rate)
        adamw = torch.optim.AdamW(
            [*undecayed_norms(self.segmenter, groups, nn.LayerNorm)],
            lr=settings.rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        steps = settings.steps
        warmup = kept_warmup(settings.warmup, planned=steps, pace=pace)

        def rate(step: float) -> float:
            return polynomial_from_below(
                step, steps=steps, start=settings.rate, power=settings.power, warmup=warmup
            )

        return Optimization(adamw, rate)


class SegFormerB2Recipe(SegFormerRecipe):
    """SegFormer-B2 as PSFusion trains it to judge fused pictures.

    Departures: as for SegFormer-B0; pictures are not normalised by the dataset's mean and standard
    deviation.
    """

    name = network = "segformer-b2"
    title = "SegFormer-B2, as PSFusion is judged"
    paper = PSFusion.paper
    options = SegFormerB2Settings
    departures = "Begins with random weights; hues are not changed; pictures are not normalised."


class DeepLabSettings(SegmenterSettings):
    """Settings of DeepLabv3+'s training."""

    batch: Several = 4
    crop: LargeSize = (512, 512)
    scale: tuple[PositiveFloat, PositiveFloat] = (0.25, 2.0)
    jitter: tuple[Share, Share, Share] = (0.5, 0.0, 0.5)
    epochs: PositiveInt = 100
    """Epochs of the training."""
    frozen: NonNegativeInt = 0
    """Number of first epochs with a frozen encoder; useful with a pretrained encoder only."""
    frozen_batch: Several = 8
    """Batch size of the epochs with a frozen encoder, summed over all processes."""
    rate: PositiveFloat = 7e-3
    end_rate: NonNegativeFloat = 7e-5
    """Final learning rate."""
    weight_decay: NonNegativeFloat = 1e-4
    momentum: Share = 0.9
    """Momentum of SGD."""
    loss: Literal["cross-entropy", "hard-examples", "cross-entropy-dice"] = "cross-entropy-dice"


class DeepLabRecipe(SegmenterRecipe):
    """DeepLabv3+ as SCGRFuse trains it to judge fused pictures.

    Departures: DeepLabv3+ begins with random weights; the learning rate decays with each step, not
    each epoch, without warm-up and without the factor batch / 16, neither of which the text
    mentions; samples keep their aspect ratio, and padding around a sample is ignored instead of
    counting as background.
    """

    name = network = "deeplabv3plus"
    title = "DeepLabv3+ on MobileNetV2, as SCGRFuse is judged"
    paper = SCGRFuse.paper
    options = DeepLabSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"template": {"frozen": 50}}
    departures = (
        "Begins with random weights; the learning rate decays with each step, without warm-up; "
        "samples keep their aspect ratio."
    )
    settings: DeepLabSettings

    @property
    def _lengths(self) -> tuple[int, int]:
        """Epochs with the encoder frozen, and without."""
        frozen = min(self.settings.frozen, self.settings.epochs)
        return frozen, self.settings.epochs - frozen

    def stages(self, pairs: int) -> Sequence[Planned]:
        """Return the frozen stage, if any, and the other one; incomplete batches do not count."""
        frozen, free = self._lengths
        settings = self.settings
        stages = [
            Planned(
                "frozen", frozen * max(1, pairs // settings.frozen_batch), batch="frozen_batch"
            ),
            Planned("segment", free * max(1, pairs // settings.batch)),
        ]
        return [stage for stage in stages if stage.steps]

    def _is_frozen(self, index: int) -> bool:
        return index == 0 and self.settings.frozen > 0

    def batch(self, index: int) -> int:
        """Return the batch size of a stage."""
        return self.settings.frozen_batch if self._is_frozen(index) else self.settings.batch

    def optimization(self, index: int, pairs: int, pace: float) -> Optimization:
        """Return SGD with cosine decay of the learning rate over all epochs."""
        settings = self.settings
        still = self._is_frozen(index)
        for name, parameter in self.segmenter.named_parameters():
            parameter.requires_grad_(not (still and name.startswith("encoder.")))
        self.install("segmenter", self.segmenter)
        sgd = torch.optim.SGD(
            trainable(self.segmenter),
            lr=settings.rate,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            weight_decay=settings.weight_decay,
        )
        before = 0 if still else self._lengths[0]
        of_epoch = max(1, pairs // self.batch(index))

        def rate(step: float) -> float:
            epoch = before + step / of_epoch
            return cosine(epoch, steps=settings.epochs, start=settings.rate, end=settings.end_rate)

        return Optimization(sgd, rate)
