"""CDDFuse: correlated base features and uncorrelated detail features.

Z. Zhao, H. Bai, J. Zhang, Y. Zhang, S. Xu, Z. Lin, R. Timofte, L. Van Gool, "CDDFuse:
Correlation-driven dual-branch feature decomposition for multi-modality image fusion", CVPR 2023,
doi:10.1109/CVPR52729.2023.00572.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.attention import ChannelAttention, GatedFeedForward, TransformerBlock
from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.invertible import DetailCoupling
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_CHANNELS = 64
_HEADS = 8


class Parts(NamedTuple):
    """Features of one picture, each `(b, 64, h, w)`.

    Attributes:
        base: Features that the modalities share.
        detail: Features of one modality.
    """

    base: Tensor
    detail: Tensor


class CDDFuseFeatures(NamedTuple):
    """The fused picture and the features behind it.

    Attributes:
        fused: `(b, 1, h, w)` in [0, 1].
        ir: Features of the infrared picture.
        vis: Features of the visible picture.
    """

    fused: Tensor
    ir: Parts
    vis: Parts


class CDDFuse(FusionNetwork):
    """The encoder, fusion layers and decoder of CDDFuse (figure 2).

    Args:
        residual: Picture added to the decoder's output before the sigmoid. `vis`: the visible
            picture, for the published infrared-visible weights; `sum`: both pictures, as the
            authors use the same weights for medical pictures; `none`: nothing, for the published
            medical weights.

    Departures: everything follows the published code. Base features come from channel attention
        after dense 3x3 convolutions and from a gated feed-forward layer that mixes channels in
        pairs, where the text has Lite Transformer blocks. The usual count of 1.78 M parameters
        counts the shared encoder twice.
    """

    name = "cddfuse"
    title = "Base and detail features with transformers and invertible blocks"
    good_for = (
        "Infrared and visible, and with other weights medical pairs. Crisp; the reference "
        "that newer methods compare with. Slow, and needs much memory."
    )
    paper = (
        "Z. Zhao et al., CDDFuse: Correlation-driven dual-branch feature decomposition for "
        "multi-modality image fusion, CVPR 2023, doi:10.1109/CVPR52729.2023.00572"
    )
    year = 2023
    activation = "sigmoid"
    bytes_per_pixel = 8900
    size = SizeRule(minimum=2)  # reflection needs a neighbour

    def __init__(self, *, residual: Literal["vis", "sum", "none"] = "vis") -> None:
        super().__init__()
        check_choice("residual", residual, ("vis", "sum", "none"))
        self.residual = residual
        self.symmetric = residual != "vis"
        self.encoder = _Encoder()
        self.base_fusion = _base_transformer()
        self.detail_fusion = DetailCoupling(_CHANNELS)
        self.decoder = _Decoder()

    def encode(self, picture: Tensor) -> Parts:
        """Split `(b, 1, h, w)` in [0, 1] into base and detail features."""
        return Parts(*self.encoder(picture))

    def reconstruct(self, picture: Tensor, parts: Parts) -> Tensor:
        """Decode features to a picture `(b, 1, h, w)`. Stage I trains this.

        Args:
            picture: The picture itself, which is added unless `residual` is `none`.
            parts: Its features.
        """
        logits: Tensor = self.decoder(torch.cat(parts, 1))
        return (logits if self.residual == "none" else logits + picture).sigmoid()

    def features(self, ir: Tensor, vis: Tensor) -> CDDFuseFeatures:
        """Fuse like `fuse`, and return the features of both pictures too."""
        ir_parts, vis_parts = self.encode(ir), self.encode(vis)
        parts = Parts(
            self.base_fusion(ir_parts.base + vis_parts.base),
            self.detail_fusion(ir_parts.detail + vis_parts.detail),
        )
        picture = ir + vis if self.residual == "sum" else vis
        return CDDFuseFeatures(self.reconstruct(picture, parts), ir_parts, vis_parts)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        return self.features(ir, vis).fused


class _Encoder(nn.Module):
    """Shared encoder from a picture `(b, 1, h, w)` to base and detail features."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, _CHANNELS, 3, padding=1, bias=False)
        self.shallow = nn.Sequential(*(_transformer() for _ in range(4)))
        self.base = _base_transformer()
        self.detail = nn.Sequential(*(DetailCoupling(_CHANNELS) for _ in range(3)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shallow = self.shallow(self.embed(x))
        return self.base(shallow), self.detail(shallow)


class _Decoder(nn.Sequential):
    """Decoder from base and detail features, `(b, 128, h, w)`, to a picture before its sigmoid."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2 * _CHANNELS, _CHANNELS, 1, bias=False),
            *(_transformer() for _ in range(4)),
            ConvAct(64, 32, slope=0.01, bias=False),
            ConvAct(32, 1, slope=None, bias=False),
        )


def _transformer() -> TransformerBlock:
    attention = ChannelAttention(_CHANNELS, _HEADS)
    return TransformerBlock(_CHANNELS, attention, GatedFeedForward(_CHANNELS, 2))


def _base_transformer() -> TransformerBlock:
    attention = ChannelAttention(_CHANNELS, _HEADS, dense=True)
    return TransformerBlock(_CHANNELS, attention, GatedFeedForward(_CHANNELS, 1, paired=True))
