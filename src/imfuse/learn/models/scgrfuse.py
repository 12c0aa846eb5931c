"""SCGRFuse: gradient aggregation blocks, then spatial and channel attention.

Y. Wang, J. Pu, D. Miao, L. Zhang, L. Zhang, X. Du, "SCGRFuse: An infrared and visible image fusion
network based on spatial/channel attention mechanism and gradient aggregation residual dense
blocks", Engineering Applications of Artificial Intelligence, 2024,
doi:10.1016/j.engappai.2024.107898.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.errors import UsageError
from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.gradient import DepthwiseOperator, SobelMagnitude, laplace_kernel
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_WIDTH = 16
_DEEP = 96  # two modalities, each with the outputs of its head and of two blocks


class SCGRFuse(FusionNetwork):
    """The fusion network of SCGRFuse (figure 2).

    Args:
        variant: `release` is the published network. `paper` follows the text where it differs:
            equation 2 has neither the magnitude of the Laplacian nor an activation after the sum;
            operators are fixed; pooling reflects the border.
        channel_branch: Factor of the channel mask in equation 4. `pooled`: the pooled vector, which
            Up() then spreads over the picture (published code; section 3.5 restores "its original
            size"). `map`: F_cout itself; Up() has nothing to do.
        pfb_padding: Padding for the pooling of the PFB: `zero`, counted in the mean, or `reflect`.
            None: `zero` in the release, `reflect` in the paper.
        trainable_operators: Whether training may change the Sobel and Laplacian kernels. None:
            yes in the release, no in the paper.
        gradient_blocks: False gives the row "without GRXDB" of tables 5 and 6: no gradient
            operators, ReLU instead of leaky ReLU in the blocks, and only the second block's
            features are used.
        attention: False gives the row "without SCAM" of tables 5 and 6: the features of both
            modalities are added to F_conv unchanged.

    Departures: equation 5 concatenates F_conv and F_SC where section 3.3 and the code add them;
    here they are added. The text merges the features of both blocks; here, as in the code, those of
    the convolution before them are merged as well. The text speaks of two 3x3 and one 1x1
    convolutions under the Sobel operator and prints no widths; both follow the code, which has one
    3x3 between two 1x1 there and shares the first 1x1 and 3x3 with the main branch. The
    reconstructor's batch norms, declared in the code but never applied, are kept frozen (226
    parameters). The paper leaves details of its ablations open: here, without gradient blocks the
    convolutions of both branches stay, and the four kernels of the attention map 32 channels to 96;
    without attention F_SC is the 96 channels of both modalities. The two ablations cannot be
    combined, since their channels do not match.
    """

    name = "scgrfuse"
    title = "Gradient aggregation blocks with spatial and channel attention"
    good_for = (
        "Infrared and visible pictures that a segmenter will read: it is trained together with "
        "one. Heavy: attention and graph-like reasoning at full size."
    )
    paper = (
        "Y. Wang et al., SCGRFuse: An infrared and visible image fusion network based on "
        "spatial/channel attention mechanism and gradient aggregation residual dense blocks, "
        "Engineering Applications of Artificial Intelligence, 2024, "
        "doi:10.1016/j.engappai.2024.107898"
    )
    year = 2024
    activation = "tanh"
    bytes_per_pixel = 5600
    size = SizeRule(minimum=2)  # reflection needs a neighbour

    def __init__(
        self,
        *,
        variant: Literal["paper", "release"] = "release",
        channel_branch: Literal["pooled", "map"] = "pooled",
        pfb_padding: Literal["zero", "reflect"] | None = None,
        trainable_operators: bool | None = None,
        gradient_blocks: bool = True,
        attention: bool = True,
    ) -> None:
        super().__init__()
        check_choice("variant", variant, ("paper", "release"))
        check_choice("channel_branch", channel_branch, ("pooled", "map"))
        release = variant == "release"
        padding = pfb_padding or ("zero" if release else "reflect")
        check_choice("pfb_padding", padding, ("zero", "reflect"))
        if not (gradient_blocks or attention):
            raise UsageError(
                "gradient_blocks=False with attention=False: no features of 96 channels are left",
                expected="one ablation at a time, as in the paper",
            )
        block = _BlockSettings(
            magnitude=release,
            activated=release,
            operators=gradient_blocks,
            trainable=release if trainable_operators is None else trainable_operators,
        )
        self.shallow = nn.Sequential(ConvAct(2, 128), ConvAct(128, _DEEP))
        self.visible_branch = _Branch(block)
        self.infrared_branch = _Branch(block)
        self.attention = (
            _Attention(
                _DEEP if gradient_blocks else 2 * _WIDTH,
                pooled=channel_branch == "pooled",
                reflect=padding == "reflect",
            )
            if attention
            else None
        )
        self.reconstructor = nn.Sequential(
            ConvAct(_DEEP, 64, idle_norm=True),
            ConvAct(64, 32, idle_norm=True),
            ConvAct(32, 16, idle_norm=True),
            ConvAct(16, 1, slope=None, idle_norm=True),
        )

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        f_conv = self.shallow(torch.cat([vis, ir], 1))
        deep = torch.cat([self.visible_branch(vis), self.infrared_branch(ir)], 1)
        f_sc = deep if self.attention is None else self.attention(deep)
        fused: Tensor = _mask(self.reconstructor(f_conv + f_sc))
        return fused

    @property
    def halo(self) -> int | None:
        """Halo: None with channel attention, which depends on the whole picture; otherwise 13.

        13 counts the 3x3 operations in a row: the head, four in each of two blocks, and four in the
        reconstructor.
        """
        return 13 if self.attention is None else None


class _BlockSettings(NamedTuple):
    """Differences of the gradient blocks between variants and ablations.

    Attributes:
        magnitude: Whether the sign of the Laplacian is dropped.
        activated: Whether an activation follows the sum of the branches.
        operators: Whether there are gradient operators, and leaky ReLU instead of ReLU.
        trainable: Whether training may change the operators.
    """

    magnitude: bool
    activated: bool
    operators: bool
    trainable: bool


class _Branch(nn.Module):
    """Encoder E_F of one modality (equation 1): a head, then two gradient blocks."""

    def __init__(self, settings: _BlockSettings) -> None:
        super().__init__()
        self.merged = settings.operators
        self.head = ConvAct(1, _WIDTH)
        self.block1 = _GradientAggregation(_WIDTH, settings)
        self.block2 = _GradientAggregation(_WIDTH, settings)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, 1, h, w)` to `(b, 48, h, w)`; to `(b, 16, h, w)` without gradient operators."""
        head = self.head(x)
        first = self.block1(head)
        second: Tensor = self.block2(first)
        return torch.cat([head, first, second], 1) if self.merged else second


