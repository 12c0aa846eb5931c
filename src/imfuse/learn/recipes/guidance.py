"""Training for machines without labels: a last stage that frozen networks guide.

What a frozen network sees in either source, it must see in the fused picture.
The element-wise largest of its answers to several views of a pair is the target for its answer to
the fused picture, while the fusion network is often given a darkened visible picture. Small terms
of gradients, intensity and edges keep the picture a picture.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from imfuse.errors import UsageError
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.guides.frozen import FrozenGuide, open_guide
from imfuse.learn.losses.gradient import maximum_gradient
from imfuse.learn.losses.quality import edge_transfer
from imfuse.learn.models.base import FusionNetwork
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

View = Literal["vis", "ir", "maximum", "lifted"]


class GuidanceSettings(Section):
    """Settings of the stage that frozen networks guide."""

    networks: tuple[Path, ...] = ()
    """ONNX files of detectors or of segmenters trained by imfuse; empty: no such stage. Pictures
    that only one network falls for are less likely with several."""
    share: PositiveFloat = 0.5
    """Length of the stage as a fraction of all other steps."""
    alone: bool = False
    """True: it is the only stage, for weights that are trained already; no labels are needed."""
    steps: PositiveInt = 2400
    """Length of the stage where it is the only one."""
    batch: PositiveInt = 2
    """Batch size of the stage, summed over all processes."""
    crop: Size = (416, 416)
    """Height and width of its random crops."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.65, 1.05)
    """Smallest and largest resize factor of its samples."""
    rate: PositiveFloat = 2e-4
    """Peak learning rate (Adam, a tenth of the steps of warm-up, then a cosine)."""
    views: tuple[View, ...] = ("vis", "ir", "lifted")
    """Pictures that the target is taken from: the sources, their maximum, or the maximum lifted to
    a mean of .4."""
    classes: tuple[str, ...] = ("person", "car", "bicycle", "motorcycle", "bus", "truck")
    """Classes that the networks are asked for."""
    darken: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the samples whose visible picture is darkened for the fusion network."""
    noise: Share = 0.02
    """Largest standard deviation of noise added to the fused picture before a network looks."""
    relight: Share = 0.1
    """Largest relative change of the fused picture's brightness before a network looks."""
    confident: NonNegativeFloat = 5.0
    """Weight of places where the target is above .1, times the target; all others weigh .05."""
    weight: PositiveFloat = 1.0
    """Weight of the networks' loss, shared among them."""
    texture: NonNegativeFloat = 0.5
    """Weight of the difference from the stronger gradient of both sources."""
    intensity: NonNegativeFloat = 0.5
    """Weight of what the fused picture is darker than .8 of the brighter source."""
    edges: NonNegativeFloat = 0.3
    """Weight of Qabf, which is maximised."""


class FusionSettings(Settings):
    """Settings of every recipe for fusion networks."""

    guidance: GuidanceSettings = GuidanceSettings()
    """A last stage that frozen detectors and segmenters guide, without labels."""


