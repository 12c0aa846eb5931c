"""What the two phases of BFFR's training minimise, and all its settings."""

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
from imfuse.learn.recipes.labels import check_labels
from imfuse.learn.recipes.settings import Section, Settings, Size
from imfuse.learn.recipes.stage import Losses, Objective, exact


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class WarmStart(Section):
    """The first phase, in which the network learns a plain rule."""

    rule: Literal["average", "maximum", "none"] = "average"
    """What pictures are pulled to: the mean of both sources, or the brighter one (Max-ST of table
    II); none: no such phase (w/o WS)."""
    steps: PositiveInt = 20_000
    """Steps after which it ends, well before its schedule does."""
    schedule: PositiveInt | None = None
    """Steps over which its rate falls to nothing; none: as many as semantic training takes."""
    crop: Size | None = None
    """Height and width of the part cut from each sample; none: as in semantic training."""
    batch: PositiveInt = 2
    """Samples of a step, over all processes together."""
    rate: PositiveFloat = 6e-4
    """Highest learning rate of AdamW."""


class BFFRSettings(Settings):
    """Settings of BFFR's training."""

    batch: PositiveInt = 4
    crop: Size | None = (240, 320)
    """Height and width of the part cut from each sample."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)
    """Least and greatest factor of the samples' size."""
    jitter: tuple[float, float, float] = (0.25, 0.5, 0.5)
    """Greatest change of the visible picture's brightness, contrast and saturation."""
    classes: PositiveInt = 9
    """Classes of the labels, the background included; 9 in MFNet and MSRS."""
    guide: str = "segformer-b0"
    """Name of the segmenter that is trained along."""
    removed: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Names of classes that count as background, such as car or person (figure 7)."""
    warm_start: WarmStart = Field(default_factory=WarmStart)
    """The first phase."""
    steps: PositiveInt = 160_000
    """Steps of semantic training, and of its schedule."""
    rate: PositiveFloat = 6e-5
    """Highest learning rate of AdamW in semantic training."""
    segmenter_rate: PositiveFloat = 1.0
    """What the rate is multiplied by for the segmenter."""
    head_rate: PositiveFloat = 10.0
    """What the segmenter's rate is multiplied by for its head."""
    weight_decay: NonNegativeFloat = 0.01
    """For all but the norms."""
    power: PositiveFloat = 1.0
    """Of the polynomial by which the rates fall."""
    warmup: NonNegativeInt = 1500
    """First steps of each phase, in which the rate grows from next to nothing."""
    semantic: NonNegativeFloat = 1.0
    """Weight of the segmenter's cross-entropy; 0: no segmenter, regularisation alone (figure 7)."""
    regularisation: NonNegativeFloat = 0.001
    """Weight of 1 / (sum of correlations), lambda; 0: row "w/o L_reg" of table II."""
    correlation: Over = "channels"
    """Correlation of each picture by itself, or of a whole batch taken together."""


class WarmStartObjective(Objective):
    """A plain rule, as a start that fused pictures can be moved away from.

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
    """What a segmenter makes of fused pictures; both are trained.

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
