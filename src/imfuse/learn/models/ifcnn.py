"""IFCNN: a shared encoder, the element-wise maximum of both pictures' features, a decoder.

Y. Zhang, Y. Liu, P. Sun, H. Yan, X. Zhao, L. Zhang, "IFCNN: A general image fusion framework based
on convolutional neural network", Information Fusion 54, 2020, doi:10.1016/j.inffus.2019.07.011.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.models.base import FusionNetwork, check_choice

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
"""ImageNet statistics with which the first layer was trained."""


class IFCNN(FusionNetwork):
    """The network of IFCNN (figure 2).

    Args:
        fusion: How features are merged, element by element: `maximum` (multi-focus, infrared and
            visible, medical), `mean` (multi-exposure), `sum`.

    The first layer (from a ResNet-101 trained on ImageNet) is never trained; without published
    weights it is random.

    Departures: gray pictures are repeated to three channels, as in the published code, and the
    three fused channels are averaged to luma here.
    """

    name = "ifcnn"
    title = "One encoder for all, features merged element by element"
    good_for = (
        "Infrared and visible, medical, multi-focus and multi-exposure pairs without "
        "retraining. Cheap; sharp edges; the brighter source tends to win."
    )
    paper = (
        "Y. Zhang et al., IFCNN: A general image fusion framework based on convolutional neural "
        "network, Information Fusion 54, 2020, doi:10.1016/j.inffus.2019.07.011"
    )
    year = 2020
    activation = "clamp"
    bytes_per_pixel = 1600
    symmetric = True

    def __init__(self, *, fusion: str = "maximum") -> None:
        super().__init__()
        check_choice("fusion", fusion, ("maximum", "mean", "sum"))
        self.fusion = fusion
        self.conv1 = _conv(3, 64, 7).requires_grad_(requires_grad=False)
        self.conv2 = _ConvNorm(64)
        self.conv3 = _ConvNorm(64)
        self.conv4 = nn.Conv2d(64, 3, 1)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def encode(self, picture: Tensor) -> Tensor:
        """Return the 64 features of `(b, 3, h, w)` in [0, 1]."""
        features: Tensor = self.conv2(self.conv1((picture - self.mean) / self.std))
        return features

    def fuse_rgb(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse `(b, 3, h, w)` and `(b, 3, h, w)` to `(b, 3, h, w)`."""
        first, second = self.encode(ir), self.encode(vis)
        if self.fusion == "maximum":
            features = torch.maximum(first, second)
        else:
            features = (first + second) / (2 if self.fusion == "mean" else 1)
        fused: Tensor = self.conv4(self.conv3(features)) * self.std + self.mean
        return fused.clamp(0, 1)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        three = (picture.expand(-1, 3, -1, -1) for picture in (ir, vis))
        return self.fuse_rgb(*three).mean(1, keepdim=True)

    @property
    def halo(self) -> int:
        """Halo of a 7x7 and two 3x3 convolutions in a row."""
        return 5


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(
        inputs, outputs, kernel, padding=kernel // 2, padding_mode="replicate", bias=False
    )


class _ConvNorm(nn.Module):
    """3x3 convolution, batch norm, ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = _conv(channels, channels, 3)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))
