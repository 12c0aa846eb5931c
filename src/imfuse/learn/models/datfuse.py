"""DATFuse: channel and spatial attention around transformer layers.

W. Tang, F. He, Y. Liu, Y. Duan, T. Si, "DATFuse: Infrared and visible image fusion via dual
attention transformer", IEEE Transactions on Circuits and Systems for Video Technology 33(7), 2023,
doi:10.1109/TCSVT.2023.3234340.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.blocks.normed import ConvNorm
from imfuse.learn.models.base import FusionNetwork

_CHANNELS = 16


class DATFuse(FusionNetwork):
    """The fusion network of DATFuse, as its published code computes it.

    It applies a convolution to both pictures, dual attention, two transformer layers, dual
    attention again with the same weights, a 1x1 convolution, and tanh.

    Departures: none from the published code, which does not do what its title promises. Its
        attention uses windows of one pixel, whose softmax is 1, so each token attends only to
        itself. Its tokens are not the channels of a pixel but runs of 16 consecutive values in
        memory: neighbours in a row of one channel, if the width is a multiple of 16. The position
            biases, which have no effect, and an unused norm are left out. The tanh leaves values in
            [-1, 1]; those below 0 are clamped later, whereas the authors' program lets them wrap
            around. The channel gates start with a bias that keeps their ReLU alive.
    """

    name = "datfuse"
    title = "Channel and spatial attention around transformer layers"
    good_for = "Infrared and visible with some ten thousand parameters, for small devices."
    paper = (
        "W. Tang et al., DATFuse: Infrared and visible image fusion via dual attention "
        "transformer, IEEE TCSVT 33(7), 2023, doi:10.1109/TCSVT.2023.3234340"
    )
    year = 2023
    activation = "none"
    bytes_per_pixel = 1750

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(
            nn.Conv2d(2, _CHANNELS, 5, padding=2, padding_mode="replicate"),
            nn.BatchNorm2d(_CHANNELS),
            nn.ReLU(),
        )
        self.dual_attention = _DualAttention()
        self.transformer = nn.Sequential(_Transformer(), _Transformer())
        self.last = nn.Conv2d(_CHANNELS, 1, 1)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        shallow = self.head(torch.cat([ir, vis], 1))
        _, attended = self.dual_attention(shallow)
        encoded = (attended + shallow).relu()
        runs = encoded.reshape(encoded.shape[0], -1, _CHANNELS)  # not pixels; see Departures
        deep, attended = self.dual_attention(self.transformer(runs).reshape(encoded.shape))
        fused: Tensor = self.last(attended + deep).tanh()
        return fused


class _DualAttention(nn.Module):
    """DARM: two passes through one convolution, then channel gates plus spatial gates."""

    def __init__(self) -> None:
        super().__init__()
        inner = _CHANNELS // 4
        self.conv = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, padding_mode="replicate")
        self.norm = nn.BatchNorm2d(_CHANNELS)
        narrow = nn.Conv2d(_CHANNELS, inner, 1)
        nn.init.constant_(narrow.get_parameter("bias"), 0.1)  # normalised features have the mean 0
        self.channel = nn.Sequential(narrow, nn.ReLU(), nn.Conv2d(inner, _CHANNELS, 1))
        self.spatial = nn.Sequential(
            ConvNorm(_CHANNELS, inner, bias=True), ConvNorm(inner, 1, act="none", bias=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features of `(b, 16, h, w)` and the same features gated, both of that shape."""
        deep = self.norm(self.conv(self.norm(self.conv(x)).relu()))
        channel = self.channel(deep.mean((2, 3), keepdim=True)).sigmoid()
        spatial = self.spatial(deep).sigmoid()
        return deep, deep * channel + deep * spatial


class _Transformer(nn.Module):
    """TRM: adds each token's own value and a feed-forward layer; `(b, tokens, 16)`."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_CHANNELS)
        self.query_key_value = nn.Linear(_CHANNELS, 3 * _CHANNELS)  # only values have an effect
        self.merge = nn.Linear(_CHANNELS, _CHANNELS)
        self.norm2 = nn.LayerNorm(_CHANNELS)
        self.feed_forward = nn.Sequential(
            nn.Linear(_CHANNELS, 4 * _CHANNELS), nn.GELU(), nn.Linear(4 * _CHANNELS, _CHANNELS)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, tokens, 16)` to the same shape."""
        of_values = slice(2 * _CHANNELS, None)
        value = functional.linear(
            self.norm1(x),
            self.query_key_value.weight[of_values],
            self.query_key_value.bias[of_values],
        )
        x = x + self.merge(value)
        result: Tensor = x + self.feed_forward(self.norm2(x))
        return result
