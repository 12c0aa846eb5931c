"""Fusing and segmenting in turn, as SeAFusion devised it and SCGRFuse took it over.

In each round the fusion network is trained under the eye of a segmenter that stands still, then the
segmenter is trained on what the fusion network makes of the training pairs.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from imfuse.errors import UsageError
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.data.sources import Source
from imfuse.learn.data.transforms import Augmentation
from imfuse.learn.guides.banet import BANet
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.losses.gradient import maximum_gradient
from imfuse.learn.losses.intensity import maximum_intensity
from imfuse.learn.losses.segmentation import cross_entropy, hard_example_cross_entropy
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.schedules import geometric, polynomial, semantic_weight
from imfuse.learn.trainer.fusing import FusedSource
from imfuse.learn.trainer.recipe import (
    Losses,
    Objective,
    Optimization,
    Planned,
    Recipe,
    Section,
    Settings,
    Share,
    Size,
    Stage,
    Workshop,
    check_labels,
    exact,
    require_labels,
    trainable,
)


class Segmentation(Section):
    """How the segmenter is trained in each round."""

    steps: PositiveInt = 20_000
    """Steps of a round."""
    batch: PositiveInt = 16
    """Samples of a step, over all processes together."""
    crop: Size | None = (480, 640)
    """Height and width of the part cut from each sample."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.75, 2.0)
    """Least and greatest factor of the samples' size."""
    jitter: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Greatest change of brightness, contrast and saturation."""
    rate: PositiveFloat = 0.01
    """Highest learning rate of SGD; ten times that for the heads."""
    head_rate: PositiveFloat = 10.0
    """What the rate is multiplied by for the heads."""
    momentum: Share = 0.9
    weight_decay: NonNegativeFloat = 5e-4
    power: PositiveFloat = 0.9
    """Of the polynomial by which the rate falls over all rounds."""
    warmup: NonNegativeInt = 0
    """First steps of all, in which the rate grows from 1e-5."""
    loss: Literal["cross-entropy", "hard-examples"] = "cross-entropy"
    """Over all pixels, or over the hardest (OHEM)."""
    auxiliary: NonNegativeFloat = 0.1
    """Weight of the auxiliary head's loss."""
    stretch: bool = False
    """Whether fused pictures are stretched to [0, 1] before the segmenter sees them."""


class JointSettings(Settings):
    """Settings of a joint training of a fusion network and a segmenter."""

    batch: PositiveInt = 3
    crop: Size | None = None
    classes: PositiveInt = 9
    """Classes of the labels, the background included; 9 in MSRS."""
    rounds: PositiveInt = 4
    """Rounds of fusing and segmenting; the last one only fuses."""
    steps: PositiveInt = 3610
    """Steps of the fusion network in each round."""
    afresh: bool = True
    """Whether the fusion network starts anew in each round, as in the published code."""
    rate: PositiveFloat = 1e-4
    """Learning rate of Adam (of the second of ten epochs, where it decays)."""
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the rate after each tenth of a round."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: NonNegativeFloat = 2e-4
    intensity: NonNegativeFloat = 1.0
    """Weight of the intensity loss."""
    texture: NonNegativeFloat = 10.0
    """Weight of the texture loss."""
    gamma: NonNegativeFloat = 1.0
    """The semantic loss weighs gamma (m - 1) in round m; 0: no segmenter at all."""
    auxiliary: NonNegativeFloat = 0.1
    """Weight of the auxiliary head in the semantic loss."""
    semantic: Literal["cross-entropy", "hard-examples"] = "cross-entropy"
    """The semantic loss: over all pixels, or over the hardest (OHEM)."""
    segmentation: Segmentation = Field(default_factory=Segmentation)
    """How the segmenter is trained."""


RELEASE: dict[str, Any] = {
    "rate": 1e-3,
    "decay": 0.75,
    "betas": (0.9, 0.999),
    "weight_decay": 0.0,
    "semantic": "hard-examples",
    "segmentation": {"warmup": 1000, "loss": "hard-examples", "auxiliary": 0.75, "stretch": True},
}
"""The values of the published programs of SeAFusion and SCGRFuse."""

CPU: dict[str, Any] = {
    **RELEASE,
    "batch": 8,
    "crop": 128,
    "rounds": 2,
    "afresh": False,
    "segmentation": {
        **RELEASE["segmentation"],
        "steps": 3610,
        "batch": 8,
        "crop": 192,
        "warmup": 180,
    },
}
"""Two rounds on crops, the second one going on with the first one's network: what an hour or two of
an ordinary processor make best use of."""

_EPOCHS = 10
"""Epochs of a round; the rate falls after each."""

_HEAD_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": cross_entropy,
    "hard-examples": hard_example_cross_entropy,
}


