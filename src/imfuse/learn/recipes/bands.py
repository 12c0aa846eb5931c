"""Training of our own networks: each metric of the field and the eye's wishes, weighed.

The loss has differentiable VIF, Qabf and SCD in it, so these metrics say less about the result than
they do about networks that never saw them; other cameras and other measures must judge it, too.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, cast

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from imfuse.data.sources import Source
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.gradient import sobel_magnitude
from imfuse.learn.losses.intensity import absolute_error
from imfuse.learn.losses.quality import (
    edge_transfer,
    sum_of_correlations_of_differences,
    visual_information_fidelity,
)
from imfuse.learn.losses.similarity import ssim_loss
from imfuse.learn.models.bands import BandSelection, ImfuseB, ImfuseS
from imfuse.learn.recipes.band_samples import around, darkened, harmed, with_noise
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
from imfuse.types import Preference


class Weights(Section):
    """Weights of the losses."""

    intensity: NonNegativeFloat = 1.5
    """Mean difference from the brighter source."""
    texture: NonNegativeFloat = 1.0
    """Mean difference of the gradient from `sharpen` times the stronger one of both sources."""
    information: NonNegativeFloat = 0.8
    """VIF, which is maximised."""
    edges: NonNegativeFloat = 4.0
    """Qabf, which is maximised."""
    differences: NonNegativeFloat = 1.2
    """SCD, which is maximised."""
    contrast: NonNegativeFloat = 1.5
    """What is missing of `spread` times the standard deviation of the brighter source."""
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
    sharpen_more: NonNegativeFloat = 0.6
    """How far that rises with the preference of detail."""
    spread: PositiveFloat = 1.12
    """The standard deviation to reach, in that of the brighter source."""
    noisy: Share = 0.25
    """Share of the samples of which one source gets noise, which the losses don't know."""
    noise: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    """Largest standard deviation of that noise."""
    harmed: Share = 0.15
    """Share of the samples of which one source shows nothing in places: the losses then take these
    places of the other source for it, as far as that shows something."""
    preferences: Share = 0.4
    """Share of the batches that are fused by a random preference."""
    wishes_alone: bool = False
    """True: only the weights of wishes learn, all batches have one, and the usual picture stays."""
    weights_of_losses: Weights = Weights()
    """Weights of the losses."""


class BandsObjective(Objective):
    """The loss of our own networks.

    Args:
        network: The network.
        settings: Weights of the losses.
    """

    def __init__(self, network: BandSelection, settings: BandsSettings) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return the losses of a batch; labels are not looked at."""
        own = self._settings
        y, wanted = darkened(luma(vis), own.darken, own.darkest), self._wanted()
        (ir, seen_ir), (y, seen_y) = harmed(ir, y, own.harmed)
        free = self.network.prefer(*with_noise(seen_ir, seen_y, own.noisy, own.noise), wanted)
        with exact(ir):
            free = free.float()
            fused = free.clamp(0, 1)
            lean, detail = wanted.lean, wanted.detail
            target = _between(lean, torch.maximum(ir, y), ir, y)
            target = target + wanted.natural * _exposure(y) * (y - target)
            of_ir, of_vis = sobel_magnitude(ir), sobel_magnitude(y)
            stronger = _between(lean, torch.maximum(of_ir, of_vis), of_ir, of_vis)
            sharpen = own.sharpen + own.sharpen_more * detail - 0.2 * wanted.natural
            terms = {
                "intensity": absolute_error(free, target),
                "texture": (sobel_magnitude(free) - sharpen * stronger).abs().mean(),
                "information": _of_both(visual_information_fidelity, fused, ir, y, lean),
                "edges": _of_both(partial(edge_transfer, angles="of lines"), fused, ir, y, lean),
                "differences": sum_of_correlations_of_differences(fused, ir, y),
                "contrast": _missing_contrast(free, target, own.spread),
                "structure": (1 + lean) * ssim_loss(fused, ir) + (1 - lean) * ssim_loss(fused, y),
                "bounds": (free - fused).square().mean(),
            }
            # Where the visible picture is good, its brightness counts more than all metrics.
            usual = 1 - wanted.natural
            factors = {
                "intensity": 1 + 2 * abs(lean) + 5 * wanted.natural,
                "texture": 1 + 2 * detail,
                "edges": 1 - 0.4 * detail,
                "differences": usual * (1 - abs(lean)),
                "contrast": usual,
            }
            total = free.new_zeros(())
            for name, value in terms.items():
                weight = getattr(own.weights_of_losses, name) * factors.get(name, 1.0)
                total = total + weight * (-value if name in _MAXIMISED else value)
            return Losses(total, terms)

    def _wanted(self) -> Preference:
        """Return the preference of a batch: none, or a random one that the losses know."""
        share = 1.0 if self._settings.wishes_alone else self._settings.preferences
        draw, value = torch.rand(2).tolist()
        if draw >= share:
            return Preference()
        kind = int(3 * draw / share)
        if kind == 0:
            return Preference(lean=2 * value - 1)
        return Preference(detail=1.5 * value) if kind == 1 else Preference(natural=value)


_MAXIMISED = ("information", "edges", "differences")


def _between(lean: float, usual: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Return what lies between the usual target and that of the preferred source."""
    return usual + abs(lean) * ((ir if lean > 0 else vis) - usual)


def _of_both(
    measure: Callable[[Tensor, Tensor, Tensor], Tensor],
    fused: Tensor,
    ir: Tensor,
    vis: Tensor,
    lean: float,
) -> Tensor:
    """Return a measure of both sources, of which the preferred one counts more."""
    if lean == 0:
        return measure(fused, ir, vis)
    alone = measure(fused, ir, ir), measure(fused, vis, vis)
    return (1 + lean) / 2 * alone[0] + (1 - lean) / 2 * alone[1]


def _missing_contrast(fused: Tensor, target: Tensor, spread: float) -> Tensor:
    """Return what is missing of a multiple of each target's standard deviation, as a share."""
    reached = fused.flatten(1).std(1)
    wanted = spread * target.flatten(1).std(1) + 1e-3
    return (1 - reached / wanted).clamp(min=0).mean()


def _exposure(y: Tensor) -> Tensor:
    """Return how well visible pictures are exposed at each place: 1 from .2 to .8, 0 at the ends.

    Args:
        y: Luma `(b, 1, h, w)` in [0, 1].
    """
    mean = around(y)
    return (5 * mean).clamp(0, 1) * (5 * (1 - mean)).clamp(0, 1)


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

    def freeze_for_guidance(self) -> None:
        """Freeze all but the preference for machines, so that the usual picture stays as it is."""
        for name, parameter in self.fusion.named_parameters():
            own = name.endswith(".of.machine") or ".for_machines." in name
            parameter.requires_grad_(own)

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the stage."""
        own, trained = self.settings, ("fusion",)
        self.set_modes(trained)
        if own.wishes_alone:
            for name, parameter in self.fusion.named_parameters():
                wish = name.rpartition(".of.")[2]
                parameter.requires_grad_(wish in Preference._fields and wish != "machine")
        adam = torch.optim.AdamW(
            trainable(self.fusion), lr=own.rate, weight_decay=own.weight_decay, fused=True
        )

        def rate(step: float) -> float:
            begun = min(1.0, (step / workshop.pace + 1) / own.warmup)
            return own.rate * begun * (0.5 + 0.5 * math.cos(math.pi * step / own.steps) + 0.01)

        return Stage(
            BandsObjective(cast(BandSelection, self.fusion), own),
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
