"""BFFR's training: a warm start with the average as target, then a segmenter's loss alone.

Y. Wu, Z. Liu, J. Liu, X. Fan, R. Liu, "Breaking free from fusion rule: A fully semantic-driven
infrared and visible image fusion", IEEE Signal Processing Letters, 2023,
doi:10.48550/arXiv.2211.12286.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from imfuse.data.sources import Source
from imfuse.errors import UnknownName, UsageError
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.table import create_picture_guide
from imfuse.learn.models.bffr import BFFR
from imfuse.learn.recipes.bffr_objectives import (
    BFFRSettings,
    SemanticObjective,
    WarmStartObjective,
)
from imfuse.learn.recipes.descent import undecayed_norms
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.labels import require_labels, require_size
from imfuse.learn.recipes.recipe import CODE_NETWORK
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Objective, Optimization, Planned, Stage, Workshop, trainable
from imfuse.learn.schedules import kept_warmup, polynomial_from_below


class BFFRRecipe(FusionRecipe):
    """Warm start and semantic training of BFFR.

    Rows of table II: `network.attention=none` (w/o SLA), `channel` (CHA) and `spatial` (SPA);
    `warm_start.rule=maximum` (Max-ST) and `none` (w/o WS); `regularisation=0` (w/o L_reg).
    Figure 7: `removed=[car]` and the like, `semantic=0`. Pairs without labels take part in both
    stages; in semantic training, only the regularisation applies to them.

    Departures: numbers that the letter does not give (learning rates, batch sizes, steps, lambda,
    augmentation) are those of the published configuration. The segmenter begins with random weights
    instead of ImageNet's. The published code also applies photometric changes to infrared pictures,
    adds up to an eighth to the brightness and shifts hues, each in half of the samples; draws a
    crop again if one class fills three quarters of it; and computes luma with red and blue
    exchanged. The network is that of the code, unless `network.variant=paper`.
    """

    name = "bffr"
    title = "Warm start towards the average, then a segmenter's loss alone, with SegFormer-B0"
    paper = BFFR.paper
    network = "bffr"
    options = BFFRSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "release": {"correlation": "batch"},
        # The warm start gets most of the steps, on crops so small that they cost little, in their
        # own scale, and its learning rate decays to zero within them: until the network has learned
        # the average down to its finest detail, a blur remains that no later loss repairs. A
        # segmenter trained from scratch hardly learns at the paper's rate; a fusion network that
        # learns at the segmenter's rate makes its pictures drift from the scene into a pale haze.
        "cpu": {
            "batch": 2,
            "crop": (64, 96),
            "steps": 32_000,
            "rate": 1e-5,
            "segmenter_rate": 30.0,
            "warm_start": {
                "steps": 160_000,
                "schedule": 160_000,
                "rate": 1e-3,
                "batch": 4,
                "crop": (64, 64),
                "scale": (1.0, 1.0),
            },
        },
    }
    settings: BFFRSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.install("fusion", self.create())
        self.departures = self._departures()
        if self.settings.semantic > 0:
            guide = create_picture_guide(self.settings.guide, classes=self.settings.classes)
            self.install("segmenter", guide)

    def _departures(self) -> str:
        guide = self.settings.guide
        if self.settings.semantic == 0:
            segmenter = "No segmenter takes part."
        elif guide == "segformer-b0":
            segmenter = "The segmenter begins with random weights instead of ImageNet's."
        else:
            segmenter = f"The segmenter is {guide}, not SegFormer-B0."
        return (
            f"{CODE_NETWORK} {segmenter} Photometric changes apply to visible pictures only, and "
            "always, without changes of hue; crops filled by one class are not drawn again."
        )

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages: the warm start, if there is one, and semantic training."""
        settings = self.settings
        if settings.semantic > 0:
            remedy = "Add rendered pairs, which have labels: --data scenes:200 (data=)."
            require_labels(source, self.name, settings.classes, remedy=remedy)
            require_size(settings.crop, self.name, trained=True)
            removed_classes(source, settings.removed)
        semantic, warm = Planned("semantic training", settings.steps), settings.warm_start
        # Refuse schedules that do not fit here, not when their stage begins.
        self._rate(settings.steps, settings.rate, settings.steps, settings.warmup)
        if warm.rule == "none":
            return [semantic]
        self._rate(warm.steps, warm.rate, warm.schedule or settings.steps, settings.warmup)
        crop = "crop" if warm.crop is None else "warm_start.crop"
        return [Planned("warm start", warm.steps, batch="warm_start.batch", crop=crop), semantic]

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the warm start, or semantic training."""
        settings, warm = self.settings, self.settings.warm_start
        warms = index == 0 and warm.rule != "none"
        trained = ("fusion",) if warms else tuple(self.modules)
        self.set_modes(trained)
        objective: Objective
        if warms:
            objective = WarmStartObjective(self.fusion, warm.rule)
        else:
            removed = removed_classes(workshop.source, settings.removed)
            segmenter = self.modules["segmenter"] if settings.semantic > 0 else None
            objective = SemanticObjective(self.fusion, segmenter, settings, removed)
        return Stage(
            objective,
            trained,
            [self._adamw(trained, warms=warms, pace=workshop.pace)],
            workshop.source,
            warm.batch if warms else settings.batch,
            Augmentation(
                crop=(warm.crop if warms else None) or settings.crop,
                scale=(warm.scale if warms else None) or settings.scale,
                flip=True,
                jitter=settings.jitter,
            ),
            least=1 if warms or settings.semantic == 0 else 2,
        )

    def _adamw(self, trained: Sequence[str], *, warms: bool, pace: float) -> Optimization:
        own, warm = self.settings, self.settings.warm_start
        planned, start, schedule = own.steps, own.rate, own.steps
        if warms:
            planned, start, schedule = warm.steps, warm.rate, warm.schedule or own.steps
        warmup = kept_warmup(own.warmup, planned=planned, pace=pace)

        def rate(step: float) -> float:
            return self._rate(step, start, schedule, warmup)

        groups = [group for name in trained for group in self._groups(self.modules[name])]
        adamw = torch.optim.AdamW(groups, lr=start, weight_decay=own.weight_decay, fused=True)
        return Optimization(adamw, rate)

    def _rate(self, step: float, start: float, schedule: int, warmup: float) -> float:
        return polynomial_from_below(
            step, steps=schedule, start=start, power=self.settings.power, warmup=warmup
        )

    def _groups(self, module: nn.Module) -> Iterator[dict[str, Any]]:
        """Yield a module's parameter groups: with weight decay, norms (without it), and heads."""
        whole: list[dict[str, Any]] = [{"params": trainable(module)}]
        if isinstance(module, Segmenter):
            own = self.settings
            whole = module.parameter_groups(own.head_rate, own.segmenter_rate)
        return undecayed_norms(module, whole, nn.BatchNorm2d, nn.LayerNorm)


def removed_classes(source: Source, names: Sequence[str]) -> tuple[int, ...]:
    """Return the labels of the classes to treat as background.

    Args:
        source: The samples.
        names: Names of classes, in any set of the source.

    Raises:
        UnknownName: No set has such a class.
        UsageError: A class is the background itself, or datasets number the classes differently.
    """
    numbers: dict[str, set[int]] = {}
    for layout in source.layouts:
        for number, name in enumerate(layout.classes):
            numbers.setdefault(name, set()).add(number)
    for name in names:
        if name not in numbers:
            raise UnknownName("class of the labels", name, numbers)
        if len(numbers[name]) > 1 or 0 in numbers[name]:
            labels = ", ".join(str(number) for number in sorted(numbers[name]))
            raise UsageError(
                f"removed={name!r}, which is label {labels}",
                expected="a class of one label above 0 in all sets",
            )
    return tuple(number for name in names for number in numbers[name])
