"""SDNet: two pictures are squeezed into one, from which both can be reconstructed.

H. Zhang, J. Ma, "SDNet: A versatile squeeze-and-decomposition network for real-time image fusion",
International Journal of Computer Vision 129, 2021, doi:10.1007/s11263-021-01501-8.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.models.base import FusionNetwork

_WIDTH = 16
_LAYERS = 4


class SDNetFeatures(NamedTuple):
    """The fused picture and the sources reconstructed from it, each `(b, 1, h, w)` in [0, 1].

    Attributes:
        fused: The fused picture.
        ir: The infrared picture, decomposed from the fused one.
        vis: The visible picture, likewise.
    """

    fused: Tensor
    ir: Tensor
    vis: Tensor


class SDNet(FusionNetwork):
    """The squeeze network of SDNet, with the decomposition network that only training uses.

    Departures: none from the published code. Values run from -1 to 1 inside, so that the zeros
        around a picture mean middle gray.
    """

    name = "sdnet"
    title = "Two dense branches; trained to be decomposed again"
    good_for = (
        "Several tasks at video rate: a very small network trained to reconstruct both sources."
    )
    paper = (
        "H. Zhang, J. Ma, SDNet: A versatile squeeze-and-decomposition network for real-time image "
        "fusion, International Journal of Computer Vision 129, 2021, "
        "doi:10.1007/s11263-021-01501-8"
    )
    year = 2021
    activation = "tanh"
    bytes_per_pixel = 1600

    def __init__(self) -> None:
        super().__init__()
        self.infrared_branch = _Branch()
        self.visible_branch = _Branch()
        self.squeeze = ConvAct(2 * _LAYERS * _WIDTH, 1, 1, slope=None)
        self.widen = ConvAct(1, 128, 1)
        self.infrared_decoder = _decoder()
        self.visible_decoder = _decoder()

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        ir_layers, vis_layers = self.infrared_branch(2 * ir - 1), self.visible_branch(2 * vis - 1)
        both = [x for pair in zip(ir_layers, vis_layers, strict=True) for x in pair]
        return torch.tanh(self.squeeze(torch.cat(both, 1))) / 2 + 0.5

    def decompose(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruct the infrared and the visible picture from a fused one."""
        wide = self.widen(2 * fused - 1)
        ir, vis = self.infrared_decoder(wide), self.visible_decoder(wide)
        return torch.tanh(ir) / 2 + 0.5, torch.tanh(vis) / 2 + 0.5

    def features(self, ir: Tensor, vis: Tensor) -> SDNetFeatures:
        """Fuse like `fuse`, and decompose the fused picture."""
        fused = self.fuse(ir, vis)
        return SDNetFeatures(fused, *self.decompose(fused))

    @property
    def halo(self) -> int:
        """Halo of a 5x5 and three 3x3 convolutions in a row."""
        return 5


class _Branch(nn.Module):
    """Encoder of one modality: a 5x5 convolution, then three densely connected 3x3 ones."""

    def __init__(self) -> None:
        super().__init__()
        self.head = ConvAct(1, _WIDTH, 5)
        self.dense = nn.ModuleList(ConvAct(_WIDTH * index, _WIDTH) for index in range(1, _LAYERS))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map `(b, 1, h, w)` to the four layers, each `(b, 16, h, w)`."""
        layers: list[Tensor] = [self.head(x)]
        for conv in self.dense:
            layers.append(conv(torch.cat(layers, 1)))
        return layers


def _decoder() -> nn.Sequential:
    return nn.Sequential(ConvAct(128, 16), ConvAct(16, 4), ConvAct(4, 1, slope=None))
