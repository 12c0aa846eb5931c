"""Read the graph of an ONNX file, which may be untrusted, within limits."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from torch import Tensor

from imfuse.engines.onnx_file import OnnxFile, brief
from imfuse.errors import WeightsError
from imfuse.learn.onnx_graph.graph import FAILURES, OnnxGraph, Step, agree
from imfuse.learn.onnx_graph.node import TYPES, Node, Numbers
from imfuse.learn.onnx_graph.table import OPERATORS, unsupported

_LARGEST = 1 << 30
"""Largest size of a file in bytes."""
_FOLDED = 1 << 26
"""Bytes that all computed constants may always have; they may also have 16 times the file's."""
_EARLIEST = 9
"""First version of the operator set that is read."""
_DOMAINS = ("", "ai.onnx")
"""Names of the standard operator set."""
_SIDE = 64
"""Length of axes that the file leaves open, for comparing with ONNX Runtime."""

_WIDEST = 1 << 26
"""Largest number of values of an input."""
_AGREEING = 0.99
"""Share of values that have to agree with ONNX Runtime's: rounding may change which of two close
values is larger, and so what is selected."""

_PLAIN = "Export the network without suppression and other post-processing, and not quantised."
_FLOAT = "Export the network in float32."


def read_graph(path: Path) -> OnnxGraph:
    """Return the network of an ONNX file as a frozen, differentiable module.

    No other file is read. Before the network is returned, its outputs are compared with those of
    ONNX Runtime on noise. This is left out if ONNX Runtime can't run noise of the size tried,
    which may happen if the file declares no size.

    Raises:
        WeightsError: The file is missing, damaged or too large, keeps weights in other files, has
            operators that are not supported, or the outputs differ from ONNX Runtime's.
    """
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        size = 0  # OnnxFile says what is wrong
    if size > _LARGEST:
        raise WeightsError(f"a file of {size} bytes", file=path, expected=f"at most {_LARGEST}")
    file = OnnxFile(path, threads=1, optimise=False)
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        graph = _Reader(model, file, max(_FOLDED, 16 * size)).graph()
    except WeightsError:
        raise
    except (DecodeError, OSError, *FAILURES) as error:
        raise WeightsError(
            f"an ONNX file whose graph can't be read ({brief(error)})", file=path, remedy=_PLAIN
        ) from error
    _compare(graph, file)
    return graph


