"""Our own networks: a small network decides, per place and scale, how much of each source to keep.

Both pictures are split into the bands of a Laplacian pyramid. At half resolution and below, a small
network looks at both and gives for each band a logit of selection and a gain. At full size, all
that is left is cheap: the logit is added to the local contrast of the two bands, so that selection
stays as sharp as by the stronger band, and the bands are blended and summed.

Given what the network decides, the fused picture is linear in both sources. So the share that each
of them has in a pixel is known exactly: see `Shares`.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.models.base import FusionNetwork
from imfuse.types import SizeRule

_LEVELS = 4
"""Bands; the rest has a sixteenth of the height and width."""
_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Binomial filter of the pyramid (Burt and Adelson 1983)."""
_LEAST = 0.01
"""Contrast of bands below which selection by contrast fades."""
_LIFT = 0.25
"""Largest change of brightness that no source explains."""
_GAIN = (0.5, 1.3)
"""Least gain of a band, and how far the largest one is above it."""


class Shares(NamedTuple):
    """A fused picture as the sum of what comes from each source, and from neither.

    Attributes:
        ir: `(b, 1, h, w)`: what comes from infrared.
        vis: Likewise, from the visible picture.
        neither: Likewise, the change of brightness that the network adds.
    """

    ir: Tensor
    vis: Tensor
    neither: Tensor


