"""Base class of recipes for segmenters: settings, losses, previews, scores, files."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from imfuse.data.layouts import Layout
from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Source
from imfuse.errors import UsageError, WeightsError
from imfuse.io.atomic import write_atomically
from imfuse.learn.batches.shown import FUSED, shown
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.checkpoints import first_difference
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.export import export_segmenter
from imfuse.learn.guides.table import create_guide
from imfuse.learn.losses.segmentation import cross_entropy, dice_loss, hard_example_cross_entropy
from imfuse.learn.models.base import Origin
from imfuse.learn.recipes.card import SegmenterCard
from imfuse.learn.recipes.labelling import coloured, confusion_over, find_classes, seen
from imfuse.learn.recipes.labels import SMALLEST, check_labels, class_names, require_labels
from imfuse.learn.recipes.previews import in_rows
from imfuse.learn.recipes.recipe import Autocast, Recipe, Scored
from imfuse.learn.recipes.settings import Settings, Several, Share, Size
from imfuse.learn.recipes.stage import (
    Losses,
    Objective,
    Optimization,
    Planned,
    Stage,
    Workshop,
    exact,
)
from imfuse.metrics.segmentation import segmentation_scores
from imfuse.vision.segmenter import SegmenterInput, SegmenterSpec


def _large(size: tuple[int, int] | None) -> tuple[int, int] | None:
    if size is not None and min(size) < SMALLEST:
        raise ValueError(f"sides from {SMALLEST} pixels")
    return size


LargeSize = Annotated[Size | None, AfterValidator(_large)]
"""Height and width in pixels, not too small; none: whole pictures."""


class SegmenterSettings(Settings):
    """Settings of every segmenter's training."""

    batch: Several
    """Batch size, summed over all processes."""
    crop: LargeSize
    """Height and width of the random crop from each sample; none: whole pictures."""
    classes: PositiveInt = 9
    """Number of classes in the labels, including the background; 9 in MSRS."""
    on: str = "vis"
    """Input pictures: `vis`, `ir`, or `fused:FOLDER` with pictures named after the pairs."""
    weights: Path | None = None
    """File (.safetensors) of initial weights; none: random weights."""
    scale: tuple[PositiveFloat, PositiveFloat]
    """Smallest and largest factor by which samples are resized."""
    jitter: tuple[Share, Share, Share]
    """Largest random change of brightness, contrast and saturation."""
    rate: PositiveFloat
    """Peak learning rate."""
    weight_decay: NonNegativeFloat
    """Weight decay of the optimiser."""
    loss: Literal["cross-entropy", "hard-examples", "cross-entropy-dice"] = "cross-entropy"
    """Loss: cross-entropy over all pixels, over the hardest pixels (OHEM), or with Dice added."""
    auxiliary: NonNegativeFloat = 0.1
    """Weight of the auxiliary head's loss, if there is such a head."""


