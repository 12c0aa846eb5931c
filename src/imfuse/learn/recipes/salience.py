"""Salient classes: the labels of objects that stand out in infrared."""

from typing import Annotated, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from imfuse.data.catalogue import LAYOUTS
from imfuse.data.layouts import Layout
from imfuse.data.sample import IGNORED
from imfuse.data.sources import Source
from imfuse.errors import UsageError
from imfuse.learn.losses.masks import SALIENT, salient_mask

Classes: TypeAlias = tuple[Annotated[int, Field(ge=0, lt=IGNORED)], ...]
"""Labels of salient objects; none: masks from contrast only."""


def check_salient(source: Source, name: str, classes: Classes, *, remedy: str) -> None:
    """Refuse sources whose labels do not say what is salient.

    The classes 1, 2, 3 mean car, person and bike, as in MSRS; a dataset that numbers its classes
    differently is refused, lest its roads count as warm.

    Args:
        source: The samples.
        name: Name of the recipe.
        classes: Labels of salient objects.
        remedy: Advice if no sample has labels.

    Raises:
        UsageError: No sample has labels, or a dataset lacks a class or gives it another meaning.
    """
    if not classes:
        return
    if not source.labelled:
        found = f"no pair has labels, from which {name} makes its masks"
        expected = "labels/ beside ir/ and vis/ for some of the pairs at least"
        raise UsageError(found, expected=expected, remedy=remedy)
    sets = [layout for layout in source.layouts if layout.classes]
    if classes == SALIENT:
        sets.insert(0, LAYOUTS["msrs"])
    meanings = {layout.name: ", ".join(_names(layout, classes)) for layout in sets}
    if len(set(meanings.values())) > 1:
        raise UsageError(
            f"the salient classes {', '.join(map(str, classes))} are "
            + ", but ".join(f"{meaning} in {name}" for name, meaning in meanings.items()),
            remedy="Give the labels of warm objects, such as --set salient=[8,9] (settings=), and "
            "combine only datasets that number their classes alike.",
        )


def _names(layout: Layout, classes: Classes) -> tuple[str, ...]:
    if max(classes) >= len(layout.classes):
        raise UsageError(
            f"salient class {max(classes)}, but {layout.name} has {len(layout.classes)} classes",
            expected=f"0 to {len(layout.classes) - 1}",
            remedy="Give its labels of warm objects: --set salient=[1,2] (settings=).",
        )
    return tuple(layout.classes[one] for one in classes)


def find_salient(labels: Tensor | None, classes: Classes, *, like: Tensor) -> Tensor:
    """Return the mask of salient pixels, `(b, 1, h, w)`: False where there are no labels.

    Args:
        labels: `(b, h, w)` classes, 255 for unknown, or None.
        classes: The salient classes.
        like: Infrared pictures `(b, 1, h, w)`.
    """
    if labels is None or not classes:
        return torch.zeros_like(like, dtype=torch.bool)
    return salient_mask(labels, classes=classes)