class BandSelection(FusionNetwork):
    """Selection of bands by a small network.

    Args:
        widths: Channels of the network at its finest scale, at half of it, and at a quarter.
        start: Halvings before the network begins: 1 is half resolution, 2 a quarter.
    """

    paper = "imfuse"
    year = 2026
    activation = "none"
    size = SizeRule(minimum=32, multiple=32)
    bytes_per_pixel = 400

    def __init__(self, *, widths: tuple[int, int, int], start: int) -> None:
        super().__init__()
        self.start = start
        first, second, third = widths
        self.encode = nn.ModuleList(
            [
                nn.Sequential(_conv(4 + 2 * start, first), _conv(first, first)),
                nn.Sequential(_conv(first, second, 2), _conv(second, second)),
                nn.Sequential(_conv(second, third, 2), _conv(third, third), _conv(third, third)),
            ]
        )
        self.context = nn.Linear(third, third)
        self.decode = nn.ModuleList([_conv(first + second, first), _conv(second + third, second)])
        self.heads = nn.ModuleList(
            nn.Conv2d(widths[max(0, min(2, level - start))], 2, 3, padding=1)
            for level in range(_LEVELS)
        )
        self.base = nn.Conv2d(third, 2, 3, padding=1)
        self.sharpness = nn.Parameter(torch.full((_LEVELS,), 4.0))
        self.register_buffer("taps", torch.tensor(_TAPS), persistent=False)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse `(b, 1, h, w)` and `(b, 1, h, w)` to the same shape."""
        of_ir, of_vis = self._pyramid(ir), self._pyramid(vis)
        masks, gains, lift = self._decide(of_ir, of_vis)
        bands = zip(of_ir, of_vis, masks, gains, strict=True)
        blended = [gain * (b + mask * (a - b)) for a, b, mask, gain in bands]
        blended[-1] = blended[-1] + lift
        return _collapsed(blended)

    def shares(self, ir: Tensor, vis: Tensor) -> Shares:
        """Return what of the fused picture comes from where; the three add up to it.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 1, h, w)` luma in [0, 1].
        """
        of_ir, of_vis = self._pyramid(ir), self._pyramid(vis)
        masks, gains, lift = self._decide(of_ir, of_vis)
        decided = list(zip(masks, gains, strict=True))
        none = [torch.zeros_like(band) for band in of_ir[:-1]]
        return Shares(
            ir=_collapsed([g * m * a for a, (m, g) in zip(of_ir, decided, strict=True)]),
            vis=_collapsed([g * (1 - m) * b for b, (m, g) in zip(of_vis, decided, strict=True)]),
            neither=_collapsed([*none, lift]),
        )

    def _pyramid(self, picture: Tensor) -> list[Tensor]:
        """Return the bands, finest first, then what is left."""
        bands, taps = [], self.taps.to(picture.dtype)
        kernel = (taps[:, None] * taps)[None, None]
        for _ in range(_LEVELS):
            padded = functional.pad(picture, (2, 2, 2, 2), mode="reflect")
            smaller = functional.conv2d(padded, kernel, stride=2)
            bands.append(picture - _enlarged(smaller))
            picture = smaller
        return [*bands, picture]

    def _decide(
        self, of_ir: list[Tensor], of_vis: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return for each band the share of infrared and the gain, and the change of brightness."""
        features = self._features(of_ir, of_vis)
        masks, gains = [], []
        for level, head in enumerate(self.heads):
            scale = max(0, min(2, level - self.start))
            decided = head(features[scale])
            for _ in range(self.start + scale - level):
                decided = _enlarged(decided)
            for _ in range(level - self.start - scale):
                decided = functional.avg_pool2d(decided, 2)
            a, b = (_strength(bands[level], level) for bands in (of_ir, of_vis))
            contrast = (a - b) / (a + b + _LEAST)
            masks.append(torch.sigmoid(2 * decided[:, :1] + self.sharpness[level] * contrast))
            gains.append(_GAIN[0] + _GAIN[1] * torch.sigmoid(decided[:, 1:]))
        rest = self.base(features[2])
        for _ in range(_LEVELS - self.start - 2):
            rest = functional.avg_pool2d(rest, 2)
        masks.append(torch.sigmoid(2 * rest[:, :1]))
        gains.append(torch.ones_like(masks[-1]))
        return masks, gains, _LIFT * torch.tanh(rest[:, 1:])

    def _features(self, of_ir: list[Tensor], of_vis: list[Tensor]) -> list[Tensor]:
        """Return the features at the network's three scales."""
        seen = []
        for bands in (of_ir, of_vis):
            picture = _collapsed(bands[self.start :])
            finer = [
                functional.avg_pool2d(band.abs(), 2 ** (self.start - level))
                for level, band in enumerate(bands[: self.start])
            ]
            seen += [picture, 4 * bands[self.start], *(6 * one for one in finer)]
        x, encoded = torch.cat(seen, 1), []
        for encode in self.encode:
            x = encode(x)
            encoded.append(x)
        context = self.context(x.mean((2, 3)))[:, :, None, None]
        third = x + context
        second = self.decode[1](torch.cat([encoded[1], _enlarged(third)], 1))
        first = self.decode[0](torch.cat([encoded[0], _enlarged(second)], 1))
        return [first, second, third]


class ImfuseB(BandSelection):
    """The base network: half resolution and below."""

    name = "imfuse-b"
    title = "Selection of bands by a small network: our best picture"
    good_for = "Infrared and visible, for the eye: contrast and edges of both at little cost."

    def __init__(self) -> None:
        super().__init__(widths=(16, 24, 32), start=1)


class ImfuseS(BandSelection):
    """The small network: a quarter of the resolution and below."""

    name = "imfuse-s"
    title = "Selection of bands by a very small network, in real time"
    good_for = "Infrared and visible video on a laptop: nearly as good as imfuse-b, far faster."

    def __init__(self) -> None:
        super().__init__(widths=(12, 16, 16), start=2)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.LeakyReLU(0.1))


def _enlarged(x: Tensor) -> Tensor:
    """Return a batch of twice the height and width."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear")


def _collapsed(bands: list[Tensor]) -> Tensor:
    """Return the picture of a pyramid's bands."""
    picture = bands[-1]
    for band in reversed(bands[:-1]):
        picture = band + _enlarged(picture)
    return picture


def _strength(band: Tensor, level: int) -> Tensor:
    """Return the magnitude of a band around each pixel."""
    size = band.abs()
    return functional.avg_pool2d(size, 3, 1, 1) if level < 3 else size
