"""Marks that thermal cameras draw onto pictures: colour bar, boxes, writing, logo, cross-hair.

They show no temperature. Bars are found by `imfuse.ops.colourbars`; translucent boxes have colours
off the palette all over; and writing is white, black or gray, far from the values around
it, with edges whose colours are off the palette. The last also holds for few pixels of the scene,
so writing is looked for only near the edges and in the middle, where cameras draw it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.ops.colourbars import Bar
from imfuse.types import Float, Mask, Pixels

_OFF_BOX = 8.0
"""Distance from the palette in levels from which a smooth area is off it."""

_SMOOTH = (14, 10, 10)
"""Differences of luma and chromas among nine pixels up to which an area is smooth."""

_SMOOTH_SHARE, _OFF_MOST = 0.15, 40.0
"""Least part of a box that is smooth as well as off the palette, and the distance that counts."""

_SMALLEST_BOX, _LARGEST_BOX = 0.002, 0.6
"""Part of the picture that a box covers at least, and part of a side that it reaches at most."""

_FILLED = 0.55
"""Part of its rectangle from which an area is a box."""

_OFF_EDGE = 12.0
"""Distance from the palette from which gray is no colour of it."""

_NEUTRAL = 20
"""Chroma in levels of white, gray and black after JPEG."""

_OUTLYING = 0.2
"""Difference of writing from the values around it."""

_RING_SHARE = 0.4
"""Part of the pixels around white writing that are black if it has an outline."""

_WHITE, _BLACK = 190, 60
"""Luma from which writing is white, and below which its outline is black."""

_GRAY_SHARE, _OUTLYING_SHARE, _INK_SHARE = 0.2, 0.15, 0.08
"""Least parts of writing that are gray off the palette, far from the values around it, and white
as well as black."""

_BAND, _MIDDLE = 0.2, 0.2
"""Where writing is: this close to an edge, or in the middle, as parts of the sides."""

_STRIP = 0.16
"""Part of the height, at the upper and the lower edge, where logos are."""


def drawn_marks(rgb: Pixels, values: Float, off: Float, bar: Bar | None) -> Mask:
    """Return the pixels that something was drawn on.

    Args:
        rgb: `(H, W, 3)` uint8.
        values: `(H, W)` positions on the palette.
        off: `(H, W)` distances from it in levels.
        bar: The colour bar, if there is one.
    """
    height, width = values.shape
    margin = max(2, round(min(height, width) / 120))
    ycc = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)
    marked = _boxes(ycc, off) | _writing(ycc, values, off)
    if bar is not None:
        (top, bottom), (left, right) = bar.rows, bar.columns
        around = slice(max(0, top - 2), bottom + 2), slice(max(0, left - 2), right + 2)
        marked[around] = True
    if marked.any():
        grown = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        marked = np.asarray(cv2.dilate(marked.astype(np.uint8), grown) > 0)
    return marked


def _boxes(ycc: Pixels, off: Float) -> Mask:
    """Return smooth areas that are off the palette, filled up to rectangles if they nearly are."""
    square = np.ones((3, 3), np.uint8)
    spread = cv2.subtract(cv2.dilate(ycc, square), cv2.erode(ycc, square))
    smooth = (cv2.inRange(spread, (0, 0, 0), _SMOOTH) > 0) & (off > _OFF_BOX)
    area = (cv2.blur(np.minimum(off, _OFF_MOST), (5, 5)) > _OFF_BOX).astype(np.uint8)
    opened = cv2.morphologyEx(area, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    tally = np.bincount(labels[smooth], minlength=count)
    result = np.zeros(off.shape, bool)
    for label in range(1, count):
        left, top, width, height, size = stats[label]
        if size < _SMALLEST_BOX * off.size or tally[label] < _SMOOTH_SHARE * size:
            continue
        window = slice(top, top + height), slice(left, left + width)
        small = max(width / off.shape[1], height / off.shape[0]) < _LARGEST_BOX
        if small and size > _FILLED * width * height:
            result[window] = True
        else:
            result[window] |= labels[window] == label
    return result


def _writing(ycc: Pixels, values: Float, off: Float) -> Mask:
    """Return writing, logos and cross-hairs."""
    height, width = values.shape
    side = min(15, 2 * (min(height, width) // 48) + 1)
    if side < 3:
        return np.zeros(values.shape, bool)
    levels: Pixels = cv2.convertScaleAbs(values, alpha=255)
    half = cv2.medianBlur(np.ascontiguousarray(levels[::2, ::2]), side)
    around = cv2.resize(half, (width, height), interpolation=cv2.INTER_NEAREST)
    outlying = cv2.absdiff(levels, around) > 255 * _OUTLYING
    chroma = cv2.absdiff(ycc[..., 1:], np.full_like(ycc[..., 1:], 128))
    neutral = chroma.max(axis=2) < _NEUTRAL
    edge = off > _OFF_EDGE
    drawn = ((outlying & neutral) | edge).astype(np.uint8)
    closed = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)

    inside = np.flatnonzero(closed)
    numbers = labels.ravel()[inside]
    size = np.maximum(1, stats[:, cv2.CC_STAT_AREA])

    def share(mask: Mask) -> NDArray[np.float64]:
        return np.bincount(numbers[mask.ravel()[inside]], minlength=count) / size

    white, black = neutral & (ycc[..., 0] > _WHITE), neutral & (ycc[..., 0] < _BLACK)
    outlined = np.minimum(share(white), share(black)) >= _INK_SHARE
    far = share(outlying & neutral)
    kept = share(neutral & edge) >= _GRAY_SHARE
    kept |= outlined & ((share(edge) >= _GRAY_SHARE) | _ringed(labels, white, black, count))
    kept &= (far >= _OUTLYING_SHARE) & (share(_where_drawn(height, width)) >= 0.5)
    at_edge = share(np.tile(_outer(height, 1, _STRIP), (1, width))) >= 0.9
    kept |= at_edge & (far >= 2 * _OUTLYING_SHARE) & (share(edge) >= _OUTLYING_SHARE)
    kept &= size >= max(6, values.size / 40_000)
    kept[0] = False
    return np.asarray(kept[labels])


def _ringed(labels: Pixels, white: Mask, black: Mask, count: int) -> NDArray[np.bool_]:
    """Return for each label whether what is white of it has a black outline all around.

    Hot things on cold ground have other colours in between.
    """
    owners = np.where(white, labels, 0).astype(np.float32)
    around = cv2.dilate(owners, np.ones((5, 5), np.uint8)).astype(np.intp)
    around[white] = 0
    dark = np.bincount(around[black], minlength=count)
    return np.asarray(
        dark >= _RING_SHARE * np.maximum(1, np.bincount(around.ravel(), minlength=count))
    )


def _where_drawn(height: int, width: int) -> Mask:
    """Return where cameras draw: near the edges, and in the middle."""
    middle = ~_outer(height, width, (1 - _MIDDLE) / 2)
    return _outer(height, width, _BAND) | middle


def _outer(height: int, width: int, band: float) -> Mask:
    """Return what lies within a part of the sides from an edge; a width of 1 has no sides."""
    rows = np.abs(np.linspace(-1, 1, height))[:, None]
    columns = np.abs(np.linspace(-1, 1, width)) if width > 1 else np.zeros(1)
    return np.asarray(np.maximum(rows, columns) > 1 - 2 * band)
