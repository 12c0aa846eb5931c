"""RefineFuse's training: what is warm or rich in contrast from infrared, the rest from visible.

C. Song, H. Li, T. Xu, X.-J. Wu, J. Kittler, "RefineFuse: an end-to-end network for multi-scale
refinement fusion of multi-modality images", Visual Intelligence 3, 2025,
doi:10.1007/s44267-025-00087-w.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from imfuse.data.sources import Source
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.gradient import maximum_gradient
from imfuse.learn.losses.intensity import (
    both_intensities,
    maximum_intensity,
    weighted_intensity,
)
from imfuse.learn.losses.masks import SALIENT, VisibleMask, contrast_masks, hard_weights
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.models.refinefuse import RefineFuse
from imfuse.learn.recipes.descent import (
    DescentSettings,
    descent_departure,
    is_square,
    make_descent,
)
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.salience import Classes, check_salient, find_salient
from imfuse.learn.recipes.settings import Settings, Size
from imfuse.learn.recipes.stage import Losses, Objective, Planned, Stage, Workshop, exact, trainable


class RefineFuseSettings(DescentSettings):
    """Settings of RefineFuse's training."""

    batch: PositiveInt = 8
    crop: Size | None = (256, 256)
    """Height and width of the random crop; square crops are also rotated."""
    epochs: PositiveInt = 300
    """Passes over all pairs."""
    intensity: Literal["masks", "both", "maximum"] = "masks"
    """Intensity loss: with masks; distance to both pictures (table 8, setting A); or distance to
    the brighter one (setting B)."""
    texture: NonNegativeFloat = 5.0
    """Weight of the texture loss, lambda; 0: off (setting C)."""
    salient: Classes = SALIENT
    """Labels that stand out in infrared: car, person, bike; []: masks from contrast only."""
    visible: VisibleMask = "complement"
    """Visible mask: complement of the infrared one, or also where visible contrast is higher."""


CPU = {"batch": 2, "crop": 96, "optimizer": "adam"}
"""The most of an hour or two on a few cores: by SGD at the paper's rate, a fresh network
takes hundreds of steps to begin to move; and many small steps do more than few large ones."""


class RefineFuseRecipe(FusionRecipe):
    """Section "Loss function" and the settings of the experiments of RefineFuse.

    Rows I to ours of tables 9 and 10 are settings of the network; settings A, B, C of table 8 are
    `intensity=both`, `intensity=maximum`, `texture=0`. Pairs without labels have masks of contrast
    alone. Medical pairs have no labels at all (`salient=[]`); the paper never trains on them.

    Departures: the equations are not in the text that we have. Distances are means of absolute
    differences, contrast is taken in PSFusion's window (9x9, sigma 1.5), where PSFusion says that
    one picture has more of it than the other, and lambda = 5 weighs the texture, without which
    table 8 shows gradients to collapse. Momentum, weight decay, the polynomial and the warm-up are
    PSFusion's; the paper states SGD and its initial rate only. Turns are by quarters.
    """

    name = "refinefuse"
    title = "Intensity by masks of labels and contrast, and the stronger gradient"
    paper = RefineFuse.paper
    network = "refinefuse"
    options = RefineFuseSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"cpu": CPU}
    settings: RefineFuseSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.departures = (
            "The equations are not in the text that we have: L1 distances, PSFusion's window of "
            f"contrast, lambda on the texture. {descent_departure(self.settings)}"
        )
        self.install("fusion", self.create())

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the one stage: 136 steps an epoch for the 1083 pairs of MSRS.

        Raises:
            UsageError: The masks need labels, and there are none, or other ones.
        """
        settings = self.settings
        if settings.intensity == "masks":
            check_salient(
                source,
                self.name,
                settings.salient,
                remedy="Add rendered pairs, which have labels (--data scenes:200), or make masks "
                "of contrast alone: --set salient=[].",
            )
        return [Planned("train", ceil(len(source) / settings.batch) * settings.epochs)]

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the stage, ready to run."""
        settings, trained = self.settings, ("fusion",)
        self.set_modes(trained)
        steps = self.plan(workshop.source)[index].steps
        return Stage(
            RefineFuseObjective(self.fusion, settings),
            trained,
            [make_descent(trainable(self.fusion), settings, steps, pace=workshop.pace)],
            workshop.source,
            settings.batch,
            Augmentation(
                crop=settings.crop, flip=True, flip_vertical=True, rotate=is_square(settings.crop)
            ),
        )


class RefineFuseObjective(Objective):
    """Intensity and texture.

    Args:
        network: The network that is trained.
        settings: Weights, and what the masks are made of.
    """

    def __init__(self, network: FusionNetwork, settings: RefineFuseSettings) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_int + lambda L_text."""
        y = luma(vis)
        fused = self.network(ir, y)
        with exact(ir):
            fused = fused.float()
            terms = {
                "intensity": self._intensity(fused, ir, y, labels),
                "texture": maximum_gradient(fused, ir, y),
            }
            return Losses(terms["intensity"] + self._settings.texture * terms["texture"], terms)

    def _intensity(self, fused: Tensor, ir: Tensor, y: Tensor, labels: Tensor | None) -> Tensor:
        settings = self._settings
        if settings.intensity == "both":
            return both_intensities(fused, ir, y)
        if settings.intensity == "maximum":
            return maximum_intensity(fused, ir, y)
        weights = hard_weights(
            contrast_masks(ir, y, measure="deviation"),
            find_salient(labels, settings.salient, like=ir),
            visible=settings.visible,
        )
        return weighted_intensity(fused, ir, y, ir_weight=weights.ir, vis_weight=weights.vis)
