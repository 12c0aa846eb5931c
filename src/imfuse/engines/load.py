"""Load the engine for a model that a user gives by name, as a file, or as an engine."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Literal

from imfuse.cards import network_cards
from imfuse.engines.bands import BANDS_KEY, BandsEngine
from imfuse.engines.onnx import OnnxEngine, described_itself
from imfuse.engines.onnx_file import OnnxFile
from imfuse.engines.openvino import OpenVinoEngine
from imfuse.engines.sections import WEIGHTS, split_section
from imfuse.engines.shipped import find_shipped, missing_weights, shipped, shipped_file
from imfuse.errors import UnknownName, UsageError, WeightsError
from imfuse.options import RUNTIMES, Runtime
from imfuse.registry import DEFAULT_METHOD, METHODS, find_method, method_names
from imfuse.types import Engine, FusionSpec


def _open_weights(path: Path) -> Engine:
    """Open a file of weights with `imfuse.learn`, if it is installed."""
    try:
        opener = import_module("imfuse.learn.engine").open_weights
    except ImportError as error:
        raise WeightsError(
            f"running it needs PyTorch ({error})",
            file=path,
            remedy="pip install 'imfuse[learn]', or export the file to .onnx elsewhere.",
        ) from error
    engine: Engine = opener(path)
    return engine


def open_onnx(
    path: Path,
    threads: int | None = None,
    runtime: Runtime = "onnxruntime",
    settings: Mapping[str, str] | None = None,
    max_memory: int | None = None,
    *,
    optimise: bool = True,
) -> Engine:
    """Return the engine for an ONNX file.

    Args:
        path: The file.
        threads: See `load_engine`.
        runtime: See `load_engine`; networks that decide per band always take ONNX Runtime.
        settings: See `load_engine`.
        max_memory: See `load_engine`.
        optimise: Whether to optimise the network for this machine; opening is faster without.

    Raises:
        WeightsError: The file can't be used.
        UsageError: It takes no settings.
    """
    quick = optimise and runtime == "onnxruntime"
    file = OnnxFile(path, threads, optimise=quick, max_memory=max_memory)
    if BANDS_KEY in file.metadata:
        if settings:
            raise described_itself(file)
        return BandsEngine(file)
    if runtime == "onnxruntime":
        return OnnxEngine(file, settings=settings)
    precision: Literal["f32", "bf16"] = "bf16" if runtime == "openvino-bf16" else "f32"
    return OpenVinoEngine(
        path, threads=threads, precision=precision, settings=settings, max_memory=max_memory
    )


def model_names() -> list[str]:
    """Return all names that `load_engine` takes: methods, then networks with weights."""
    return [*method_names(), *(name for name in shipped() if name not in method_names())]


def model_specs() -> list[FusionSpec]:
    """Return the specs of all models that `load_engine` takes by name, without opening them."""
    methods = [find_method(name).spec for name in method_names()]
    order = {name: place for place, name in enumerate(network_cards())}
    ready = sorted(shipped(), key=lambda name: order.get(name.partition("@")[0], len(order)))
    return [*methods, *(shipped()[name].spec for name in ready if name not in method_names())]


def load_engine(
    model: str | Path | Engine | None = None,
    *,
    threads: int | None = None,
    runtime: Runtime = "onnxruntime",
    settings: Mapping[str, str] | None = None,
    max_memory: int | None = None,
) -> Engine:
    """Return the engine for a name or a model file.

    Args:
        model: Name of a registered method, or of a network that has weights (see `shipped`), path
            of an `.onnx` file or of weights (`FILE.pth#NAME` takes one of several state dicts), or
            an engine, which is returned as it is; None: the default method.
        threads: Threads inside a network; None: all cores. Classical methods ignore it.
        runtime: Runtime for `.onnx` files; see `imfuse.Fuser`. Other models ignore it.
        settings: The user's settings for an `.onnx` file without a description; see
            `imfuse.engines.describe.SETTINGS`.
        max_memory: Bytes that a pair may take; an `.onnx` file can't allocate much more.

    Raises:
        UnknownName: No method has this name.
        WeightsError: The file is missing or not a fusion model, or the name is that of a network
            whose weights are not installed.
        UsageError: There is no such runtime, or the model takes no settings.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"runtime={runtime!r}", expected=f"one of {', '.join(RUNTIMES)}")
    path = Path(model) if isinstance(model, str | Path) else None
    if settings and (path is None or path.suffix.lower() != ".onnx"):
        found = "--set (settings=) with a model that needs none"
        raise UsageError(found, expected="-m FILE.onnx (model=) with it")
    if model is None:
        return _find(DEFAULT_METHOD, threads, runtime, max_memory)
    if path is None:
        return model  # type: ignore[return-value] # neither a name nor a path
    if path.suffix.lower() == ".onnx":
        return open_onnx(path, threads, runtime, settings, max_memory)
    if split_section(path)[0].suffix.lower() in WEIGHTS:
        return _open_weights(path)
    if path.is_file() or len(path.parts) > 1:
        raise WeightsError(
            "not a model file that imfuse can run",
            file=model,
            expected=f"a file ending in .onnx {' '.join(WEIGHTS)}, or the name of a method",
            remedy="`imfuse models list` shows the names.",
        )
    return _find(str(model), threads, runtime, max_memory)


