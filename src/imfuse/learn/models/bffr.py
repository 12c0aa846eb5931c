"""BFFR: fusion driven only by a segmenter's loss, with self-attention at four scales.

Y. Wu, Z. Liu, J. Liu, X. Fan, R. Liu, "Breaking free from fusion rule: A fully semantic-driven
infrared and visible image fusion", IEEE Signal Processing Letters, 2023,
doi:10.48550/arXiv.2211.12286.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.nested import NestedDecoder
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_WIDTHS = (32, 64, 96, 128)
_HEADS = (4, 8, 8, 16)
_SQUEEZED = 8
_FIRST_ENHANCEMENT = 0.05
"""Scale of the last norm of each self-attention, to begin with."""
_FIRST_DETAIL = 0.1
"""Factor of the last convolution's weights, to begin with, so that tanh is far from its limits."""
_FIRST_BIAS = -0.8
"""Bias of the last convolution, to begin with: tanh makes a gray of 0.17 of it."""
_FORMULAS = ("code", "paper", "shen")
_ABLATIONS = ("channel", "spatial", "none")


class BFFR(FusionNetwork):
    """The fusion network of BFFR (figure 1), called TransFuser6 in the published code.

    Args:
        variant: Default of `attention`: `code` for `release`, `paper` for `paper`.
        attention: How features are enhanced before both modalities are averaged. With q, k, v of
            shape `(n, d)` in each head, for n positions: `code`: v softmax(q^T k / sqrt(d)), from
            the published code; `paper`: q softmax(k^T v / sqrt(d)), from section II-A;
            `shen`: softmax(q) (softmax(k)^T v), from the work that the paper builds on, with q
            normalised over channels and k over positions. Rows of table II: `channel` (CHA: squeeze
            and excitation), `spatial` (SPA: spatial attention of SCA-CNN), `none` (w/o SLA: no
            enhancement).

    Departures: the paper gives neither the scale 1 / sqrt(d) nor the axis of its softmax; both
        follow the code (columns sum to 1). Widths, heads, norms and the four convolutions around
        the attention are known only from the code. There, a misplaced argument removed the
        activation of the first convolution of each modality; published weights depend on that, so
        it has none here. The batch norms of the first convolutions and the decoder, which are
        declared but never applied, are kept frozen. In `channel` and `spatial` the mask replaces
        the attention result, while product and residual stay; channels are squeezed to 8 (the usual
        sixteenth would be 2 at the first scale and may never learn); the softmax over positions is
        multiplied by their number, since a mask that sums to 1 would vanish on whole pictures.
        Initial weights follow K. He et al. (ICCV 2015), with hardly any enhancement and a dark
        picture, like most targets. With PyTorch's defaults, the picture begins at mid-gray; Adam's
        first steps then overshoot until tanh saturates, its gradient is exactly 0 and nothing is
        learned any more (in 7 of 12 trial runs). The
        published network was fed luma computed from BGR as if it were RGB, which concerns the data,
        not the network.
    """

    name = "bffr"
    title = "Self-attention at four scales and a nested decoder, led by a segmenter"
    good_for = (
        "Infrared and visible pictures for machines: it learns only what a segmenter needs. Not "
        "made to please the eye."
    )
    paper = (
        "Y. Wu et al., Breaking free from fusion rule: A fully semantic-driven infrared and "
        "visible image fusion, IEEE Signal Processing Letters, 2023, "
        "doi:10.48550/arXiv.2211.12286"
    )
    year = 2023
    activation = "tanh"
    bytes_per_pixel = 3800
    size = SizeRule(minimum=16)  # an eighth of it still has a pixel to reflect

    def __init__(
        self,
        *,
        variant: Literal["paper", "release"] = "release",
        attention: Literal["code", "paper", "shen", "channel", "spatial", "none"] | None = None,
    ) -> None:
        super().__init__()
        check_choice("variant", variant, ("paper", "release"))
        attention = attention or ("code" if variant == "release" else "paper")
        check_choice("attention", attention, (*_FORMULAS, *_ABLATIONS))
        self.visible_encoder = _Encoder()
        self.infrared_encoder = _Encoder()
        self.fusion = nn.ModuleList(
            _FusionBlock(width, heads, attention)
            for width, heads in zip(_WIDTHS, _HEADS, strict=True)
        )
        self.decoder = _Decoder()
        self._initialise()

    def _initialise(self) -> None:
        """Start with features of constant variance, hardly enhanced, and with a dark picture."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
            elif isinstance(module, _SelfAttention):
                last = module.after[-1].get_parameter("1.weight")
                nn.init.constant_(last, _FIRST_ENHANCEMENT)
        picture = self.decoder.last.conv
        with torch.no_grad():
            picture.weight.mul_(_FIRST_DETAIL)
        nn.init.constant_(picture.get_parameter("bias"), _FIRST_BIAS)

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        scales = zip(self.fusion, self.infrared_encoder(ir), self.visible_encoder(vis), strict=True)
        fused: Tensor = self.decoder([block(x_ir, x_vis) for block, x_ir, x_vis in scales])
        return fused


class _Encoder(nn.Module):
    """One modality: a 1x1 convolution, then dense blocks with max-pooling between them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = ConvAct(1, 16, 1, slope=None, idle_norm=True)
        self.blocks = nn.ModuleList(
            _DenseBlock(inputs, outputs)
            for inputs, outputs in zip((16, *_WIDTHS), _WIDTHS, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map `(b, 1, h, w)` to four scales, from 32 channels at full size to 128 at 1/8."""
        x = self.head(x)
        scales: list[Tensor] = []
        for block in self.blocks:
            x = block(functional.max_pool2d(x, 2) if scales else x)
            scales.append(x)
        return scales


class _DenseBlock(nn.Module):
    """Two 3x3 convolutions, each concatenated with its input, then a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense1 = ConvAct(inputs, inputs)
        self.dense2 = ConvAct(2 * inputs, inputs)
        self.merge = ConvAct(3 * inputs, outputs, 1, slope=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h, w)`."""
        x = torch.cat([x, self.dense1(x)], 1)
        merged: Tensor = self.merge(torch.cat([x, self.dense2(x)], 1))
        return merged


class _FusionBlock(nn.Module):
    """The mean of both modalities' enhanced features, x + x * strength(x)."""

    def __init__(self, width: int, heads: int, attention: str) -> None:
        super().__init__()
        self.infrared = _strength(width, heads, attention)
        self.visible = _strength(width, heads, attention)

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Map two `(b, width, h, w)` to one."""
        if self.infrared is not None and self.visible is not None:
            ir = ir + ir * self.infrared(ir)
            vis = vis + vis * self.visible(vis)
        return (ir + vis) / 2


def _strength(width: int, heads: int, attention: str) -> nn.Module | None:
    """Return the layer that computes the strength of features; None for no enhancement."""
    if attention == "none":
        return None
    if attention == "channel":
        return _ChannelAttention(width)
    if attention == "spatial":
        return _SpatialAttention(width)
    return _SelfAttention(width, heads, attention)


class _SelfAttention(nn.Module):
    """Multi-head linear attention, with two convolutions before and two after.

    Args:
        width: Number of channels.
        heads: Number of heads.
        formula: One of the three formulas of `BFFR`.
    """

    def __init__(self, width: int, heads: int, formula: str) -> None:
        super().__init__()
        self.heads = heads
        self.formula = formula
        self.before = nn.Sequential(_ConvNormReLU(width), _ConvNormReLU(width))
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.project = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.after = nn.Sequential(_ConvNormReLU(width), _ConvNormReLU(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, width, h, w)` to a strength of the same shape, at least 0."""
        b, c, h, w = x.shape
        x = self.before(x).flatten(2).transpose(1, 2)  # (b, n, c), n = h w
        q, k, v = (self._split(linear(x)) for linear in (self.query, self.key, self.value))
        attended = _attend(q, k, v, self.formula).transpose(1, 2).reshape(b, h * w, c)
        x = self.norm(self.project(attended))
        strength: Tensor = self.after(x.transpose(1, 2).reshape(b, c, h, w).contiguous())
        return strength

    def _split(self, x: Tensor) -> Tensor:
        """Split `(b, n, c)` into heads, `(b, heads, n, d)`."""
        b, n, c = x.shape
        return x.reshape(b, n, self.heads, c // self.heads).transpose(1, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor, formula: str) -> Tensor:
    """Compute attention at a cost linear in the number of positions n.

    The context is `(d, d)`. In `code` and `paper` its logits are sums over all positions, so the
    softmax gets sharper as pictures get larger.

    Args:
        q: Queries, `(b, heads, n, d)`.
        k: Keys.
        v: Values.
        formula: `code`, `paper` or `shen`, as in `BFFR`.

    Returns:
        `(b, heads, n, d)`.

    References:
        Z. Shen et al., "Efficient attention: Attention with linear complexities", WACV 2021,
        doi:10.1109/WACV48630.2021.00357.
    """
    scale = q.shape[-1] ** -0.5
    if formula == "code":
        return torch.matmul(v, (q.transpose(-2, -1) @ k * scale).softmax(-2))
    if formula == "paper":
        return torch.matmul(q, (k.transpose(-2, -1) @ v * scale).softmax(-2))
    return torch.matmul(q.softmax(-1), k.softmax(-2).transpose(-2, -1) @ v)


class _ChannelAttention(nn.Module):
    """Squeeze-and-excitation (J. Hu et al., CVPR 2018): one strength in [0, 1] per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = ConvAct(width, _SQUEEZED, 1, slope=0)
        self.excite = nn.Conv2d(_SQUEEZED, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, width, h, w)` to `(b, width, 1, 1)`."""
        return torch.sigmoid(self.excite(self.squeeze(x.mean((2, 3), keepdim=True))))


class _SpatialAttention(nn.Module):
    """Spatial attention from SCA-CNN (L. Chen et al., CVPR 2017): strengths with the mean 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 1)
        self.score = nn.Conv2d(width, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, width, h, w)` to `(b, 1, h, w)`."""
        h, w = x.shape[2:]
        scores: Tensor = self.score(torch.tanh(self.mix(x)))
        return scores.flatten(2).softmax(2).reshape(-1, 1, h, w) * (h * w)


class _ConvNormReLU(nn.Sequential):
    """A 3x3 convolution with reflected borders, batch norm and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__(
            ConvAct(width, width, slope=None, padding="reflect"), nn.BatchNorm2d(width), nn.ReLU()
        )


class _Decoder(NestedDecoder):
    """The nested decoder with one convolution per node, and a 1x1 convolution to a picture."""

    def __init__(self) -> None:
        super().__init__(_WIDTHS, _node)
        self.last = ConvAct(_WIDTHS[0], 1, 1, slope=None)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map four fused scales to `(b, 1, h, w)` in [0, 1]."""
        return torch.tanh(self.last(super().forward(features))) / 2 + 0.5


def _node(inputs: int, outputs: int) -> ConvAct:
    return ConvAct(inputs, outputs, slope=0.01, padding="reflect", idle_norm=True)
