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
"""Labels of what is salient; none: masks are made of contrast alone."""


def check_salient(source: Source, name: str, classes: Classes, *, remedy: str) -> None:
    """Refuse sources whose labels do not say what is salient.

    The classes 1, 2, 3 mean car, person and bike, as in MSRS; a set that numbers its classes in
    another way is refused, rather than have its roads shine.

    Args:
        source: The samples.
        name: Name of the recipe.
        classes: Labels of what is salient.
        remedy: What to do where no sample has labels.

    Raises:
        UsageError: No sample has labels, a set lacks a class, or sets disagree on what it is.
    """
    if not classes:
        return
    if not source.labelled:
        found = f"no pair has labels, of which {name} makes its masks"
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
            remedy="Give the labels of what is warm, such as --set salient=[8,9], and join only "
            "sets that number their classes alike.",
        )


def _names(layout: Layout, classes: Classes) -> tuple[str, ...]:
    if max(classes) >= len(layout.classes):
        raise UsageError(
            f"salient class {max(classes)}, but {layout.name} has {len(layout.classes)} classes",
            expected=f"0 to {len(layout.classes) - 1}",
            remedy="Give its labels of what is warm: --set salient=[1,2].",
        )
    return tuple(layout.classes[one] for one in classes)


def find_salient(labels: Tensor | None, classes: Classes, *, like: Tensor) -> Tensor:
    """Return where something salient is, `(b, 1, h, w)`: nowhere in what has no labels.

    Args:
        labels: `(b, h, w)` classes, 255 for unknown, or None.
        classes: Which of them are salient.
        like: Infrared pictures `(b, 1, h, w)`.
    """
    if labels is None or not classes:
        return torch.zeros_like(like, dtype=torch.bool)
    return salient_mask(labels, classes=classes)
