"""SwinFusion: attention within and across modalities, in shifted windows.

J. Ma, L. Tang, F. Fan, J. Huang, X. Mei, Y. Ma, "SwinFusion: Cross-domain long-range learning for
general image fusion via Swin transformer", IEEE/CAA Journal of Automatica Sinica 9(7), 2022,
doi:10.1109/JAS.2022.105686.
"""

from typing import cast

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.windows import SwinLayer, shifted_mask
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import SizeRule

_CHANNELS = 60
_HEADS = 6
_SIDE = 8


class SwinFusion(FusionNetwork):
    """The fusion network of SwinFusion (figure 2).

    It has two shallow convolutions, shared by both pictures; four attention layers within each
    picture; two groups of two layers within each picture and two across both; a convolution that
    merges them; four more attention layers; and three convolutions. Every other layer shifts its
    windows of 8x8 pixels.

    Departures: none from the published code, except that two convolutions for the visible picture,
        which it never calls, are left out. Its test program mirrors one to eight pixels at the
        lower and right border even if the size already fits; here only other sizes are padded.
    """

    name = "swinfusion"
    title = "Attention within and across modalities in shifted windows"
    good_for = (
        "Infrared and visible, medical, multi-focus and multi-exposure pairs, with separate "
        "weights for each. Well balanced; slow on a CPU."
    )
    paper = (
        "J. Ma et al., SwinFusion: Cross-domain long-range learning for general image fusion via "
        "Swin transformer, IEEE/CAA JAS 9(7), 2022, doi:10.1109/JAS.2022.105686"
    )
    year = 2022
    activation = "none"
    bytes_per_pixel = 13900
    size = SizeRule(minimum=_SIDE, multiple=_SIDE)
    stride = _SIDE  # tiles begin at window borders

    def __init__(self) -> None:
        super().__init__()
        self.shallow = nn.Sequential(ConvAct(1, _CHANNELS // 2), ConvAct(_CHANNELS // 2, _CHANNELS))
        self.norm = nn.LayerNorm(_CHANNELS)  # before every stage
        self.infrared_stage = _Stage(4)
        self.visible_stage = _Stage(4)
        self.fusion = nn.ModuleList([_CrossDomain((0, 1 / 3)), _CrossDomain((2 / 3, 1))])
        self.infrared_norm = nn.LayerNorm(_CHANNELS)
        self.visible_norm = nn.LayerNorm(_CHANNELS)
        self.merge = ConvAct(2 * _CHANNELS, _CHANNELS)
        self.fused_stage = _Stage(4)
        self.reconstruction = nn.Sequential(
            ConvAct(_CHANNELS, _CHANNELS // 2),
            ConvAct(_CHANNELS // 2, _CHANNELS // 4),
            ConvAct(_CHANNELS // 4, 1, slope=None),
        )

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        ir, vis = self._tokens(self.shallow(ir)), self._tokens(self.shallow(vis))
        mask = shifted_mask(ir, _SIDE)
        ir, vis = self.norm(self.infrared_stage(ir, mask)), self.norm(self.visible_stage(vis, mask))
        for domain in self.fusion:
            ir, vis = domain(ir, vis, mask)
        both = torch.cat([self.infrared_norm(ir), self.visible_norm(vis)], -1)
        tokens = self.fused_stage(self._tokens(self.merge(both.permute(0, 3, 1, 2))), mask)
        fused: Tensor = self.reconstruction(tokens.permute(0, 3, 1, 2))
        return fused

    def _tokens(self, features: Tensor) -> Tensor:
        """Turn `(b, c, h, w)` into `(b, h, w, c)`, normalised over the channels."""
        tokens: Tensor = self.norm(features.permute(0, 2, 3, 1))
        return tokens

    @property
    def halo(self) -> int:
        """Halo of eight pairs of layers, plain and shifted, and six convolutions in between."""
        return 72


class _Stage(nn.Module):
    """Layers of attention within one picture, and a norm."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_layer(k, k / (layers - 1)) for k in range(layers))
        self.norm = nn.LayerNorm(_CHANNELS)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = _within(self.layers, x, mask)
        result: Tensor = self.norm(x)
        return result


class _CrossDomain(nn.Module):
    """Two layers of attention within each modality, then two across them.

    In the latter, each modality's queries attend to the other's keys and values.
    """

    def __init__(self, depths: tuple[float, float]) -> None:
        super().__init__()
        self.infrared, self.visible, self.cross_infrared, self.cross_visible = (
            nn.ModuleList(_layer(k, depth, cross=cross) for k, depth in enumerate(depths))
            for cross in (False, False, True, True)
        )

    def forward(self, ir: Tensor, vis: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Map `(b, h, w, c)` of each modality to the same shapes."""
        ir, vis = _within(self.infrared, ir, mask), _within(self.visible, vis, mask)
        for to_ir, to_vis in zip(self.cross_infrared, self.cross_visible, strict=True):
            ir_windows, vis_windows = _windows(to_ir, ir), _windows(to_vis, vis)
            ir = to_ir(ir, ir_windows, vis_windows, mask)
            vis = to_vis(vis, vis_windows, ir_windows, mask)
        return ir, vis


def _within(layers: nn.ModuleList, x: Tensor, mask: Tensor) -> Tensor:
    for layer in layers:
        windows = _windows(layer, x)
        x = layer(x, windows, windows, mask)
    return x


def _windows(layer: nn.Module, x: Tensor) -> Tensor:
    return cast("SwinLayer", layer).windows(x)  # nn.ModuleList loses the class of its items


def _layer(index: int, depth: float, *, cross: bool = False) -> SwinLayer:
    """Return a layer whose skip rate in training grows with its depth in the stage, 0 to 1."""
    shifted = index % 2 == 1
    return SwinLayer(_CHANNELS, _HEADS, _SIDE, 2, shifted=shifted, cross=cross, skipped=0.1 * depth)