class JointRecipe(Recipe):
    """Rounds of fusing and segmenting; subclasses say of which network."""

    options = JointSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "release": RELEASE,
        "cpu": CPU,
    }
    settings: JointSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.install("fusion", self.create())
        if self._guided:
            self.install("segmenter", BANet(classes=self.settings.classes))

    @property
    def _guided(self) -> bool:
        return self.settings.gamma > 0 and self.settings.rounds > 1

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return fusing and segmenting in turn; what would follow the last fusing is left out."""
        settings = self.settings
        if not self._guided:
            return [Planned(f"fuse {m + 1}", settings.steps) for m in range(settings.rounds)]
        require_labels(
            source,
            self.name,
            settings.classes,
            remedy="Add rendered pairs, which have labels (--data scenes:200), or train without "
            "the segmenter: --set gamma=0 --set rounds=1.",
        )
        stages = []
        for m in range(settings.rounds):
            stages += [
                Planned(f"fuse {m + 1}", settings.steps),
                Planned(f"segment {m + 1}", settings.segmentation.steps),
            ]
        return stages[:-1]

    def _round(self, index: int) -> tuple[int, bool]:
        """Return the round of a stage, from 0, and whether it fuses."""
        return (index // 2, index % 2 == 0) if self._guided else (index, True)

    def begin(self, index: int) -> None:
        """Start the fusion network anew with each round after the first."""
        turn, fuses = self._round(index)
        if fuses and turn > 0 and self.settings.afresh:
            self.install("fusion", self.create())

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the stage that fuses, or the one that segments."""
        turn, fuses = self._round(index)
        return self._fusing(turn, workshop) if fuses else self._segmenting(turn, workshop)

    def _fusing(self, turn: int, workshop: Workshop) -> Stage:
        settings, trained = self.settings, ("fusion",)
        self.set_modes(trained)
        weight = semantic_weight(turn, gamma=settings.gamma) if self._guided else 0.0
        segmenter = self.modules["segmenter"] if weight > 0 else None
        adam = torch.optim.Adam(
            trainable(self.fusion), betas=settings.betas, weight_decay=settings.weight_decay
        )

        def rate(step: float) -> float:
            epoch = int(step * _EPOCHS / settings.steps)
            return geometric(epoch, start=settings.rate, factor=settings.decay)

        return Stage(
            FusingObjective(self.fusion, segmenter, weight, settings),
            trained,
            [Optimization(adam, rate)],
            workshop.source,
            settings.batch,
            Augmentation(crop=settings.crop),
        )

    def _segmenting(self, turn: int, workshop: Workshop) -> Stage:
        settings, trained = self.settings.segmentation, ("segmenter",)
        self.set_modes(trained)
        segmenter = cast(Segmenter, self.modules["segmenter"])
        sgd = torch.optim.SGD(
            segmenter.parameter_groups(settings.head_rate),
            lr=settings.rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
        whole = self.settings.rounds * settings.steps

        def rate(step: float) -> float:
            return polynomial(
                turn * settings.steps + step,
                steps=whole,
                start=settings.rate,
                power=settings.power,
                warmup=settings.warmup,
            )

        return Stage(
            SegmentingObjective(segmenter, settings, self.settings.classes),
            trained,
            [Optimization(sgd, rate)],
            self._fused(turn, workshop),
            settings.batch,
            Augmentation(
                crop=settings.crop, scale=settings.scale, flip=True, jitter=settings.jitter
            ),
        )

    def _fused(self, turn: int, workshop: Workshop) -> Source:
        """Return the training pairs with what the fusion network makes of them."""
        if workshop.folder is None:
            return workshop.source
        return FusedSource(
            workshop.source,
            self.fusion.to(workshop.device),
            Path(workshop.folder) / "fused" / f"round-{turn + 1}",
            workshop.device,
            stretch=self.settings.segmentation.stretch,
            lead=workshop.lead,
            wait=workshop.wait,
        )


class FusingObjective(Objective):
    """Content, and from the second round on what a segmenter can make of it.

    Args:
        network: The network that is trained.
        segmenter: The segmenter, which stands still; None: content alone.
        weight: Of the semantic loss, beta.
        settings: The other weights.
    """

    def __init__(
        self,
        network: FusionNetwork,
        segmenter: torch.nn.Module | None,
        weight: float,
        settings: JointSettings,
    ) -> None:
        super().__init__()
        self.network, self.segmenter = network, segmenter
        self._weight, self._settings = weight, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return alpha1 L_int + alpha2 L_texture + beta (L_main + lambda L_aux).

        SeAFusion eq. 6 to 13, SCGRFuse eq. 8 to 14.
        """
        settings, y = self._settings, luma(vis)
        fused = self.network(ir, y)
        with exact(ir):
            fused = fused.float()
            terms = {
                "intensity": maximum_intensity(fused, ir, y),
                "texture": maximum_gradient(fused, ir, y),
            }
            total = settings.intensity * terms["intensity"] + settings.texture * terms["texture"]
        if self.segmenter is None or labels is None:
            return Losses(total, terms)
        check_labels(labels, settings.classes)
        logits = self.segmenter(recolour(fused, vis))
        with exact(ir):
            measure = _HEAD_LOSSES[settings.semantic]
            terms["main"] = measure(logits.main.float(), labels)
            terms["auxiliary"] = measure(logits.auxiliary.float(), labels)
            semantic = terms["main"] + settings.auxiliary * terms["auxiliary"]
            return Losses(total + self._weight * semantic, terms)


class SegmentingObjective(Objective):
    """Main and auxiliary head of a segmenter on pictures as they come.

    Args:
        segmenter: The segmenter that is trained.
        settings: Kind of loss, and weight of the auxiliary head.
        classes: Number of classes.
    """

    def __init__(self, segmenter: Segmenter, settings: Segmentation, classes: int) -> None:
        super().__init__()
        self.segmenter, self._settings, self._classes = segmenter, settings, classes

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_main + lambda L_aux (SCGRFuse, algorithm 1, line 13)."""
        if labels is None:
            raise UsageError("pairs without labels", expected="labels to train a segmenter")
        check_labels(labels, self._classes)
        logits = self.segmenter(vis)
        measure = _HEAD_LOSSES[self._settings.loss]
        with exact(ir):
            terms = {"main": measure(logits.main.float(), labels)}
            total = terms["main"]
            if logits.auxiliary is not None:
                terms["auxiliary"] = measure(logits.auxiliary.float(), labels)
                total = total + self._settings.auxiliary * terms["auxiliary"]
        return Losses(total, terms)
