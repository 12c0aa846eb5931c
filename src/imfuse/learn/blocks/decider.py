"""The network inside our own fusion networks, which decides per band.

It is exported alone; see `imfuse.learn.models.bands` and `imfuse.engines.bands` for the rest.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.types import Preference


class Decider(nn.Module):
    """The network itself, an encoder and a decoder of three scales.

    Args:
        inputs: Planes that it looks at.
        widths: Channels at its finest scale, at half of it, and at a quarter.
        outputs: Maps at each scale, finest first; the coarsest may have none.

    Attributes:
        inputs: Planes that it looks at.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int], outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.inputs = inputs
        first, second, third = widths
        self.encode = nn.ModuleList(
            [
                nn.Sequential(_conv(inputs, first), _conv(first, first)),
                nn.Sequential(_conv(first, second, 2), _conv(second, second)),
                nn.Sequential(_conv(second, third, 2), _conv(third, third), _conv(third, third)),
            ]
        )
        self.wishes = nn.ModuleList(_Wishes(width) for width in widths)
        self.project = nn.ModuleList([nn.Conv2d(second, first, 1), nn.Conv2d(third, second, 1)])
        self.decode = nn.ModuleList([_conv(first, first), _conv(second, second)])
        self.heads = nn.ModuleList(
            nn.Conv2d(width, count, 3, padding=1)
            for width, count in zip(widths, outputs, strict=False)
        )

    @property
    def learned(self) -> tuple[str, ...]:
        """Wishes that have been trained: those with weights other than 0."""
        return tuple(
            name
            for name in Preference._fields
            if any(cast(_Wishes, one).of[name].any() for one in self.wishes)
        )

    def forward(self, planes: Tensor, preference: Tensor) -> tuple[Tensor, ...]:
        """Return the maps at each scale that has some.

        Args:
            planes: `(b, inputs, h, w)`; height and width are multiples of 4.
            preference: `(b, 4)`, see `Preference`.
        """
        first = self.wishes[0](self.encode[0](planes), preference)
        second = self.wishes[1](self.encode[1](first), preference)
        third = self.wishes[2](self.encode[2](second), preference)
        second = self.decode[1](second + enlarged(self.project[1](third)))
        first = self.decode[0](first + enlarged(self.project[0](second)))
        return tuple(head(x) for head, x in zip(self.heads, (first, second, third), strict=False))


class _Wishes(nn.Module):
    """Scales and shifts features by a preference: x (1 + p W) + p V.

    All weights are 0 at first, as a wish that nobody trained must change nothing. Each wish has
    weights of its own, so that one can be trained without the others.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(2 * width)) for name in Preference._fields}
        )

    def forward(self, x: Tensor, preference: Tensor) -> Tensor:
        """Map `(b, width, h, w)` to the same shape."""
        weights = torch.stack([self.of[name] for name in Preference._fields])
        scale, shift = (preference @ weights)[:, :, None, None].chunk(2, 1)
        return x * (1 + scale) + shift


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.LeakyReLU(0.1))


def enlarged(x: Tensor) -> Tensor:
    """Return a batch of twice the height and width."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear")
