"""Convolutions with padding, activation and unused norms."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Padding = Literal["zeros", "reflect", "replicate"]


class ConvAct(nn.Module):
    """A convolution that keeps height and width, followed by a leaky ReLU.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Side of the kernel, odd.
        slope: Negative slope of the leaky ReLU; 0 for a plain ReLU; None for no activation.
        padding: Extension of the picture at its border.
        bias: Whether the convolution has a bias.
        idle_norm: Keep the parameters of a batch norm that is never applied. Some published weights
            contain them, and parameter counts and state dicts must match.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        *,
        slope: float | None = 0.2,
        padding: Padding = "zeros",
        bias: bool = True,
        idle_norm: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, padding=kernel // 2, padding_mode=padding, bias=bias
        )
        self.slope = slope
        if idle_norm:
            self.bn = nn.BatchNorm2d(outputs).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `(b, inputs, h, w)` to `(b, outputs, h, w)`."""
        x = self.conv(x)
        return x if self.slope is None else functional.leaky_relu(x, self.slope)