class SegmenterRecipe(Recipe):
    """A recipe that trains a segmenter on labelled pictures; subclasses define the details."""

    options = SegmenterSettings
    kind = subject = "segmenter"
    card = SegmenterCard
    use = "imfuse segment run {model} PICTURES -o LABELS"
    settings: SegmenterSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        guide = create_guide(
            self.network, **{**self.settings.network, "classes": self.settings.classes}
        )
        if self.settings.weights is not None:
            load_guide(guide, self.settings.weights)
            self.origin = Origin()  # the file does not state it
        self.install("segmenter", guide)

    @classmethod
    def located(cls, settings: Settings, find: Callable[[Path], Path]) -> Settings:
        """Return settings whose relative paths are replaced: initial weights, fused pictures."""
        own = cast(SegmenterSettings, super().located(settings, find))
        folder = Path(own.on.removeprefix(FUSED))
        if not own.on.startswith(FUSED) or folder.is_absolute():
            return own
        return own.model_copy(update={"on": f"{FUSED}{find(folder)}"})

    @classmethod
    def view(cls, source: Source, settings: Settings) -> Source:
        """Return pairs with the segmenter's input pictures in place of the visible ones.

        Raises:
            DatasetNotFound: A pair lacks its fused picture.
        """
        return shown(source, cast(SegmenterSettings, settings).on)

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter."""
        return cast(Segmenter, self.modules["segmenter"])

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages.

        Raises:
            UsageError: No pair has labels, or a dataset has another number of classes.
        """
        require_labels(
            source,
            self.name,
            self.settings.classes,
            remedy="Label them with a segmenter that you have (imfuse segment run), or add "
            "rendered pairs, which have labels (--data scenes:200, data=).",
        )
        return self.stages(len(source))

    @abstractmethod
    def stages(self, pairs: int) -> Sequence[Planned]:
        """Return the stages for a number of pairs."""

    @abstractmethod
    def optimization(self, index: int, pairs: int, pace: float) -> Optimization:
        """Return the optimiser of a stage, and its learning rates; for `pace`, see `Workshop`."""

    def batch(self, index: int) -> int:
        """Return the batch size of a stage."""
        return self.settings.batch

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return a stage, ready to run."""
        settings = self.settings
        self.set_modes(["segmenter"])
        return Stage(
            SegmenterObjective(self.segmenter, settings),
            ["segmenter"],
            [self.optimization(index, len(workshop.source), workshop.pace)],
            workshop.source,
            self.batch(index),
            Augmentation(
                crop=settings.crop, scale=settings.scale, flip=True, jitter=settings.jitter
            ),
            least=2,
        )

    def preview(
        self,
        module: nn.Module,
        samples: Sequence[Sample],
        device: torch.device,
        autocast: Autocast = nullcontext,
    ) -> NDArray[np.uint8]:
        """Return a row for each sample: input picture, predicted labels, true labels."""
        rows, segmenter = [], cast(Segmenter, module)
        for sample in samples:
            found = find_classes(segmenter, seen(segmenter, sample), device)
            true = np.zeros_like(found) if sample.labels is None else sample.labels
            rows.append([quantised(sample.vis), coloured(found), coloured(true)])
        return in_rows(rows)

    def score(
        self,
        module: nn.Module,
        held_out: Source | None,
        layouts: Sequence[Layout],
        device: torch.device,
        tell: Callable[[str], object] = lambda _: None,
    ) -> Scored:
        """Return mIoU and mean accuracy over up to fifty held-out pairs, and IoU by class."""
        classes = self.settings.classes
        confusion, pairs = np.zeros((classes, classes), np.int64), 0
        if held_out is not None:
            confusion, pairs = confusion_over(cast(Segmenter, module), held_out, device, classes)
        scores = segmentation_scores(confusion)
        return Scored(
            # The labels may contain only unknown pixels.
            {"mIoU": scores.mean_iou, "mAcc": scores.mean_accuracy} if confusion.any() else {},
            pairs,
            {
                "on": self._on,
                "classes": list(class_names(layouts, classes)),
                "iou": [None if np.isnan(v) else round(float(v), 4) for v in scores.iou],
            },
        )

    def save(self, module: nn.Module, path: Path, origin: Origin) -> None:
        """Write the plain weights."""
        tensors = {key: value.contiguous() for key, value in module.state_dict().items()}
        write_atomically(path, [safetensors.torch.save(tensors)])

    def export(
        self, module: nn.Module, path: Path, origin: Origin, layouts: Sequence[Layout]
    ) -> None:
        """Write a model that `imfuse segment run` runs."""
        spec = SegmenterSpec(
            name=self.name,
            classes=class_names(layouts, self.settings.classes),
            on=self._on,
            minimum=SMALLEST,
            training_data="; ".join(dict.fromkeys(one.on_cards for one in layouts)),
            training_terms=origin.training_terms,
        )
        export_segmenter(cast(Segmenter, module), path, spec)

    @property
    def _on(self) -> SegmenterInput:
        on = self.settings.on
        return "fused" if on.startswith(FUSED) else cast(SegmenterInput, on)


class SegmenterObjective(Objective):
    """Losses of a segmenter's main and auxiliary heads.

    Args:
        segmenter: The segmenter to train.
        settings: Kind of loss, weight of the auxiliary head, number of classes.
    """

    def __init__(self, segmenter: Segmenter, settings: SegmenterSettings) -> None:
        super().__init__()
        self.segmenter, self._settings = segmenter, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_main + lambda L_aux (SCGRFuse, algorithm 1, line 13), with Dice if set."""
        if labels is None:
            raise UsageError("pairs without labels", expected="labels to train a segmenter")
        check_labels(labels, self._settings.classes)
        pair = self.segmenter.channels > vis.shape[1]
        logits = self.segmenter(torch.cat([vis, ir], 1) if pair else vis)
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
        WeightsError: The file is missing or damaged, or its weights belong to another segmenter.
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
