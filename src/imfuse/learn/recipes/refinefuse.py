"""RefineFuse's training: warm or high-contrast parts from infrared, the rest from visible.

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
"""The best use of an hour or two on a few cores: with SGD at the paper's learning rate, a new
network hardly changes for hundreds of steps; and many small steps achieve more than a few large
ones."""


class RefineFuseRecipe(FusionRecipe):
    """Section "Loss function" and the experiments' settings of RefineFuse.

    Rows "I" to "ours" of tables 9 and 10 are settings of the network; settings A, B, C of table 8
    are `intensity=both`, `intensity=maximum`, `texture=0`. Pairs without labels have masks from
    contrast only. Medical pairs have no labels at all (`salient=[]`); the paper never trains on
    them.

    Departures: the text that we have lacks the equations. Distances are means of absolute
    differences; contrast is compared as in PSFusion, in its window (9x9, sigma 1.5); and lambda = 5
    is the weight of the texture loss, because in table 8 gradients collapse without that loss.
    Momentum, weight decay, polynomial decay and warm-up are PSFusion's; the paper states only SGD
    and its initial rate. Rotations are multiples of 90 degrees.
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
            "The text that we have lacks the equations, so these are our choice: L1 distances, "
            "PSFusion's window for contrast, and lambda as the weight of the texture loss. "
            f"{descent_departure(self.settings)}"
        )
        self.install("fusion", self.create())

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the one stage: 136 steps an epoch for the 1083 pairs of MSRS.

        Raises:
            UsageError: The masks need labels, and these are missing or have other classes.
        """
        settings = self.settings
        if settings.intensity == "masks":
            check_salient(
                source,
                self.name,
                settings.salient,
                remedy="Add rendered pairs, which have labels (--data scenes:200, data=), or make "
                "masks from contrast only: --set salient=[] (settings=).",
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
    """Intensity and texture losses.

    Args:
        network: The network to train.
        settings: Weights of the losses, and settings of the masks.
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
