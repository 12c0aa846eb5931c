"""Memory that OpenVINO needs for a network: worked out beforehand, since it has no limit to set."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imfuse.engines.onnx_file import brief
from imfuse.errors import MemoryLimit, WeightsError

_REMEDY = "Omit --runtime (runtime=): ONNX Runtime keeps to a limit by itself."
_KEPT = ("Constant", "Parameter", "Result")
"""Nodes that take no memory of their own."""


class MemoryBound:
    """Works out how much memory a network needs; threads may share it.

    Args:
        network: The network, as `openvino.Core.read_model` returns it. Its sizes are changed.
        limit: Most bytes that its values may take.
        file: The file, for messages.

    Raises:
        WeightsError: It holds loops or branches, which can be neither bounded nor stopped.
    """

    def __init__(self, network: Any, limit: int, file: Path) -> None:  # noqa: ANN401 - openvino is untyped
        self._network, self._limit, self._file = network, limit, file
        self._lock = threading.Lock()
        self._fitting: list[Mapping[str, Sequence[int]]] = []
        for node in network.get_ordered_ops():
            if node.get_type_name() in ("If", "Loop", "TensorIterator"):
                raise WeightsError(
                    f"OpenVINO can't bound or stop its {node.get_type_name()}",
                    file=file,
                    expected="a network without loops and branches",
                    remedy=_REMEDY,
                )

    def check(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Refuse inputs for which the network needs too much memory.

        Args:
            shapes: Lengths of each input, by name.

        Raises:
            MemoryLimit: It needs more than the limit.
            WeightsError: What it needs depends on values, or it can't take such inputs.
        """
        with self._lock:
            if any(_within(shapes, larger) for larger in self._fitting):
                return
            try:
                self._network.reshape({name: list(shape) for name, shape in shapes.items()})
                needed = _most_alive(self._network)
            except RuntimeError as error:
                last = brief(str(error).strip().splitlines()[-1])
                raise WeightsError(
                    f"OpenVINO can't fuse this ({last})", file=self._file, remedy=_REMEDY
                ) from error
            except _Unbounded as error:
                raise WeightsError(
                    f"the memory of its {error} can't be told beforehand",
                    file=self._file,
                    remedy=_REMEDY,
                ) from error
            if needed > self._limit:
                sizes = ", ".join("x".join(map(str, shape)) for shape in shapes.values())
                raise MemoryLimit(
                    f"the network needs {needed / 1e6:,.0f} MB for inputs of {sizes}",
                    file=self._file,
                    expected=f"at most {self._limit / 1e6:,.0f} MB",
                    remedy="Allow more with --max-memory (max_memory=), or give smaller pictures.",
                )
            self._fitting = [dict(shapes), *self._fitting[:7]]


class _Unbounded(Exception):
    """A node has outputs whose sizes depend on values."""


def _within(shapes: Mapping[str, Sequence[int]], larger: Mapping[str, Sequence[int]]) -> bool:
    """Return whether no side of any input is longer than that of another one."""
    return all(
        len(shape) == len(larger[name])
        and all(one <= other for one, other in zip(shape, larger[name], strict=True))
        for name, shape in shapes.items()
    )


def _most_alive(network: Any) -> int:  # noqa: ANN401 - openvino is untyped
    """Return the most bytes that values take at one time if each lives until it is last read.

    A node may write over the largest value that it is the last to read, as most do.
    """
    nodes = [node for node in network.get_ordered_ops() if node.get_type_name() not in _KEPT]
    readers = {
        (node.get_name(), out.get_index()): len(out.get_target_inputs())
        for node in nodes
        for out in node.outputs()
    }
    alive: dict[tuple[str, int], int] = {}
    total = most = 0
    for node in nodes:
        sizes = {(node.get_name(), out.get_index()): _bytes(node, out) for out in node.outputs()}
        dead = list(_read_last(node, readers, alive))
        made = sum(sizes.values())
        reused = max((size for size in dead if size <= made), default=0)
        most = max(most, total + made - reused)
        alive |= sizes
        total += made - sum(dead)
    return most


def _read_last(
    node: Any,  # noqa: ANN401 - openvino is untyped
    readers: dict[tuple[str, int], int],
    alive: dict[tuple[str, int], int],
) -> Iterator[int]:
    """Take the values that a node is the last to read from those alive; yield their sizes."""
    for port in node.inputs():
        source = port.get_source_output()
        key = source.get_node().get_name(), source.get_index()
        if key in readers:
            readers[key] -= 1
            if readers[key] == 0:
                yield alive.pop(key)


def _bytes(node: Any, out: Any) -> int:  # noqa: ANN401 - openvino is untyped
    if out.get_partial_shape().is_dynamic:
        raise _Unbounded(node.get_type_name())
    count = out.get_element_type().size
    for length in out.get_shape():
        count *= int(length)
    return int(count)
