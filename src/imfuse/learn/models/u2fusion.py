"""U2Fusion: a dense network, trained without references for several fusion tasks.

H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling, "U2Fusion: A unified unsupervised image fusion network",
IEEE Transactions on Pattern Analysis and Machine Intelligence 44(1), 2022,
doi:10.1109/TPAMI.2020.3012548.
"""

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import SizeRule

_GROWTH = 44
"""Channels of each layer before the decoder."""


class U2Fusion(FusionNetwork):
    """The DenseNet of U2Fusion: one layer, five dense layers, and a decoder of four.

    Departures: dense layers concatenate earlier features oldest first, as in the PyTorch port; the
        authors' TensorFlow graph puts the newest first, so its weights would have to be reordered.
    """

    name = "u2fusion"
    title = "Dense network of both pictures, unified over kinds of fusion"
    good_for = (
        "Several tasks with one set of weights: infrared and visible, medical, multi-focus, "
        "multi-exposure. Balanced, low contrast."
    )
    paper = (
        "H. Xu et al., U2Fusion: A unified unsupervised image fusion network, IEEE TPAMI 44(1), "
        "2022, doi:10.1109/TPAMI.2020.3012548"
    )
    year = 2022
    activation = "tanh"
    bytes_per_pixel = 5500
    size = SizeRule(minimum=2)  # reflection needs a neighbour

    def __init__(self) -> None:
        super().__init__()
        self.head = _conv(2, _GROWTH)
        self.dense = nn.ModuleList(_conv(_GROWTH * (index + 1), _GROWTH) for index in range(5))
        self.decoder = nn.Sequential(
            _conv(6 * _GROWTH, 128), _conv(128, 64), _conv(64, 32), _conv(32, 1, slope=None)
        )

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        features: Tensor = self.head(torch.cat([vis, ir], 1))
        for layer in self.dense:
            features = torch.cat([features, layer(features)], 1)
        fused: Tensor = torch.tanh(self.decoder(features)) / 2 + 0.5
        return fused

    @property
    def halo(self) -> int:
        """Halo of ten 3x3 convolutions in a row."""
        return 10


def _conv(inputs: int, outputs: int, *, slope: float | None = 0.2) -> ConvAct:
    return ConvAct(inputs, outputs, slope=slope, padding="reflect")
