"""Fusing and segmenting in turn, as devised by SeAFusion and adopted by SCGRFuse.

Each round first trains the fusion network, guided by a frozen segmenter, and then trains the
segmenter on the fusion network's output for the training pairs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch

from imfuse.data.sources import Source
from imfuse.data.splitting import labelled_part
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.table import create_picture_guide
from imfuse.learn.recipes.banet import descend
from imfuse.learn.recipes.fusing import FusedSource
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.joint_objectives import (
    FusingObjective,
    JointSettings,
    SegmentingObjective,
)
from imfuse.learn.recipes.labels import require_labels, require_size
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Optimization, Planned, Stage, Workshop, trainable
from imfuse.learn.schedules import geometric, semantic_weight

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
    "batch": 2,
    "crop": 96,
    "rounds": 2,
    "afresh": False,
    "decay": 0.65,
    "segmentation": {
        **RELEASE["segmentation"],
        "steps": 1200,
        "batch": 4,
        "crop": 192,
        "warmup": 60,
    },
}
"""The best use of an hour or two on an ordinary processor: two rounds, of which the second
continues with the first one's network, and many small steps. In the same time, SeAFusion reached
VIF 0.57 and Qabf 0.55 on held-out pairs with batches of 2 crops of 96x96, but 0.48 and 0.46 with
8 crops of 128x128."""

_DEPARTURES = {
    "banet": "The segmenter begins with random weights instead of ImageNet's.",
    "banet-imagenet": "The segmenter's encoder is an EfficientNet-Lite0 with weights of ImageNet "
    "instead of a ResNet-18 with weights of ImageNet.",
}
"""Differences of each guide from the papers' segmenter."""

_EPOCHS = 10
"""Number of parts of a network's training, in one round or in all; the rate decays after each."""


class JointRecipe(FusionRecipe):
    """Rounds of fusing and segmenting; subclasses name the fusion network."""

    options = JointSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "release": RELEASE,
        "cpu": CPU,
    }
    settings: JointSettings
    network_departure: ClassVar[str]
    """Differences of the network from the paper's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.install("fusion", self.create())
        self.departures = f"{self.network_departure} {self._guide_departure()}"
        if self._guided:
            own = self.settings
            self.install("segmenter", create_picture_guide(own.guide, classes=own.classes))

    def _guide_departure(self) -> str:
        if not self._guided:
            return "No segmenter takes part."
        own = self.settings
        told = [
            _DEPARTURES.get(own.guide, f"The segmenter is {own.guide}, not BANet."),
            "Its samples are resized by factors from a continuous range.",
        ]
        if own.segmentation.stretch:
            told.append("Fused pictures are stretched one by one, not over a batch.")
        return " ".join(told)

    @property
    def _guided(self) -> bool:
        return self.settings.gamma > 0 and self.settings.rounds > 1

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages: fusing and segmenting in turn, ending with fusing."""
        settings = self.settings
        if not self._guided:
            return [Planned(f"fuse {m + 1}", settings.steps) for m in range(settings.rounds)]
        require_size(settings.crop, self.name, trained=False)
        require_labels(
            source,
            self.name,
            settings.classes,
            remedy="Add rendered pairs, which have labels (--data scenes:200, data=), or train "
            "without the segmenter: --set gamma=0 --set rounds=1 (settings=).",
        )
        stages = []
        for m in range(settings.rounds):
            stages += [
                Planned(f"fuse {m + 1}", settings.steps),
                Planned(
                    f"segment {m + 1}",
                    settings.segmentation.steps,
                    batch="segmentation.batch",
                    crop="segmentation.crop",
                ),
            ]
        return stages[:-1]

    def _round(self, index: int) -> tuple[int, bool]:
        """Return the round of a stage, counted from 0, and True if the stage fuses."""
        return (index // 2, index % 2 == 0) if self._guided else (index, True)

    def begin(self, index: int) -> None:
        """Replace the fusion network by a new one at the start of each round after the first."""
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
            trainable(self.fusion),
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
        )

        # A network that continues in the next round keeps the learning rate it had reached.
        begun, whole = (0, 1) if settings.afresh else (turn, settings.rounds)

        def rate(step: float) -> float:
            epoch = int((begun + step / settings.steps) * _EPOCHS / whole)
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
        descent = descend(
            segmenter,
            settings,
            steps=self.settings.rounds * settings.steps,
            begun=turn * settings.steps,
            pace=workshop.pace,
        )
        return Stage(
            SegmentingObjective(segmenter, settings, self.settings.classes),
            trained,
            [descent],
            self._fused(turn, workshop),
            settings.batch,
            Augmentation(
                crop=settings.crop, scale=settings.scale, flip=True, jitter=settings.jitter
            ),
            least=2,
        )

    def _fused(self, turn: int, workshop: Workshop) -> Source:
        """Return the labelled pairs, with the fusion network's output as visible pictures."""
        source = labelled_part(workshop.source)
        if workshop.folder is None:
            return source
        return FusedSource(
            source,
            self.fusion.to(workshop.device),
            Path(workshop.folder) / "fused" / f"round-{turn + 1}",
            workshop.device,
            stretch=self.settings.segmentation.stretch,
            lead=workshop.lead,
            wait=workshop.wait,
            autocast=workshop.autocast,
            tell=workshop.tell,
        )
