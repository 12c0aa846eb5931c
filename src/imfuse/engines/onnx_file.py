"""Open and run ONNX files that may be untrusted, within limits.

Nothing in a file is executed but its operators, no other file is read, and every error becomes a
`WeightsError`. Ctrl-C stops a run, and so does a time limit if there is one.
"""

import hashlib
import os
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from imfuse.errors import WeightsError
from imfuse.foreign import foreign_model
from imfuse.jobs import stoppable
from imfuse.machine import available_cores, total_memory

_REMEDY = "Export it with imfuse, or use a file that `imfuse models list` shows."
_LONGEST = 160
"""Largest number of characters of a library's message in our messages."""
_NOWHERE = os.devnull + "/imfuse-reads-no-other-files"
"""Folder that ONNX Runtime searches for weights outside a model file; it does not exist."""
_ROOM = 256_000_000
"""Bytes that a network may take for its weights and the like, on top of those for pictures."""
_FOLDED = 1 << 20
"""Bytes that a computed constant may always have; it may also have four times the file's size."""
_OPENING = threading.Lock()


class Port(NamedTuple):
    """An input or output of a network.

    Attributes:
        name: Name in the file.
        kind: Type of the values, such as `tensor(float)`.
        shape: Length of each axis; None if it varies.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        """Return the port's description for messages."""
        sizes = "x".join("?" if side is None else str(side) for side in self.shape)
        return f"{brief(self.name, 40)} {self.kind} {sizes or 'scalar'}"


