"""Objectives and settings of both stages of BFFR's training."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from torch import Tensor, nn

from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.losses.intensity import average_intensity, maximum_intensity
from imfuse.learn.losses.segmentation import cross_entropy
from imfuse.learn.losses.similarity import Over, correlation_loss
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.recipes.guidance import FusionSettings
from imfuse.learn.recipes.labels import check_labels
from imfuse.learn.recipes.settings import Section, Size
from imfuse.learn.recipes.stage import Losses, Objective, exact


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class WarmStart(Section):
    """Settings of the warm start, in which the network learns a plain rule."""

    rule: Literal["average", "maximum", "none"] = "average"
    """Target: the mean of both sources, or the brighter one (Max-ST of table II); none: no warm
    start (w/o WS)."""
    steps: PositiveInt = 20_000
    """Steps of the warm start, which ends well before its schedule does."""
    schedule: PositiveInt | None = None
    """Steps over which its learning rate decays to 0; none: those of semantic training."""
    crop: Size | None = None
    """Height and width of its random crops; none: as in semantic training."""
    scale: tuple[PositiveFloat, PositiveFloat] | None = None
    """Smallest and largest factor by which its samples are resized; none: as in semantic
    training."""
    batch: PositiveInt = 2
    """Batch size of the warm start, summed over all processes."""
    rate: PositiveFloat = 6e-4
    """Peak learning rate of AdamW."""


class BFFRSettings(FusionSettings):
    """Settings of BFFR's training."""

    batch: PositiveInt = 4
    """Batch size of semantic training, summed over all processes; see warm_start.batch too."""
    crop: Size | None = (240, 320)
    """Height and width of the random crop from each sample."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)
    """Smallest and largest factor by which samples are resized."""
    jitter: tuple[float, float, float] = (0.25, 0.5, 0.5)
    """Largest random change of the visible picture's brightness, contrast and saturation."""
    classes: PositiveInt = 9
    """Number of classes in the labels, including the background; 9 in MFNet and MSRS."""
    guide: str = "segformer-b0"
    """Name of the segmenter that trains together with the network."""
    removed: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Names of classes to treat as background, such as car or person (figure 7)."""
    warm_start: WarmStart = Field(default_factory=WarmStart)
    """Settings of the warm start."""
    steps: PositiveInt = 160_000
    """Steps of semantic training and of its schedule."""
    rate: PositiveFloat = 6e-5
    """Peak learning rate of AdamW in semantic training."""
    segmenter_rate: PositiveFloat = 1.0
    """Factor of the learning rate for the segmenter."""
    head_rate: PositiveFloat = 10.0
    """Factor of the segmenter's learning rate for its head."""
    weight_decay: NonNegativeFloat = 0.01
    """Weight decay of all parameters except norms."""
    power: PositiveFloat = 1.0
    """Power of the polynomial decay of the learning rates."""
    warmup: NonNegativeInt = 1500
    """Warm-up steps of each stage, during which the rate grows from near 0. A short budget shrinks
    them to 300 at least, or to a fifth of the stage."""
    semantic: NonNegativeFloat = 1.0
    """Weight of the segmenter's cross-entropy; 0: no segmenter, regularisation alone (figure 7)."""
    regularisation: NonNegativeFloat = 0.001
    """Weight of 1 / (sum of correlations), lambda; 0: row "w/o L_reg" of table II."""
    correlation: Over = "channels"
    """Correlation of each picture, or of the whole batch at once."""


class WarmStartObjective(Objective):
    """A plain fusion rule, as a starting point for semantic training.

    Args:
        network: The network that is trained.
        rule: `average` or `maximum`.
    """

    def __init__(self, network: FusionNetwork, rule: str) -> None:
        super().__init__()
        self.network = network
        self._loss = {"average": average_intensity, "maximum": maximum_intensity}[rule]

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_WS, section II-C."""
        y = luma(vis)
        fused = self.network(ir, y)
        with exact(ir):
            loss = self._loss(fused.float(), ir, y)
        return Losses(loss, {"intensity": loss})


class SemanticObjective(Objective):
    """Loss of a segmenter on fused pictures; it trains together with the network.

    Args:
        network: The network that is trained.
        segmenter: The segmenter that is trained with it; None: regularisation alone.
        settings: The weights.
        removed: Labels that count as background.
    """

    def __init__(
        self,
        network: FusionNetwork,
        segmenter: nn.Module | None,
        settings: BFFRSettings,
        removed: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.network, self.segmenter = network, segmenter
        self._settings, self._removed = settings, tuple(removed)

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_sem + lambda L_reg, section II-C."""
        settings, y = self._settings, luma(vis)
        fused = self.network(ir, y)
        with exact(ir):
            apart = correlation_loss(fused.float(), ir, y, over=settings.correlation)
        terms = {"regularisation": apart}
        total = settings.regularisation * apart
        if self.segmenter is None or labels is None:
            return Losses(total, terms)
        check_labels(labels, settings.classes)
        for removed in self._removed:
            labels = labels.masked_fill(labels == removed, 0)
        logits = self.segmenter(recolour(fused, vis)).main
        with exact(ir):
            terms["semantic"] = cross_entropy(logits.float(), labels)
            return Losses(total + settings.semantic * terms["semantic"], terms)
