"""From what a user calls a model (a name, a file, an engine) to an engine."""

from pathlib import Path

from imfuse.engines.onnx import OnnxEngine
from imfuse.errors import WeightsError
from imfuse.registry import DEFAULT_METHOD, find_method
from imfuse.types import Engine


def load_engine(model: str | Path | Engine | None = None, *, threads: int | None = None) -> Engine:
    """Return the engine that a name or a model file stands for.

    Args:
        model: Name of a registered method, path of an `.onnx` file, or an engine, which is
            returned as it is; None: the default method.
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
    if path.is_file() or len(path.parts) > 1:
        raise WeightsError(
            "not a model file that imfuse can run",
            file=model,
            expected="an .onnx file, or the name of a method",
            remedy="`imfuse models list` shows the names.",
        )
    return find_method(str(model))