def brief(text: object, longest: int = _LONGEST) -> str:
    """Return a foreign text as one short line without control characters."""
    line = "".join(one if one.isprintable() else "?" for one in " ".join(str(text).split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


class OnnxFile:
    """An opened ONNX file; threads may share it.

    Args:
        path: The file.
        threads: Threads inside the network; None: all cores.
        optimise: Whether to optimise the network for this machine; opening is faster without.
        max_memory: Bytes that one pair of pictures may take; the network may allocate as much for
            each core, and some more for its weights. None: half of the machine's memory in total.

    Attributes:
        path: The file.
        sha256: SHA-256 of its content.
        metadata: Texts that it holds in addition to the network.
        inputs: Inputs of the network.
        outputs: Outputs of the network.

    Raises:
        WeightsError: The file is missing, damaged, or keeps weights in other files.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        *,
        optimise: bool = True,
        max_memory: int | None = None,
    ) -> None:
        self.path = path
        try:
            content = path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            reason = getattr(error, "strerror", None) or error
            found = f"can't read the model file ({reason})"
            raise WeightsError(found, file=path, remedy="Check the path.") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        _load_onnxruntime()
        try:
            self._session = _open(content, threads, max_memory, optimise=optimise)
            self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
            self.inputs = tuple(_port(one) for one in self._session.get_inputs())
            self.outputs = tuple(_port(one) for one in self._session.get_outputs())
        except Exception as error:
            found, remedy = foreign_model(content) or _refusal(error)
            raise WeightsError(found, file=path, remedy=remedy) from error

    def run(
        self,
        outputs: Sequence[str] | None,
        feed: Mapping[str, NDArray[Any]],
        *,
        seconds: float | None = None,
    ) -> list[NDArray[Any]]:
        """Run the network.

        Args:
            outputs: Names of the outputs to return; None: all.
            feed: Values of the inputs by name.
            seconds: Time limit; None: no limit.

        Raises:
            WeightsError: The network fails, or takes longer.
        """
        import onnxruntime  # noqa: PLC0415 - imported already

        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        try:
            if seconds is None and threading.current_thread() is not threading.main_thread():
                with stoppable(partial(setattr, options, "terminate", True)):  # noqa: FBT003 - its API
                    found: list[NDArray[Any]] = self._session.run(outputs, feed, options)
                    return found
            helpers = _helpers(os.getpid())
            future = helpers.submit(self._session.run, outputs, feed, options)
            return _stoppable(future, options, seconds)
        except TimeoutError as error:
            raise WeightsError(
                f"it did not finish a small picture within {seconds:g} seconds", file=self.path
            ) from error
        except Exception as error:
            raise WeightsError(
                f"it can't fuse this ({_reason(error)})",
                file=self.path,
                remedy="The network does not take such a picture, or needs more memory "
                "(--max-memory, max_memory=).",
            ) from error


def with_metadata(content: bytes, texts: Mapping[str, str]) -> bytes:
    """Return an ONNX file with further metadata texts.

    Such a file is a protocol buffer: fields appended to it become part of it, and repeated ones
    (field 14 of a model: a pair of a key, field 1, and a value, field 2) are joined.
    """
    added = [
        _field(14, _field(1, key.encode()) + _field(2, text.encode()))
        for key, text in texts.items()
    ]
    return content + b"".join(added)


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


@cache
def _helpers(process: int) -> ThreadPoolExecutor:
    """Return threads that run networks while the main thread listens for Ctrl-C.

    Threads do not survive a fork, so each process has its own.
    """
    return ThreadPoolExecutor(thread_name_prefix="imfuse-onnx")


def _stoppable(
    future: Future[list[NDArray[Any]]],
    options: Any,  # noqa: ANN401 - onnxruntime is untyped
    seconds: float | None,
) -> list[NDArray[Any]]:
    """Wait for a run; anything that ends the waiting also ends the run."""
    try:
        return future.result(seconds)
    except BaseException:
        options.terminate = True
        wait([future])
        raise


def _load_onnxruntime() -> None:
    """Load ONNX Runtime, before anything could be taken for the file's fault.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the loading, which the library tells as an ImportError.
    """
    try:
        import onnxruntime  # noqa: F401, PLC0415 - 0.1 s to import, and only networks need it
    except ImportError as error:
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


def _open(content: bytes, threads: int | None, max_memory: int | None, *, optimise: bool) -> Any:  # noqa: ANN401 - onnxruntime is untyped
    import onnxruntime as ort  # noqa: PLC0415 - loaded already

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4  # errors reach the user as WeightsError, not as log lines
    # Reusing one allocation plan pays for one size only; tiles and folders have several.
    options.enable_mem_pattern = False
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    most = max(_FOLDED, 4 * len(content))
    for key, value in {
        "session.model_external_initializers_file_folder_path": _NOWHERE,
        "optimization.constant_folding_max_output_size_in_bytes": str(most),
        "session.use_env_allocators": "1",
    }.items():
        options.add_session_config_entry(key, value)
    limit = memory_limit(max_memory, len(content))
    arena = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    with _OPENING:  # each session keeps the allocator that is registered when it is opened
        ort.create_and_register_allocator(arena, ort.OrtArenaCfg({"max_mem": limit}))
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def memory_limit(max_memory: int | None, file_bytes: int) -> int:
    """Return the bytes that a network may take in all.

    Args:
        max_memory: Bytes that a pair of pictures may take on each core; None: there is no limit
            but half of the machine's memory.
        file_bytes: Size of its file.
    """
    if max_memory is None:
        return total_memory() // 2
    return max_memory * available_cores() + _ROOM + 4 * file_bytes


def _port(node: Any) -> Port:  # noqa: ANN401 - onnxruntime is untyped
    shape = node.shape or ()
    return Port(node.name, node.type, tuple(n if isinstance(n, int) else None for n in shape))


def _refusal(error: Exception) -> tuple[str, str]:
    """Return what is wrong with a file, and what to do about it."""
    text = str(error)
    if isinstance(error, UnicodeDecodeError):
        return "an ONNX file whose names or texts are not UTF-8", _REMEDY
    if "external data" in text.lower():
        found = "an ONNX file that keeps its weights in other files, which are not read"
        return found, "Save it as one file: onnx.save(onnx.load(FILE), NEW_FILE)."
    if "Could not find an implementation" in text or "NOT_IMPLEMENTED" in text:
        found = f"ONNX Runtime can't run its operators in their precision ({_reason(error)})"
        return found, "Export the network in float32."
    newer = re.search(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", text)
    if newer:
        found = f"an ONNX file of IR version {newer[1]}, where this ONNX Runtime reads {newer[2]}"
        return found, "Update onnxruntime, or export the network for an older version."
    return f"not a readable ONNX file ({_reason(error)})", _REMEDY


def _reason(error: Exception) -> str:
    return brief(str(error).strip().rsplit(": ", 1)[-1]) or type(error).__name__
