"""SeAFusion: gradient residual dense blocks, trained with a segmenter's loss.

L. Tang, J. Yuan, J. Ma, "Image fusion in the loop of high-level vision tasks: A semantic-aware
real-time infrared and visible image fusion network", Information Fusion 82, 2022,
doi:10.1016/j.inffus.2021.12.004.
"""

import torch
from torch import Tensor, nn

from imfuse.learn.blocks.conv import ConvAct
from imfuse.learn.blocks.gradient import GradientResidualDense
from imfuse.learn.models.base import FusionNetwork


class SeAFusion(FusionNetwork):
    """The fusion network of SeAFusion (figure 2).

    Args:
        trainable_operators: Whether training may change the Sobel kernels of the blocks. The
            paper speaks of the Sobel operator; the published code trains them.

    Departures: none from the published network. Its decoder contains batch norms that are never
        applied; their 226 parameters are kept frozen, so that published weights load unchanged.
    """

    name = "seafusion"
    title = "Gradient residual dense network, trained with a segmenter"
    good_for = (
        "Infrared and visible, for the eye and for segmenters: small, with crisp texture. The "
        "usual baseline of networks guided by semantics."
    )
    paper = (
        "L. Tang, J. Yuan, J. Ma, Image fusion in the loop of high-level vision tasks, "
        "Information Fusion 82, 2022, doi:10.1016/j.inffus.2021.12.004"
    )
    year = 2022
    activation = "tanh"
    bytes_per_pixel = 2800

    def __init__(self, *, trainable_operators: bool = True) -> None:
        super().__init__()
        self.visible_branch = _Branch(trainable_operators=trainable_operators)
        self.infrared_branch = _Branch(trainable_operators=trainable_operators)
        self.decoder = nn.Sequential(
            ConvAct(96, 64, idle_norm=True),
            ConvAct(64, 32, idle_norm=True),
            ConvAct(32, 16, idle_norm=True),
            ConvAct(16, 1, slope=None, idle_norm=True),
        )

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse two batches `(b, 1, h, w)` into one of the same shape."""
        features = torch.cat([self.visible_branch(vis), self.infrared_branch(ir)], 1)
        fused: Tensor = torch.tanh(self.decoder(features)) / 2 + 0.5
        return fused

    @property
    def halo(self) -> int:
        """Halo of nine 3x3 convolutions: head, two in each of two blocks, four in the decoder."""
        return 9


class _Branch(nn.Sequential):
    """Encoder of one modality: a convolution and two GRDBs, from 1 to 48 channels."""

    def __init__(self, *, trainable_operators: bool) -> None:
        super().__init__(
            ConvAct(1, 16),
            GradientResidualDense(16, 32, trainable_operators=trainable_operators),
            GradientResidualDense(32, 48, trainable_operators=trainable_operators),
        )
