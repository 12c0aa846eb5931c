"""Operators that normalise values, or reduce axes to one value."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from imfuse.learn.onnx_graph.node import Node, Numbers, Operator


def _batch_norm(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, bias, eps=node.get("epsilon", 1e-5))


def _training(node: Node) -> str:
    return "BatchNormalization in training mode" if node.get("training_mode", 0) else ""


def _instance_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=bias, eps=node.get("epsilon", 1e-5))


def _layer_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    shape = x.shape[node.get("axis", -1) :]
    bias = None if bias is None else bias.expand(shape)
    return F.layer_norm(x, shape, scale.expand(shape), bias, node.get("epsilon", 1e-5))


def _group_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    groups = node.get("num_groups", 1)
    if node.opset < 21:  # one value per group
        scale, bias = (one.repeat_interleave(x.shape[1] // groups) for one in (scale, bias))
    return F.group_norm(x, groups, scale, bias, node.get("epsilon", 1e-5))


def _softmax(function: Callable[[Tensor, int], Tensor]) -> Operator:
    def run(node: Node, x: Tensor) -> Tensor:
        if node.opset >= 13:
            return function(x, node.get("axis", -1))
        axis = node.get("axis", 1) % x.ndim  # over this axis and all after it
        return function(x.flatten(axis), -1).reshape(x.shape)

    return Operator(run)


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:  # noqa: FBT001 - as torch.sum
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _length(x: Tensor, axes: list[int], keep: bool) -> Tensor:  # noqa: FBT001 - as torch.sum
    length: Tensor = torch.linalg.vector_norm(x, dim=axes, keepdim=keep)
    return length


def _reduce(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    def run(node: Node, x: Tensor, given: Numbers | None = None) -> Tensor:
        axes = given or node.listed("axes")
        if not axes and node.get("noop_with_empty_axes", 0):
            return x
        return function(x, axes or list(range(x.ndim)), bool(node.get("keepdims", 1)))

    return Operator(run, numbers=(1,))


def _arg(function: Callable[[Tensor, int, bool], Tensor]) -> Operator:
    def run(node: Node, x: Tensor) -> Tensor:
        return function(x, node.get("axis", 0), bool(node.get("keepdims", 1)))

    return Operator(run, refuse=_last)


def _last(node: Node) -> str:
    return f"{node.kind} with select_last_index" if node.get("select_last_index", 0) else ""


def _top(node: Node, x: Tensor, given: Numbers | None = None) -> tuple[Tensor, Tensor]:
    count = given[0] if given else node.get("k", 1)
    largest, ordered = bool(node.get("largest", 1)), bool(node.get("sorted", 1))
    found = torch.topk(x, count, node.get("axis", -1), largest, ordered)
    return found.values, found.indices


OPERATORS: Mapping[str, Operator] = {
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
    "BatchNormalization": Operator(_batch_norm, refuse=_training),
    "GroupNormalization": Operator(_group_norm),
    "InstanceNormalization": Operator(_instance_norm),
    "LayerNormalization": Operator(_layer_norm),
    "LogSoftmax": _softmax(torch.log_softmax),
    "ReduceL1": _reduce(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceL2": _reduce(_length),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceProd": _reduce(_product),
    "ReduceSum": _reduce(torch.sum),
    "ReduceSumSquare": _reduce(lambda x, axes, keep: x.square().sum(axes, keep)),
    "Softmax": _softmax(torch.softmax),
    "TopK": Operator(_top, numbers=(1,), outputs=2),
}
