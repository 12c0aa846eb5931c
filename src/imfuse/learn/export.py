"""Export networks to ONNX files, which run without PyTorch; the two are always compared."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import nn

from imfuse.engines.bands import BANDS_KEY, TASTES
from imfuse.engines.load import open_onnx
from imfuse.engines.onnx import SPEC_KEY
from imfuse.engines.scene import SCENE
from imfuse.errors import WeightsError
from imfuse.io.atomic import write_atomically
from imfuse.learn.blocks.exporting import trace
from imfuse.learn.models.bands import BandSelection
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.onnx_file import SETTINGS_KEY, TOLERANCE, largest_difference, pictures_for
from imfuse.learn.storage import Bits, round_weights, store_weights
from imfuse.types import FusionSpec

_TRACED = (5, 7)
"""Size for tracing, in multiples of the network's unit; it differs from those for comparing."""


def export_onnx(
    network: FusionNetwork,
    out: Path,
    spec: FusionSpec | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    bits: Bits = 32,
    whole: bool = False,
) -> float:
    """Write a network as an ONNX file with dynamic height and width and its description inside.

    `load_weights` can read the network back from it. Of a network that decides per band, the file
    holds only what decides; see `imfuse.engines.bands`.

    Args:
        network: The network, with its weights.
        out: File to write.
        spec: Description stored in the file; None: `network.spec()`.
        settings: The settings that the network was built with; None: its defaults.
        bits: Bits for each weight: 32, 16 (half precision), or 8 (whole numbers with one scale for
            each output channel). The network's own weights are rounded in the same way;
            computation stays in single precision.
        whole: Write all of a network that decides per band, for other programs; slower.

    Returns:
        The largest difference between the file's output and the network's, over two sizes that
        the exporter did not see.

    Raises:
        WeightsError: That difference exceeds `TOLERANCE`; nothing is written then.
        OutputError: The file can't be written.
    """
    network = network.eval()
    round_weights(network, bits)
    properties = {
        SPEC_KEY: (spec or network.spec()).model_dump_json(),
        SETTINGS_KEY: json.dumps(dict(settings or {}), sort_keys=True),
    }
    if isinstance(network, BandSelection) and not whole:
        content = _convert_decider(network, properties, bits)
    else:
        content = _convert(network, properties, bits)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "model.onnx"
        trial.write_bytes(content)
        difference = largest_difference(network, open_onnx(trial))
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"the exported {network.name} differs by {difference:.2g} from the network",
            file=out,
            expected=f"at most {TOLERANCE:g}",
            remedy="This is a bug in imfuse or in the exporter; please report it.",
        )
    write_atomically(out, [content])
    return difference


class _Fuse(nn.Module):
    """The network without the checks of its inputs, which only concern Python."""

    def __init__(self, network: FusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, ir: torch.Tensor, vis: torch.Tensor) -> torch.Tensor:
        return self.network.fuse(ir, vis)


def _convert(network: FusionNetwork, properties: Mapping[str, str], bits: Bits) -> bytes:
    rule = network.size
    least = -(-rule.minimum // rule.multiple)
    sides = [torch.export.Dim(name, min=least) for name in ("height", "width")]
    dynamic = {2 + i: rule.multiple * side for i, side in enumerate(sides)}
    inputs = dict(zip(("ir", "vis"), pictures_for(network, _TRACED), strict=True))
    model = trace(_Fuse(network), inputs, ["fused"], [dynamic, dynamic], properties)
    return _serialised(model, bits)


class _Decide(nn.Module):
    """Decider of a network, under the names that its weights have in the network."""

    def __init__(self, network: BandSelection) -> None:
        super().__init__()
        self.network = nn.ModuleDict({"decider": network.decider})

    def forward(
        self, planes: torch.Tensor, preference: torch.Tensor, scene: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        found: tuple[torch.Tensor, ...] = self.network["decider"](planes, preference, scene)
        return found


def _convert_decider(network: BandSelection, properties: Mapping[str, str], bits: Bits) -> bytes:
    scale = 4  # the decider halves its planes twice
    sides = {2 + i: scale * torch.export.Dim(n, min=2) for i, n in enumerate(("height", "width"))}
    inputs = {
        "planes": torch.rand(1, network.decider.inputs, *(scale * n for n in _TRACED)),
        "preference": torch.zeros(1, TASTES),
        "scene": torch.zeros(1, SCENE),
    }
    told = {**properties, BANDS_KEY: network.rule.model_dump_json()}
    return _serialised(
        trace(_Decide(network), inputs, network.rule.outputs, [sides, {}, {}], told), bits
    )


def _serialised(model: onnx.ModelProto, bits: Bits) -> bytes:
    store_weights(model.graph, bits)
    content: bytes = model.SerializeToString()
    return content
