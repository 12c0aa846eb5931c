"""A training of a segmenter from its first to its last file: what `imfuse segment train` does.

A run's folder holds what one of `imfuse train` holds; its `model.onnx` labels pictures, and its
card says how well it labels held-out pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, cast

import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch.nn import functional

from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Source
from imfuse.io.atomic import write_atomically
from imfuse.learn.batches.shown import FUSED, shown
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.export import export_segmenter
from imfuse.learn.preparation import Run
from imfuse.learn.recipes.labels import SMALLEST
from imfuse.learn.recipes.segmenter import SegmenterRecipe
from imfuse.learn.run import MODEL, WEIGHTS, facts, train
from imfuse.learn.trainer.card import TrainingCard, write_card
from imfuse.learn.trainer.checkpoint import State
from imfuse.learn.trainer.loop import Progress, Trainer
from imfuse.metrics.segmentation import confusion_matrix, segmentation_scores
from imfuse.types import Float
from imfuse.vision.segmenter import SegmenterSpec

_SCORED = 50
"""Held-out pairs that the card's scores are of, at the most."""

_GAP = 4


class SegmenterCard(TrainingCard):
    """What there is to know of a segmenter that a run made."""

    on: Literal["vis", "ir", "fused"]
    """What kind of pictures it was trained on."""
    classes: list[str]
    """Names of its classes."""
    iou: list[float | None]
    """Of each class, over the held-out pairs; None where the class does not occur."""

    scored_by: ClassVar[str] = "Over all pixels of {} held-out pairs together"

    def as_markdown(self) -> str:
        """Return the card for humans."""
        lines = [super().as_markdown(), f"It looks at {self.on} pictures.", ""]
        if self.scored:
            lines += ["| class | IoU |", "|---|---|"]
            for name, value in zip(self.classes, self.iou, strict=True):
                lines.append(f"| {name} | {'-' if value is None else f'{value:.4f}'} |")
            lines.append("")
        return "\n".join(lines)


class SegmenterTrainer(Trainer):
    """A trainer whose previews show found and true classes."""

    def preview(self, path: Path, samples: Sequence[Sample]) -> None:
        """Write a picture with a row for each sample: what it sees, what it finds, what is true."""
        guide = cast(Segmenter, self.result)
        rows = []
        for sample in samples:
            found = find_classes(guide, sample.vis, self._fabric.device)
            true = np.full_like(found, 0) if sample.labels is None else sample.labels
            parts = [quantised(sample.vis), coloured(found), coloured(true)]
            rows.append([np.pad(part, ((0, _GAP), (0, _GAP), (0, 0))) for part in parts])
        width = max(sum(part.shape[1] for part in row) for row in rows)
        lines = [np.concatenate(row, axis=1) for row in rows]
        picture = np.concatenate(
            [np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0))) for line in lines]
        )
        _, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        write_atomically(path, [content.tobytes()])


def find_classes(guide: Segmenter, picture: Float, device: torch.device) -> NDArray[np.uint8]:
    """Return the class of each pixel of a picture `(H, W, 3)` in [0, 1].

    Args:
        guide: The segmenter, in evaluation mode.
        picture: The picture; one that is too small is continued at its borders.
        device: Where the segmenter is.
    """
    height, width = picture.shape[:2]
    pixels = torch.from_numpy(np.array(picture.transpose(2, 0, 1)))[None].to(device)
    edges = (0, max(0, SMALLEST - width), 0, max(0, SMALLEST - height))
    with torch.inference_mode():
        logits = guide(functional.pad(pixels, edges, mode="replicate")).main
    classes = logits[0, :, :height, :width].argmax(0)
    return np.asarray(classes.cpu().numpy(), np.uint8)


