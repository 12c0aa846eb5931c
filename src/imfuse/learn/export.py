"""Networks to ONNX files that the use half runs without PyTorch; the two are always compared."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from imfuse.engines.onnx import SPEC_KEY, OnnxEngine
from imfuse.errors import WeightsError
from imfuse.io.atomic import write_atomically
from imfuse.learn.blocks.exporting import trace
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import FusionSpec

TOLERANCE = 1e-4
"""Most that a fused value may differ between PyTorch and ONNX Runtime."""

_WORTH_HALVING = 32
"""Values from which a tensor is stored in half precision."""

_TRACED = (5, 7)
_CHECKED = ((3, 4), (9, 6))
"""Sizes for tracing, and for checking, in multiples of what the network takes; all unlike."""


def export_onnx(
    network: FusionNetwork, out: Path, spec: FusionSpec | None = None, *, half: bool = False
) -> float:
    """Write a network as an ONNX file with dynamic height and width and its description inside.

    Args:
        network: The network, with its weights.
        out: File to write.
        spec: What the file says of itself; None: `network.spec()`.
        half: Store weights as half precision, in half of the bytes. The network's own are rounded
            so, too; all is still computed in single precision.

    Returns:
        The largest difference between the file's output and the network's, over two sizes that
        the exporter did not see.

    Raises:
        WeightsError: That difference exceeds `TOLERANCE`; nothing is written then.
        OutputError: The file can't be written.
    """
    network = network.eval()
    if half:
        network.half().float()
    content = _convert(network, spec or network.spec(), half=half)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "model.onnx"
        trial.write_bytes(content)
        engine = OnnxEngine(trial)
        difference = max(_difference(network, engine, size) for size in _CHECKED)
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"the exported {network.name} differs by {difference:.2g} from the network",
            file=out,
            expected=f"at most {TOLERANCE:g}",
            remedy="This is a fault of imfuse or of the exporter; please report it.",
        )
    write_atomically(out, [content])
    return difference


def _size(network: FusionNetwork, times: tuple[int, int]) -> tuple[int, int]:
    """Return an allowed height and width, odd where the network takes odd ones."""
    rule = network.size
    steps = max(1, -(-rule.minimum // rule.multiple))
    scale = 3 if rule.multiple == 1 else 1
    height, width = ((steps + scale * t) * rule.multiple for t in times)
    return height, width


def _inputs(network: FusionNetwork, times: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(times))
    size = _size(network, times)
    channels = 3 if network.visible == "rgb" else 1
    ir = torch.rand(1, 1, *size, generator=generator)
    return ir, torch.rand(1, channels, *size, generator=generator)


class _Fuse(nn.Module):
    """The network without the checks of its inputs, which only concern Python."""

    def __init__(self, network: FusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, ir: torch.Tensor, vis: torch.Tensor) -> torch.Tensor:
        return self.network.fuse(ir, vis)


def _convert(network: FusionNetwork, spec: FusionSpec, *, half: bool) -> bytes:
    rule = network.size
    least = -(-rule.minimum // rule.multiple)
    sides = [torch.export.Dim(name, min=least) for name in ("height", "width")]
    dynamic = {2 + i: rule.multiple * side for i, side in enumerate(sides)}
    inputs = dict(zip(("ir", "vis"), _inputs(network, _TRACED), strict=True))
    properties = {SPEC_KEY: spec.model_dump_json()}
    model = trace(_Fuse(network), inputs, "fused", dynamic, properties)
    if half:
        _halve(model.graph)
    content: bytes = model.SerializeToString()
    return content


def _halve(graph: onnx.GraphProto) -> None:
    """Store weights in half precision, each followed by a cast that ONNX Runtime does once."""
    casts = []
    for weights in graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < _WORTH_HALVING:
            continue
        halved = values.astype(np.float16)
        if (halved != values).any():
            continue
        name = f"{weights.name}_half"
        casts.append(
            onnx.helper.make_node("Cast", [name], [weights.name], to=onnx.TensorProto.FLOAT)
        )
        weights.CopyFrom(onnx.numpy_helper.from_array(halved, name))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _difference(network: FusionNetwork, engine: OnnxEngine, times: tuple[int, int]) -> float:
    ir, vis = _inputs(network, times)
    with torch.inference_mode():
        expected = network.fuse(ir, vis)[0].numpy()
    shown = vis[0, 0] if vis.shape[1] == 1 else vis[0].permute(1, 2, 0)
    found = engine.fuse(ir[0, 0].numpy(), np.ascontiguousarray(shown.numpy()))
    found = found[None] if found.ndim == 2 else found.transpose(2, 0, 1)
    return float(np.abs(found - expected).max())
