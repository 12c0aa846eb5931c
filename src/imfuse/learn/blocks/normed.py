"""Convolutions with batch norm, and the funnel activation."""

from typing import Literal

import torch
from torch import Tensor, nn


class ConvNorm(nn.Sequential):
    """A convolution that keeps height and width, batch norm, and an activation.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Side of the kernel, odd.
        act: Activation after the norm.
        bias: Whether the convolution has a bias, which batch norm makes redundant.
        depthwise: Convolve each channel separately.
        norms: Number of batch norms in a row; some published networks have two.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        *,
        act: Literal["relu", "relu6", "none"] = "relu",
        bias: bool = False,
        depthwise: bool = False,
        norms: int = 1,
    ) -> None:
        groups = inputs if depthwise else 1
        activations: dict[str, list[nn.Module]] = {
            "relu": [nn.ReLU()],
            "relu6": [nn.ReLU6()],
            "none": [],
        }
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias),
            *(nn.BatchNorm2d(outputs) for _ in range(norms)),
            *activations[act],
        )


class FunnelReLU(nn.Module):
    """FReLU: the maximum of each value and a depthwise 3x3 convolution around it.

    Args:
        channels: Number of channels.

    References:
        N. Ma, X. Zhang, J. Sun, "Funnel activation for visual recognition", ECCV 2020,
        arXiv:2007.11824.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.funnel = ConvNorm(channels, channels, act="none", bias=True, depthwise=True)

    def forward(self, x: Tensor) -> Tensor:
        """Activate `(b, channels, h, w)`."""
        return torch.maximum(x, self.funnel(x))


class PointwiseBottleneck(nn.Sequential):
    """Two 1x1 convolutions with batch norm, from `channels` to `inner` and back.

    Args:
        channels: Number of channels.
        inner: Channels in between.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__(
            ConvNorm(channels, inner, 1, bias=True),
            ConvNorm(inner, channels, 1, act="none", bias=True),
        )
