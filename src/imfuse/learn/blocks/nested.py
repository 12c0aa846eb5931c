"""The nested decoder of NestFuse, which several networks share.

H. Li, X.-J. Wu, T. Durrani, "NestFuse: An infrared and visible image fusion architecture based on
nest connection and spatial/channel attention models", IEEE Transactions on Instrumentation and
Measurement 69(12), 2020, doi:10.1109/TIM.2020.3005230.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class NestedDecoder(nn.Module):
    """Decoder from four scales to features at the finest one.

    Node `level_step` joins all earlier nodes of its level with the latest node of the next level,
    upsampled by two.

    Args:
        widths: Channels of the four scales, finest first.
        node: Function that builds a node from its numbers of input and output channels.
    """

    def __init__(self, widths: Sequence[int], node: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        c1, c2, c3, c4 = widths
        self.node1_1 = node(c1 + c2, c1)
        self.node2_1 = node(c2 + c3, c2)
        self.node3_1 = node(c3 + c4, c3)
        self.node1_2 = node(2 * c1 + c2, c1)
        self.node2_2 = node(2 * c2 + c3, c2)
        self.node1_3 = node(3 * c1 + c2, c1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map four scales, each half the size of the previous one, to `(b, widths[0], h, w)`."""
        x1, x2, x3, x4 = features
        x1_1 = self.node1_1(_join(x1, x2))
        x2_1 = self.node2_1(_join(x2, x3))
        x3_1 = self.node3_1(_join(x3, x4))
        x1_2 = self.node1_2(_join(x1, x1_1, x2_1))
        x2_2 = self.node2_2(_join(x2, x2_1, x3_1))
        x1_3: Tensor = self.node1_3(_join(x1, x1_1, x1_2, x2_2))
        return x1_3


def _join(*nodes: Tensor) -> Tensor:
    """Concatenate nodes with the last one, which is upsampled from half their size."""
    size = nodes[0].shape[2:]
    return torch.cat([*nodes[:-1], _double(_double(nodes[-1], 2, size[0]), 3, size[1])], 1)


def _double(x: Tensor, axis: int, size: int) -> Tensor:
    """Repeat each row and column once, and the last one once more for an odd size.

    Pooling rounds odd sizes down when halving; published code then reflects the missing row or
    column, which after upsampling equals the last one.
    """
    index = torch.arange(size, device=x.device) // 2
    return x.index_select(axis, index.clamp(max=x.shape[axis] - 1))