class GuidingObjective(Objective):
    """The loss of the guided stage.

    Args:
        network: The fusion network.
        guides: Frozen networks.
        settings: Weights and views.
    """

    def __init__(
        self, network: FusionNetwork, guides: Sequence[FrozenGuide], settings: GuidanceSettings
    ) -> None:
        super().__init__()
        self.network, self.guides, self._settings = network, nn.ModuleList(guides), settings
        self.guides.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> "GuidingObjective":  # noqa: FBT001, FBT002 - PyTorch's
        """Put the fusion network into a mode; guides always evaluate."""
        super().train(mode)
        self.guides.eval()
        return self

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return the losses of a batch; labels are not looked at."""
        own = self._settings
        shown = self._darkened(vis)
        y = luma(shown)
        fused = self.network.fuse_for_machines(ir, shown if self.network.visible == "rgb" else y)
        with exact(ir):
            fused = fused.float()
            gray = luma(fused) if fused.shape[1] == 3 else fused
            brighter = torch.maximum(ir, y)
            terms = {
                "texture": maximum_gradient(gray, ir, y),
                "intensity": functional.relu(0.8 * brighter - gray).mean(),
                "edges": 1 - edge_transfer(gray.clamp(0, 1), ir, y).mean(),
            }
        picture = fused.clamp(0, 1) if fused.shape[1] == 3 else recolour(fused, shown)
        for number, guide in enumerate(self.guides, start=1):
            terms[f"guide {number}"] = self._guided(guide, picture, ir, vis)
        with exact(ir):
            total = own.texture * terms["texture"] + own.intensity * terms["intensity"]
            total = total + own.edges * terms["edges"]
            guided = sum(terms[f"guide {n}"] for n in range(1, len(self.guides) + 1))
            total = total + own.weight * guided / max(1, len(self.guides))
            return Losses(total, terms)

    def _guided(self, guide: nn.Module, picture: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
        own = self._settings
        with torch.no_grad():
            target = torch.stack([guide(view) for view in self._views(ir, vis)]).amax(0).float()
        seen = guide(self._disturbed(picture))
        with exact(picture):
            seen = seen.float().clamp(1e-6, 1 - 1e-6)
            sure = target > _SURE
            weights = _REST + own.confident * target * sure
            losses = weights * functional.binary_cross_entropy(seen, target, reduction="none")
            return losses.sum() / (weights * sure).sum().clamp_min(1)

    def _views(self, ir: Tensor, vis: Tensor) -> list[Tensor]:
        gray = ir.expand(-1, 3, -1, -1)
        brighter = torch.maximum(ir, luma(vis))
        mean = brighter.mean((1, 2, 3), keepdim=True).clamp(0.01, 0.9)
        power = (torch.log(torch.full_like(mean, _LIFTED)) / torch.log(mean)).clamp(0.35, 1)
        views = {
            "vis": vis,
            "ir": gray,
            "maximum": brighter.expand(-1, 3, -1, -1),
            "lifted": brighter.clamp_min(1e-4).pow(power).expand(-1, 3, -1, -1),
        }
        return [views[name] for name in self._settings.views]

    def _darkened(self, vis: Tensor) -> Tensor:
        """Return visible pictures of which some have become night pictures, with noise."""
        count = len(vis)
        chosen = _drawn(vis, count) < self._settings.darken
        power, factor = 1 + 0.6 * _drawn(vis, count), 0.08 + 0.72 * _drawn(vis, count)
        noise = 0.012 * _drawn(vis, count) * torch.randn_like(vis[:, :1])
        dark = (vis.clamp_min(1e-4).pow(power) * factor + noise).clamp(0, 1)
        return torch.where(chosen, dark, vis)

    def _disturbed(self, picture: Tensor) -> Tensor:
        """Return pictures with noise and another brightness, lest they fit one network only."""
        own, count = self._settings, len(picture)
        light = 1 + own.relight * (2 * _drawn(picture, count) - 1)
        noise = own.noise * _drawn(picture, count) * torch.randn_like(picture)
        return (picture * light + noise).clamp(0, 1)


def with_guidance(
    plan: Callable[[], Sequence[Planned]], settings: GuidanceSettings
) -> list[Planned]:
    """Return the stages of a training, the guided one at the end if guides are given.

    Args:
        plan: Returns the stages of the paper; not called where there are none.
        settings: Settings of the guided stage.

    Raises:
        UsageError: The guided stage shall be the only one, and there is no guide.
    """
    if settings.alone and not settings.networks:
        raise UsageError(
            "guidance.alone without a guide",
            expected="at least one ONNX file",
            remedy="Give it with --guide FILE.onnx (guide=).",
        )
    names = "guidance.batch", "guidance.crop"
    if settings.networks and settings.alone:
        return [Planned("guide", settings.steps, *names)]
    stages = list(plan())
    if settings.networks:
        steps = math.ceil(settings.share * sum(one.steps for one in stages))
        stages.append(Planned("guide", steps, *names))
    return stages


def guidance_stage(
    network: FusionNetwork, settings: GuidanceSettings, steps: int, workshop: Workshop
) -> Stage:
    """Return the guided stage, ready to run.

    Args:
        network: The fusion network, in training mode.
        settings: Settings of the stage.
        steps: Its planned length.
        workshop: What it is built with.

    Raises:
        WeightsError: A guide can't be used.
        UsageError: A guide knows none of the classes.
    """
    guides = [open_guide(path, settings.classes).to(workshop.device) for path in settings.networks]
    adam = torch.optim.Adam(trainable(network), fused=True)

    def rate(step: float) -> float:
        share = step / steps
        warm = min(1.0, max(share / _WARM, _FIRST))
        return settings.rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))

    return Stage(
        GuidingObjective(network, guides, settings),
        ("fusion",),
        [Optimization(adam, rate, clip=1.0)],
        workshop.source,
        settings.batch,
        Augmentation(crop=settings.crop, scale=settings.scale, flip=True),
        frozen_norms=True,
    )


_WARM = 0.1
"""Share of the steps in which the learning rate rises."""
_FIRST = 0.01
"""Share of the peak learning rate that the first step has."""
_SURE = 0.1
"""Confidence above which a place counts as one where something is."""
_REST = 0.05
"""Weight of all other places."""
_LIFTED = 0.4
"""Mean that the lifted view is brought to."""


def _drawn(like: Tensor, count: int) -> Tensor:
    """Return a random number from 0 to 1 for each sample, `(b, 1, 1, 1)`."""
    return torch.rand(count, 1, 1, 1, device=like.device, dtype=like.dtype)
