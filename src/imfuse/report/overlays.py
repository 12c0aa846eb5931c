"""Boxes and masks drawn over pictures."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

Colour = tuple[int, int, int]

HIT: Colour = (0, 200, 120)
MISS: Colour = (255, 190, 0)
FALSE: Colour = (235, 60, 60)
MARKS = (
    (HIT, "found"),
    (MISS, "missed"),
    (FALSE, "false alarm"),
)
"""Colours of boxes, with what they mean."""

_PALETTE = (
    (0, 0, 0), (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0),
    (86, 180, 233), (240, 228, 66), (160, 90, 200),
)  # fmt: skip
"""Colours of classes (Okabe and Ito's, and violet); the first class stays as it is."""
_OPACITY = 0.55


def css(colour: Colour) -> str:
    """Return a colour as style sheets write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def as_rgb(picture: Float) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` 8-bit pixels of a gray or colour picture in [0, 1]."""
    pixels = np.rint(np.asarray(picture, np.float32) * 255).clip(0, 255).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def class_colour(number: int) -> Colour:
    """Return the colour of a class."""
    return _PALETTE[number % len(_PALETTE)]


def with_boxes(
    rgb: NDArray[np.uint8], boxes: Iterable[tuple[Sequence[float], Colour]]
) -> NDArray[np.uint8]:
    """Return a picture with boxes drawn over it.

    Args:
        rgb: `(H, W, 3)`.
        boxes: Left, top, right and bottom edge, and the colour.
    """
    drawn = np.ascontiguousarray(rgb).copy()
    width = max(1, round(max(rgb.shape) / 320))
    for edges, colour in boxes:
        left, top, right, bottom = (round(float(edge)) for edge in edges)
        for thickness, line in ((width + 2, (0, 0, 0)), (width, colour)):
            cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), line, thickness)
    return drawn


def with_classes(rgb: NDArray[np.uint8], labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return a picture whose classes are coloured; class 0 and 255 (unknown) stay as they are.

    Args:
        rgb: `(H, W, 3)`.
        labels: `(H, W)` classes.
    """
    table = np.array([class_colour(number) for number in range(256)], np.float32)
    coloured = (labels != 0) & (labels != 255)
    mixed = rgb.astype(np.float32)
    mixed[coloured] += _OPACITY * (table[labels[coloured]] - mixed[coloured])
    return np.rint(mixed).astype(np.uint8)
