"""Luma and chroma of batches (BT.601, full range); `imfuse.ops.color` does the same for arrays."""

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)


def luma(rgb: Tensor) -> Tensor:
    """Return the luma `(b, 1, h, w)` of colour pictures `(b, 3, h, w)` in [0, 1]."""
    return (rgb * rgb.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def recolour(fused: Tensor, rgb: Tensor) -> Tensor:
    """Return colour pictures with another luma and the same chroma, clamped to [0, 1].

    The inverse of BT.601 adds terms that depend only on chroma to the luma, so replacing the luma
    means adding the difference to each channel.

    Args:
        fused: `(b, 1, h, w)` new luma.
        rgb: `(b, 3, h, w)` pictures that provide the chroma.
    """
    return torch.clamp(rgb + (fused - luma(rgb)), 0, 1)
