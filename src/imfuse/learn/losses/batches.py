"""Checks that all losses make on their batches."""

import torch
from torch import Tensor

from imfuse.errors import PairMismatch


def matched(**batches: Tensor) -> tuple[Tensor, ...]:
    """Return batches of one shape, in at least float32.

    Args:
        batches: Batches `(b, c, h, w)`, named as error messages should name them.

    Raises:
        PairMismatch: The shapes differ (PyTorch would broadcast one) or are not batches of
            pictures.
    """
    shapes = {batch.shape for batch in batches.values()}
    if len(shapes) > 1 or any(len(shape) != 4 or not shape.numel() for shape in shapes):
        found = ", ".join(f"{name} {tuple(batch.shape)}" for name, batch in batches.items())
        raise PairMismatch(found, expected="batches of one shape (b, c, h, w)")
    return tuple(widened(batch) for batch in batches.values())


def widened(batch: Tensor) -> Tensor:
    """Return a batch in float32, or unchanged if it is more precise."""
    return batch.to(torch.promote_types(batch.dtype, torch.float32))
