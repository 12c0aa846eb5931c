"""LRRNet: unrolled optimisation that splits pictures into low-rank and sparse parts.

H. Li, T. Xu, X.-J. Wu, J. Lu, J. Kittler, "LRRNet: A novel representation learning guided fusion
network for infrared and visible images", IEEE Transactions on Pattern Analysis and Machine
Intelligence 45(9), 2023, doi:10.1109/TPAMI.2023.3268209.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.stretch import stretched
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import SizeRule

_WHITE = 255.0
"""The authors stretch values on a scale of 0 to 255."""

_FILTERS = 128
"""Coefficients per pixel for each of the two parts."""


class Parts(NamedTuple):
    """Two parts of a picture, each `(b, 1, h, w)`, on no fixed scale.

    Attributes:
        low_rank: The part that repeats itself: large-scale structure.
        sparse: The part that stands out: details and targets.
    """

    low_rank: Tensor
    sparse: Tensor


class LRRNetFeatures(NamedTuple):
    """The fused picture and the parts of all three pictures.

    Attributes:
        fused: `(b, 1, h, w)`, as `fuse` returns it.
        ir: Parts of the infrared picture.
        vis: Parts of the visible picture.
        both: Parts of the fused picture, which is their sum before it is stretched.
    """

    fused: Tensor
    ir: Parts
    vis: Parts
    both: Parts


class LRRNet(FusionNetwork):
    """The network of LRRNet: it splits both pictures, fuses part by part, and adds the parts.

    Args:
        blocks: Learned iterations of the optimisation.
        stretch: Whether inputs and output are stretched between their minimum and maximum, as the
            authors do in training and in their tests. Without it, the output of their weights has
            no fixed scale.

    Departures: none from the published code, which does not constrain its thresholds to be above 0.
    """

    name = "lrrnet"
    title = "Low-rank and sparse parts by unrolled optimisation"
    good_for = (
        "Infrared and visible with very few parameters: fuses low-rank and sparse parts separately."
    )
    paper = (
        "H. Li et al., LRRNet: A novel representation learning guided fusion network for infrared "
        "and visible images, IEEE TPAMI 45(9), 2023, doi:10.1109/TPAMI.2023.3268209"
    )
    year = 2023
    activation = "none"
    bytes_per_pixel = 9600
    size = SizeRule(minimum=2)  # reflection needs a neighbour

    def __init__(self, *, blocks: int = 4, stretch: bool = True) -> None:
        super().__init__()
        self.blocks = blocks
        self.stretch = stretch
        self.infrared_branch = _Decomposition(blocks)
        self.visible_branch = _Decomposition(blocks)
        self.low_rank = _conv(2, 1)
        self.sparse = _conv(2, 1)

    def features(self, ir: Tensor, vis: Tensor) -> LRRNetFeatures:
        """Fuse like `fuse`, and return the parts of all three pictures too."""
        if self.stretch:
            ir, vis = stretched(ir * _WHITE), stretched(vis * _WHITE)
        ir_parts, vis_parts = self.infrared_branch(ir), self.visible_branch(vis)
        both = Parts(
            self.low_rank(torch.cat([ir_parts.low_rank, vis_parts.low_rank], 1)),
            self.sparse(torch.cat([ir_parts.sparse, vis_parts.sparse], 1)),
        )
        fused = both.low_rank + both.sparse
        fused = stretched(fused) if self.stretch else fused
        return LRRNetFeatures(fused, ir_parts, vis_parts, both)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        return self.features(ir, vis).fused

    @property
    def halo(self) -> int | None:
        """Halo of the 3x3 convolutions (one, two per block, two more); None with stretching."""
        return None if self.stretch else 2 * self.blocks + 3


class _Decomposition(nn.Module):
    """LLRR blocks: coefficients Z of the low-rank and sparse parts, then the parts themselves.

    Z begins as eta(W x); each block replaces it by eta(lambda Z + E (x - D Z)), a step of LISTA
    with convolutions D to a picture and E to coefficients, where eta(z) = sign(z) max(|z| - theta,
    0). Theta (one per filter) and lambda are shared by all blocks.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.rand(1, 2 * _FILTERS))
        self.decay = nn.Parameter(torch.rand(1, 1))
        self.head = _conv(1, 2 * _FILTERS)
        self.synthesis = nn.ModuleList(_conv(2 * _FILTERS, 1) for _ in range(blocks))
        self.analysis = nn.ModuleList(_conv(1, 2 * _FILTERS) for _ in range(blocks))
        self.low_rank = _conv(_FILTERS, 1)
        self.sparse = _conv(_FILTERS, 1)

    def forward(self, x: Tensor) -> Parts:
        """Split `(b, 1, h, w)` into its two parts."""
        z = self._shrink(self.head(x))
        for synthesis, analysis in zip(self.synthesis, self.analysis, strict=True):
            z = self._shrink(self.decay * z + analysis(x - synthesis(z)))
        low_rank, sparse = z.chunk(2, 1)
        return Parts(self.low_rank(low_rank), self.sparse(sparse))

    def _shrink(self, z: Tensor) -> Tensor:
        """Apply the soft threshold eta."""
        return z.sign() * (z.abs() - self.threshold[:, :, None, None]).clamp(min=0)


def _conv(inputs: int, outputs: int) -> ConvAct:
    return ConvAct(inputs, outputs, slope=None, padding="reflect")
