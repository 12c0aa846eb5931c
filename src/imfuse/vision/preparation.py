"""How a picture becomes the input of a detector, and how boxes find their way back."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preparation:
    """Preparation of pictures for a network, as its training did it.

    Values in [0, 1] are multiplied by `scale`, then `mean` is subtracted and the rest divided by
    `std`.

    Attributes:
        fit: How a picture is brought to the input's size: scaled evenly with a margin right and
            below (`corner`), or on all sides (`centre`), or stretched to it (`stretch`).
        order: Order of the channels.
        scale: Value of white, 1 or 255 as a rule.
        mean: Of each channel, in `order`.
        std: Of each channel, in `order`.
        margin: Value of the margin, from 0 to 1.
    """

    fit: Literal["corner", "centre", "stretch"] = "centre"
    order: Literal["rgb", "bgr"] = "rgb"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    margin: float = 114 / 255

    def place(self, picture: tuple[int, int], size: tuple[int, int]) -> "Placement":
        """Return where a picture lies in an input.

        Args:
            picture: Height and width of the picture.
            size: Height and width of the input.
        """
        (height, width), (rows, columns) = picture, size
        if self.fit == "stretch":
            return Placement(rows, columns, 0, 0, columns / width, rows / height)
        ratio = min(rows / height, columns / width)
        inner_rows, inner_columns = (max(1, round(side * ratio)) for side in picture)
        top, left = (rows - inner_rows) // 2, (columns - inner_columns) // 2
        if self.fit == "corner":
            top = left = 0
        across, down = inner_columns / width, inner_rows / height
        return Placement(inner_rows, inner_columns, top, left, across, down)

    def apply(self, picture: Float, size: tuple[int, int]) -> tuple[Float, "Placement"]:
        """Return a picture as the network takes it, `(3, *size)`, and where it lies there.

        Args:
            picture: `(H, W)` or `(H, W, 3)` RGB in [0, 1].
            size: Height and width of the input.
        """
        height, width = picture.shape[:2]
        place = self.place((height, width), size)
        # Linear, also where it shrinks: so do the programs that these detectors were trained by.
        inner = cv2.resize(picture, (place.columns, place.rows), interpolation=cv2.INTER_LINEAR)
        colour = inner.ndim == 3
        planes = inner.transpose(2, 0, 1) if colour else np.broadcast_to(inner, (3, *inner.shape))
        planes = planes[::-1] if self.order == "bgr" else planes
        mean, std = (np.asarray(one, np.float32)[:, None, None] for one in (self.mean, self.std))
        factor = np.float32(self.scale) / std
        whole = np.empty((3, *size), np.float32)
        whole[:] = self.margin * factor
        rows = slice(place.top, place.top + place.rows)
        columns = slice(place.left, place.left + place.columns)
        np.multiply(planes, factor, out=whole[:, rows, columns])
        if any(self.mean):
            whole -= mean / std
        return whole, place


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the input of a network.

    Attributes:
        rows: Its height there.
        columns: Its width there.
        top: First row.
        left: First column.
        across: Pixels of the input per pixel of the picture, horizontally.
        down: The same vertically.
    """

    rows: int
    columns: int
    top: int
    left: int
    across: float
    down: float

    def back(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes of the input as boxes of the picture."""
        origin = np.array([self.left, self.top] * 2, np.float32)
        ratio = np.array([self.across, self.down] * 2, np.float32)
        return np.asarray((xyxy - origin) / ratio, np.float32)
