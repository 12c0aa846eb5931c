"""Separable filters for the losses, fast on a CPU and precise on a GPU.

All kernels of the losses are products of a column and a row. Single-channel convolutions are ten
times slower than this on a CPU, and on a GPU they round to ten bits by default, too coarse for
variances.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from imfuse.errors import UsageError

Border: TypeAlias = Literal["reflected", "repeated", "zero", "none"]
"""Border extension: `cb|abc`, `aa|abc`, black, or none (only positions inside the picture)."""

_PADDING = {"reflected": "reflect", "repeated": "replicate", "zero": "constant"}

_SHORT = 7
"""Number of weights up to which adding shifted pictures is faster than a matrix product."""


def smoothed(batch: Tensor, taps: Sequence[float], border: Border) -> Tensor:
    """Return the weighted sum around every pixel; weights are products of two `taps`."""
    return filtered(batch, taps, taps, border)


def filtered(
    batch: Tensor, down: Sequence[float], across: Sequence[float], border: Border
) -> Tensor:
    """Correlate every channel with a kernel that is a column times a row.

    Args:
        batch: `(b, c, h, w)`, float32 or float64.
        down: The column, an odd number of weights from the top; not flipped, as usual in deep
            learning.
        across: The row, likewise.
        border: Border extension; with `none` the result is smaller.

    Raises:
        UsageError: The pictures are too small for the kernel.
    """
    _check_size(batch, len(down), len(across), border)
    return _along(_along(batch, 2, down, border), 3, across, border)


def _check_size(batch: Tensor, height: int, width: int, border: Border) -> None:
    least = {"none": (height, width), "reflected": (height // 2 + 1, width // 2 + 1)}
    needed = least.get(border, (1, 1))
    if batch.shape[2] < needed[0] or batch.shape[3] < needed[1]:
        raise UsageError(
            f"pictures of {batch.shape[2]}x{batch.shape[3]} pixels",
            expected=f"at least {needed[0]}x{needed[1]} for this loss",
            remedy="Train on larger crops.",
        )


def _along(batch: Tensor, dimension: int, taps: Sequence[float], border: Border) -> Tensor:
    if len(taps) <= _SHORT:
        return _shifted_sum(batch, dimension, taps, border)
    # impulse responses of the filter; the rest is a matrix product
    size = batch.shape[dimension]
    points = torch.eye(size, dtype=batch.dtype, device=batch.device)[None, None]
    matrix = _shifted_sum(points, 3, taps, border)
    # autocast would multiply in half precision
    with torch.autocast(batch.device.type, enabled=False):
        return batch @ matrix if dimension == 3 else matrix.mT @ batch


def _shifted_sum(batch: Tensor, dimension: int, taps: Sequence[float], border: Border) -> Tensor:
    if border != "none":
        margin = len(taps) // 2
        sides = (margin, margin, 0, 0) if dimension == 3 else (0, 0, margin, margin)
        batch = functional.pad(batch, sides, _PADDING[border])
    size = batch.shape[dimension] - len(taps) + 1
    result = torch.zeros_like(batch.narrow(dimension, 0, size))
    for start, weight in enumerate(taps):
        if weight:
            result = result + weight * batch.narrow(dimension, start, size)
    return result