class _Reader:
    """Turns the nodes of a graph into steps, and computes what depends on constants only."""

    def __init__(self, model: onnx.ModelProto, file: OnnxFile, room: int) -> None:
        self._file = file
        self._room = room
        self._steps: list[Step] = []
        self._proto = model.graph
        versions = [one.version for one in model.opset_import if one.domain in _DOMAINS]
        self._opset = max(versions, default=1)
        if self._opset < _EARLIEST:
            raise self._refused(
                f"operator set {self._opset}",
                f"Export the network with opset {_EARLIEST} or later.",
            )
        for port in file.inputs:
            if port.kind != "tensor(float)":
                raise self._refused(f"the input {port}", _FLOAT)
        if model.functions:
            names = ", ".join(sorted({brief(one.name, 40) for one in model.functions}))
            raise self._refused(f"functions: {names}", "Inline them: onnx.inliner.")
        nodes = [self._node(node) for node in self._proto.node]
        if found := unsupported(nodes):
            names = ", ".join(brief(one, 60) for one in found)
            raise self._refused(f"operators that are not supported: {names}", _PLAIN)
        self._nodes = nodes
        self._constants = {one.name: self._tensor(one) for one in self._proto.initializer}
        if self._proto.sparse_initializer:
            raise self._refused("sparse weights", _PLAIN)

    def graph(self) -> OnnxGraph:
        """Return the network."""
        data = {port.name for port in self._file.inputs}  # names of what pictures decide
        for node, proto in zip(self._nodes, self._proto.node, strict=True):
            names = [name for name in proto.input if name]
            if all(name in self._constants for name in names):
                self._fold(node, proto)
                continue
            on_host = data.isdisjoint(names)
            self._steps.append(self._step(node, proto, on_host=on_host))
            if not on_host and node.kind not in {"Shape", "Size"}:
                data.update(proto.output)
        outputs = tuple(port.name for port in self._file.outputs)
        weights = dict.fromkeys(name for name in outputs if name in self._constants)
        weights |= self._used(on_host=False)
        return OnnxGraph(
            _with_last_uses(self._steps, outputs),
            self._file.inputs,
            outputs,
            {name: self._constants[name] for name in weights},
            {name: self._constants[name] for name in self._used(on_host=True)},
        )

    def _used(self, *, on_host: bool) -> dict[str, None]:
        """Return the names of the constants that steps take as tensors."""
        return {
            name: None
            for step in self._steps
            if step.on_host is on_host
            for position, name in enumerate(step.inputs)
            if name in self._constants and position not in step.numbers
        }

    def _step(self, node: Node, proto: onnx.NodeProto, *, on_host: bool) -> Step:
        operator = OPERATORS[node.kind]
        numbers = {
            position: self._constants[name].flatten().tolist()
            for position, name in enumerate(proto.input)
            if position in operator.numbers and name in self._constants
        }
        sizes = 0 if on_host or "axes" in node.attributes else operator.sizes
        return Step(node, tuple(proto.input), tuple(proto.output), numbers, on_host, sizes)

    def _fold(self, node: Node, proto: onnx.NodeProto) -> None:
        """Compute constants, once their size is known to be within the limit."""
        operator = OPERATORS[node.kind]
        arguments: list[Tensor | Numbers | None] = [
            None
            if not name
            else self._constants[name].flatten().tolist()
            if position in operator.numbers
            else self._constants[name]
            for position, name in enumerate(proto.input)
        ]
        with torch.device("meta"):
            planned = operator.run(
                node, *(one.to("meta") if isinstance(one, Tensor) else one for one in arguments)
            )
        self._room -= sum(one.numel() * one.itemsize for one in _listed(planned))
        if self._room < 0:
            raise self._refused(f"constants too large for its size, at {node.kind}", _PLAIN)
        with torch.no_grad():
            results = _listed(operator.run(node, *arguments))
        self._constants |= zip(proto.output, results, strict=False)

    def _node(self, proto: onnx.NodeProto) -> Node:
        standard = proto.domain in _DOMAINS
        kind = proto.op_type if standard else f"{proto.domain}.{proto.op_type}"
        known = kind in OPERATORS
        attributes = {one.name: self._value(one) for one in proto.attribute} if known else {}
        return Node(kind, self._opset, attributes, sum(map(bool, proto.output)))

    def _value(self, attribute: onnx.AttributeProto) -> Any:  # noqa: ANN401 - any kind of attribute
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, onnx.TensorProto):
            return self._tensor(value)
        return value if isinstance(value, int | float) else list(value)

    def _tensor(self, stored: onnx.TensorProto) -> Tensor:
        if stored.data_location == onnx.TensorProto.EXTERNAL:
            raise self._refused(
                "weights in other files, which are not read", "Save it as one file."
            )
        if stored.data_type not in TYPES:
            kind = onnx.TensorProto.DataType.Name(stored.data_type)
            raise self._refused(f"weights of type {kind}", _FLOAT)
        array = onnx.numpy_helper.to_array(stored)
        if stored.data_type == onnx.TensorProto.BFLOAT16:
            array = array.astype(np.float32)
        return torch.from_numpy(array.copy()).to(TYPES[stored.data_type])

    def _refused(self, found: str, remedy: str) -> WeightsError:
        return WeightsError(f"an ONNX file with {found}", file=self._file.path, remedy=remedy)


def _listed(result: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return (result,) if isinstance(result, Tensor) else result


def _with_last_uses(steps: Sequence[Step], outputs: Iterable[str]) -> list[Step]:
    """Return steps that know which values no later step needs."""
    needed = set(outputs)
    found = []
    for step in reversed(steps):
        done = {*step.inputs, *step.outputs} - needed
        needed |= done
        found.append(step._replace(done=tuple(done)))
    return found[::-1]


def _compare(graph: OnnxGraph, file: OnnxFile) -> None:
    """Refuse a graph whose outputs differ from those of ONNX Runtime."""
    generator = torch.Generator().manual_seed(0)
    noise = []
    for port in file.inputs:
        sides = [side or (_SIDE if axis else 1) for axis, side in enumerate(port.shape)]
        if math.prod(sides) > _WIDEST:
            raise WeightsError(
                f"an ONNX file with the input {port}", file=file.path, expected="a smaller picture"
            )
        noise.append(torch.rand(sides, generator=generator))
    feed = {port.name: one.numpy() for port, one in zip(file.inputs, noise, strict=True)}
    try:
        expected = file.run(None, feed)
    except WeightsError:
        return  # the network does not take pictures of this size
    try:
        with torch.no_grad():
            found = graph(*noise)
        differing = [
            port
            for port, one, other in zip(file.outputs, found, expected, strict=True)
            if not agree(one, torch.from_numpy(np.array(other)), share=_AGREEING)
        ]
    except FAILURES as error:
        raise WeightsError(
            f"it can't be run in PyTorch ({brief(error)})", file=file.path, remedy=_PLAIN
        ) from error
    if differing:
        raise WeightsError(
            f"its output {differing[0]} differs from that of ONNX Runtime",
            file=file.path,
            remedy="This is a bug in imfuse; please report it.",
        )
