"""Transformer layers with attention in windows, which every other layer shifts.

Z. Liu et al., "Swin transformer: Hierarchical vision transformer using shifted windows", ICCV 2021,
doi:10.1109/ICCV48922.2021.00986. Features are `(b, h, w, c)` here, height and width multiples of
the side of a window.
"""

import torch
from torch import Tensor, nn


def to_windows(x: Tensor, side: int) -> Tensor:
    """Cut `(b, h, w, c)` into windows, `(b, windows, side * side, c)`, both in reading order."""
    batch, height, width, channels = x.shape
    cut = x.reshape(batch, height // side, side, width // side, side, channels)
    return cut.transpose(2, 3).reshape(batch, -1, side * side, channels)


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Undo `to_windows`."""
    batch, _, pixels, channels = windows.shape
    side = round(pixels**0.5)
    cut = windows.reshape(batch, height // side, width // side, side, side, channels)
    return cut.transpose(2, 3).reshape(batch, height, width, channels)


def shifted_mask(x: Tensor, side: int) -> Tensor:
    """Return the attention mask for shifted windows, where a cyclic shift joins distant pixels.

    Args:
        x: `(b, h, w, c)`; only its size is used.
        side: Side of a window; the shift is half of it.

    Returns:
        `(windows, side * side, side * side)`: 0 where two pixels may attend, minus infinity
        elsewhere. Published code has -100, which leaves denormal weights that are slow.
    """
    height, width = x.shape[1:3]
    wrapped_rows, wrapped_columns = (
        torch.arange(n, device=x.device) >= n - side // 2 for n in (height, width)
    )
    region = 2 * wrapped_rows[:, None].to(x.dtype) + wrapped_columns.to(x.dtype)
    label = to_windows(region[None, :, :, None], side)[0, :, :, 0]
    apart = label[:, :, None] != label[:, None]
    return torch.zeros_like(apart, dtype=x.dtype).masked_fill(apart, -torch.inf)


class WindowAttention(nn.Module):
    """Attention within windows, for each head: softmax(Q K^T / sqrt(d) + B) V, then a linear layer.

    B is learned and depends on the relative position of two pixels.

    Args:
        channels: Number of channels.
        heads: Number of groups of d channels with separate attention.
        side: Side of a window.
        cross: Whether keys and values come from another modality, with separate projections.
    """

    offsets: Tensor

    def __init__(self, channels: int, heads: int, side: int, *, cross: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.cross = cross
        if cross:
            self.query = nn.Linear(channels, channels)
            self.key_value = nn.Linear(channels, 2 * channels)
        else:
            self.query_key_value = nn.Linear(channels, 3 * channels)
        self.position_bias = nn.Parameter(torch.empty((2 * side - 1) ** 2, heads))
        nn.init.trunc_normal_(self.position_bias, std=0.02)
        self.merge = nn.Linear(channels, channels)
        self.register_buffer("offsets", _offsets(side), persistent=False)

    def forward(self, own: Tensor, other: Tensor, mask: Tensor | None) -> Tensor:
        """Compute the attention of one set of windows to another.

        Args:
            own: `(b, windows, pixels, channels)`, source of the queries.
            other: Likewise, source of keys and values; `own` itself unless `cross`.
            mask: `(windows, pixels, pixels)`, added before the softmax.

        Returns:
            `(b, windows, pixels, channels)`.
        """
        if self.cross:
            query = self.query(own)
            key, value = self.key_value(other).chunk(2, -1)
        else:
            query, key, value = self.query_key_value(own).chunk(3, -1)
        q, k, v = (self._heads(x) for x in (query, key, value))
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        logits = logits + self.position_bias[self.offsets].permute(2, 0, 1)
        if mask is not None:
            logits = logits + mask[:, None]
        attended = (logits.softmax(-1) @ v).transpose(2, 3).reshape(own.shape)
        result: Tensor = self.merge(attended)
        return result

    def _heads(self, x: Tensor) -> Tensor:
        """Turn `(b, windows, pixels, channels)` into `(b, windows, heads, pixels, d)`."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(2, 3)


def _offsets(side: int) -> Tensor:
    """Return the index in the table of biases for each pair of pixels in a window."""
    place = torch.stack(
        torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"), -1
    ).reshape(-1, 2)
    row, column = (place[:, None] - place[None] + side - 1).unbind(-1)
    return row * (2 * side - 1) + column


class SwinLayer(nn.Module):
    """x + attention(norm(x)) in windows, then x + feed_forward(norm(x)).

    Args:
        channels: Number of channels.
        heads: Number of attention heads.
        side: Side of a window.
        expansion: Hidden channels of the feed-forward layer, as a multiple of `channels`.
        shifted: Whether windows are shifted by half their side.
        cross: Whether keys and values come from another modality.
        skipped: Probability that training skips a sublayer.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        side: int,
        expansion: int,
        *,
        shifted: bool,
        cross: bool = False,
        skipped: float = 0.0,
    ) -> None:
        super().__init__()
        self.side = side
        self.shift = side // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, side, cross=cross)
        self.norm2 = nn.LayerNorm(channels)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, expansion * channels),
            nn.GELU(),
            nn.Linear(expansion * channels, channels),
        )
        self.skip = StochasticDepth(skipped)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def windows(self, x: Tensor) -> Tensor:
        """Return `norm1` of `(b, h, w, channels)`, cut into this layer's windows."""
        return to_windows(_roll(self.norm1(x), -self.shift), self.side)

    def forward(self, x: Tensor, own: Tensor, other: Tensor, mask: Tensor) -> Tensor:
        """Map `(b, h, w, channels)` to the same shape.

        Args:
            x: Input.
            own: `windows(x)`.
            other: Windows that provide keys and values; `own` itself unless `cross`.
            mask: `shifted_mask` of x; it has no effect if windows are not shifted.
        """
        height, width = x.shape[1:3]
        attended = self.attention(own, other, mask if self.shift else None)
        x = x + self.skip(_roll(from_windows(attended, height, width), self.shift))
        result: Tensor = x + self.skip(self.feed_forward(self.norm2(x)))
        return result


class StochasticDepth(nn.Module):
    """Stochastic depth: drops whole samples in training and scales up the others.

    Args:
        probability: Drop probability, below 1.

    References:
        G. Huang et al., "Deep networks with stochastic depth", ECCV 2016, arXiv:1603.09382.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, ...)` to the same shape."""
        if not self.training or self.probability == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= self.probability
        return x * kept / (1 - self.probability)


def _roll(x: Tensor, shift: int) -> Tensor:
    return x.roll((shift, shift), (1, 2)) if shift else x
