"""The network inside our own fusion networks, which decides per band.

It is exported alone; see `imfuse.learn.models.bands` and `imfuse.engines.bands` for the rest.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.engines.scene import (
    BLOCK,
    CALM,
    EVEN,
    GRAIN,
    NOISIEST,
    NOISY,
    ROWS,
    SCENE,
    STRIPES,
    TONES,
)
from imfuse.types import Preference

_HIDDEN = 24
"""Numbers between the description of a scene and the features that it changes."""


class Decider(nn.Module):
    """The network itself, an encoder and a decoder of three scales.

    It sees only the surroundings of a place; what it must know of the whole pictures, by day or by
    night, comes as a few numbers, which don't depend on how a large picture is cut.

    Args:
        inputs: Planes that it looks at.
        widths: Channels at its finest scale, at half of it, and at a quarter.
        outputs: Maps at each scale, finest first; the coarsest may have none.

    Attributes:
        inputs: Planes that it looks at.
        widths: Channels at each scale, finest first.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int], outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.inputs, self.widths = inputs, widths
        first, second, third = widths
        self.encode = nn.ModuleList(
            [
                nn.Sequential(_conv(inputs, first), _conv(first, first)),
                nn.Sequential(_conv(first, second, 2), _conv(second, second)),
                nn.Sequential(_conv(second, third, 2), _conv(third, third), _conv(third, third)),
            ]
        )
        self.wishes = nn.ModuleList(_Wishes(width) for width in widths)
        self.scene = nn.Sequential(
            nn.Linear(SCENE, _HIDDEN),
            nn.LeakyReLU(0.1),
            _silent(nn.Linear(_HIDDEN, 2 * sum(widths))),
        )
        self.project = nn.ModuleList([nn.Conv2d(second, first, 1), nn.Conv2d(third, second, 1)])
        self.decode = nn.ModuleList([_conv(first, first), _conv(second, second)])
        self.heads = nn.ModuleList(
            nn.Conv2d(width, count, 3, padding=1)
            for width, count in zip(widths, outputs, strict=False)
        )
        self.for_machines = nn.ModuleList(
            _silent(nn.Conv2d(width, count, 3, padding=1))
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

    def forward(self, planes: Tensor, preference: Tensor, scene: Tensor) -> tuple[Tensor, ...]:
        """Return the maps at each scale that has some.

        Args:
            planes: `(b, inputs, h, w)`; height and width are multiples of 4.
            preference: `(b, 4)`, see `Preference`.
            scene: `(b, SCENE)`, see `described`.
        """
        changes = self.scene(scene).split([2 * width for width in self.widths], 1)
        first = self.wishes[0](self.encode[0](planes), preference, changes[0])
        second = self.wishes[1](self.encode[1](first), preference, changes[1])
        third = self.wishes[2](self.encode[2](second), preference, changes[2])
        second = self.decode[1](second + enlarged(self.project[1](third)))
        first = self.decode[0](first + enlarged(self.project[0](second)))
        machine = preference[:, -1:, None, None]
        return tuple(
            _of_both(usual, served, x, machine)
            for usual, served, x in zip(
                self.heads, self.for_machines, (first, second, third), strict=False
            )
        )


class _Wishes(nn.Module):
    """Scales and shifts features by a preference p and by the scene: x (1 + p W + s) + p V + t.

    All weights are 0 at first, as a wish that nobody trained must change nothing. Each wish has
    weights of its own, so that one can be trained without the others.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(2 * width)) for name in Preference._fields}
        )

    def forward(self, x: Tensor, preference: Tensor, of_scene: Tensor) -> Tensor:
        """Map `(b, width, h, w)` to the same shape.

        Args:
            x: Features.
            preference: `(b, 4)`.
            of_scene: `(b, 2 width)`, the change by the scene.
        """
        weights = torch.stack([self.of[name] for name in Preference._fields])
        scale, shift = (preference @ weights + of_scene)[:, :, None, None].chunk(2, 1)
        return x * (1 + scale) + shift


def described(ir: Tensor, vis: Tensor) -> Tensor:
    """Return the numbers that describe each pair of a batch; see `imfuse.engines.scene`.

    Args:
        ir: `(b, 1, h, w)` in [0, 1].
        vis: Likewise.
    """
    precision = torch.promote_types(ir.dtype, torch.float32)
    both = [_in_blocks(one.to(precision)) for one in (ir, vis)]
    ir, vis = both[0][0], both[1][0]
    tones = ir.new_tensor(TONES)[:, :, None]
    shares = [
        torch.exp(-((values[:, None] - tones[:, 0]) / tones[:, 1]).square()).mean(2)
        for values in (ir, vis)
    ]
    a, b = ir - ir.mean(1, keepdim=True), vis - vis.mean(1, keepdim=True)
    spread = (a.square().mean(1) * b.square().mean(1) + EVEN**2).sqrt()
    more = [(a * b).mean(1) / spread, (ir - vis).abs().mean(1)]
    place = 1 + int(CALM * (ir.shape[1] - 1))
    noise = [
        (size / NOISY * rough.kthvalue(place, 1).values).clamp(max=NOISIEST)
        for _, *roughness in both
        for size, rough in zip((GRAIN, STRIPES), roughness, strict=True)
    ]
    return torch.cat([*shares, torch.stack([*more, *noise], 1)], 1)


def _in_blocks(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `(b, blocks)` means, grain and stripes; what does not fill a block is left out."""
    height, width = (side // BLOCK for side in picture.shape[2:])
    whole = picture[:, 0, : height * BLOCK, : width * BLOCK]
    blocks = whole.reshape(-1, height, BLOCK, width, BLOCK)
    columns = blocks.mean(2)
    down = [blocks[:, :, row - 1] - 2 * blocks[:, :, row] + blocks[:, :, row + 1] for row in ROWS]
    grain = torch.stack(down, 1).diff(n=2).abs().mean((1, 4))
    stripes = columns.diff(n=2).abs().mean(3)
    return columns.mean(3).flatten(1), grain.flatten(1), stripes.flatten(1)


def _of_both(usual: nn.Module, served: nn.Module, x: Tensor, machine: Tensor) -> Tensor:
    """Return the answer of one head, plus that of the other by the wish for machines.

    One convolution gives both, which takes no longer: few channels are computed as 16.
    """
    weight = torch.cat([cast(Tensor, usual.weight), cast(Tensor, served.weight)])
    bias = torch.cat([cast(Tensor, usual.bias), cast(Tensor, served.bias)])
    found = functional.conv2d(x, weight, bias, padding=1)
    plain, more = found.chunk(2, 1)
    return plain + machine * more


def _silent(layer: nn.Module) -> nn.Module:
    """Return a layer that answers 0 until it is trained."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.LeakyReLU(0.1))


def enlarged(x: Tensor) -> Tensor:
    """Return a batch of twice the height and width."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear")
