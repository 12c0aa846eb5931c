"""Colour bars that thermal cameras draw beside a picture, from the cold to the hot end.

A bar is what runs straight through most of the palette, near an edge and along it, a few pixels
wide.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imfuse.types import Float, Mask

_BAR_LENGTH, _BAR_WIDTH = 0.2, 0.08
"""Least length of a bar and its largest width, as parts of the picture's side across it."""

_BAR_BAND, _STEEPEST = 0.16, 2.0
"""Part of the sides, from an edge, where bars are; and how much steeper than the shortest bar."""

_LEAST_COLUMNS = 2

_BAR_SPAN = 0.6
"""Least part of the palette that a bar shows."""

_CROOKED = 0.03
"""Mean difference from a straight line up to which values along a bar are straight."""


@dataclass(frozen=True)
class Bar:
    """A colour bar.

    Attributes:
        rows: First row and the one after the last.
        columns: Likewise.
        upright: True if it runs from bottom to top, False from left to right.
        low: Value at its lower or left end.
        high: Value at its upper or right end; less than `low` if the palette is known backwards.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    upright: bool
    low: float
    high: float

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns as slices."""
        return slice(*self.rows), slice(*self.columns)


def find_bar(values: Float) -> Bar | None:
    """Return the colour bar of a picture, the longest one if there are several; None: none.

    Args:
        values: `(H, W)` positions on the palette.
    """
    found = [_upright_bar(values), _upright_bar(np.ascontiguousarray(values.T[::-1, ::-1]))]
    upright, lying = found
    if lying is not None:  # turned back, the transposed rows are columns
        height, width = values.shape
        rows = (height - lying.columns[1], height - lying.columns[0])
        columns = (width - lying.rows[1], width - lying.rows[0])
        lying = Bar(rows, columns, upright=False, low=lying.low, high=lying.high)
    bars = [bar for bar in (upright, lying) if bar is not None]
    return max(bars, key=lambda bar: np.ptp(bar.rows) + np.ptp(bar.columns), default=None)


def _upright_bar(values: Float) -> Bar | None:
    """Return the longest bar that runs up or down, at the left or the right."""
    height, width = values.shape
    step = max(3, height // 64)
    if height < 8 * step or width < 8:
        return None
    outer = int(_BAR_BAND * width)
    columns = np.append(np.arange(outer), np.arange(width - outer, width))
    sides = np.ascontiguousarray(values[:, columns])
    rise = sides[:-step] - sides[step:]  # upwards
    close = np.ones((5, 1), np.uint8)
    long = np.ones((round(_BAR_LENGTH * height / 2), 1), np.uint8)
    bars = []
    for sign in (1, -1):
        low, high = sorted((sign * 0.35 * step / height, sign * 8 * step / height))
        steady = cv2.morphologyEx(cv2.inRange(rise, low, high), cv2.MORPH_CLOSE, close)
        steep = cv2.erode(steady, long).any(axis=0)
        straight = {
            int(columns[at]): found
            for at in np.flatnonzero(steep)
            if (found := _straight(sides[:, at], *_longest_run(steady[:, at] > 0, step), sign))
        }
        bars += [
            bar for bar in _side_by_side(straight) if np.ptp(bar.columns) <= _BAR_WIDTH * width
        ]
    return max(bars, key=lambda bar: np.ptp(bar.rows), default=None)


def _longest_run(steady: Mask, step: int) -> tuple[int, int]:
    """Return the first and the last row of the longest steady rise in a column."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], steady, [False]])))
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest]) - 1 + step


def _side_by_side(straight: dict[int, tuple[int, int, float, float]]) -> list[Bar]:
    """Return the bars that neighbouring columns with a straight rise make up."""
    columns = np.array([*straight], np.intp)
    bars = []
    for group in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        if len(group) >= _LEAST_COLUMNS:
            ends = np.median([straight[int(column)] for column in group], axis=0)
            sides = int(group[0]), int(group[-1]) + 1
            rows = int(ends[0]), int(ends[1]) + 1
            bars.append(Bar(rows, sides, upright=True, low=float(ends[2]), high=float(ends[3])))
    return bars


def _straight(
    column: Float, top: int, bottom: int, sign: int
) -> tuple[int, int, float, float] | None:
    """Return first and last row of a straight rise, and its values at the lower and upper end.

    Args:
        column: Values from top to bottom.
        top: First row of where it may be.
        bottom: Last row.
        sign: 1 if values rise upwards, -1 if downwards.

    Returns:
        None if it is too short, shows too little of the palette, or is not straight.
    """
    quarter = (bottom - top) // 4
    middle = np.arange(top + quarter, bottom - quarter)
    if len(middle) < 4:
        return None
    off = middle - middle.mean()
    slope = float(off @ column[middle]) / float(off @ off)
    at = float(column[middle].mean()) - slope * float(middle.mean())
    if not _BAR_SPAN <= sign * -slope * len(column) <= _BAR_SPAN / _BAR_LENGTH * _STEEPEST:
        return None
    rows = np.arange(len(column))
    off = np.abs(column - np.clip(at + slope * rows, 0, 1))
    odd = np.flatnonzero(cv2.blur(off[:, None], (1, 5))[:, 0] > 2 * _CROOKED)
    centre = (top + bottom) // 2
    first = int(odd[odd < centre].max(initial=-1)) + 1
    last = int(odd[odd > centre].min(initial=len(column))) - 1
    if last - first < _BAR_LENGTH * len(column) or off[first : last + 1].mean() > _CROOKED:
        return None
    low, high = at + slope * last, at + slope * first
    whole = sign * (high - low) >= _BAR_SPAN
    return (
        (first, last, low, high) if whole and max(abs(low - 0.5), abs(high - 0.5)) < 0.65 else None
    )
