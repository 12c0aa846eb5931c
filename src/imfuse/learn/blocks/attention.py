"""Transformer blocks with channel attention, and their feed-forward layers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.blocks.conv import Padding


def channel_attention(query: Tensor, key: Tensor, value: Tensor, temperature: Tensor) -> Tensor:
    """Attend between the channels of each head: softmax(temperature q k^T) v.

    Rows of q and k, one per channel, are normalised to unit length over all pixels. Cost and memory
    grow linearly with the number of pixels.

    Args:
        query: `(b, c, h, w)`.
        key: `(b, c, h, w)`.
        value: `(b, c, h, w)`.
        temperature: `(heads, 1, 1)`, factor of the products before the softmax.

    Returns:
        `(b, c, h, w)`.
    """
    batch, channels, heads = query.shape[0], query.shape[1], temperature.shape[0]
    shape = (batch, heads, channels // heads, -1)
    q, k, v = query.reshape(shape), key.reshape(shape), value.reshape(shape)
    products = q @ k.transpose(-2, -1)
    # Dividing the few products by the lengths is cheaper than dividing the many pixels.
    lengths = _lengths(q) * _lengths(k).transpose(-2, -1)
    attended: Tensor = (products / lengths * temperature).softmax(-1) @ v
    return attended.reshape(value.shape)


def _lengths(rows: Tensor) -> Tensor:
    """Return the lengths of rows as a column, bounded away from 0."""
    lengths: Tensor = rows.norm(dim=-1, keepdim=True)
    return lengths.clamp_min(1e-12)


def apply_in_parts(pointwise: nn.Conv2d, spatial: nn.Conv2d, x: Tensor, count: int) -> list[Tensor]:
    """Apply two convolutions to `x` and return the result split along the channels.

    Each part is computed separately, because some runtimes take longer to split the whole result
    than to compute it.

    Args:
        pointwise: The first one, 1x1 without biases.
        spatial: The second one, 3x3 without biases; either one group, or groups that each lie
            within a part.
        x: Input.
        count: Number of parts.
    """
    whole, mode = spatial.groups == 1, spatial.padding_mode
    width, groups = spatial.out_channels // count, max(1, spatial.groups // count)
    mixed = pointwise(x) if whole else x
    parts = []
    for start in range(0, spatial.out_channels, width):
        own = slice(start, start + width)
        part = mixed if whole else functional.conv2d(x, pointwise.weight[own])
        if mode != "zeros":
            part = functional.pad(part, (1, 1, 1, 1), mode=mode)
        border = 1 if mode == "zeros" else 0
        parts.append(functional.conv2d(part, spatial.weight[own], padding=border, groups=groups))
    return parts


class ChannelAttention(nn.Module):
    """MDTA: channel attention with 3x3 convolutions before it.

    1x1 and 3x3 convolutions compute query, key and value; `channel_attention` and a 1x1 convolution
    follow.

    Args:
        channels: Number of channels.
        heads: Number of groups of channels with separate attention.
        dense: Whether the 3x3 convolution mixes all channels, as in the base branch of CDDFuse,
            instead of being depthwise.

    References:
        S. W. Zamir et al., Restormer, CVPR 2022, doi:10.1109/CVPR52688.2022.00564, section 3.1.
    """

    def __init__(self, channels: int, heads: int, *, dense: bool = False) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        wide = 3 * channels
        self.project_in = nn.Conv2d(channels, wide, 1, bias=False)
        self.spatial = nn.Conv2d(wide, wide, 3, padding=1, groups=1 if dense else wide, bias=False)
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        query, key, value = apply_in_parts(self.project_in, self.spatial, x, 3)
        result: Tensor = self.project_out(channel_attention(query, key, value, self.temperature))
        return result


class GatedFeedForward(nn.Module):
    """GDFN: 1x1 and 3x3 convolutions to two halves, gelu(first) * second, then 1x1.

    Args:
        channels: Number of channels.
        expansion: Channels of each half, as a multiple of `channels`.
        paired: Whether the 3x3 convolution mixes channels in pairs, as in the base branch of
            CDDFuse, instead of being depthwise.
        padding: Extension of the picture at its border.

    References:
        S. W. Zamir et al., Restormer, CVPR 2022, doi:10.1109/CVPR52688.2022.00564, section 3.2.
    """

    def __init__(
        self, channels: int, expansion: int, *, paired: bool = False, padding: Padding = "zeros"
    ) -> None:
        super().__init__()
        half = expansion * channels
        groups = half if paired else 2 * half
        self.project_in = nn.Conv2d(channels, 2 * half, 1, bias=False)
        self.spatial = nn.Conv2d(
            2 * half, 2 * half, 3, padding=1, padding_mode=padding, groups=groups, bias=False
        )
        self.project_out = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        gate, content = apply_in_parts(self.project_in, self.spatial, x, 2)
        result: Tensor = self.project_out(functional.gelu(gate) * content)
        return result


class LocalFeedForward(nn.Module):
    """LeFF: 1x1, depthwise 3x3 and 1x1 convolutions with GELU after each, added to the input.

    Args:
        channels: Number of channels throughout.

    References:
        Z. Wang et al., Uformer, CVPR 2022, doi:10.1109/CVPR52688.2022.01716, section 3.2.
    Departures: tokens are not a sequence here, so the linear layers are 1x1 convolutions; the
        residual connection is SMFNet's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 1),
            nn.GELU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        result: Tensor = x + self.layers(x)
        return result


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel, with weight and bias.

    Args:
        channels: Number of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)).

    Args:
        channels: Number of channels.
        attention: Layer from `(b, channels, h, w)` to the same shape.
        feed_forward: Likewise.
    """

    def __init__(self, channels: int, attention: nn.Module, feed_forward: nn.Module) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attention = attention
        self.norm2 = ChannelNorm(channels)
        self.feed_forward = feed_forward

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        x = x + self.attention(self.norm1(x))
        result: Tensor = x + self.feed_forward(self.norm2(x))
        return result
