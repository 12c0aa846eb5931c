"""Networks in ONNX files, run by ONNX Runtime on the CPU. Nothing in a file is executed.

A fusion model is an ONNX file with the inputs `ir` (1, 1, H, W) and `vis` (1, 1 or 3, H, W), one
output `fused` (1, 1 or 3, H, W), dynamic H and W, and its `FusionSpec` as JSON under the metadata
key `imfuse.spec`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from imfuse.errors import WeightsError
from imfuse.types import Float, FusionSpec

SPEC_KEY = "imfuse.spec"
SEGMENTER_KEY = "imfuse.segmenter"
"""Metadata key that holds the `SegmenterSpec` of a segmenter as JSON."""
"""Metadata key that holds the `FusionSpec` as JSON."""

_REMEDY = "Export it with imfuse, or use a file that `imfuse models list` shows."
_CHANNELS = {"luma": 1, "rgb": 3}


class OnnxEngine:
    """A fusion network in an ONNX file.

    Args:
        model: Path of the file.
        threads: Threads inside the network; None: all cores.
        optimise: Whether to prepare the network for this machine; without, opening is quicker.

    Raises:
        WeightsError: The file is missing, corrupted, or no fusion model of imfuse.
    """

    def __init__(self, model: Path, *, threads: int | None = None, optimise: bool = True) -> None:
        self._session = open_session(model, threads, optimise=optimise)
        self.spec = _read_spec(self._session, model)
        _check_signature(self._session, self.spec, model)

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""
        return picture_of(self._session.run(["fused"], feed_of(ir, vis))[0])


def feed_of(ir: Float, vis: Float) -> dict[str, Float]:
    """Return pictures as a network's inputs: `(1, channels, H, W)` by name."""
    shown = vis[None] if vis.ndim == 2 else np.ascontiguousarray(vis.transpose(2, 0, 1))
    return {"ir": ir[None, None], "vis": shown[None]}


def picture_of(fused: Float) -> Float:
    """Return a network's output `(1, channels, H, W)` as a picture."""
    return fused[0, 0] if fused.shape[1] == 1 else np.ascontiguousarray(fused[0].transpose(1, 2, 0))


def open_session(model: Path, threads: int | None = None, *, optimise: bool = True) -> Any:  # noqa: ANN401 - onnxruntime is untyped
    """Open an ONNX file.

    Args:
        model: Path of the file.
        threads: Threads inside the network; None: all cores.
        optimise: Whether to prepare the network for this machine.

    Raises:
        WeightsError: The file is missing or corrupted.
    """
    import onnxruntime  # noqa: PLC0415 - 0.1 s to import, and only networks need it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4  # errors reach the user as WeightsError, not as log lines
    # Reusing one allocation plan pays for one size only; tiles and folders have several.
    options.enable_mem_pattern = False
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        # From bytes, not from the path: a file then can't point at other files on the disk.
        content = model.read_bytes()
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except OSError as error:
        found = f"can't read the model file ({error.strerror})"
        raise WeightsError(found, file=model, remedy="Check the path.") from error
    except Exception as error:
        reason = str(error).split(":")[-1].strip() or type(error).__name__
        found = f"not a readable ONNX file ({reason})"
        raise WeightsError(found, file=model, remedy=_REMEDY) from error


def _read_spec(session: Any, model: Path) -> FusionSpec:  # noqa: ANN401 - onnxruntime is untyped
    metadata = session.get_modelmeta().custom_metadata_map
    text = metadata.get(SPEC_KEY)
    if text is None and SEGMENTER_KEY in metadata:
        remedy = "Label pictures with it: imfuse segment run."
        raise WeightsError("a segmenter, not a fusion network", file=model, remedy=remedy)
    if text is None:
        found = f"an ONNX file without the metadata {SPEC_KEY}"
        raise WeightsError(found, file=model, remedy=_REMEDY)
    try:
        return FusionSpec.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        found = f"bad metadata {SPEC_KEY} ({'.'.join(map(str, first['loc']))}: {first['msg']})"
        raise WeightsError(found, file=model, remedy=_REMEDY) from error


def _check_signature(session: Any, spec: FusionSpec, model: Path) -> None:  # noqa: ANN401
    expected = {
        "ir": (1, "tensor(float)"),
        "vis": (_CHANNELS[spec.visible], "tensor(float)"),
        "fused": (_CHANNELS[spec.output], "tensor(float)"),
    }
    found = {
        node.name: (node.shape[1] if len(node.shape) == 4 else None, node.type)
        for node in [*session.get_inputs(), *session.get_outputs()]
    }
    if found != expected:
        raise WeightsError(
            f"inputs and outputs {found}",
            file=model,
            expected=f"{expected} (channels and type)",
            remedy=_REMEDY,
        )