class _GradientAggregation(nn.Module):
    """GRXDB (figure 3): Conv(lap F + F) + Conv(grad F) + F (equation 2).

    The Laplacian is meant to keep weak texture, the Sobel operator strong texture. Convolutions
    that both branches use have names beginning with `shared`.
    """

    def __init__(self, width: int, settings: _BlockSettings) -> None:
        super().__init__()
        slope = 0.2 if settings.operators else 0.0
        self.magnitude = settings.magnitude
        self.slope = (0.1 if settings.operators else 0.0) if settings.activated else None
        self.laplace: nn.Module | None = None
        self.sobel: nn.Module | None = None
        if settings.operators:
            self.laplace = DepthwiseOperator(width, laplace_kernel(), trainable=settings.trainable)
            self.sobel = SobelMagnitude(width, trainable=settings.trainable)
        self.shared1 = ConvAct(width, width, 1, slope=slope)
        self.shared2 = ConvAct(width, width, slope=slope)
        self.dense2 = ConvAct(2 * width, width, slope=slope)
        self.dense3 = ConvAct(3 * width, width, slope=slope)
        self.merge = ConvAct(10 * width, width, 1, slope=slope)
        self.strong = ConvAct(width, width, 1, slope=slope)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, width, h, w)` to the same shape."""
        total: Tensor = self._main(x) + self._residual(x) + x
        return total if self.slope is None else functional.leaky_relu(total, self.slope)

    def _main(self, x: Tensor) -> Tensor:
        """Return Conv(lap F + F), densely connected, merging 1 + 2 + 3 + 4 widths."""
        if self.laplace is not None:
            weak = self.laplace(x)
            x = x + (weak.abs() if self.magnitude else weak)
        x1 = self.shared1(x)
        x2 = torch.cat([x1, self.shared2(x1)], 1)
        x3 = torch.cat([x2, self.dense2(x2)], 1)
        x4 = torch.cat([x3, self.dense3(x3)], 1)
        merged: Tensor = self.merge(torch.cat([x1, x2, x3, x4], 1))
        return merged

    def _residual(self, x: Tensor) -> Tensor:
        """Return Conv(grad F)."""
        if self.sobel is not None:
            x = self.sobel(x)
        strong: Tensor = self.strong(self.shared2(self.shared1(x)))
        return strong


class _Attention(nn.Module):
    """SCAM (figure 4): four kernels, a spatial and a channel branch, and the PFB that joins them.

    Args:
        inputs: Input channels.
        pooled: Whether the channel mask multiplies the pooled vector instead of the map.
        reflect: Whether the PFB reflects the border instead of padding with zeros.
    """

    def __init__(self, inputs: int, *, pooled: bool, reflect: bool) -> None:
        super().__init__()
        self.pooled = pooled
        self.scales = nn.ModuleList(ConvAct(inputs, _DEEP, n, slope=0.01) for n in (1, 3, 5, 7))
        self.merge = ConvAct(4 * _DEEP, _DEEP, 1)
        self.spatial_mask = _SpatialMask(_DEEP)
        self.spatial = ConvAct(_DEEP, _DEEP)
        self.channel_mask = nn.Conv2d(_DEEP, _DEEP, 1)
        self.pooling_fusion = _PoolingFusion(_DEEP, reflect=reflect)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to F_SC `(b, 96, h, w)` (equations 3 and 4)."""
        f_cout = self.merge(torch.cat([scale(x) for scale in self.scales], 1))
        spatial = self.spatial(f_cout * self.spatial_mask(f_cout))
        pooled = f_cout.mean((2, 3), keepdim=True)
        mask = _mask(self.channel_mask(pooled))
        channel = (pooled * mask).expand_as(f_cout) if self.pooled else f_cout * mask
        f_sc: Tensor = self.pooling_fusion(spatial, channel)
        return f_sc


class _SpatialMask(nn.Module):
    """M_s (figure 5): mean and maximum over channels, combined into one mask in [0, 1]."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.narrow = ConvAct(inputs, 2, 1)
        self.weigh = nn.Conv2d(2, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, 1, h, w)`."""
        x = self.narrow(x)
        return _mask(self.weigh(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))


class _PoolingFusion(nn.Module):
    """PFB (figure 6): joins the spatial branch and the channel branch, smoothed by 3x3 averages."""

    def __init__(self, width: int, *, reflect: bool) -> None:
        super().__init__()
        self.reflect = reflect
        self.merge = ConvAct(2 * width, width, 1)

    def forward(self, spatial: Tensor, channel: Tensor) -> Tensor:
        """Join two `(b, width, h, w)` into one."""
        if self.reflect:
            channel = functional.avg_pool2d(functional.pad(channel, (1, 1, 1, 1), "reflect"), 3, 1)
        else:
            channel = functional.avg_pool2d(channel, 3, 1, padding=1)
        joined: Tensor = self.merge(torch.cat([spatial, channel], 1))
        return joined


def _mask(x: Tensor) -> Tensor:
    """Map values to [0, 1] like the paper's masks and output."""
    return torch.tanh(x) / 2 + 0.5
