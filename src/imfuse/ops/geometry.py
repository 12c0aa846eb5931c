"""Padding, resizing, and cutting large pictures into overlapping tiles."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from imfuse.types import Float, Pixels, SizeRule, TileRule


def padded_size(height: int, width: int, rule: SizeRule) -> tuple[int, int]:
    """Return the smallest size that holds the picture and that the rule allows."""
    return (
        math.ceil(max(height, rule.minimum) / rule.multiple) * rule.multiple,
        math.ceil(max(width, rule.minimum) / rule.multiple) * rule.multiple,
    )


def pad_to(array: Float, height: int, width: int) -> Float:
    """Extend a picture downwards and to the right by mirroring it, repeatedly if necessary.

    The edge pixel is repeated (`cba|abc|cba`), so a picture of one pixel can be extended too.
    """
    below, right = height - array.shape[0], width - array.shape[1]
    if not (below or right):
        return array
    return np.pad(array, [(0, below), (0, right)] + [(0, 0)] * (array.ndim - 2), mode="symmetric")


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Resample pixels of any supported depth to another size.

    Area averaging where the picture shrinks in both directions (no aliasing), cubic otherwise;
    cubic overshoot is clipped to the range of the type.
    """
    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    result: Pixels = cv2.resize(pixels, (width, height), interpolation=method)
    if result.dtype == np.float32:
        np.clip(result, 0, 1, out=result)
    return result


@dataclass(frozen=True)
class Tile:
    """A core rectangle to compute, and the larger window of input that it needs."""

    core: tuple[slice, slice]
    window: tuple[slice, slice]

    @property
    def core_in_window(self) -> tuple[slice, slice]:
        """Slices of the core, relative to the window's upper left corner."""
        rows, columns = (
            slice(c.start - w.start, c.stop - w.start)
            for c, w in zip(self.core, self.window, strict=True)
        )
        return rows, columns


def _cuts(length: int, core: int, halo: int) -> list[tuple[slice, slice]]:
    """Cut one axis into (core, window) pairs."""
    return [
        (
            slice(start, min(start + core, length)),
            slice(max(start - halo, 0), min(start + core + halo, length)),
        )
        for start in range(0, length, core)
    ]


def tiles(height: int, width: int, rule: TileRule, max_pixels: int) -> list[Tile] | None:
    """Cut a picture into tiles whose windows have at most `max_pixels` pixels each.

    Windows start at multiples of the rule's stride, so that decimation grids agree with those of
    the whole picture, and extend beyond their core by the rule's halo, as far as the picture
    reaches.

    Args:
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
        rule: Halo and stride of the method.
        max_pixels: Maximum number of pixels in a window.

    Returns:
        The tiles in reading order; None where even a core of one stride would not fit.
    """
    if height * width <= max_pixels:
        whole = (slice(0, height), slice(0, width))
        return [Tile(whole, whole)]
    halo = math.ceil(rule.halo / rule.stride) * rule.stride
    columns = _longest_core(width, halo, rule.stride, math.isqrt(max_pixels))
    if columns is None:
        return None
    rows = _longest_core(height, halo, rule.stride, max_pixels // min(columns + 2 * halo, width))
    if rows is None:
        return None
    return [
        Tile((row_core, column_core), (row_window, column_window))
        for row_core, row_window in _cuts(height, rows, halo)
        for column_core, column_window in _cuts(width, columns, halo)
    ]


def _longest_core(length: int, halo: int, stride: int, window: int) -> int | None:
    """Return the longest core whose window is at most `window` long, or None if there is none."""
    if length <= window:
        return length
    core = (window - 2 * halo) // stride * stride
    return core if core > 0 else None
