"""Invertible blocks: a 1x1 convolution that mixes the channels, then coupling layers."""

import torch
from torch import Tensor, nn


class InvertedResidual(nn.Sequential):
    """Inverted bottleneck: 1x1 to twice the channels, mirrored depthwise 3x3, 1x1 back.

    Args:
        channels: Number of channels.

    References:
        M. Sandler et al., MobileNetV2, CVPR 2018, doi:10.1109/CVPR.2018.00474; with ReLU6 in
        between, but without its batch norms and its residual connection.
    """

    def __init__(self, channels: int) -> None:
        hidden = 2 * channels
        super().__init__(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU6(),
            nn.Conv2d(
                hidden, hidden, 3, padding=1, padding_mode="reflect", groups=hidden, bias=False
            ),
            nn.ReLU6(),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )


class DetailCoupling(nn.Module):
    """The invertible node of CDDFuse: an additive coupling, then an affine one.

    z1, z2 = halves of conv1x1(x); z2 <- z2 + phi(z1); z1 <- z1 exp(rho(z2)) + eta(z2), with the
    new z2.

    Args:
        channels: Number of channels, even.

    References:
        Z. Zhao et al., CDDFuse, CVPR 2023, doi:10.1109/CVPR52729.2023.00572, section 3.2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.phi = InvertedResidual(channels // 2)
        self.rho = InvertedResidual(channels // 2)
        self.eta = InvertedResidual(channels // 2)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        z1, z2 = self.mix(x).chunk(2, 1)
        z2 = z2 + self.phi(z1)
        z1 = z1 * self.rho(z2).exp() + self.eta(z2)
        return torch.cat([z1, z2], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """Return the input that `forward` maps to `y`."""
        z1, z2 = y.chunk(2, 1)
        z1 = (z1 - self.eta(z2)) * (-self.rho(z2)).exp()
        z2 = z2 - self.phi(z1)
        return _unmix(self.mix, torch.cat([z1, z2], 1))


class ReverseAffineCoupling(nn.Module):
    """Two affine couplings with bounded scales, run in the reverse direction.

    x1, x2 = halves of conv1x1(x); y2 = (x2 - eta(x1)) / e(rho(x1)); y1 = (x1 - phi(y2)) /
    e(psi(y2)), where e(s) = exp(2 clamp (sigmoid(s) - 1/2)) is between exp(-clamp) and exp(clamp).

    Args:
        channels: Number of channels, even.
        clamp: Bound of the logarithm of a scale.

    References:
        J. Jing et al., HiNet, ICCV 2021, doi:10.1109/ICCV48922.2021.00469, section 3.2.
    """

    def __init__(self, channels: int, clamp: float = 2.0) -> None:
        super().__init__()
        self.clamp = clamp
        self.rho = InvertedResidual(channels // 2)
        self.eta = InvertedResidual(channels // 2)
        self.phi = InvertedResidual(channels // 2)
        self.psi = InvertedResidual(channels // 2)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, channels, h, w)` to the same shape."""
        x1, x2 = self.mix(x).chunk(2, 1)
        y2 = (x2 - self.eta(x1)) * self._scale(-self.rho(x1))
        y1 = (x1 - self.phi(y2)) * self._scale(-self.psi(y2))
        return torch.cat([y1, y2], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """Return the input that `forward` maps to `y`."""
        y1, y2 = y.chunk(2, 1)
        x1 = y1 * self._scale(self.psi(y2)) + self.phi(y2)
        x2 = y2 * self._scale(self.rho(x1)) + self.eta(x1)
        return _unmix(self.mix, torch.cat([x1, x2], 1))

    def _scale(self, s: Tensor) -> Tensor:
        """Return e(s); note that e(-s) = 1 / e(s)."""
        return (2 * self.clamp * (s.sigmoid() - 0.5)).exp()


def _unmix(mix: nn.Conv2d, y: Tensor) -> Tensor:
    """Return the input that a 1x1 convolution with bias maps to `y`."""
    weight = torch.linalg.inv(mix.weight[:, :, 0, 0])
    shift = torch.zeros_like(y[0, :, 0, 0]) if mix.bias is None else mix.bias
    return nn.functional.conv2d(y - shift[:, None, None], weight[:, :, None, None])
