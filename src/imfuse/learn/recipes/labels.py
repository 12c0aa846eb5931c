"""Checks that a source's labels suit a recipe, before training and in each batch."""

from collections.abc import Sequence

from torch import Tensor

from imfuse.data.layouts import Layout
from imfuse.data.sample import IGNORED
from imfuse.data.sources import Source
from imfuse.errors import BadValues, UsageError

SMALLEST = 33
"""Shortest side of crops that segmenters train on: deep features need more than one pixel."""


def require_labels(source: Source, name: str, classes: int, *, remedy: str) -> None:
    """Refuse a source without labels, or with another number of classes.

    Args:
        source: The samples.
        name: Name of the recipe.
        classes: Number of classes that the recipe expects.
        remedy: Advice if no sample has labels.

    Raises:
        UsageError: No sample has labels, or a dataset has another number of classes.
    """
    if not source.labelled:
        expected = "labels/ beside ir/ and vis/ for some of the pairs at least"
        raise UsageError(
            f"no pair has labels, which {name} needs", expected=expected, remedy=remedy
        )
    for layout in source.layouts:
        if layout.classes and len(layout.classes) > classes:
            raise UsageError(
                f"{layout.name} has {len(layout.classes)} classes, {name} is set to {classes}",
                remedy=f"Train with --set classes={len(layout.classes)} (settings=).",
            )


def class_names(layouts: Sequence[Layout], count: int) -> tuple[str, ...]:
    """Return names for classes: those of the first set with as many, or their numbers."""
    names = (layout.classes for layout in layouts if len(layout.classes) == count)
    return tuple(next(names, map(str, range(count))))


def require_size(crop: tuple[int, int] | None, name: str, *, trained: bool) -> None:
    """Refuse crops that are too small for a segmenter.

    Args:
        crop: Height and width; None: whole pictures.
        name: Name of the recipe.
        trained: Whether the segmenter is trained on the crops; if so, its deepest features must
            have more than one pixel.

    Raises:
        UsageError: A side is too short.
    """
    least = SMALLEST if trained else SMALLEST - 1
    if crop is not None and min(crop) < least:
        raise UsageError(
            f"crop={list(crop)} for {name}, which passes it to a segmenter",
            expected=f"sides from {least} pixels",
        )


def check_labels(labels: Tensor, classes: int) -> None:
    """Refuse labels that stand for no class.

    Raises:
        BadValues: A label is neither below the number of classes nor 255.
    """
    wrong = (labels >= classes) & (labels != IGNORED)
    if bool(wrong.any()):
        raise BadValues(
            f"label {int(labels[wrong][0])}",
            expected=f"0 to {classes - 1}, or {IGNORED} for unknown",
            remedy=f"Find the files with `imfuse data check DIR --classes {classes}`, or train "
            "with --set classes=N (settings=).",
        )
