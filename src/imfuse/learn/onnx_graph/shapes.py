"""Operators that rearrange values, select some, or make them from a shape."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from imfuse.learn.onnx_graph.node import Node, Numbers, Operator

_TORCH_MODES = {"reflect": "reflect", "edge": "replicate"}


def _reshape(node: Node, x: Tensor, shape: Numbers) -> Tensor:
    if not node.get("allowzero", 0):
        shape = [x.shape[i] if side == 0 else side for i, side in enumerate(shape)]
    return x.reshape(shape)


def _flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.get("axis", 1)
    rows = math.prod(x.shape[:axis])
    return x.reshape(rows, x.numel() // max(rows, 1))


def _transpose(node: Node, x: Tensor) -> Tensor:
    return x.permute(node.listed("perm") or list(reversed(range(x.ndim))))


def _squeeze(node: Node, x: Tensor, given: Numbers | None = None) -> Tensor:
    axes = given or node.listed("axes") or [i for i, side in enumerate(x.shape) if side == 1]
    if any(x.shape[axis] != 1 for axis in axes):
        raise ValueError(f"axes {axes} of {tuple(x.shape)} can't be squeezed")
    return x.squeeze(tuple(axes))


def _unsqueeze(node: Node, x: Tensor, given: Numbers | None = None) -> Tensor:
    axes = given or node.listed("axes") or []
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _expand(_: Node, x: Tensor, shape: Numbers) -> Tensor:
    return x.expand(np.broadcast_shapes(x.shape, tuple(shape)))


def _tile(_: Node, x: Tensor, repeats: Numbers) -> Tensor:
    return x.repeat(repeats)


def _concat(node: Node, *inputs: Tensor) -> Tensor:
    return torch.cat(inputs, node.get("axis", 1))


def _split(node: Node, x: Tensor, given: Numbers | None = None) -> Sequence[Tensor]:
    axis = node.get("axis", 0)
    sizes = given or node.listed("split")
    return torch.split(x, sizes or -(-x.shape[axis] // node.outputs), axis)


def _slice(
    node: Node,
    x: Tensor,
    starts: Numbers | None = None,
    ends: Numbers | None = None,
    axes: Numbers | None = None,
    steps: Numbers | None = None,
) -> Tensor:
    starts = starts or node.listed("starts") or []
    ends = ends or node.listed("ends") or []
    axes = axes or node.listed("axes") or list(range(len(starts)))
    taken = [slice(None)] * x.ndim
    turned = []
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(axes), strict=True):
        places = range(*slice(start, end, step).indices(x.shape[axis]))
        if step < 0:
            places = places[::-1]
            turned.append(axis)
        taken[axis] = slice(places.start, places.stop, places.step) if places else slice(0)
    selected = x[tuple(taken)]
    return selected.flip(turned) if turned else selected


def _pad(
    node: Node,
    x: Tensor,
    given: Numbers | None = None,
    value: Numbers | None = None,
    axes: Numbers | None = None,
) -> Tensor:
    given = given or node.listed("pads") or []
    axes = axes or list(range(x.ndim))
    pads = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        pads[axis] = (given[i], given[len(axes) + i])
    mode = node.get("mode", "constant")
    if mode == "constant":
        fill = value[0] if value else node.get("value", 0.0)
        return F.pad(x, [side for pair in reversed(pads) for side in pair], value=fill)
    plane = [side for pair in reversed(pads[2:]) for side in pair]
    fits = x.ndim == 4 and not any(pads[0] + pads[1]) and min(plane) >= 0
    if fits and mode in _TORCH_MODES and max(plane) < min(x.shape[2:]):
        return F.pad(x, plane, mode=_TORCH_MODES[mode])
    for axis, pair in enumerate(pads):
        if any(pair):
            x = x.index_select(axis, _places(x, axis, pair, mode))
    return x


def _places(x: Tensor, axis: int, pads: tuple[int, int], mode: str) -> Tensor:
    """Return which value of an axis each value of the padded one takes."""
    length = x.shape[axis]
    places = torch.arange(-pads[0], length + pads[1], device=x.device)
    if mode == "edge":
        return places.clamp(0, length - 1)
    if mode == "wrap":
        return places % length
    period = max(2 * (length - 1), 1)
    places = places % period
    return torch.minimum(places, period - places)


def _inside(indices: Tensor, length: int) -> Tensor:
    """Return indices counted from the start of an axis."""
    return torch.where(indices < 0, indices + length, indices)


def _gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.get("axis", 0) % x.ndim
    flat = x.index_select(axis, _inside(indices, x.shape[axis]).flatten())
    return flat.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _gather_elements(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.get("axis", 0)
    return torch.gather(x, axis, _inside(indices, x.shape[axis]).long())


def _shape(node: Node, x: Tensor) -> Tensor:
    """Return the shape; it is read on the CPU, wherever the values are."""
    sides = x.shape[node.get("start", 0) : node.get("end", x.ndim)]
    return torch.tensor(sides, dtype=torch.int64, device="cpu")


def _size(_: Node, x: Tensor) -> Tensor:
    return torch.tensor(x.numel(), device="cpu")


def _constant(node: Node) -> Tensor:
    for name in ("value_float", "value_floats"):
        if name in node.attributes:
            return torch.tensor(node.attributes[name], dtype=torch.float32)
    for name in ("value_int", "value_ints"):
        if name in node.attributes:
            return torch.tensor(node.attributes[name], dtype=torch.int64)
    value: Tensor = node.attributes["value"]
    return value


def _textual(node: Node) -> str:
    known = {"value", "value_float", "value_floats", "value_int", "value_ints"}
    return "" if known & set(node.attributes) else "Constant of texts"


def _constant_of_shape(node: Node, shape: Numbers) -> Tensor:
    value: Tensor | None = node.attributes.get("value")
    return (
        torch.zeros(shape) if value is None else torch.full(shape, value.item(), dtype=value.dtype)
    )


def _range(_: Node, start: Numbers, limit: Numbers, step: Numbers) -> Tensor:
    return torch.arange(start[0], limit[0], step[0])


def _depth_to_space(node: Node, x: Tensor) -> Tensor:
    side = node.get("blocksize", 1)
    if node.get("mode", "DCR") == "DCR":  # the block's place varies slower than the channel
        batch, channels, *plane = x.shape
        x = x.reshape(batch, side * side, channels // side**2, *plane).transpose(1, 2)
        x = x.reshape(batch, channels, *plane)
    return F.pixel_shuffle(x, side)


def _space_to_depth(node: Node, x: Tensor) -> Tensor:
    side = node.get("blocksize", 1)
    batch, channels = x.shape[:2]
    blocks = F.pixel_unshuffle(x, side)
    plane = blocks.shape[2:]
    return (
        blocks.reshape(batch, channels, side * side, *plane)
        .transpose(1, 2)
        .reshape(batch, channels * side**2, *plane)
    )


OPERATORS: Mapping[str, Operator] = {
    "Concat": Operator(_concat),
    "Constant": Operator(_constant, refuse=_textual),
    "ConstantOfShape": Operator(_constant_of_shape, numbers=(0,)),
    "DepthToSpace": Operator(_depth_to_space),
    "Expand": Operator(_expand, numbers=(1,)),
    "Flatten": Operator(_flatten),
    "Gather": Operator(_gather),
    "GatherElements": Operator(_gather_elements),
    "Pad": Operator(_pad, numbers=(1, 2, 3)),
    "Range": Operator(_range, numbers=(0, 1, 2)),
    "Reshape": Operator(_reshape, numbers=(1,), sizes=1),
    "Shape": Operator(_shape),
    "Size": Operator(_size),
    "Slice": Operator(_slice, numbers=(1, 2, 3, 4)),
    "SpaceToDepth": Operator(_space_to_depth),
    "Split": Operator(_split, numbers=(1,), outputs=None),
    "Squeeze": Operator(_squeeze, numbers=(1,)),
    "Tile": Operator(_tile, numbers=(1,)),
    "Transpose": Operator(_transpose),
    "Unsqueeze": Operator(_unsqueeze, numbers=(1,)),
}
