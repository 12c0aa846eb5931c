"""DenseFuse: a dense auto-encoder whose features are averaged or added.

H. Li, X.-J. Wu, "DenseFuse: A fusion approach to infrared and visible images", IEEE Transactions on
Image Processing 28(5), 2019, doi:10.1109/TIP.2018.2887342.
"""

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_WHITE = 255.0
"""The published networks take values from 0 to 255."""


class DenseFuse(FusionNetwork):
    """The auto-encoder of DenseFuse with its first two fusion strategies (section III).

    Args:
        fusion: `average`: mean of the features, as in the published code; `addition`: their sum,
            equation 3 of the paper.

    Departures: the third strategy (L1 norm and softmax) is not implemented; neither the published
        weights nor the papers that compare with DenseFuse need it.
    """

    name = "densefuse"
    title = "Dense auto-encoder; features averaged"
    good_for = (
        "A robust first baseline for any gray pair; averaged features look pale. Runs in "
        "tiles on pictures of any size."
    )
    paper = (
        "H. Li, X.-J. Wu, DenseFuse: A fusion approach to infrared and visible images, IEEE TIP "
        "28(5), 2019, doi:10.1109/TIP.2018.2887342"
    )
    year = 2019
    activation = "none"
    bytes_per_pixel = 2400
    size = SizeRule(minimum=2)  # reflection needs a neighbour
    symmetric = True

    def __init__(self, *, fusion: str = "average") -> None:
        super().__init__()
        check_choice("fusion", fusion, ("average", "addition"))
        self.fusion = fusion
        self.head = _conv(1, 16)
        self.dense = nn.ModuleList(_conv(16 * (index + 1), 16) for index in range(3))
        self.decoder = nn.Sequential(
            _conv(64, 64), _conv(64, 32), _conv(32, 16), _conv(16, 1, activated=False)
        )

    def encode(self, picture: Tensor) -> Tensor:
        """Return the 64 features of `(b, 1, h, w)` with values from 0 to 255."""
        features: Tensor = self.head(picture)
        for layer in self.dense:
            features = torch.cat([features, layer(features)], 1)
        return features

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        features = self.encode(ir * _WHITE) + self.encode(vis * _WHITE)
        if self.fusion == "average":
            features = features / 2
        fused: Tensor = self.decoder(features) / _WHITE
        return fused

    @property
    def halo(self) -> int:
        """Eight 3x3 convolutions in a row."""
        return 8


def _conv(inputs: int, outputs: int, *, activated: bool = True) -> ConvAct:
    return ConvAct(inputs, outputs, slope=0 if activated else None, padding="reflect")
