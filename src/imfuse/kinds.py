"""Results of the same kind as what they were made of: bytes, PIL images, arrays, tensors."""

import sys
from typing import Any

import numpy as np

from imfuse.io.images import encode_image, picture_to_pil
from imfuse.io.inputs import is_pil, is_tensor
from imfuse.types import FusedImage, Pixels


def like_visible(vis: Any, fused: FusedImage, quality: int) -> Any:  # noqa: ANN401 - any kind
    """Convert a fused picture to the kind that the visible one was.

    Args:
        vis: The visible picture as it was given.
        fused: The result.
        quality: JPEG's quality from 1 to 100.
    """
    if isinstance(vis, bytes | bytearray | memoryview):
        return encode_image(fused, fused.format or "PNG", quality=quality)
    if is_pil(vis):
        return picture_to_pil(fused)
    if is_tensor(vis):
        return _to_tensor(_array_like(vis.shape[0] if vis.ndim == 3 else 0, fused), vis)
    if isinstance(vis, np.ndarray):
        channels = vis.shape[2] if vis.ndim == 3 else 0
        return _array_like(channels, fused).astype(vis.dtype, copy=False)
    return fused


def _array_like(channels: int, fused: FusedImage) -> Pixels:
    """Return `(H, W)`, or `(H, W, C)` with the input's channels (0: no channel axis)."""
    if channels == 4 and fused.alpha is not None:
        return np.dstack([fused.pixels, fused.alpha])
    if channels == 1 and fused.pixels.ndim == 2:
        return fused.pixels[..., None]
    return fused.pixels


def _to_tensor(array: Pixels, like: Any) -> Any:  # noqa: ANN401 - torch is not imported here
    first = array.transpose(2, 0, 1) if array.ndim == 3 else array
    return sys.modules["torch"].from_numpy(np.ascontiguousarray(first)).to(like)
