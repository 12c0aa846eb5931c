"""Objectives and settings of joint training of fusion and segmentation."""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from imfuse.errors import UsageError
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.losses.gradient import maximum_gradient
from imfuse.learn.losses.intensity import maximum_intensity
from imfuse.learn.losses.segmentation import cross_entropy, hard_example_cross_entropy
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.recipes.banet import BANetTraining
from imfuse.learn.recipes.guidance import FusionSettings
from imfuse.learn.recipes.labels import check_labels
from imfuse.learn.recipes.settings import Share, Size
from imfuse.learn.recipes.stage import Losses, Objective, exact


class Segmentation(BANetTraining):
    """Settings of the segmenter in each round; its learning rate decays over all rounds."""

    steps: PositiveInt = 20_000
    """Steps of the segmenter in each round."""
    loss: Literal["cross-entropy", "hard-examples"] = "cross-entropy"
    """Cross-entropy over all pixels, or over the hardest pixels (OHEM)."""
    stretch: bool = False
    """Stretch each fused picture to [0, 1] before the segmenter sees it."""


class JointSettings(FusionSettings):
    """Settings of a joint training of a fusion network and a segmenter."""

    batch: PositiveInt = 3
    """Batch size of the fusion network, summed over all processes; see segmentation.batch too."""
    crop: Size | None = None
    """Height and width of the random crop for the fusion network; none: whole pictures."""
    classes: PositiveInt = 9
    """Number of classes in the labels, including the background; 9 in MSRS."""
    rounds: PositiveInt = 4
    """Rounds of training fusion, then segmentation; the last round trains fusion only."""
    steps: PositiveInt = 3610
    """Steps of the fusion network in each round."""
    afresh: bool = True
    """Start each round with a new fusion network, as in the published code; otherwise the learning
    rate continues to decay from round to round."""
    rate: PositiveFloat = 1e-4
    """Learning rate of Adam; with decay, that of the second tenth of a round."""
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate after each tenth of a round, or of all rounds unless `afresh`."""
    betas: tuple[Share, Share] = (0.9, 0.99)
    """Betas of Adam: decay of the means of gradients and of squared gradients."""
    weight_decay: NonNegativeFloat = 2e-4
    """Weight decay of Adam."""
    intensity: NonNegativeFloat = 1.0
    """Weight of the intensity loss."""
    texture: NonNegativeFloat = 10.0
    """Weight of the texture loss."""
    gamma: NonNegativeFloat = 1.0
    """Weight of the semantic loss: gamma (m - 1) in round m; 0: no segmenter at all."""
    auxiliary: NonNegativeFloat = 0.1
    """Weight of the auxiliary head in the semantic loss."""
    guide: str = "banet"
    """Name of the segmenter; `imfuse segment train --help` lists them."""
    semantic: Literal["cross-entropy", "hard-examples"] = "cross-entropy"
    """Semantic loss: over all pixels, or over the hardest pixels (OHEM)."""
    segmentation: Segmentation = Field(default_factory=Segmentation)
    """Settings of the segmenter's training."""


_HEAD_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": cross_entropy,
    "hard-examples": hard_example_cross_entropy,
}


class FusingObjective(Objective):
    """Content loss, and from the second round on a segmenter's semantic loss.

    Args:
        network: The network to train.
        segmenter: The segmenter, which stays frozen; None: content loss alone.
        weight: Weight of the semantic loss, beta.
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
        if labels is not None and settings.gamma > 0 and settings.rounds > 1:
            # Check them even in the first round, where no segmenter uses them yet.
            check_labels(labels, settings.classes)
        if self.segmenter is None or labels is None:
            return Losses(total, terms)
        logits = self.segmenter(recolour(fused, vis))
        with exact(ir):
            measure = _HEAD_LOSSES[settings.semantic]
            terms["main"] = measure(logits.main.float(), labels)
            semantic = terms["main"]
            if logits.auxiliary is not None:
                terms["auxiliary"] = measure(logits.auxiliary.float(), labels)
                semantic = semantic + settings.auxiliary * terms["auxiliary"]
            return Losses(total + self._weight * semantic, terms)


class SegmentingObjective(Objective):
    """Losses of a segmenter's main and auxiliary heads, on the visible pictures it is given.

    Args:
        segmenter: The segmenter to train.
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
