"""RefineFuse: detail interaction in shallow levels, semantic interaction in deep ones.

C. Song, H. Li, T. Xu, X.-J. Wu, J. Kittler, "RefineFuse: an end-to-end network for multi-scale
refinement fusion of multi-modality images", Visual Intelligence 3, 2025,
doi:10.1007/s44267-025-00087-w.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.errors import UsageError
from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.positions import attend_positions, pool_to_grid
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_SHALLOW = 2  # levels fused by SFIM; deeper ones are fused by PSIM


class RefineFuse(FusionNetwork):
    """The network of RefineFuse (figure 2), rebuilt from its text.

    Each modality is encoded at `levels` scales. Levels 1 and 2 are fused by the superficial feature
    interaction module (SFIM), deeper ones by the profound semantic interaction module (PSIM).
    Decoders run from the deepest level up; the deep-superficial feature interaction module (FIM)
    joins their features with those of level 2.

    The rows of the paper's tables 9 and 10 are: I `levels=1, detail_interaction=False`;
    II `levels=1`; III `levels=2, semantic_interaction=False`; IV `levels=2`;
    V `depth_interaction=False`; A `levels=3`; B `levels=5`; ours: the defaults.

    Args:
        levels: Number of scales 1, 1/2, ..., from 1 to 5. If there are several, the last one counts
            as deep.
        detail_interaction: Fuse shallow levels with SFIM; otherwise by concatenation and a 3x3
            convolution.
        semantic_interaction: Fuse deep levels with PSIM; otherwise by concatenation and a 3x3
            convolution.
        depth_interaction: Join level 2 with deeper features by FIM; otherwise by addition. It has
            no effect with fewer than three levels.
        attended_to: The features that PSIM adds a modality's attended values to: its own, as the
            text says ("the original features"), or the other modality's, as PSFusion does.
        channel_convolutions: Whether each channel attention of FIM has a 1x1 convolution before
            its sigmoid.
        width: Channels of every level.
        grid: Side of the fixed grid on which PSIM attends.

    Departures: there is no public code, and equations 1 to 9 are missing from the text we have. The
    modules follow their own sections: SFIM has only spatial attention, although the introduction
    speaks of dual attention; FIM has only channel attention, although its section also names
    spatial attention without describing it. The four "encoders" of the reconstruction are decoders.
    `width`, `grid`, the decoders' widths and the convolutions of FIM were chosen to match the size
    that the paper reports: 2.206 million parameters (reported: 2.21), 12.82 billion multiplications
    of convolutions at 256x256 (12.73) and 48.22 billion at 512x512 (48.11). Chosen without
    evidence: ReLU after convolutions that are neither projections nor attention; no normalisation;
        no scale inside the softmax; keys without a bias, which the softmax would ignore; the
        product of FIM's two weights; addition where levels join without FIM.
    """

    name = "refinefuse"
    title = "Multi-scale network with detail and semantic interaction of modalities"
    good_for = (
        "Infrared and visible, and medical pairs: details and objects at four scales, at "
        "moderate cost."
    )
    paper = (
        "C. Song, H. Li, T. Xu, X.-J. Wu, J. Kittler, RefineFuse: an end-to-end network for "
        "multi-scale refinement fusion of multi-modality images, Visual Intelligence 3, 2025, "
        "doi:10.1007/s44267-025-00087-w"
    )
    year = 2025
    activation = "tanh"
    size = SizeRule(minimum=16, multiple=8)
    bytes_per_pixel = 3300

    def __init__(
        self,
        *,
        levels: int = 4,
        detail_interaction: bool = True,
        semantic_interaction: bool = True,
        depth_interaction: bool = True,
        attended_to: Literal["own", "other"] = "own",
        channel_convolutions: bool = True,
        width: int = 96,
        grid: int = 32,
    ) -> None:
        super().__init__()
        check_choice("attended_to", attended_to, ("own", "other"))
        if levels not in range(1, 6):
            raise UsageError(f"levels={levels!r}", expected="a number from 1 to 5")
        self.infrared_encoder = _Encoder(width, levels)
        self.visible_encoder = _Encoder(width, levels)
        self.fusion = nn.ModuleList()
        for level in range(1, levels + 1):
            deep = level > _SHALLOW or level == levels > 1
            if deep and semantic_interaction:
                self.fusion.append(_SemanticInteraction(width, grid, attended_to))
            elif detail_interaction and not deep:
                self.fusion.append(_DetailInteraction(width))
            else:
                self.fusion.append(_PlainFusion(width))
        self.depth_interaction = (
            _DepthInteraction(width, convolutions=channel_convolutions)
            if depth_interaction and levels > _SHALLOW
            else None
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(ConvAct(width, width, 1, slope=0.0), ConvAct(width, width, slope=0.0))
            for _ in range(levels - 1)
        )
        self.last_decoder = nn.Sequential(
            ConvAct(width, 64, slope=0.0),
            ConvAct(64, 32, slope=0.0),
            ConvAct(32, 16, slope=0.0),
            ConvAct(16, 1, slope=None),
        )

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        encoded = zip(self.infrared_encoder(ir), self.visible_encoder(vis), strict=True)
        levels = [fusion(*pair) for fusion, pair in zip(self.fusion, encoded, strict=True)]
        x: Tensor = levels.pop()
        for decoder in reversed(self.decoders):
            shallow = levels.pop()
            deep = _resize(decoder(x), shallow)
            if self.depth_interaction is not None and len(levels) == _SHALLOW - 1:
                x = self.depth_interaction(deep, shallow)
            else:
                x = deep + shallow
        fused: Tensor = torch.tanh(self.last_decoder(x)) / 2 + 0.5
        return fused


class _Encoder(nn.Module):
    """Encoder of one modality: a 3x3 convolution per level, all but the first with stride 2."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(width if level else 1, width, 3, 2 if level else 1, padding=1)
            for level in range(levels)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return `(b, width, h, w)`, `(b, width, h/2, w/2)`, ..., halves rounded up."""
        found = []
        for conv in self.convs:
            x = functional.relu(conv(x))
            found.append(x)
        return found


class _PlainFusion(nn.Module):
    """Concatenation and a 3x3 convolution, which replace SFIM and PSIM in the ablations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.merge = ConvAct(2 * width, width, slope=0.0)

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two `(b, width, h, w)` into one."""
        fused: Tensor = self.merge(torch.cat([ir, vis], 1))
        return fused


class _DetailInteraction(nn.Module):
    """SFIM: a spatial attention map per modality, then channel-wise fusion."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = ConvAct(2, 2, slope=None)
        self.merge = nn.Conv2d(2 * width, width, 3, padding=1, groups=width)

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two `(b, width, h, w)` into one: equations 1 and 2."""
        # Equal to pooling over the concatenated channels and a grouped convolution, without the #
        # concatenation, which would copy the largest features of the network.
        largest = torch.maximum(ir.amax(1, keepdim=True), vis.amax(1, keepdim=True))
        mean = (ir.mean(1, keepdim=True) + vis.mean(1, keepdim=True)) / 2
        maps = torch.sigmoid(self.attention(torch.cat([largest, mean], 1)))
        ir, vis = ir + ir * maps[:, :1], vis + vis * maps[:, 1:]
        weight, bias, groups = self.merge.weight, self.merge.bias, self.merge.out_channels
        of_ir = functional.conv2d(ir, weight[:, :1], bias, padding=1, groups=groups)
        of_vis = functional.conv2d(vis, weight[:, 1:], padding=1, groups=groups)
        return functional.relu(of_ir + of_vis)


class _SemanticInteraction(nn.Module):
    """PSIM: attention on a fixed grid, with one query computed from both modalities."""

    def __init__(self, width: int, grid: int, attended_to: Literal["own", "other"]) -> None:
        super().__init__()
        self.grid = grid
        self.attended_to = attended_to
        self.query = ConvAct(2 * width, width, slope=None)
        self.infrared_key = ConvAct(width, width, slope=None, bias=False)
        self.infrared_value = ConvAct(width, width, slope=None)
        self.visible_key = ConvAct(width, width, slope=None, bias=False)
        self.visible_value = ConvAct(width, width, slope=None)
        self.merge = ConvAct(2 * width, width, slope=0.0)

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two `(b, width, h, w)` into one: equations 3 and 4."""
        small_ir, small_vis = pool_to_grid(ir, self.grid), pool_to_grid(vis, self.grid)
        query = self.query(torch.cat([small_ir, small_vis], 1))
        from_ir = attend_positions(
            query, self.infrared_key(small_ir), self.infrared_value(small_ir)
        )
        from_vis = attend_positions(
            query, self.visible_key(small_vis), self.visible_value(small_vis)
        )
        if self.attended_to == "other":
            from_ir, from_vis = from_vis, from_ir
        global_ir, global_vis = ir + _resize(from_ir, ir), vis + _resize(from_vis, vis)
        fused: Tensor = self.merge(torch.cat([global_ir, global_vis], 1))
        return fused


class _DepthInteraction(nn.Module):
    """FIM: channel weights of deep and of shallow features, both applied to the shallow ones."""

    def __init__(self, width: int, *, convolutions: bool) -> None:
        super().__init__()
        self.deep = ConvAct(width, width, 1, slope=None) if convolutions else nn.Identity()
        self.shallow = ConvAct(width, width, 1, slope=None) if convolutions else nn.Identity()

    def forward(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Join two `(b, width, h, w)`, the deep one already up-sampled: equation 5."""
        of_deep = torch.sigmoid(self.deep(deep.mean((2, 3), keepdim=True)))
        of_shallow = torch.sigmoid(self.shallow(shallow.mean((2, 3), keepdim=True)))
        joined: Tensor = deep + shallow * of_deep * of_shallow
        return joined


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Interpolate to the size of another map, which is twice as large between levels."""
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)