def _find(name: str, threads: int | None, runtime: Runtime, max_memory: int | None) -> Engine:
    """Return the engine of a method, or of a network that has weights."""
    known = None if name in METHODS else find_shipped(name)
    if known is not None:
        engine = open_onnx(shipped_file(name), threads, runtime, max_memory=max_memory)
        if engine.spec.name != name:
            raise WeightsError(
                f"described as {engine.spec.name}",
                file=known.file,
                expected=name,
                remedy=f"Update or reinstall {known.package}.",
            )
        return engine
    if name not in method_names():
        names = {*model_names(), *network_cards()}
        raise missing_weights(name) or UnknownName("method", name, names)
    return find_method(name)


_KEPT = 4
"""Largest number of files whose engines are kept open."""
_engines: OrderedDict[tuple[object, ...], Engine] = OrderedDict()
_lock = threading.Lock()


def cached_engine(
    model: str | Path | Engine | None = None,
    *,
    threads: int | None = None,
    runtime: Runtime = "onnxruntime",
    settings: Mapping[str, str] | None = None,
    max_memory: int | None = None,
) -> Engine:
    """Return the engine for a name or a model file, without opening a file twice.

    A file that was replaced is opened again. See `load_engine`.
    """
    path = Path(model) if isinstance(model, str | Path) else None
    if path is not None and str(path) not in METHODS and find_shipped(str(path)) is not None:
        path = shipped_file(str(path))
    try:
        found = None if path is None else split_section(path)[0].resolve(strict=True)
        status = None if found is None else found.stat()
    except (OSError, ValueError):
        status = None  # the name of a method, or a missing file: `load_engine` decides
    ways = (threads, runtime, tuple(sorted((settings or {}).items())), max_memory)
    if status is None:
        return load_engine(
            model, threads=threads, runtime=runtime, settings=settings, max_memory=max_memory
        )
    # A program may set the time of modification, but not that of the last change (ctime).
    times = status.st_mtime_ns, status.st_ctime_ns
    file = (str(found), *times, status.st_size, status.st_ino, status.st_dev)
    key = (str(model), *file, *ways)
    with _lock:
        if key in _engines:
            _engines.move_to_end(key)
            return _engines[key]
    engine = load_engine(
        model, threads=threads, runtime=runtime, settings=settings, max_memory=max_memory
    )
    with _lock:
        _engines[key] = engine
        while len(_engines) > _KEPT:
            _engines.popitem(last=False)
    return engine
