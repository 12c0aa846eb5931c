"""Weights in fewer bits: how they are rounded, and how an ONNX file stores them.

Networks always compute in single precision; ONNX Runtime restores the weights when it opens a file.
"""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

Bits = Literal[8, 16, 32]

_HALF, _BYTE, _SCALE = "_half", "_byte", "_scale"
"""Suffixes of the names of stored tensors."""

_WORTH_STORING = 32
"""Smallest number of values, of a tensor or for each scale, that is stored in fewer bits."""

_LARGEST = 127

_Single = NDArray[np.float32]


def round_weights(network: nn.Module, bits: Bits) -> None:
    """Round a network's weights, in place, to values that a file can store in so many bits.

    With 16 bits, all of them become half precision. With 8 bits, a kernel or matrix becomes whole
    numbers from -127 to 127, times one scale for each output channel; smaller tensors, such as
    biases and norms, become half precision.
    """
    if bits == 32:
        return
    with torch.no_grad():
        for values in network.state_dict().values():
            if not values.is_floating_point():
                continue
            if bits == 8 and _is_coarse(values.shape, 0):
                rounded, scale = _as_bytes(values.numpy(), 0)
                values.copy_(torch.from_numpy(rounded * scale))
            else:
                values.copy_(values.half())


def _is_coarse(shape: tuple[int, ...], axis: int) -> bool:
    """Return whether a tensor has enough values for each scale along an axis."""
    return len(shape) > 1 and math.prod(shape) >= _WORTH_STORING * shape[axis] > 0


def _as_bytes(values: _Single, axis: int) -> tuple[_Single, _Single]:
    """Return whole numbers from -127 to 127, and the scales that multiply them.

    Scales have eleven significant bits, so that products are exact and rounding twice changes
    nothing.
    """
    others = tuple(i for i in range(values.ndim) if i != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    mantissa, exponent = np.frexp(np.where(largest > 0, largest, 1) / np.float32(_LARGEST))
    scale = np.ldexp(np.ceil(mantissa * 2048) / 2048, exponent).astype(np.float32)
    return np.clip(np.rint(values / scale), -_LARGEST, _LARGEST), scale


def store_weights(graph: onnx.GraphProto, bits: Bits) -> None:
    """Store a graph's weights in fewer bits wherever that changes no value.

    Each stored tensor is followed by what restores it: a cast, and for 8 bits a product.

    Args:
        graph: The graph of a network that `round_weights` rounded.
        bits: Bits for each weight.
    """
    if bits == 32:
        return
    restored: list[onnx.NodeProto] = []
    added: list[onnx.TensorProto] = []
    for weights in graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < _WORTH_STORING:
            continue
        found = (_stored_in_bytes(values) if bits == 8 else None) or _stored_in_halves(values)
        if found is None:
            continue
        name, (suffix, stored, scale) = weights.name, found
        weights.CopyFrom(onnx.numpy_helper.from_array(stored, name + suffix))
        cast = name if scale is None else f"{name}{suffix}_cast"
        restored.append(
            onnx.helper.make_node("Cast", [name + suffix], [cast], to=onnx.TensorProto.FLOAT)
        )
        if scale is not None:
            added.append(onnx.numpy_helper.from_array(scale, name + _SCALE))
            restored.append(onnx.helper.make_node("Mul", [cast, name + _SCALE], [name]))
    graph.initializer.extend(added)
    nodes = [*restored, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


_Stored = tuple[str, NDArray[np.generic], _Single | None]


def _stored_in_bytes(values: _Single) -> _Stored | None:
    """Return a tensor as bytes and scales; None: that would change it.

    Exporters may have exchanged the axes of a matrix.
    """
    for axis in range(min(values.ndim, 2)):
        if _is_coarse(values.shape, axis):
            rounded, scale = _as_bytes(values, axis)
            if (rounded * scale == values).all():
                return _BYTE, rounded.astype(np.int8), scale
    return None


def _stored_in_halves(values: _Single) -> _Stored | None:
    """Return a tensor in half precision; None: that would change it."""
    with np.errstate(over="ignore"):
        halved = values.astype(np.float16)
    return (_HALF, halved, None) if (halved == values).all() else None


def stored_weights(graph: onnx.GraphProto) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield each weight of a graph, by its name before `store_weights`, with its values."""
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    for stored, values in arrays.items():
        name = stored.removesuffix(_BYTE)
        if name != stored and name + _SCALE in arrays:
            yield name, values.astype(np.float32) * arrays[name + _SCALE]
        else:
            yield stored.removesuffix(_HALF), values.copy()
