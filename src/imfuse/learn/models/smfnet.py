"""SMFNet: base, detail and graph features that guide each other.

X. Zhang, L. Wang, L. Zhao, X. Li, S. Ma, "A semantic-aware and multi-guided network for
infrared-visible image fusion", IEEE Transactions on Multimedia, 2025,
doi:10.48550/arXiv.2407.06159.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.attention import (
    ChannelAttention,
    LocalFeedForward,
    TransformerBlock,
    channel_attention,
)
from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.gradient import GradientResidualDense
from imfuse.learn.blocks.graph import GraphReasoning
from imfuse.learn.blocks.invertible import DetailCoupling, ReverseAffineCoupling
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_CHANNELS = 64
_HEADS = 8


class Parts(NamedTuple):
    """Features of one picture in the context of the other, each `(b, 64, h, w)`.

    Attributes:
        shallow: Input of the three branches.
        base: Features that the modalities share.
        detail: Features of one modality.
        graph: Result of the graph reasoning between modalities; zeros in a network without it.
    """

    shallow: Tensor
    base: Tensor
    detail: Tensor
    graph: Tensor


class SMFNetFeatures(NamedTuple):
    """The fused picture and the features behind it.

    Attributes:
        fused: `(b, 1, h, w)` in [0, 1].
        ir: Features of the infrared picture.
        vis: Features of the visible picture.
    """

    fused: Tensor
    ir: Parts
    vis: Parts


class SMFNet(FusionNetwork):
    """The encoder, graph reasoning, fusion layers and decoder of SMFNet (figure 2).

    Args:
        variant: How graph nodes exchange messages. `release`: as the published weights require;
            `paper`: equations 12-16. See `GraphReasoning`.
        cross_attention: Equations 1-4. False: row "CAI->INN block" of table 5.
        residual_base: Convolutions and a residual connection after each group of transformer
            blocks, equation 10. False: row "w/o residual transformer".
        graph: The graph reasoning module. False: row "w/o GNN". The paper does not say what
            replaces it; here nothing does.
        exchanged_fusion: Fuse base features with the layer for details and vice versa: row
            "INN<->transformer".
        trainable_operators: Whether training may change the Sobel kernels of the dense blocks;
            the published code trains them.

    Departures:
        Dense blocks, widths, heads and numbers of blocks are known only from the published code.
        Equation 3 has V2 where equation 1 has V1; each half of the channels provides the queries
        for the other half's keys and values, as in the published code. Equations 5-8 as printed
        update both halves at once, which cannot be inverted; here they are updated one after the
        other, as in the published code. The last features are added before the decoder, as in that
        code; the text concatenates them. Published weights contain 498 720 parameters that are
        never applied; they are kept frozen. The other rows of table 5 are recipes, not networks.
    """

    name = "smfnet"
    title = "Base, detail and graph features with transformers and invertible blocks"
    good_for = (
        "Infrared and visible, and medical pairs. The slowest of the five: transformers and "
        "graphs at full size."
    )
    paper = (
        "X. Zhang et al., A semantic-aware and multi-guided network for infrared-visible image "
        "fusion, IEEE Transactions on Multimedia, 2025, doi:10.48550/arXiv.2407.06159"
    )
    year = 2025
    activation = "sigmoid"
    bytes_per_pixel = 9300
    size = SizeRule(minimum=2)  # reflection needs a neighbour

    def __init__(
        self,
        *,
        variant: Literal["paper", "release"] = "release",
        cross_attention: bool = True,
        residual_base: bool = True,
        graph: bool = True,
        exchanged_fusion: bool = False,
        trainable_operators: bool = True,
    ) -> None:
        super().__init__()
        check_choice("variant", variant, ("paper", "release"))
        self.exchanged_fusion = exchanged_fusion
        self.encoder = _Encoder(
            cross_attention=cross_attention,
            residual_base=residual_base,
            trainable_operators=trainable_operators,
        )
        self.reasoning = GraphReasoning(_CHANNELS, variant=variant) if graph else _NoGraph()
        self.base_fusion = _BaseFusion()
        self.detail_fusion = nn.Sequential(
            *_local_gradients(trainable_operators=trainable_operators),
            ReverseAffineCoupling(_CHANNELS),
            ReverseAffineCoupling(_CHANNELS),
        )
        self.decoder = _Decoder()

    def decompose(self, ir: Tensor, vis: Tensor) -> tuple[Parts, Parts]:
        """Return the features of both pictures, each `(b, 1, h, w)`, infrared first."""
        ir_branches, vis_branches = self.encoder(ir), self.encoder(vis)
        graph = self.reasoning(ir_branches[0], vis_branches[0])
        return Parts(*(*ir_branches, graph[0])), Parts(*(*vis_branches, graph[1]))

    def reconstruct(self, parts: Parts) -> Tensor:
        """Decode features to a picture `(b, 1, h, w)`. Stage I trains this."""
        picture: Tensor = self.decoder(parts.base + parts.detail + parts.graph)
        return picture

    def features(self, ir: Tensor, vis: Tensor) -> SMFNetFeatures:
        """Fuse like `fuse`, and return the features of both pictures too."""
        ir_parts, vis_parts = self.decompose(ir, vis)
        base, detail = ir_parts.base + vis_parts.base, ir_parts.detail + vis_parts.detail
        if self.exchanged_fusion:
            base, detail = detail, base
        total = self.base_fusion(base) + self.detail_fusion(detail)
        total = total + self.reasoning.join(ir_parts.graph, vis_parts.graph)
        return SMFNetFeatures(self.decoder(total), ir_parts, vis_parts)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        return self.features(ir, vis).fused


class _Encoder(nn.Module):
    """Encoder from a picture `(b, 1, h, w)` to shallow, base and detail features."""

    def __init__(
        self, *, cross_attention: bool, residual_base: bool, trainable_operators: bool
    ) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, _CHANNELS, 3, padding=1, bias=False)
        self.shallow = _transformer()
        self.base = _BaseBranch(residual=residual_base)
        self.detail = nn.Sequential(
            *_local_gradients(trainable_operators=trainable_operators),
            _CrossAttention() if cross_attention else nn.Identity(),
            DetailCoupling(_CHANNELS),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shallow = self.shallow(self.embed(x))
        return shallow, self.base(shallow), self.detail(shallow)


class _BaseBranch(nn.Module):
    """The base branch, for shared long-range features: a convolution and two transformer groups."""

    def __init__(self, *, residual: bool) -> None:
        super().__init__()
        self.embed = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1)
        self.groups = nn.Sequential(*(_TransformerGroup(residual=residual) for _ in range(2)))
        self.idle = nn.ModuleList(
            [
                nn.Conv2d(2 * _CHANNELS, _CHANNELS, 1, bias=False),
                nn.LayerNorm(_CHANNELS),
                _bottleneck(),
            ]
        ).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.groups(self.embed(x))
        return result


class _TransformerGroup(nn.Module):
    """Equations 9 and 10: transformer blocks, convolutions, and a residual connection.

    Blocks with depthwise convolutions and a local feed-forward layer alternate with blocks that
    have dense convolutions and a plain feed-forward layer of twice the channels.
    """

    def __init__(self, *, residual: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            _transformer(), _dense_transformer(), _transformer(), _dense_transformer()
        )
        self.convs = _bottleneck() if residual else None

    def forward(self, x: Tensor) -> Tensor:
        deep: Tensor = self.blocks(x)
        return deep if self.convs is None else self.convs(deep) + x


class _CrossAttention(nn.Module):
    """Equations 1-4: cross-attention between the two halves of the channels.

    Both directions share their weights.
    """

    def __init__(self) -> None:
        super().__init__()
        half = _CHANNELS // 2
        self.temperature = nn.Parameter(torch.ones(_HEADS, 1, 1))
        self.key_value = _separable(half, 2 * half)
        self.query = _separable(half, half)
        self.project_out = nn.Conv2d(half, half, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x.chunk(2, 1)
        return torch.cat([self._attend(x2, x1), self._attend(x1, x2)], 1)

    def _attend(self, guide: Tensor, x: Tensor) -> Tensor:
        key, value = self.key_value(x).chunk(2, 1)
        result: Tensor = self.project_out(
            channel_attention(self.query(guide), key, value, self.temperature)
        )
        return result


class _NoGraph(nn.Module):
    """Zeros in place of graph reasoning, for networks without it."""

    def forward(self, ir: Tensor, vis: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(ir), torch.zeros_like(vis)

    def join(self, ir: Tensor, vis: Tensor) -> Tensor:
        return ir + vis


class _BaseFusion(TransformerBlock):
    """A transformer block on the sum of both base features."""

    def __init__(self) -> None:
        super().__init__(
            _CHANNELS, ChannelAttention(_CHANNELS, _HEADS), LocalFeedForward(_CHANNELS)
        )
        idle = nn.Conv2d(2 * _CHANNELS, _CHANNELS, 1, bias=False)
        self.idle = idle.requires_grad_(requires_grad=False)


class _Decoder(nn.Sequential):
    """Decoder from features, `(b, 64, h, w)`, to a picture, `(b, 1, h, w)` in [0, 1]."""

    def __init__(self) -> None:
        super().__init__(
            _transformer(),
            ConvAct(64, 32, slope=0.01, bias=False),
            ConvAct(32, 16, slope=0.01, bias=False),
            ConvAct(16, 1, slope=None, bias=False),
            nn.Sigmoid(),
        )


def _transformer() -> TransformerBlock:
    return TransformerBlock(
        _CHANNELS, ChannelAttention(_CHANNELS, _HEADS), LocalFeedForward(_CHANNELS)
    )


def _dense_transformer() -> TransformerBlock:
    feed_forward = nn.Sequential(
        nn.Conv2d(_CHANNELS, 2 * _CHANNELS, 1, bias=False),
        nn.GELU(),
        nn.Conv2d(2 * _CHANNELS, _CHANNELS, 1, bias=False),
    )
    return TransformerBlock(
        _CHANNELS, ChannelAttention(_CHANNELS, _HEADS, dense=True), feed_forward
    )


def _bottleneck() -> nn.Sequential:
    return nn.Sequential(ConvAct(64, 16), ConvAct(16, 16, 1), ConvAct(16, 64, slope=None))


def _local_gradients(*, trainable_operators: bool) -> tuple[nn.Module, nn.Module]:
    dense = GradientResidualDense(_CHANNELS, _CHANNELS, trainable_operators=trainable_operators)
    return ConvAct(_CHANNELS, _CHANNELS), dense


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)
    )
