"""Operators that slide windows over pictures: convolutions and pooling."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from imfuse.learn.onnx_graph.node import Node, Operator

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class _Axis(NamedTuple):
    """How windows move along one axis.

    Attributes:
        kernel: Number of values in a window.
        stride: Step between windows.
        dilation: Step between the values of a window.
        begin: Padding before the first value.
        end: Padding after the last value.
    """

    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int

    @property
    def reach(self) -> int:
        """Distance from the first to the last value of a window."""
        return (self.kernel - 1) * self.dilation


def _axes(node: Node, shape: tuple[int, ...], kernel: tuple[int, ...]) -> list[_Axis]:
    """Return how windows move, with the padding that the node asks for."""
    count = len(kernel)
    strides = node.listed("strides") or [1] * count
    dilations = node.listed("dilations") or [1] * count
    pads = node.listed("pads") or [0] * 2 * count
    how = node.get("auto_pad", "NOTSET")
    axes = []
    for i, length in enumerate(shape[-count:]):
        axis = _Axis(kernel[i], strides[i], dilations[i], pads[i], pads[count + i])
        if how.startswith("SAME"):
            last = (-(-length // axis.stride) - 1) * axis.stride  # start of the last window
            total = max(last + axis.reach + 1 - length, 0)
            begin = total // 2 if how == "SAME_UPPER" else -(-total // 2)
            axis = axis._replace(begin=begin, end=total - begin)
        elif how == "VALID":
            axis = axis._replace(begin=0, end=0)
        axes.append(axis)
    return axes


def _padded(x: Tensor, axes: list[_Axis], value: float = 0.0) -> Tensor:
    pads = [side for axis in reversed(axes) for side in (axis.begin, axis.end)]
    return F.pad(x, pads, value=value) if any(pads) else x


def _even(axes: list[_Axis]) -> bool:
    return all(axis.begin == axis.end for axis in axes)


def _conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    axes = _axes(node, x.shape, weight.shape[2:])
    even = _even(axes)
    return _CONV[len(axes)](
        x if even else _padded(x, axes),
        weight,
        bias,
        stride=[axis.stride for axis in axes],
        padding=[axis.begin for axis in axes] if even else 0,
        dilation=[axis.dilation for axis in axes],
        groups=node.get("group", 1),
    )


def _conv_transpose(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve without padding, then cut off what the padding takes away."""
    axes = _axes(node, x.shape, weight.shape[2:])
    count = len(axes)
    extra = node.listed("output_padding") or [0] * count
    sizes = node.listed("output_shape")
    how = node.get("auto_pad", "NOTSET")
    cuts: list[tuple[int, int]] = []  # start and length
    for i, axis in enumerate(axes):
        full = (x.shape[2 + i] - 1) * axis.stride + axis.reach + 1 + extra[i]
        if sizes or how.startswith("SAME"):
            length = sizes[-count:][i] if sizes else x.shape[2 + i] * axis.stride
            total = max(full - length, 0)
            begin = total // 2 if how == "SAME_UPPER" else -(-total // 2)
        else:
            begin, length = axis.begin, full - axis.begin - axis.end
        cuts.append((begin, length))
    result = _TRANSPOSED[count](
        x,
        weight,
        bias,
        stride=[axis.stride for axis in axes],
        output_padding=extra,
        groups=node.get("group", 1),
        dilation=[axis.dilation for axis in axes],
    )
    for i, (begin, length) in enumerate(cuts):
        result = result.narrow(2 + i, begin, length)
    return result


def _pooled_axes(node: Node, x: Tensor) -> list[_Axis]:
    """Return how windows move, where the padding makes the last window end with it.

    With `ceil_mode`, a last window counts that only begins inside the picture or the padding
    before it.
    """
    axes = _axes(node, x.shape, tuple(node.listed("kernel_shape") or ()))
    if not node.get("ceil_mode", 0):
        return axes
    filled = []
    for axis, length in zip(axes, x.shape[2:], strict=True):
        moves = -(-(length + axis.begin + axis.end - axis.reach - 1) // axis.stride)
        if moves * axis.stride >= length + axis.begin:
            moves -= 1
        end = moves * axis.stride + axis.reach + 1 - length - axis.begin
        filled.append(axis._replace(end=end))
    return filled


def _max_pool(node: Node, x: Tensor) -> Tensor:
    axes = _pooled_axes(node, x)
    inside = _even(axes) and all(0 <= 2 * axis.begin <= axis.kernel for axis in axes)
    pooled: Tensor = _MAX[len(axes)](
        x if inside else _padded(x, axes, -torch.inf),
        [axis.kernel for axis in axes],
        stride=[axis.stride for axis in axes],
        padding=[axis.begin for axis in axes] if inside else 0,
        dilation=[axis.dilation for axis in axes],
    )
    return pooled


def _average_pool(node: Node, x: Tensor) -> Tensor:
    """Average over windows; what does not count is left out of numerator and denominator."""
    axes = _pooled_axes(node, x)
    kernel, stride = [axis.kernel for axis in axes], [axis.stride for axis in axes]
    average = _AVERAGE[len(axes)]
    if not any(axis.begin or axis.end for axis in axes):
        return average(x, kernel, stride)
    counted, outer = x.new_ones((1, 1, *x.shape[2:])), axes
    if node.get("count_include_pad", 0):  # what ceil_mode adds after the padding never counts
        declared = _axes(node, x.shape, tuple(kernel))
        counted = _padded(counted, declared, 1.0)
        outer = [
            axis._replace(begin=0, end=axis.end - before.end)
            for axis, before in zip(axes, declared, strict=True)
        ]
    share = average(_padded(counted, outer), kernel, stride)
    return average(_padded(x, axes), kernel, stride) / share


def _dilated(node: Node) -> str:
    return "AveragePool with dilations" if set(node.listed("dilations") or [1]) != {1} else ""


def _global_average(_: Node, x: Tensor) -> Tensor:
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


def _global_max(_: Node, x: Tensor) -> Tensor:
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


OPERATORS: Mapping[str, Operator] = {
    "AveragePool": Operator(_average_pool, refuse=_dilated),
    "Conv": Operator(_conv),
    "ConvTranspose": Operator(_conv_transpose),
    "GlobalAveragePool": Operator(_global_average),
    "GlobalMaxPool": Operator(_global_max),
    "MaxPool": Operator(_max_pool),
}
