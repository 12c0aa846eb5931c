"""From what a user calls a model (a name, a file, an engine) to an engine."""

from importlib import import_module
from pathlib import Path
from typing import Literal, TypeAlias

from imfuse.cards import network_cards
from imfuse.engines.onnx import OnnxEngine
from imfuse.engines.openvino import OpenVinoEngine
from imfuse.engines.shipped import shipped, shipped_file
from imfuse.errors import UnknownName, UsageError, WeightsError
from imfuse.registry import DEFAULT_METHOD, find_method, method_names
from imfuse.types import Engine

Runtime: TypeAlias = Literal["onnxruntime", "openvino", "openvino-bf16"]
"""What runs `.onnx` files."""

_RUNTIMES = ("onnxruntime", "openvino", "openvino-bf16")
_WEIGHTS = (".safetensors", ".pth", ".pt", ".pkl", ".ckpt", ".model")
"""Endings of files of weights, which PyTorch runs."""


def _open_weights(path: Path) -> Engine:
    """Hand a file of weights to the half of imfuse that knows networks, if it is installed."""
    try:
        opener = import_module("imfuse.learn.engine").open_weights
    except ImportError as error:
        raise WeightsError(
            f"running it takes PyTorch ({error})",
            file=path,
            remedy="pip install 'imfuse[learn]', or export the file to .onnx elsewhere.",
        ) from error
    engine: Engine = opener(path)
    return engine


def _open_onnx(path: Path, threads: int | None, runtime: Runtime) -> Engine:
    if runtime == "onnxruntime":
        return OnnxEngine(path, threads=threads)
    precision: Literal["f32", "bf16"] = "bf16" if runtime == "openvino-bf16" else "f32"
    return OpenVinoEngine(path, threads=threads, precision=precision)


def model_names() -> list[str]:
    """Return all names that `load_engine` takes: methods, then networks with weights."""
    return [*method_names(), *(name for name in shipped() if name not in method_names())]


def load_engine(
    model: str | Path | Engine | None = None,
    *,
    threads: int | None = None,
    runtime: Runtime = "onnxruntime",
) -> Engine:
    """Return the engine that a name or a model file stands for.

    Args:
        model: Name of a registered method, or of a network whose weights are part of imfuse, path
            of an `.onnx` file or of weights, or an engine, which is returned as it is; None: the
            default method.
        threads: Threads inside a network; None: all cores. Classical methods ignore it.
        runtime: What runs an `.onnx` file; see `imfuse.Fuser`. Others ignore it.

    Raises:
        UnknownName: No method has this name.
        WeightsError: The file is missing or no fusion model, or the name is that of a network
            whose weights are not part of imfuse.
        UsageError: There is no such runtime.
    """
    if runtime not in _RUNTIMES:
        raise UsageError(f"runtime={runtime!r}", expected=f"one of {', '.join(_RUNTIMES)}")
    if model is None:
        return find_method(DEFAULT_METHOD)
    if not isinstance(model, str | Path):
        return model
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        return _open_onnx(path, threads, runtime)
    if path.suffix.lower() in _WEIGHTS:
        return _open_weights(path)
    if path.is_file() or len(path.parts) > 1:
        raise WeightsError(
            "not a model file that imfuse can run",
            file=model,
            expected=f"a file ending in .onnx {' '.join(_WEIGHTS)}, or the name of a method",
            remedy="`imfuse models list` shows the names.",
        )
    name = str(model)
    if name in shipped():
        return _open_onnx(shipped_file(name), threads, runtime)
    if name in network_cards() and name not in method_names():
        raise WeightsError(
            f"the weights of the network {name} are not part of imfuse",
            remedy=f"`imfuse models info {name}` says where there are some; give the file with -m.",
        )
    if name not in method_names():
        raise UnknownName("method", name, {*model_names(), *network_cards()})
    return find_method(name)
