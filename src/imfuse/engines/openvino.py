"""Networks in ONNX files, run by OpenVINO: faster than ONNX Runtime, if it is installed.

This is a second way to run the files that `imfuse.engines.onnx` describes. OpenVINO compiles a
network for the given processor, keeps concatenations and paddings in its own layout, and can work
in bfloat16 if the processor supports it (AMX, AVX-512 BF16).
"""

import queue
import threading
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imfuse.engines.onnx import OnnxEngine, checked
from imfuse.engines.onnx_file import brief
from imfuse.errors import WeightsError
from imfuse.types import Float

_FIRST = threading.Lock()


class OpenVinoEngine:
    """A fusion network in an ONNX file, compiled by OpenVINO.

    Args:
        model: Path of the file.
        threads: Threads inside the network; None: all cores.
        precision: `f32`, or `bf16`: bfloat16 if the processor supports it, else f32. Values in
            bfloat16 have 8 significant bits; sums are kept in f32, and results usually differ by
            at most one or two gray levels in 8 bits.
        settings: See `OnnxEngine`.

    Attributes:
        spec: The file's description, or the result of examining it.
        feed: Description of the network's inputs and output.
        weights_sha256: SHA-256 of the file.
        notes: Assumptions about a file without a description.

    Raises:
        WeightsError: The file is missing, corrupted, or not a fusion model, or OpenVINO is not
            installed.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        precision: Literal["f32", "bf16"] = "f32",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        described = OnnxEngine(model, optimise=False, settings=settings)
        self.spec, self.feed, self._model = described.spec, described.feed, model
        self.notes, self.weights_sha256 = described.notes, described.weights_sha256
        self._compiled = _compile(model, threads, precision)
        self._idle: queue.SimpleQueue[Any] = (
            queue.SimpleQueue()
        )  # each thread needs a request of its own

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            fused = self.feed.fuse(partial(self._infer, request), ir, vis, self._model)
            return checked(fused, self.spec, self._model)
        finally:
            self._idle.put(request)

    def _infer(self, request: Any, values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:  # noqa: ANN401
        try:
            found: NDArray[Any] = request.infer(dict(values))[self.feed.output].copy()
        except RuntimeError as error:
            raise WeightsError(
                f"OpenVINO can't fuse this ({brief(str(error).strip().splitlines()[-1])})",
                file=self._model,
                remedy="Omit --runtime (runtime=).",
            ) from error
        return found


def possible_precision(wanted: str, capabilities: Collection[str]) -> str:
    """Return the precision to compute in.

    If the processor lacks bfloat16, OpenVINO emulates it, two to four times slower than f32.

    Args:
        wanted: `f32` or `bf16`.
        capabilities: Capabilities of the processor that OpenVINO reports, such as `FP32` and
            `BF16`.
    """
    return "f32" if wanted == "bf16" and "BF16" not in capabilities else wanted


def _compile(model: Path, threads: int | None, precision: str) -> Any:  # noqa: ANN401 - openvino's own types are Any
    try:
        import openvino  # noqa: PLC0415 - an extra, and 0.4 s to import
    except ImportError as error:
        raise WeightsError(
            f"running it with OpenVINO needs OpenVINO ({error})",
            file=model,
            remedy="pip install 'imfuse[openvino]', or omit --runtime (runtime=).",
        ) from error
    with _FIRST:
        # Two threads that access their first tensors at the same time can hang: the one that
        # initialises OpenVINO's binding releases the interpreter lock, and the other waits inside.
        _ = openvino.Tensor(np.zeros(1, np.float32)).data
    core = openvino.Core()
    options = {
        "INFERENCE_PRECISION_HINT": possible_precision(
            precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        ),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads or 0,
    }
    try:
        return core.compile_model(core.read_model(model.read_bytes()), "CPU", options)
    except RuntimeError as error:
        last = brief(str(error).strip().splitlines()[-1])
        raise WeightsError(
            f"OpenVINO can't run it ({last})", file=model, remedy="Omit --runtime (runtime=)."
        ) from error
