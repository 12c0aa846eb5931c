"""RFN-Nest: a nested auto-encoder with residual networks that fuse features at four scales.

H. Li, X.-J. Wu, J. Kittler, "RFN-Nest: An end-to-end residual fusion network for infrared and
visible images", Information Fusion 73, 2021, doi:10.1016/j.inffus.2021.02.023.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.nested import NestedDecoder
from imfuse.learn.blocks.stretch import stretched
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import SizeRule

_WHITE = 255.0
"""The published networks take values from 0 to 255."""

_WIDTHS = (64, 112, 160, 208)


class RFNNestFeatures(NamedTuple):
    """The fused picture and the features at four scales, finest first.

    Attributes:
        fused: `(b, 1, h, w)`, as `fuse` returns it.
        ir: Features of the infrared picture.
        vis: Features of the visible picture.
        both: Fused features from the residual networks.
    """

    fused: Tensor
    ir: list[Tensor]
    vis: list[Tensor]
    both: list[Tensor]


class RFNNest(FusionNetwork):
    """The auto-encoder and the residual fusion networks of RFN-Nest.

    Args:
        stretch: Whether the output is stretched between its minimum and maximum, as the authors do
            in training and in their tests. Without it, their weights give values far above 1, since
            they are trained towards 6 times infrared plus 3 times visible features.

    Departures: the authors cut pictures wider or higher than 512 pixels into four overlapping
        parts, and use the minimum and maximum of the batch in training; here pictures stay whole,
        and each has its own. The weights of the last convolution start non-negative, since its ReLU
        might otherwise start with only zeros.
    """

    name = "rfn-nest"
    title = "Nested auto-encoder; features fused by residual networks"
    good_for = (
        "Infrared and visible pairs where scenery should stay as the visible camera saw it; "
        "soft targets. Large."
    )
    paper = (
        "H. Li, X.-J. Wu, J. Kittler, RFN-Nest: An end-to-end residual fusion network for infrared "
        "and visible images, Information Fusion 73, 2021, doi:10.1016/j.inffus.2021.02.023"
    )
    year = 2021
    activation = "none"
    bytes_per_pixel = 5600
    size = SizeRule(minimum=16)  # an eighth of it still has a pixel to reflect

    def __init__(self, *, stretch: bool = True) -> None:
        super().__init__()
        self.stretch = stretch
        self.head = ConvAct(1, 16, 1, slope=0)
        self.encoder = nn.ModuleList(
            _block(inputs, outputs)
            for inputs, outputs in zip((16, *_WIDTHS), _WIDTHS, strict=False)
        )
        self.fusion = nn.ModuleList(_ResidualFusion(width) for width in _WIDTHS)
        self.decoder = NestedDecoder(_WIDTHS, _block)
        self.last = ConvAct(_WIDTHS[0], 1, 1, slope=0)
        with torch.no_grad():
            self.last.conv.weight.abs_()

    def encode(self, picture: Tensor) -> list[Tensor]:
        """Map `(b, 1, h, w)` in [0, 1] to four scales, from 64 channels at full size to 208."""
        x = self.head(picture * _WHITE)
        scales: list[Tensor] = []
        for block in self.encoder:
            x = block(functional.max_pool2d(x, 2) if scales else x)
            scales.append(x)
        return scales

    def decode(self, scales: list[Tensor]) -> Tensor:
        """Decode four scales to `(b, 1, h, w)` without stretching. The first stage trains this."""
        decoded: Tensor = self.last(self.decoder(scales)) / _WHITE
        return decoded

    def features(self, ir: Tensor, vis: Tensor) -> RFNNestFeatures:
        """Fuse like `fuse`, and return the features of both pictures and of the fused one."""
        ir_scales, vis_scales = self.encode(ir), self.encode(vis)
        each = zip(self.fusion, ir_scales, vis_scales, strict=True)
        both = [fusion(x_ir, x_vis) for fusion, x_ir, x_vis in each]
        fused = self.decode(both)
        if self.stretch:
            fused = stretched(fused * _WHITE)
        return RFNNestFeatures(fused, ir_scales, vis_scales, both)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        return self.features(ir, vis).fused


class _ResidualFusion(nn.Module):
    """RFN: a convolution of both modalities, plus a deeper path that treats them apart first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shortcut = _conv(2 * width, width)
        self.infrared = _conv(width, width)
        self.visible = _conv(width, width)
        self.merge = nn.Sequential(
            ConvAct(2 * width, width, 1, slope=0), _conv(width, width), _conv(width, width)
        )

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two `(b, width, h, w)` into one."""
        apart = torch.cat([self.infrared(ir), self.visible(vis)], 1)
        fused: Tensor = self.shortcut(torch.cat([ir, vis], 1)) + self.merge(apart)
        return fused


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution to half the input channels, then 1x1 to the output channels."""
    return nn.Sequential(_conv(inputs, inputs // 2), ConvAct(inputs // 2, outputs, 1, slope=0))


def _conv(inputs: int, outputs: int) -> ConvAct:
    return ConvAct(inputs, outputs, slope=0, padding="reflect")
