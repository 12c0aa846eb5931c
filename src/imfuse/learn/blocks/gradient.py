"""Gradient operators as layers: depthwise convolutions that start as Sobel or Laplacian."""

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct

_SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
_LAPLACE = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


def sobel_kernel() -> Tensor:
    """Return the Sobel kernel for derivatives along x, `(3, 3)`, not divided by 8."""
    return torch.tensor(_SOBEL)


def laplace_kernel() -> Tensor:
    """Return the four-neighbour Laplacian kernel, `(3, 3)`."""
    return torch.tensor(_LAPLACE)


class DepthwiseOperator(nn.Module):
    """A depthwise 3x3 operator with zero padding.

    Args:
        channels: Number of channels.
        kernel: `(3, 3)` initial operator of every channel.
        trainable: Whether training may change it, as in several published networks whose papers
            speak of fixed operators.
    """

    def __init__(self, channels: int, kernel: Tensor, *, trainable: bool) -> None:
        super().__init__()
        weight = kernel[None, None].repeat(channels, 1, 1, 1)
        if trainable:
            self.weight: Tensor = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the operator to `(b, channels, h, w)`."""
        return nn.functional.conv2d(x, self.weight, padding=1, groups=x.shape[1])


class SobelMagnitude(nn.Module):
    """Sobel magnitude, |derivative along x| + |derivative along y|, of each channel.

    Args:
        channels: Number of channels.
        trainable: As in `DepthwiseOperator`.
    """

    def __init__(self, channels: int, *, trainable: bool) -> None:
        super().__init__()
        self.along_x = DepthwiseOperator(channels, sobel_kernel(), trainable=trainable)
        self.along_y = DepthwiseOperator(channels, sobel_kernel().T, trainable=trainable)

    def forward(self, x: Tensor) -> Tensor:
        """Return the magnitude of `(b, channels, h, w)`."""
        magnitude: Tensor = self.along_x(x).abs() + self.along_y(x).abs()
        return magnitude


class GradientResidualDense(nn.Module):
    """GRDB: a dense branch of two convolutions plus a branch of Sobel gradients.

    Main branch: two 3x3 convolutions, each concatenated with its input, then 1x1. Residual branch:
    Sobel magnitude, then 1x1. The sum of both goes through a leaky ReLU.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        trainable_operators: Whether training may change the Sobel kernels.

    References:
        L. Tang, J. Yuan, J. Ma, Information Fusion 82, 2022, doi:10.1016/j.inffus.2021.12.004,
        figure 3.
    """

    def __init__(self, inputs: int, outputs: int, *, trainable_operators: bool) -> None:
        super().__init__()
        self.dense1 = ConvAct(inputs, inputs)
        self.dense2 = ConvAct(2 * inputs, inputs)
        self.merge = ConvAct(3 * inputs, outputs, 1, slope=None)
        self.sobel = SobelMagnitude(inputs, trainable=trainable_operators)
        self.widen = ConvAct(inputs, outputs, 1, slope=None)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h, w)`."""
        dense = torch.cat([x, self.dense1(x)], 1)
        dense = torch.cat([dense, self.dense2(dense)], 1)
        total = self.merge(dense) + self.widen(self.sobel(x))
        return nn.functional.leaky_relu(total, 0.1)
