"""Graph reasoning whose nodes are feature maps: several scales of two modalities."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

_DILATIONS = (4, 8, 16)


class GraphReasoning(nn.Module):
    """GR of SMFNet: three scales of each modality exchange messages, then merge.

    The nodes of one scale in both modalities exchange messages twice, then all nodes of one
    modality twice. The message to node l along the edge from node k is sigmoid(e) v_k.

    Args:
        channels: Number of channels.
        variant: `paper`: e = conv(v_l - v_k) on each edge (equations 12 and 13), a message for each
            neighbour (14 and 15), and a sum of the gated unit's outputs for each (16). `release`:
            between modalities e = conv(v_k - v_l); within one, even channels take the first
            neighbour's edge and odd ones the second's, whichever neighbour they weight, and the
            gated unit gets the sum of the messages.

    References:
        X. Zhang et al., SMFNet, 2025, doi:10.48550/arXiv.2407.06159, section 2.2.3; after
        A. Luo et al., Cascade graph neural networks, ECCV 2020,
        doi:10.1007/978-3-030-58610-2_21.
    Departures: nodes come from dilated convolutions, where the text speaks of pooling (equation
        11). Between modalities messages are added without a gated unit, and within one the unit's
        output is added to the node with a weight that starts at 0, which no equation mentions. All
        of this follows the published code. Its parameters that are never applied are kept frozen.
    """

    def __init__(self, channels: int, *, variant: Literal["paper", "release"]) -> None:
        super().__init__()
        self.sign = 1 if variant == "paper" else -1
        self.ir_nodes = nn.ModuleList(_conv_norm(channels, channels, d) for d in _DILATIONS)
        self.vis_nodes = nn.ModuleList(_conv_norm(channels, channels, d) for d in _DILATIONS)
        self.ir_scales = _ScaleGraph(channels, variant=variant)
        self.vis_scales = _ScaleGraph(channels, variant=variant)
        self.ir_to_vis = nn.Conv2d(channels, 1, 1, bias=False)
        self.vis_to_ir = nn.Conv2d(channels, 1, 1, bias=False)
        self.ir_merge = _conv_norm(len(_DILATIONS) * channels, channels)
        self.vis_merge = _conv_norm(len(_DILATIONS) * channels, channels)
        self.both = nn.Conv2d(2 * channels, channels, 1)
        self.idle = _idle(channels)

    def forward(self, ir: Tensor, vis: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange messages between both modalities' `(b, channels, h, w)`, keeping the shapes."""
        pairs = [self._create(k, ir, vis) for k in range(len(_DILATIONS))]
        ir_nodes, vis_nodes = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        for _ in range(2):
            ir_nodes, vis_nodes = self.ir_scales(ir_nodes), self.vis_scales(vis_nodes)
        return self.ir_merge(torch.cat(ir_nodes, 1)), self.vis_merge(torch.cat(vis_nodes, 1))

    def join(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Merge the result of `forward` into one `(b, channels, h, w)`."""
        joined: Tensor = self.both(torch.cat([ir, vis], 1))
        return joined

    def _create(self, scale: int, ir: Tensor, vis: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nodes of one scale after they have exchanged messages."""
        ir, vis = self.ir_nodes[scale](ir), self.vis_nodes[scale](vis)
        for _ in range(2):
            difference = self.sign * (vis - ir)
            to_vis = self.ir_to_vis(difference).sigmoid() * ir
            to_ir = self.vis_to_ir(-difference).sigmoid() * vis
            ir, vis = ir + to_ir, vis + to_vis
        return ir, vis


class _ScaleGraph(nn.Module):
    """The nodes of one modality, each connected to the two others."""

    def __init__(self, channels: int, *, variant: Literal["paper", "release"]) -> None:
        super().__init__()
        neighbours = len(_DILATIONS) - 1
        self.separate = variant == "paper"
        self.gamma = nn.Parameter(torch.zeros(1))
        self.edge = nn.Conv2d(channels * neighbours, neighbours, 1, groups=neighbours, bias=False)
        self.gate = _GatedUnit(channels)

    def forward(self, nodes: list[Tensor]) -> list[Tensor]:
        """Return the nodes, each `(b, channels, h, w)`, after one exchange of messages."""
        return [
            node + self.gamma * self._update(node, [*nodes[:k], *nodes[k + 1 :]])
            for k, node in enumerate(nodes)
        ]

    def _update(self, node: Tensor, neighbours: list[Tensor]) -> Tensor:
        differences = torch.cat([node - neighbour for neighbour in neighbours], 1)
        weights = self.edge(differences).sigmoid()  # (b, neighbours, h, w)
        if self.separate:
            edges = zip(weights.split(1, 1), neighbours, strict=True)
            return _total(self.gate(node, weight * neighbour) for weight, neighbour in edges)
        weights = weights.repeat(1, node.shape[1] // len(neighbours), 1, 1)
        updated: Tensor = self.gate(node, weights * _total(neighbours))
        return updated


class _GatedUnit(nn.Module):
    """A gated recurrent unit at each pixel: (1 - update) state + update candidate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.candidate = nn.Conv2d(2 * channels, channels, 1)
        for conv in (self.gates, self.candidate):
            nn.init.normal_(conv.weight, std=0.01)

    def forward(self, state: Tensor, message: Tensor) -> Tensor:
        reset, update = self.gates(torch.cat([message, state], 1)).sigmoid().chunk(2, 1)
        candidate = self.candidate(torch.cat([message, reset * state], 1)).tanh()
        new: Tensor = (1 - update) * state + update * candidate
        return new


def _conv_norm(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _idle(channels: int) -> nn.Module:
    """Layers of a cascade of graphs; SMFNet has only one."""
    squeeze = [
        nn.Sequential(
            nn.Conv2d(2 * channels, channels // 2, 1, bias=False),
            nn.Conv2d(channels // 2, channels, 1, bias=False),
        )
        for _ in range(2)
    ]
    merge = [_conv_norm(len(_DILATIONS) * channels, channels) for _ in range(4)]
    layers = nn.ModuleList([*squeeze, *merge, nn.Conv2d(2 * channels, channels, 1)])
    return layers.requires_grad_(requires_grad=False)


def _total(tensors: Iterable[Tensor]) -> Tensor:
    first, *others = tensors
    for other in others:
        first = first + other
    return first
