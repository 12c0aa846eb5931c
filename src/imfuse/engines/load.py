"""From what a user calls a model (a name, a file, an engine) to an engine."""

from importlib import import_module
from pathlib import Path

from imfuse.engines.onnx import OnnxEngine
from imfuse.errors import WeightsError
from imfuse.registry import DEFAULT_METHOD, find_method
from imfuse.types import Engine

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


def load_engine(model: str | Path | Engine | None = None, *, threads: int | None = None) -> Engine:
    """Return the engine that a name or a model file stands for.

    Args:
        model: Name of a registered method, path of an `.onnx` file or of weights, or an
            engine, which is returned as it is; None: the default method.
        threads: Threads inside a network; None: all cores. Classical methods ignore it.

    Raises:
        UnknownName: No method has this name.
        WeightsError: The file is missing or no fusion model.
    """
    if model is None:
        return find_method(DEFAULT_METHOD)
    if not isinstance(model, str | Path):
        return model
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        return OnnxEngine(path, threads=threads)
    if path.suffix.lower() in _WEIGHTS:
        return _open_weights(path)
    if path.is_file() or len(path.parts) > 1:
        raise WeightsError(
            "not a model file that imfuse can run",
            file=model,
            expected=f"a file ending in .onnx {' '.join(_WEIGHTS)}, or the name of a method",
            remedy="`imfuse models list` shows the names.",
        )
    return find_method(str(model))
