"""The interface of detector families."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.vision.detections import Detections, make_detections
from imfuse.vision.preparation import Preparation

Arrays = Mapping[str, NDArray[Any]]
"""Outputs of a network by name, in the order of its file."""

LEAST_SCORE = 0.001
"""Candidates below this confidence are dropped at once; none of the usual thresholds is lower."""


@dataclass(frozen=True)
class Trial:
    """A file of unknown family: its inputs, and its answer to a test picture.

    Attributes:
        size: Height and width of the input.
        inputs: Names of the inputs.
        outputs: Outputs by name.
        classes: Number of classes, where the file names them; else None.
    """

    size: tuple[int, int]
    inputs: tuple[str, ...]
    outputs: Arrays
    classes: int | None = None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the outputs."""
        return [one.shape for one in self.outputs.values()]

    @property
    def only(self) -> NDArray[Any] | None:
        """The output, without its first axis of length 1, if it is the only one and has 3 axes."""
        if len(self.outputs) != 1:
            return None
        (found,) = self.outputs.values()
        return found[0] if found.ndim == 3 and found.shape[0] == 1 else None

    @property
    def table(self) -> NDArray[Any] | None:
        """The output of three axes, without its first one of length 1, if the others have more.

        These are masks, and grids before they are decoded.
        """
        found = [one for one in self.outputs.values() if one.ndim == 3]
        others = [one for one in self.outputs.values() if one.ndim in (4, 5)]
        if len(found) != 1 or len(found) + len(others) != len(self.outputs):
            return None
        return found[0][0] if found[0].shape[0] == 1 else None

    @property
    def masks(self) -> int:
        """Number of masks that objects are a mix of: channels of an output of four axes."""
        return sum(one.shape[1] for one in self.outputs.values() if one.ndim == 4)

    def cells(self, strides: Sequence[int]) -> int:
        """Return the number of cells of grids with these strides over the input."""
        return sum(rows * columns for rows, columns in self.grids(strides))

    def grids(self, strides: Sequence[int]) -> list[tuple[int, int]]:
        """Return rows and columns of grids with these strides over the input."""
        return [tuple(math.ceil(side / stride) for side in self.size) for stride in strides]  # type: ignore[misc] # two sides


@dataclass(frozen=True)
class Reading:
    """How to use the file of a known family.

    Attributes:
        family: Name of the family.
        preparation: What its training did to pictures.
        decode: Reads the outputs; boxes are in pixels of the input.
        classes: Number of classes; 0 where it can't be told from the outputs.
        suppressed: Whether the file itself drops overlapping boxes.
        names: Names of the classes, where the family numbers them in its own way.
    """

    family: str
    preparation: Preparation
    decode: Callable[[Arrays], Detections]
    classes: int
    suppressed: bool = False
    names: tuple[str, ...] = field(default=())


Family = Callable[[Trial], Reading | None]
"""Recognises the files of one family; None for others."""


def of_scores(xyxy: NDArray[Any], scores: NDArray[Any]) -> Detections:
    """Return the candidates of a table of scores, one for each box and class above `LEAST_SCORE`.

    Args:
        xyxy: `(n, 4)` edges.
        scores: `(n, classes)` confidence.
    """
    boxes, classes = np.nonzero(scores > LEAST_SCORE)
    return make_detections(xyxy[boxes], scores[boxes, classes], classes)


def table_of(outputs: Arrays) -> NDArray[np.float32]:
    """Return what was `Trial.table` from further outputs of the same file."""
    (found,) = (one for one in outputs.values() if one.ndim == 3)
    return np.asarray(found[0], np.float32)


def from_centres(xywh: NDArray[Any]) -> NDArray[np.float32]:
    """Return the edges of boxes that are given by centre, width and height, `(n, 4)`."""
    half = xywh[:, 2:4] / 2
    return np.concatenate([xywh[:, :2] - half, xywh[:, :2] + half], axis=1).astype(np.float32)


def is_share(values: NDArray[Any]) -> bool:
    """Return whether all values are from 0 to 1, as probabilities are."""
    return bool(values.size and values.min() >= -1e-6 and values.max() <= 1 + 1e-6)
