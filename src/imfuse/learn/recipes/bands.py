"""Training of our own networks: each metric of the field and the eye's wishes, weighed.

The loss has differentiable VIF, Qabf and SCD in it, so these metrics say less about the result than
they do about networks that never saw them; other cameras and other measures must judge it, too.
"""

import math
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from imfuse.data.sources import Source
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.gradient import sobel_magnitude
from imfuse.learn.losses.intensity import maximum_intensity
from imfuse.learn.losses.quality import (
    edge_transfer,
    sum_of_correlations_of_differences,
    visual_information_fidelity,
)
from imfuse.learn.losses.similarity import ssim_loss
from imfuse.learn.models.bands import ImfuseB, ImfuseS
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.guidance import FusionSettings
from imfuse.learn.recipes.settings import Section, Settings, Share, Size
from imfuse.learn.recipes.stage import (
    Losses,
    Objective,
    Optimization,
    Planned,
    Stage,
    Workshop,
    exact,
    trainable,
)


class Weights(Section):
    """Weights of the losses."""

    intensity: NonNegativeFloat = 1.5
    """Mean difference from the brighter source."""
    texture: NonNegativeFloat = 1.0
    """Mean difference of the gradient from `sharpen` times the stronger one of both sources."""
    information: NonNegativeFloat = 0.8
    """VIF, which is maximised."""
    edges: NonNegativeFloat = 3.5
    """Qabf, which is maximised."""
    differences: NonNegativeFloat = 0.6
    """SCD, which is maximised."""
    structure: NonNegativeFloat = 0.2
    """1 - SSIM, summed over both sources."""
    bounds: NonNegativeFloat = 10.0
    """Mean square of what lies outside of [0, 1]."""


class BandsSettings(FusionSettings):
    """Settings of training our own networks."""

    batch: PositiveInt = 8
    crop: Size = (128, 128)
    """Height and width of the random crop."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.7, 1.1)
    """Smallest and largest factor by which samples are resized."""
    steps: PositiveInt = 12_000
    """Steps of the training."""
    rate: PositiveFloat = 3e-3
    """Peak learning rate of AdamW."""
    weight_decay: NonNegativeFloat = 1e-4
    """Weight decay of AdamW."""
    warmup: PositiveInt = 100
    """Real steps of warm-up."""
    clip: PositiveFloat = 1.0
    """Largest norm of the gradient."""
    darken: Share = 0.35
    """Share of the samples whose visible picture is darkened."""
    darkest: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Smallest factor of darkened pictures; the largest is .8."""
    sharpen: PositiveFloat = 1.25
    """What the gradient should be, in strengths of the stronger source."""
    weights_of_losses: Weights = Weights()
    """Weights of the losses."""


class BandsObjective(Objective):
    """The loss of our own networks.

    Args:
        network: The network.
        settings: Weights of the losses.
    """

    def __init__(self, network: FusionNetwork, settings: BandsSettings) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return the losses of a batch; labels are not looked at."""
        own, weights = self._settings, self._settings.weights_of_losses
        y = self._darkened(luma(vis))
        free = self.network(ir, y)
        with exact(ir):
            free = free.float()
            fused = free.clamp(0, 1)
            stronger = torch.maximum(sobel_magnitude(ir), sobel_magnitude(y))
            terms = {
                "intensity": maximum_intensity(free, ir, y),
                "texture": (sobel_magnitude(free) - own.sharpen * stronger).abs().mean(),
                "information": visual_information_fidelity(fused, ir, y),
                "edges": edge_transfer(fused, ir, y, angles="of lines"),
                "differences": sum_of_correlations_of_differences(fused, ir, y),
                "structure": ssim_loss(fused, ir) + ssim_loss(fused, y),
                "bounds": (free - fused).square().mean(),
            }
            maximised = ("information", "edges", "differences")
            total = free.new_zeros(())
            for name, value in terms.items():
                total = total + getattr(weights, name) * (-value if name in maximised else value)
            return Losses(total, terms)

    def _darkened(self, y: Tensor) -> Tensor:
        """Return visible pictures of which some have become dark ones."""
        own, shape = self._settings, (len(y), 1, 1, 1)
        chosen = torch.rand(shape, device=y.device) < own.darken
        factor = own.darkest + (0.8 - own.darkest) * torch.rand(shape, device=y.device)
        return torch.where(chosen, y * factor, y)


class BandsRecipe(FusionRecipe):
    """One stage of AdamW with a cosine; subclasses name the network."""

    options = BandsSettings
    settings: BandsSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.install("fusion", self.create())

    def plan(self, source: Source) -> list[Planned]:
        """Return the one stage."""
        return [Planned("fuse", self.settings.steps)]

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the stage."""
        own, trained = self.settings, ("fusion",)
        self.set_modes(trained)
        adam = torch.optim.AdamW(
            trainable(self.fusion), lr=own.rate, weight_decay=own.weight_decay, fused=True
        )

        def rate(step: float) -> float:
            begun = min(1.0, (step / workshop.pace + 1) / own.warmup)
            return own.rate * begun * (0.5 + 0.5 * math.cos(math.pi * step / own.steps) + 0.01)

        return Stage(
            BandsObjective(self.fusion, own),
            trained,
            [Optimization(adam, rate, own.clip)],
            workshop.source,
            own.batch,
            Augmentation(crop=own.crop, scale=own.scale, flip=True),
        )


class ImfuseBRecipe(BandsRecipe):
    """Training of the base network."""

    name = network = "imfuse-b"
    title = "Our base network: metrics of the field as losses"
    paper = ImfuseB.paper


class ImfuseSRecipe(BandsRecipe):
    """Training of the small network."""

    name = network = "imfuse-s"
    title = "Our small network: metrics of the field as losses"
    paper = ImfuseS.paper
