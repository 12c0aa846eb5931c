"""Operators that work element by element, with broadcasting, and matrix products."""

from collections.abc import Callable, Mapping
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from imfuse.learn.onnx_graph.node import TYPES, Node, Numbers, Operator, plain


def _divide(_: Node, dividend: Tensor, divisor: Tensor) -> Tensor:
    if dividend.is_floating_point() or divisor.is_floating_point():
        return dividend / divisor
    return torch.div(dividend, divisor, rounding_mode="trunc")


def _modulo(node: Node, dividend: Tensor, divisor: Tensor) -> Tensor:
    modulo = torch.fmod if node.get("fmod", 0) else torch.remainder
    return modulo(dividend, divisor)


def _power(_: Node, base: Tensor, exponent: Tensor) -> Tensor:
    return torch.pow(base, exponent).to(base.dtype)


def _clip(
    node: Node, x: Tensor, lowest: Numbers | None = None, highest: Numbers | None = None
) -> Tensor:
    if node.opset < 11:
        low, high = node.attributes.get("min"), node.attributes.get("max")
    else:
        low, high = (bound[0] if bound else None for bound in (lowest, highest))
    return x if low is None and high is None else torch.clamp(x, low, high)


def _leaky_relu(node: Node, x: Tensor) -> Tensor:
    return F.leaky_relu(x, node.get("alpha", 0.01))


def _elu(node: Node, x: Tensor) -> Tensor:
    return F.elu(x, node.get("alpha", 1.0))


def _prelu(_: Node, x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    return torch.clamp(node.get("alpha", 0.2) * x + node.get("beta", 0.5), 0, 1)


def _gelu(node: Node, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=node.get("approximate", "none"))


def _mean(*inputs: Tensor) -> Tensor:
    return reduce(torch.add, inputs) / len(inputs)


def _cast(node: Node, x: Tensor) -> Tensor:
    return x.to(TYPES[node.get("to", 1)])


def _uncastable(node: Node) -> str:
    number = node.get("to", 1)
    return "" if number in TYPES else f"Cast to type {number}"


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if node.get("transA", 0) else a
    b = b.T if node.get("transB", 0) else b
    product = node.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + node.get("beta", 1.0) * c


def _einsum(node: Node, *inputs: Tensor) -> Tensor:
    return torch.einsum(node.get("equation", ""), *inputs)


def _joined(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return plain(lambda *inputs: reduce(function, inputs))


OPERATORS: Mapping[str, Operator] = {
    "Abs": plain(torch.abs),
    "Add": plain(torch.add),
    "And": plain(torch.logical_and),
    "Cast": Operator(_cast, refuse=_uncastable),
    "CastLike": plain(lambda x, like: x.to(like.dtype)),
    "Ceil": plain(torch.ceil),
    "Clip": Operator(_clip, numbers=(1, 2)),
    "Cos": plain(torch.cos),
    "Div": Operator(_divide),
    "Dropout": plain(lambda x, *_: x),
    "Einsum": Operator(_einsum),
    "Elu": Operator(_elu),
    "Equal": plain(torch.eq),
    "Erf": plain(torch.erf),
    "Exp": plain(torch.exp),
    "Floor": plain(torch.floor),
    "Gelu": Operator(_gelu),
    "Gemm": Operator(_gemm),
    "Greater": plain(torch.gt),
    "GreaterOrEqual": plain(torch.ge),
    "HardSigmoid": Operator(_hard_sigmoid),
    "HardSwish": plain(F.hardswish),
    "Identity": plain(lambda x: x),
    "LeakyRelu": Operator(_leaky_relu),
    "Less": plain(torch.lt),
    "LessOrEqual": plain(torch.le),
    "Log": plain(torch.log),
    "MatMul": plain(torch.matmul),
    "Max": _joined(torch.maximum),
    "Mean": plain(_mean),
    "Min": _joined(torch.minimum),
    "Mish": plain(F.mish),
    "Mod": Operator(_modulo),
    "Mul": plain(torch.mul),
    "Neg": plain(torch.neg),
    "Not": plain(torch.logical_not),
    "Or": plain(torch.logical_or),
    "PRelu": Operator(_prelu),
    "Pow": Operator(_power),
    "Reciprocal": plain(torch.reciprocal),
    "Relu": plain(torch.relu),
    "Round": plain(torch.round),
    "Sigmoid": plain(torch.sigmoid),
    "Sign": plain(torch.sign),
    "Sin": plain(torch.sin),
    "Softplus": plain(F.softplus),
    "Sqrt": plain(torch.sqrt),
    "Sub": plain(torch.sub),
    "Sum": _joined(torch.add),
    "Tanh": plain(torch.tanh),
    "Where": plain(torch.where),
    "Xor": plain(torch.logical_xor),
}
