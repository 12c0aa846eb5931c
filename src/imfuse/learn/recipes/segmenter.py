"""What all trainings of segmenters share: settings, samples, losses."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, cast

import safetensors
import safetensors.torch
from pydantic import AfterValidator, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from imfuse.data.sources import Source
from imfuse.errors import UsageError, WeightsError
from imfuse.learn.batches.shown import shown
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.checkpoints import first_difference
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.table import create_guide
from imfuse.learn.losses.segmentation import cross_entropy, dice_loss, hard_example_cross_entropy
from imfuse.learn.models.base import Origin
from imfuse.learn.recipes.labels import SMALLEST, check_labels, require_labels
from imfuse.learn.trainer.recipe import Recipe, Settings, Several, Share, Size
from imfuse.learn.trainer.stage import (
    Losses,
    Objective,
    Optimization,
    Planned,
    Stage,
    Workshop,
    exact,
)


def _large(size: tuple[int, int] | None) -> tuple[int, int] | None:
    if size is not None and min(size) < SMALLEST:
        raise ValueError(f"sides from {SMALLEST} pixels")
    return size


LargeSize = Annotated[Size | None, AfterValidator(_large)]
"""Height and width in pixels, not too small; none: whole pictures."""


class SegmenterSettings(Settings):
    """Settings of every segmenter's training."""

    batch: Several
    """Samples of a step, over all processes together."""
    crop: LargeSize
    """Height and width of the part cut from each sample; none: whole pictures."""
    classes: PositiveInt = 9
    """Classes of the labels, the background included; 9 in MSRS."""
    on: str = "vis"
    """What it looks at: `vis`, `ir`, or `fused:FOLDER`, pictures named after the pairs."""
    weights: Path | None = None
    """File (.safetensors) of the segmenter's weights to begin with."""
    scale: tuple[PositiveFloat, PositiveFloat]
    """Least and greatest factor of the samples' size."""
    jitter: tuple[Share, Share, Share]
    """Greatest change of brightness, contrast and saturation."""
    rate: PositiveFloat
    """Highest learning rate."""
    weight_decay: NonNegativeFloat
    """Of the optimiser."""
    loss: Literal["cross-entropy", "hard-examples", "cross-entropy-dice"] = "cross-entropy"
    """Over all pixels, over the hardest (OHEM), or over all with the Dice loss added."""
    auxiliary: NonNegativeFloat = 0.1
    """Weight of the auxiliary head's loss, where there is one."""


class SegmenterRecipe(Recipe):
    """Training on labelled pictures; subclasses say of which segmenter, and how."""

    options = SegmenterSettings
    subject = "segmenter"
    settings: SegmenterSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        guide = create_guide(
            self.network, **{**self.settings.network, "classes": self.settings.classes}
        )
        if self.settings.weights is not None:
            load_guide(guide, self.settings.weights)
            self.origin = Origin()  # the file does not say
        self.install("segmenter", guide)

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter."""
        return cast(Segmenter, self.modules["segmenter"])

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages.

        Raises:
            UsageError: No pair has labels, or there are more classes than the segmenter has.
            DatasetNotFound: A pair lacks its fused picture.
        """
        shown(source, self.settings.on)
        require_labels(
            source,
            self.name,
            self.settings.classes,
            remedy="Label them with a segmenter that you have (imfuse segment run), or add "
            "rendered pairs, which have labels (--data scenes:200).",
        )
        return self.stages(len(source))

    @abstractmethod
    def stages(self, pairs: int) -> Sequence[Planned]:
        """Return the stages for a number of pairs."""

    @abstractmethod
    def optimization(self, index: int, pairs: int) -> Optimization:
        """Return the optimiser of a stage, and its rates."""

    def batch(self, index: int) -> int:
        """Return how many samples make a step of a stage."""
        return self.settings.batch

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return a stage, ready to run."""
        settings = self.settings
        self.set_modes(["segmenter"])
        return Stage(
            SegmenterObjective(self.segmenter, settings),
            ["segmenter"],
            [self.optimization(index, len(workshop.source))],
            shown(workshop.source, settings.on),
            self.batch(index),
            Augmentation(
                crop=settings.crop, scale=settings.scale, flip=True, jitter=settings.jitter
            ),
            least=2,
        )


class SegmenterObjective(Objective):
    """Main and auxiliary head of a segmenter against labels.

    Args:
        segmenter: The segmenter that is trained.
        settings: Kind of loss, weight of the auxiliary head, number of classes.
    """

    def __init__(self, segmenter: Segmenter, settings: SegmenterSettings) -> None:
        super().__init__()
        self.segmenter, self._settings = segmenter, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_main + lambda L_aux (SCGRFuse, algorithm 1, line 13), and Dice where asked."""
        if labels is None:
            raise UsageError("pairs without labels", expected="labels to train a segmenter")
        check_labels(labels, self._settings.classes)
        logits = self.segmenter(vis)
        hard = self._settings.loss == "hard-examples"
        measure = hard_example_cross_entropy if hard else cross_entropy
        with exact(ir):
            terms = {"main": measure(logits.main.float(), labels)}
            total = terms["main"]
            if logits.auxiliary is not None:
                terms["auxiliary"] = measure(logits.auxiliary.float(), labels)
                total = total + self._settings.auxiliary * terms["auxiliary"]
            if self._settings.loss == "cross-entropy-dice":
                terms["dice"] = dice_loss(logits.main.float(), labels)
                total = total + terms["dice"]
        return Losses(total, terms)


def load_guide(guide: Segmenter, path: Path) -> None:
    """Fill a segmenter with the weights of a file.

    Raises:
        WeightsError: The file is missing or damaged, or its weights are of another segmenter.
    """
    try:
        weights = safetensors.torch.load_file(path)
        guide.adopt(weights)
    except (OSError, safetensors.SafetensorError) as error:
        found = f"no readable safetensors file ({error})"
        raise WeightsError(found, file=path, remedy="Check the path.") from error
    except RuntimeError as error:
        raise WeightsError(
            f"weights that do not fit {guide.name} ({first_difference(error)})",
            file=path,
            expected="weights.safetensors of a run with the same segmenter and classes, or "
            "published weights of its encoder",
        ) from error
