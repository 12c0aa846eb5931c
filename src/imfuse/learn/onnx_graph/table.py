"""All operators by name, and what of a graph is unsupported."""

from collections.abc import Iterable, Mapping

from imfuse.learn.onnx_graph import elementwise, normalising, resizing, shapes, windows
from imfuse.learn.onnx_graph.node import Node, Operator

OPERATORS: Mapping[str, Operator] = {
    **elementwise.OPERATORS,
    **normalising.OPERATORS,
    **resizing.OPERATORS,
    **shapes.OPERATORS,
    **windows.OPERATORS,
}


def unsupported(nodes: Iterable[Node]) -> list[str]:
    """Return what can't be run, each once, in alphabetical order."""
    return sorted({reason for node in nodes if (reason := _refusal(node))})


def _refusal(node: Node) -> str:
    operator = OPERATORS.get(node.kind)
    if operator is None:
        return node.kind
    if operator.outputs is not None and node.outputs > operator.outputs:
        return f"{node.kind} with {node.outputs} outputs"
    return operator.refuse(node)
