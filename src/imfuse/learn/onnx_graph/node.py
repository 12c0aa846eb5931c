"""Nodes of a graph, and the description of the operators that run them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value", int, float, str, bool)
Numbers: TypeAlias = list[Any]
"""Values of a tensor that an operator reads as plain numbers, such as a shape."""

TYPES: Mapping[int, torch.dtype] = {  # numbers of TensorProto.DataType
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}


@dataclass(frozen=True)
class Node:
    """One node of a graph, without its inputs.

    Attributes:
        kind: Name of the operator.
        opset: Version of the operator set.
        attributes: Attributes by name; tensors are on the CPU.
        outputs: Number of outputs.
    """

    kind: str
    opset: int
    attributes: Mapping[str, Any]
    outputs: int = 1

    def get(self, name: str, default: Value) -> Value:
        """Return a single attribute."""
        value: Value = self.attributes.get(name, default)
        return value

    def listed(self, name: str) -> Numbers | None:
        """Return an attribute that is a list; None if there is none."""
        return self.attributes.get(name)


Run: TypeAlias = Callable[..., Tensor | Sequence[Tensor]]
"""A function of a `Node` and its inputs: tensors, `Numbers`, or None where one is left out."""


def accept(_: Node) -> str:
    """Refuse nothing."""
    return ""


class Operator(NamedTuple):
    """The implementation of an operator.

    Attributes:
        run: Function of the node and its inputs.
        numbers: Positions of the inputs that `run` takes as `Numbers`.
        outputs: Largest number of outputs; None: any number.
        sizes: Position of the input that is the full shape of the output; 0 if there is none.
        refuse: Function that says what is unsupported about a node; empty text: nothing.
    """

    run: Run
    numbers: tuple[int, ...] = ()
    outputs: int | None = 1
    sizes: int = 0
    refuse: Callable[[Node], str] = accept


def plain(function: Callable[..., Tensor]) -> Operator:
    """Return the operator of a function that needs no attributes."""
    return Operator(lambda _, *inputs: function(*inputs))
