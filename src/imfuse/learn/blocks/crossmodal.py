"""Fusion of two modalities' features: gates for details, attention for semantics.

L. Tang, H. Zhang, H. Xu, J. Ma, "Rethinking the necessity of image fusion in high-level vision
tasks", Information Fusion 99, 2023, doi:10.1016/j.inffus.2023.101870, equations 4 to 10.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.normed import ConvNorm, PointwiseBottleneck
from imfuse.learn.blocks.positions import attend_positions

Variant = Literal["paper", "release"]


class DetailFusion(nn.Module):
    """SDFM: channel gates, then an element-wise weight between the two modalities.

    In `paper`, each modality is enhanced by the other's gated features, and W applies to infrared;
    in `release`, by its own, and W applies to visible.

    Args:
        inputs: Channels of each modality.
        outputs: Output channels.
        variant: Follow the paper, or the published code where it computes another function.
    """

    def __init__(self, inputs: int, outputs: int, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        self.infrared, self.visible = (
            nn.Sequential(
                ConvNorm(inputs, outputs), ConvNorm(outputs, outputs), ConvNorm(outputs, outputs)
            )
            for _ in range(2)
        )
        self.gates = PointwiseBottleneck(2 * outputs, outputs // 2)
        self.merge = ConvNorm(2 * outputs, outputs, 1, bias=True)
        self.spatial = PointwiseBottleneck(outputs, outputs // 4)
        self.channel = PointwiseBottleneck(outputs, outputs // 4)

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two `(b, inputs, h, w)` to `(b, outputs, h, w)`: equations 4 to 6."""
        ir, vis = self.infrared(ir), self.visible(vis)
        both = torch.cat([vis, ir], 1)
        gated_vis, gated_ir = (
            torch.sigmoid(self.gates(both.mean((2, 3), keepdim=True))) * both
        ).chunk(2, 1)
        if self.variant == "paper":
            ir, vis = ir + gated_vis, vis + gated_ir
        else:
            ir, vis = ir + gated_ir, vis + gated_vis
        merged = self.merge(torch.cat([vis, ir], 1))
        weight = torch.sigmoid(
            self.spatial(merged) * self.channel(merged.mean((2, 3), keepdim=True))
        )
        one, other = (ir, vis) if self.variant == "paper" else (vis, ir)
        return weight * one + (1 - weight) * other


class SemanticFusion(nn.Module):
    """PSFM: dense layers, then attention with a query common to both modalities.

    In `paper`, attention to each modality is softmax(Q K^T). In `release`, it is softmax(K^T Q),
    and the result is multiplied by a learned factor that starts at 0. Both add the result to the
    other modality's features.

    Args:
        inputs: Channels of each modality.
        outputs: Output channels.
        variant: Follow the paper, or the published code where it computes another function.
        parts: Number of parts of the queries that an exported network processes one after the
            other; it must divide the number of positions.
    """

    def __init__(self, inputs: int, outputs: int, variant: Variant, *, parts: int = 1) -> None:
        super().__init__()
        self.variant = variant
        self.parts = parts
        self.infrared = _DenseEnhancement(inputs, outputs)
        self.visible = _DenseEnhancement(inputs, outputs)
        self.query = ConvNorm(2 * outputs, outputs)
        self.infrared_key = ConvNorm(outputs, outputs)
        self.infrared_value = ConvNorm(outputs, outputs)
        self.visible_key = ConvNorm(outputs, outputs)
        self.visible_value = ConvNorm(outputs, outputs)
        self.merge = ConvNorm(2 * outputs, outputs)
        if variant == "release":
            self.infrared_factor = nn.Parameter(torch.zeros(1))
            self.visible_factor = nn.Parameter(torch.zeros(1))

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two `(b, inputs, h, w)` to `(b, outputs, h, w)`: equations 7 to 10."""
        ir, vis = self.infrared(ir), self.visible(vis)
        query = self.query(torch.cat([vis, ir], 1))
        from_ir = self._attend(query, self.infrared_key(ir), self.infrared_value(ir))
        from_vis = self._attend(query, self.visible_key(vis), self.visible_value(vis))
        if self.variant == "release":
            from_ir, from_vis = self.infrared_factor * from_ir, self.visible_factor * from_vis
        fused: Tensor = self.merge(torch.cat([ir + from_vis, vis + from_ir], 1))
        return fused

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if self.variant == "release":  # the code's softmax runs over the positions of the query
            query, key = key, query
        return attend_positions(query, key, value, self.parts)


class _DenseEnhancement(nn.Module):
    """The densely connected layers of PSFM."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = outputs // 4
        self.narrow = nn.Conv2d(inputs, inner, 1)
        self.dense = nn.ModuleList(ConvNorm(i * inner, inner) for i in range(1, 5))
        self.merge = ConvNorm(inputs + inner, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h, w)`."""
        narrow: Tensor = self.narrow(x)
        found: list[Tensor] = []
        for conv in self.dense:
            found.append(conv(torch.cat([*found, narrow], 1)))
        enhanced: Tensor = self.merge(torch.cat([x, found[-1]], 1))
        return enhanced
