"""Residual stages of ResNet-18 and ResNet-34, with the parameter names of published weights.

K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
arXiv:1512.03385.
"""

from torch import Tensor, nn
from torch.nn import functional


class ResidualStage(nn.Sequential):
    """A sequence of basic blocks, the first of which may widen and downsample its input.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        blocks: Number of basic blocks.
        stride: Stride of the first block.
    """

    def __init__(self, inputs: int, outputs: int, blocks: int, *, stride: int = 1) -> None:
        rest = (BasicBlock(outputs, outputs) for _ in range(blocks - 1))
        super().__init__(BasicBlock(inputs, outputs, stride=stride), *rest)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and a residual connection (figure 2).

    If the shape changes, the input passes through a 1x1 convolution with batch norm. The
    convolutions are initialised as He et al. propose: normal with variance 2 / (9 outputs).

    Args:
        inputs: Input channels.
        outputs: Output channels.
        stride: Stride of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
            if stride != 1 or inputs != outputs
            else nn.Identity()
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h / stride, w / stride)`, rounded up."""
        main = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(main)) + self.downsample(x))
