"""The graph of an ONNX file as a frozen, differentiable network."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from imfuse.engines.onnx_file import Port
from imfuse.errors import PairMismatch
from imfuse.learn.onnx_graph.node import Node, Numbers
from imfuse.learn.onnx_graph.table import OPERATORS

FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that an operator raises if it can't be applied to its inputs."""

_RELATIVE = 1e-3
_ABSOLUTE = 1e-4
"""Largest differences of values that agree; the second is a share of the largest value."""


class Step(NamedTuple):
    """One node of a graph, with the names of its inputs and outputs.

    Attributes:
        node: The node.
        inputs: Names of the inputs; empty where one is left out.
        outputs: Names of the outputs; empty where one is not needed.
        numbers: Constant inputs that the operator reads as numbers, by position.
        on_host: True if it depends on shapes only, and so is computed on the CPU.
        sizes: Position of the input that is the shape of an output with values of the pictures;
            0 if there is none.
        done: Names of the values that no later step needs.
    """

    node: Node
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[int, Numbers]
    on_host: bool
    sizes: int
    done: tuple[str, ...] = ()


class OnnxGraph(nn.Module):
    """A frozen network from an ONNX file; gradients flow through it to its inputs.

    Its weights are buffers, and it has no parameters. A file that is made for batches of one sample
    also takes larger ones: they run as one batch if that gives the same as running the samples one
    by one, which is tried once for each size, and else one by one.

    Attributes:
        inputs: Inputs, in the order of the arguments.
        outputs: Names of the outputs, in the order in which they are returned.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        inputs: tuple[Port, ...],
        outputs: tuple[str, ...],
        weights: Mapping[str, Tensor],
        host: Mapping[str, Tensor],
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.outputs = outputs
        self._steps = tuple(steps)
        self._host = dict(host)
        self._keys = {name: f"weight_{i}" for i, name in enumerate(weights)}
        for name, key in self._keys.items():
            self.register_buffer(key, weights[name])
        self._single = all(port.shape[:1] == (1,) for port in inputs)
        self._joint: dict[tuple[torch.Size, ...], bool] = {}
        self.eval()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Run the network.

        Args:
            inputs: Inputs in the order of `self.inputs`, with any number of samples if the file
                has one. If the samples run one by one, an output without a first axis of length
                1 gets a new first axis for the samples.

        Raises:
            PairMismatch: The inputs do not have the shapes that the file declares.
        """
        self._check(inputs)
        samples = len(inputs[0]) if self._single else 1
        if samples == 1 or self._runs_jointly(inputs):
            return self._run(inputs, samples)
        return self._run_singly(inputs)

    def _check(self, inputs: Sequence[Tensor]) -> None:
        if len(inputs) != len(self.inputs):
            raise PairMismatch(f"{len(inputs)} inputs", expected=f"{len(self.inputs)}")
        for given, port in zip(inputs, self.inputs, strict=True):
            wanted = list(port.shape)
            if self._single:
                wanted[0] = len(inputs[0])
            fits = given.ndim == len(wanted) and all(
                side in {None, length} for side, length in zip(wanted, given.shape, strict=True)
            )
            if not fits:
                raise PairMismatch(f"an input of shape {tuple(given.shape)}", expected=str(port))

    def _runs_jointly(self, inputs: Sequence[Tensor]) -> bool:
        """Return True if a batch of several samples gives the same as single samples."""
        shapes = tuple(one.shape[1:] for one in inputs)
        if shapes not in self._joint:
            generator = torch.Generator().manual_seed(0)  # training's own numbers stay as they are
            pair = [torch.rand(2, *sides, generator=generator).to(inputs[0]) for sides in shapes]
            with torch.no_grad(), torch.autocast(inputs[0].device.type, enabled=False):
                expected = self._run_singly(pair)
                try:
                    found = self._run(pair, 2)
                except FAILURES:
                    self._joint[shapes] = False
                else:
                    self._joint[shapes] = all(
                        agree(*both, share=1) for both in zip(found, expected, strict=True)
                    )
        return self._joint[shapes]

    def _run_singly(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        rows = [self._run([one[i : i + 1] for one in inputs], 1) for i in range(len(inputs[0]))]
        return tuple(
            torch.cat(column) if column[0].shape[:1] == (1,) else torch.stack(column)
            for column in zip(*rows, strict=True)
        )

    def _run(self, inputs: Sequence[Tensor], samples: int) -> tuple[Tensor, ...]:
        device = inputs[0].device
        weights = {name: self.get_buffer(key) for name, key in self._keys.items()}
        values = {port.name: one for port, one in zip(self.inputs, inputs, strict=True)}
        for step in self._steps:
            known = self._host if step.on_host else weights
            operator = OPERATORS[step.node.kind]
            arguments: list[Tensor | Numbers | None] = []
            for position, name in enumerate(step.inputs):
                argument: Tensor | Numbers | None = step.numbers.get(position)
                if name and argument is None:
                    value = values[name] if name in values else known[name]
                    if position in operator.numbers:
                        argument = value.flatten().tolist()
                    else:
                        argument = value if step.on_host else value.to(device)
                if position == step.sizes and isinstance(argument, list) and argument[:1] == [1]:
                    argument = [samples, *argument[1:]]
                arguments.append(argument)
            result = operator.run(step.node, *arguments)
            results = (result,) if isinstance(result, Tensor) else result
            values |= zip(step.outputs, results, strict=False)
            for name in step.done:
                values.pop(name, None)
        return tuple(values[name] if name in values else weights[name] for name in self.outputs)


def agree(found: Tensor, expected: Tensor, *, share: float) -> bool:
    """Return True if two outputs are the same but for rounding.

    Args:
        found: One output.
        expected: The other.
        share: Share of the values that have to agree.
    """
    if found.shape != expected.shape:
        return False
    if not expected.numel():
        return True
    found, expected = found.float(), expected.float()
    largest = float(expected.nan_to_num(0, 0, 0).abs().max())
    close = torch.isclose(found, expected, rtol=_RELATIVE, atol=_ABSOLUTE * largest, equal_nan=True)
    return float(close.float().mean()) >= share
