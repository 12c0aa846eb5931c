"""Attention between positions of feature maps, and fixed grids that keep it affordable."""

import torch
from torch import Tensor
from torch.nn import functional


def attend_positions(query: Tensor, key: Tensor, value: Tensor, parts: int = 1) -> Tensor:
    """Return softmax(Q K^T) V over positions, without the usual division by sqrt(c).

    Where PyTorch has a fused kernel, the (h w) x (h w) weights are never all in memory at once.
    Exported networks do store them, but only for one part of the queries at a time.

    Args:
        query: `(b, c, h, w)`, the queries at the positions of the result.
        key: `(b, c, h, w)`, the keys at the positions of `value`.
        value: `(b, c, h, w)`, the values to average.
        parts: Number of parts; it must divide h w.

    Returns:
        `(b, c, h, w)`, at the positions of `query`.
    """
    q, k, v = (x.flatten(2).transpose(1, 2)[:, None] for x in (query, key, value))  # one head
    attended = torch.cat(
        [
            functional.scaled_dot_product_attention(part, k, v, scale=1.0)
            for part in q.reshape(*q.shape[:2], parts, -1, q.shape[-1]).unbind(2)
        ],
        2,
    )
    return attended[:, 0].transpose(1, 2).reshape(query.shape)


def pool_to_grid(x: Tensor, side: int) -> Tensor:
    """Average `(b, c, h, w)` over the cells of a grid to `(b, c, side, side)`.

    This equals adaptive average pooling, written as two matrix products because those can be
    exported with dynamic height and width.
    """
    rows, columns = (_cells(n, side, x.device).to(x.dtype) for n in x.shape[2:])
    return rows @ x @ columns.T


def _cells(size: int, side: int, device: torch.device) -> Tensor:
    """Return `(side, size)` weights of a line's pixels in `side` cells, which may overlap."""
    cell = torch.arange(side, device=device)[:, None]
    pixel = torch.arange(size, device=device)[None]
    inside = (pixel >= cell * size // side) & (pixel < -(-(cell + 1) * size // side))
    return inside / inside.sum(1, keepdim=True)
