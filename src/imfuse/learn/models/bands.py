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

from imfuse.engines.band_pyramid import BLURRED, FLOOR, LEVELS
from imfuse.engines.bands import GAIN, LIFT, SCALED, BandRule, scale_of
from imfuse.learn.blocks.decider import Decider, described, enlarged
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import Preference, SizeRule

_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Binomial filter of the pyramid (Burt and Adelson 1983)."""


class Decision(NamedTuple):
    """Decisions of the network on each band, and on what is left below them.

    Attributes:
        masks: `(b, 1, h, w)` shares of infrared, 0 to 1, finest band first.
        gains: Likewise, factors of what is blended.
        lift: Likewise for the coarsest level alone, the change of brightness.
    """

    masks: list[Tensor]
    gains: list[Tensor]
    lift: Tensor


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
        start: Halvings before the network begins: 1 is half resolution, 3 an eighth.
        halved: Whether the finest band is selected at half resolution, which is faster.
    """

    paper = (
        "imfuse's own; the pyramid is that of P. J. Burt, E. H. Adelson, The Laplacian pyramid as "
        "a compact image code, IEEE Transactions on Communications 31(4), 1983, "
        "doi:10.1109/TCOM.1983.1095851"
    )
    year = 2026
    activation = "none"
    stride = 16
    bytes_per_pixel = 200

    def __init__(self, *, widths: tuple[int, int, int], start: int, halved: bool) -> None:
        super().__init__()
        self.start, self.halved = start, halved
        # Bands up to `start` are decided at the finest scale, all that is coarser at its own.
        scales = [scale_of(level, start) for level in range(LEVELS + 1)]
        outputs = tuple(2 * scales.count(scale) for scale in range(max(scales) + 1))
        self.decider = Decider(4 + 2 * start, widths, outputs)
        self.sharpness = nn.Parameter(torch.full((LEVELS,), 4.0))

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse `(b, 1, h, w)` and `(b, 1, h, w)` to the same shape, as usual."""
        return self.prefer(ir, vis, Preference())

    def fuse_for_machines(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse a batch by the preference for machines."""
        return self.prefer(ir, vis, Preference(machine=1.0))

    def prefer(self, ir: Tensor, vis: Tensor, preference: Preference) -> Tensor:
        """Fuse as somebody prefers.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 1, h, w)` luma in [0, 1].
            preference: What to prefer.
        """
        of_ir, of_vis = _pyramid(ir), _pyramid(vis)
        decision = self.decide(of_ir, of_vis, preference, described(ir, vis))
        bands = zip(of_ir, of_vis, decision.masks, decision.gains, strict=True)
        blended = [gain * (b + mask * (a - b)) for a, b, mask, gain in bands]
        blended[-1] = blended[-1] + decision.lift
        return _collapsed(blended)

    def shares(self, ir: Tensor, vis: Tensor, preference: Preference | None = None) -> Shares:
        """Return what of the fused picture comes from where; the three add up to it.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 1, h, w)` luma in [0, 1].
            preference: What to prefer; None: the usual picture.
        """
        of_ir, of_vis = _pyramid(ir), _pyramid(vis)
        scene = described(ir, vis)
        masks, gains, lift = self.decide(of_ir, of_vis, preference or Preference(), scene)
        decided = list(zip(masks, gains, strict=True))
        none = [torch.zeros_like(band) for band in of_ir[:-1]]
        return Shares(
            ir=_collapsed([g * m * a for a, (m, g) in zip(of_ir, decided, strict=True)]),
            vis=_collapsed([g * (1 - m) * b for b, (m, g) in zip(of_vis, decided, strict=True)]),
            neither=_collapsed([*none, lift]),
        )

    @property
    def rule(self) -> BandRule:
        """Numbers that the engine needs besides the network; see `imfuse.engines.bands`."""
        return BandRule(
            start=self.start,
            halved=self.halved,
            sharpness=tuple(self.sharpness.tolist()),
            wishes=self.decider.learned,
        )

    def decide(
        self, of_ir: list[Tensor], of_vis: list[Tensor], preference: Preference, scene: Tensor
    ) -> Decision:
        """Return what the network decides.

        Args:
            of_ir: Bands of infrared, finest first, then what is left.
            of_vis: Those of the visible picture.
            preference: What to prefer.
            scene: What the whole pictures are like; see `described`.
        """
        wanted = of_ir[0].new_tensor(preference).expand(len(of_ir[0]), -1)
        maps = [
            iter(one.chunk(one.shape[1] // 2, 1))
            for one in self._maps(of_ir, of_vis, wanted, scene)
        ]
        masks, gains = [], []
        for level in range(LEVELS):
            scale = scale_of(level, self.start)
            decided = next(maps[scale])
            logit, gain = decided[:, :1], GAIN[0] + GAIN[1] * torch.sigmoid(decided[:, 1:])
            halved = self.halved and level == 0
            for _ in range(self.start + scale - level - halved):
                logit, gain = enlarged(logit), enlarged(gain)
            a, b = (_strength(bands[level], level, halved) for bands in (of_ir, of_vis))
            contrast = (a - b) / (a + b + FLOOR)
            mask = torch.sigmoid(2 * logit + self.sharpness[level] * contrast)
            masks.append(enlarged(mask) if halved else mask)
            gains.append(enlarged(gain) if halved else gain)
        scale = scale_of(LEVELS, self.start)
        rest = next(maps[scale])
        for _ in range(LEVELS - self.start - scale):
            rest = functional.avg_pool2d(rest, 2)
        masks.append(torch.sigmoid(2 * rest[:, :1]))
        gains.append(torch.ones_like(masks[-1]))
        return Decision(masks, gains, LIFT * torch.tanh(rest[:, 1:]))

    def _maps(
        self, of_ir: list[Tensor], of_vis: list[Tensor], preference: Tensor, scene: Tensor
    ) -> tuple[Tensor, ...]:
        """Return what the network answers to both pictures at its resolution."""
        seen = []
        for bands in (of_ir, of_vis):
            finer = [
                functional.avg_pool2d(band.abs(), 2 ** (self.start - level))
                for level, band in enumerate(bands[: self.start])
            ]
            seen += [_collapsed(bands[self.start :]), SCALED[0] * bands[self.start]]
            seen += [SCALED[1] * one for one in finer]
        found: tuple[Tensor, ...] = self.decider(torch.cat(seen, 1), preference, scene)
        return found


class ImfuseB(BandSelection):
    """The base network: half resolution and below."""

    name = "imfuse-b"
    title = "Selection of bands by a small network: our best picture"
    good_for = "Infrared and visible, for the eye: contrast and edges of both at little cost."
    size = SizeRule(minimum=32, multiple=16)

    def __init__(self) -> None:
        super().__init__(widths=(16, 24, 32), start=1, halved=False)

    @property
    def halo(self) -> int:
        """Reach of the coarsest scale, and of the pyramid above and below it."""
        return 96


class ImfuseS(BandSelection):
    """The small network: an eighth of the resolution and below."""

    name = "imfuse-s"
    title = "Selection of bands by a very small network, in real time"
    good_for = "Infrared and visible video on a laptop: nearly as good as imfuse-b, far faster."
    size = SizeRule(minimum=64, multiple=32)
    stride = 32
    bytes_per_pixel = 100

    def __init__(self) -> None:
        super().__init__(widths=(12, 16, 24), start=3, halved=True)

    @property
    def halo(self) -> int:
        """Reach of the coarsest scale, and of the pyramid above and below it."""
        return 320


def _pyramid(picture: Tensor) -> list[Tensor]:
    """Return the bands of a picture, finest first, then what is left."""
    bands, taps = [], picture.new_tensor(_TAPS)
    kernel = (taps[:, None] * taps)[None, None]
    for _ in range(LEVELS):
        padded = functional.pad(picture, (2, 2, 2, 2), mode="reflect")
        smaller = functional.conv2d(padded, kernel, stride=2)
        bands.append(picture - enlarged(smaller))
        picture = smaller
    return [*bands, picture]


def _collapsed(bands: list[Tensor]) -> Tensor:
    """Return the picture of a pyramid's bands."""
    picture = bands[-1]
    for band in reversed(bands[:-1]):
        picture = band + enlarged(picture)
    return picture


def _strength(band: Tensor, level: int, halved: bool) -> Tensor:  # noqa: FBT001
    """Return the magnitude of a band around each pixel, on request at half resolution."""
    size = band.abs()
    if halved:
        return functional.avg_pool2d(size, 2)
    return functional.avg_pool2d(size, 3, 1, 1) if level < BLURRED else size
