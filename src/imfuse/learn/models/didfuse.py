"""DIDFuse: an auto-encoder that splits pictures into background and detail.

Z. Zhao, S. Xu, C. Zhang, J. Liu, P. Li, J. Zhang, "DIDFuse: Deep image decomposition for infrared
and visible image fusion", IJCAI 2020, doi:10.24963/ijcai.2020/135.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import Padding
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule


class Decomposition(NamedTuple):
    """Features of one picture, each `(b, 64, h, w)`.

    Attributes:
        first: After the first layer.
        second: After the second layer.
        background: Features that the modalities share.
        detail: Features of one modality.
    """

    first: Tensor
    second: Tensor
    background: Tensor
    detail: Tensor


class DIDFuse(FusionNetwork):
    """The encoder and decoder of DIDFuse (figure 2).

    Args:
        fusion: How the features of both pictures are merged: `sum` (equation 6) or `mean`.

    Departures: weighted averages and the L1 norm, its other strategies, are not implemented.
    """

    name = "didfuse"
    title = "Auto-encoder with background and detail features, added"
    good_for = (
        "Infrared and visible pairs like those of TNO and FLIR, with strong contrast; values "
        "may leave the range and are clamped."
    )
    paper = (
        "Z. Zhao et al., DIDFuse: Deep image decomposition for infrared and visible image fusion, "
        "IJCAI 2020, doi:10.24963/ijcai.2020/135"
    )
    year = 2020
    activation = "sigmoid"
    bytes_per_pixel = 3600
    size = SizeRule(minimum=2)  # reflection needs a neighbour
    symmetric = True

    def __init__(self, *, fusion: str = "sum") -> None:
        super().__init__()
        check_choice("fusion", fusion, ("sum", "mean"))
        self.fusion = fusion
        self.conv1 = _layer(1, 64, nn.PReLU(), reflect=True)
        self.conv2 = _layer(64, 64, nn.PReLU())
        self.background = _layer(64, 64, nn.Tanh())
        self.detail = _layer(64, 64, nn.Tanh())
        self.conv5 = _layer(128, 64, nn.PReLU())
        self.conv6 = _layer(128, 64, nn.PReLU())
        self.conv7 = _layer(128, 1, nn.Sigmoid(), reflect=True)

    def encode(self, picture: Tensor) -> Decomposition:
        """Split `(b, 1, h, w)` in [0, 1] into background and detail features."""
        first = self.conv1(picture)
        second = self.conv2(first)
        return Decomposition(first, second, self.background(second), self.detail(second))

    def decode(self, parts: Decomposition) -> Tensor:
        """Decode features to a picture `(b, 1, h, w)`."""
        x = self.conv5(torch.cat([parts.background, parts.detail], 1))
        x = self.conv6(torch.cat([x, parts.second], 1))
        picture: Tensor = self.conv7(torch.cat([x, parts.first], 1))
        return picture

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        share = 1.0 if self.fusion == "sum" else 0.5
        pairs = zip(self.encode(ir), self.encode(vis), strict=True)
        return self.decode(Decomposition(*(share * (a + b) for a, b in pairs)))

    @property
    def halo(self) -> int:
        """Six 3x3 convolutions in a row."""
        return 6


def _layer(inputs: int, outputs: int, activation: nn.Module, *, reflect: bool = False) -> nn.Module:
    mode: Padding = "reflect" if reflect else "zeros"
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode=mode)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), activation)