def coloured(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return classes as colours `(H, W, 3)`, those of PASCAL VOC: black for 0, dark red for 1."""
    numbers = np.arange(256)
    shifts = np.arange(8)
    bits = [(numbers[:, None] >> (3 * shifts + channel)) & 1 for channel in range(3)]
    palette = np.stack([(one << (7 - shifts)).sum(axis=1) for one in bits], axis=1)
    return palette.astype(np.uint8)[labels]


def confusion_over(
    guide: Segmenter, source: Source, device: torch.device, classes: int
) -> tuple[NDArray[np.int64], int]:
    """Return the confusion matrix over labelled samples of a source, and how many these are.

    At most fifty are taken, spread evenly over the source.
    """
    confusion, scored = np.zeros((classes, classes), np.int64), 0
    labelled = [i for i, entry in enumerate(source.entries) if entry.labelled]
    count = min(_SCORED, len(labelled))
    for place in range(count):
        sample = source.read(labelled[place * len(labelled) // count])
        if sample.labels is not None:
            found = find_classes(guide, sample.vis, device)
            confusion += confusion_matrix(sample.labels, found, classes)
            scored += 1
    return confusion, scored


def execute_segmenter(
    run: Run,
    folder: Path,
    state: State | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> SegmenterCard:
    """Train a segmenter, and write what came out.

    Args:
        run: What `imfuse.learn.preparation.prepare` or `reopen` gave for a `SegmenterRecipe`.
        folder: The run's folder.
        state: What `reopen` gave; None: from the beginning.
        watch: Called after each step.

    Raises:
        DatasetNotFound: A held-out pair lacks its fused picture.
        OutputError: The folder holds a run already, or can't be written to.
        TrainingDiverged: A loss or a gradient is not finite; the last state is kept.
        TrainingInterrupted: The process was asked to stop; the state is kept.
    """
    recipe = cast(SegmenterRecipe, run.recipe)
    if run.held_out is not None:
        run = replace(run, held_out=shown(run.held_out, recipe.settings.on))
    trainer, state = train(run, folder, state, watch, SegmenterTrainer)
    card = _card(run, trainer, state)
    if run.fabric.is_global_zero:
        form = torch.contiguous_format
        guide = cast(Segmenter, trainer.result.to("cpu", memory_format=form)).eval()  # type: ignore[call-overload]
        tensors = {key: value.contiguous() for key, value in guide.state_dict().items()}
        write_atomically(folder / WEIGHTS, [safetensors.torch.save(tensors)])
        spec = SegmenterSpec(
            name=recipe.name,
            classes=tuple(card.classes),
            on=card.on,
            minimum=SMALLEST,
            training_data=card.training_data,
            training_terms=card.training_terms,
        )
        export_segmenter(guide, folder / MODEL, spec)
        write_card(folder, card)
    run.fabric.barrier()
    return card


def _card(run: Run, trainer: Trainer, state: State) -> SegmenterCard:
    recipe, device = cast(SegmenterRecipe, run.recipe), run.fabric.device
    guide = cast(Segmenter, trainer.result.eval())
    classes = recipe.settings.classes
    names = next(
        (list(one.classes) for one in run.source.layouts if len(one.classes) == classes),
        [str(number) for number in range(classes)],
    )
    confusion, scored = np.zeros((classes, classes), np.int64), 0
    if run.held_out is not None and run.fabric.is_global_zero:
        confusion, scored = confusion_over(guide, run.held_out, device, classes)
    scores = segmentation_scores(confusion)
    on = recipe.settings.on
    return SegmenterCard(
        **facts(run, state),
        network=recipe.name,
        parameters=sum(p.numel() for p in guide.parameters()),
        # Labels may be of unknown pixels alone.
        scores={"mIoU": scores.mean_iou, "mAcc": scores.mean_accuracy} if confusion.any() else {},
        scored=scored,
        on="fused" if on.startswith(FUSED) else cast(Literal["vis", "ir"], on),
        classes=names,
        iou=[None if np.isnan(value) else round(float(value), 4) for value in scores.iou],
    )
