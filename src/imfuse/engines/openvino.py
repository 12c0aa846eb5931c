"""Networks in ONNX files, run by OpenVINO: faster than ONNX Runtime, if it is installed.

This is a second way to run the files that `imfuse.engines.onnx` describes. OpenVINO compiles a
network for the given processor, keeps concatenations and paddings in its own layout, and can work
in bfloat16 if the processor supports it (AMX, AVX-512 BF16).

OpenVINO has no memory limit and can't be stopped inside an operator. So the memory that a network
needs is computed beforehand, networks with loops are refused, and Ctrl-C ends a run at the next
operator.
"""

import queue
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imfuse.engines.feed import Feed
from imfuse.engines.onnx import OnnxEngine, checked
from imfuse.engines.onnx_file import brief, memory_limit
from imfuse.engines.openvino_bounds import MemoryBound
from imfuse.errors import WeightsError
from imfuse.jobs import stoppable
from imfuse.ops.geometry import padded_size
from imfuse.types import Float, FusionSpec

_FIRST = threading.Lock()
_WATCH_MS = 50
"""Milliseconds after which the waiting for a network looks for Ctrl-C."""


class OpenVinoEngine:
    """A fusion network in an ONNX file, compiled by OpenVINO.

    Args:
        model: Path of the file.
        threads: Threads inside the network; None: all cores.
        precision: `f32`, or `bf16`: bfloat16 if the processor supports it, else f32. Values in
            bfloat16 have 8 significant bits; sums are kept in f32, and results usually differ by
            at most one or two gray levels in 8 bits.
        settings: See `OnnxEngine`.
        max_memory: Bytes that a pair may take; see `imfuse.engines.onnx_file.OnnxFile`.

    Attributes:
        spec: The file's description, or the result of examining it.
        feed: Description of the network's inputs and output.
        weights_sha256: SHA-256 of the file.
        notes: Assumptions about a file without a description.

    Raises:
        WeightsError: The file is missing, corrupted, not a fusion model, or has loops; or OpenVINO
            is not installed.
        MemoryLimit: The network needs too much memory even for a small picture.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        precision: Literal["f32", "bf16"] = "f32",
        settings: Mapping[str, str] | None = None,
        max_memory: int | None = None,
    ) -> None:
        described = OnnxEngine(model, optimise=False, settings=settings, max_memory=max_memory)
        self.spec, self.feed, self._model = described.spec, described.feed, model
        self.notes, self.weights_sha256 = described.notes, described.weights_sha256
        core, content = _core(model), model.read_bytes()
        limit = memory_limit(max_memory, len(content))
        self._bound = MemoryBound(_read(core, content, model), limit, model)
        # Compiling computes what depends on constants alone, of whatever size.
        self._bound.check(_smallest(self.feed, self.spec))
        self._compiled = _compile(core, content, model, threads, precision)
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()  # one request serves one thread

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        fused = self.feed.fuse(partial(self._infer, request), ir, vis, self._model)
        self._idle.put(request)  # but not one that failed or was cancelled
        return checked(fused, self.spec, self._model)

    def _infer(self, request: Any, values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:  # noqa: ANN401
        self._bound.check({name: value.shape for name, value in values.items()})
        try:
            request.start_async(dict(values))
            _wait(request)
            found: NDArray[Any] = request.results[self.feed.output].copy()
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


def _wait(request: Any) -> None:  # noqa: ANN401 - openvino is untyped
    """Wait for a run; whatever ends the waiting ends the run as well.

    Raises:
        RuntimeError: The run failed, or was cancelled.
    """
    try:
        with stoppable(request.cancel):
            while not request.wait_for(_WATCH_MS):
                pass
    except BaseException:
        request.cancel()
        with suppress(RuntimeError):
            request.wait()  # a request that is dropped too early forgets that it was cancelled
        raise


def _smallest(feed: Feed, spec: FusionSpec) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the inputs for the smallest pictures that a network takes."""
    sides = feed.size or padded_size(1, 1, spec.size)
    ir = np.zeros(sides, np.float32)
    vis = np.zeros((*sides, 3), np.float32) if feed.sees_colour else ir
    return {one.name: one.values(ir, vis, *feed.range).shape for one in feed.inputs}


def _core(model: Path) -> Any:  # noqa: ANN401 - openvino's own types are Any
    try:
        return _shared_core()
    except ImportError as error:
        raise WeightsError(
            f"running it with OpenVINO needs OpenVINO ({error})",
            file=model,
            remedy="pip install 'imfuse[openvino]', or omit --runtime (runtime=).",
        ) from error


@cache
def _shared_core() -> Any:  # noqa: ANN401 - see above
    """Return the one core of this process.

    On some processors, a core gives the main thread a stack for signals, and takes it away with its
    end. Where several cores end in another order than they began, that leaves a stack which is no
    longer there, and the next signal (such as the end of a child process) ends the process.
    """
    import openvino  # noqa: PLC0415 - an extra, and 0.4 s to import

    with _FIRST:
        # Two threads that access their first tensors at the same time can hang: the one that
        # initialises OpenVINO's binding releases the interpreter lock, and the other waits inside.
        _ = openvino.Tensor(np.zeros(1, np.float32)).data
        return openvino.Core()


def _read(core: Any, content: bytes, model: Path) -> Any:  # noqa: ANN401 - openvino is untyped
    with _named(model):
        return core.read_model(content)


def _compile(core: Any, content: bytes, model: Path, threads: int | None, precision: str) -> Any:  # noqa: ANN401 - openvino is untyped
    options = {
        "INFERENCE_PRECISION_HINT": possible_precision(
            precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        ),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads or 0,
    }
    with _named(model):
        return core.compile_model(core.read_model(content), "CPU", options)


@contextmanager
def _named(model: Path) -> Iterator[None]:
    """Name what OpenVINO finds wrong with a file."""
    try:
        yield
    except RuntimeError as error:
        last = brief(str(error).strip().splitlines()[-1])
        raise WeightsError(
            f"OpenVINO can't run it ({last})", file=model, remedy="Omit --runtime (runtime=)."
        ) from error
