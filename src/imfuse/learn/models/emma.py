"""EMMA: a U-shaped network, trained by simulated sensing of its output and by equivariance.

Z. Zhao, H. Bai, J. Zhang, Y. Zhang, K. Zhang, S. Xu, D. Chen, R. Timofte, L. Van Gool,
"Equivariant multi-modality image fusion", CVPR 2024, doi:10.1109/CVPR52733.2024.02448.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.attention import ChannelAttention, GatedFeedForward, TransformerBlock
from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import SizeRule

_CHANNELS = (8, 16, 32, 32)
"""Channels of the four scales, each half the size of the previous one."""
_HEADS = 8


class EMMA(FusionNetwork):
    """U-Fuser, the fusion network of EMMA.

    Departures: none from the published network, whose attention has dense 3x3 convolutions. At full
        size its heads have one channel each and attend only to themselves; their factors before the
        softmax, kept to match the published weights, are frozen. The authors' test program fuses up
        to four overlapping crops whose sizes are multiples of 32, and stretches the result between
        its minimum and maximum; here sizes are padded to a multiple of 8, which is all the network
        needs, and nothing is stretched.
    """

    name = "emma"
    title = "U-shaped network of channel attention and convolutions, trained by equivariance"
    good_for = (
        "Infrared and visible, and medical pairs: light attention, trained without any fused "
        "picture to imitate. Cheap for its scores."
    )
    paper = (
        "Z. Zhao et al., Equivariant multi-modality image fusion, CVPR 2024, "
        "doi:10.1109/CVPR52733.2024.02448"
    )
    year = 2024
    activation = "sigmoid"
    bytes_per_pixel = 1700
    size = SizeRule(minimum=16, multiple=8)  # reflection needs a neighbour, at 1/8 too

    def __init__(self) -> None:
        super().__init__()
        self.infrared_encoder = _Encoder()
        self.visible_encoder = _Encoder()
        self.fusion = nn.ModuleList(_Block(2 * channels, channels) for channels in _CHANNELS)
        self.decoder = _Decoder()

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        scales = zip(self.fusion, self.infrared_encoder(ir), self.visible_encoder(vis), strict=True)
        fused: Tensor = self.decoder([block(torch.cat(both, 1)) for block, *both in scales])
        return fused.sigmoid()


class _Encoder(nn.Module):
    """Encoder from a picture to its features at four scales."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *_CHANNELS)
        self.blocks = nn.ModuleList(map(_Block, inputs, _CHANNELS))
        self.down = nn.ModuleList(
            nn.Conv2d(c, c, 3, stride=2, padding=1, padding_mode="reflect", bias=False)
            for c in _CHANNELS[:-1]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.blocks[0](x)]
        for down, block in zip(self.down, list(self.blocks)[1:], strict=True):
            features.append(block(down(features[-1])))
        return features


class _Decoder(nn.Module):
    """Decoder from fused features at four scales to a picture before its sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        *finer, coarsest = _CHANNELS
        self.blocks = nn.ModuleList(
            [*(_Block(2 * c, c) for c in finer), _Block(coarsest, coarsest)]
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1, bias=False)
            for fine, coarse in pairwise(_CHANNELS)
        )
        self.last = nn.Conv2d(_CHANNELS[0], 1, 3, padding=1, padding_mode="reflect")

    def forward(self, scales: list[Tensor]) -> Tensor:
        x = self.blocks[-1](scales[-1])
        for k in reversed(range(len(self.up))):
            x = self.blocks[k](torch.cat([self.up[k](x).relu(), scales[k]], 1))
        result: Tensor = self.last(x)
        return result


class _Block(nn.Module):
    """Restormer-CNN block: channel attention and residual convolutions, merged by a convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        attention = ChannelAttention(outputs, _HEADS, dense=True)
        if outputs == _HEADS:  # the softmax of one number is 1, whatever the factor
            attention.temperature.requires_grad = False
        feed_forward = GatedFeedForward(outputs, 1, paired=True, padding="reflect")
        self.embed = _conv(inputs, outputs, bias=False)
        self.everywhere = TransformerBlock(outputs, attention, feed_forward)
        self.nearby = nn.Sequential(_Residual(outputs), _Residual(outputs))
        self.merge = _conv(2 * outputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h, w)`."""
        x = self.embed(x)
        result: Tensor = self.merge(torch.cat([self.everywhere(x), self.nearby(x)], 1))
        return result


class _Residual(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, slope=0)
        self.second = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.second(self.first(x))
        return result


def _conv(inputs: int, outputs: int, *, slope: float | None = None, bias: bool = True) -> ConvAct:
    return ConvAct(inputs, outputs, slope=slope, padding="reflect", bias=bias)
