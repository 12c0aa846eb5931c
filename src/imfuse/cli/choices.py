"""Values that options of several commands take."""

from enum import StrEnum


class Side(StrEnum):
    """One picture of a pair."""

    ir = "ir"
    vis = "vis"


class Suffix(StrEnum):
    """File formats of results."""

    png = "png"
    tif = "tif"
    jpg = "jpg"
    webp = "webp"
    bmp = "bmp"


class FrameName(StrEnum):
    """Pixels of the result."""

    vis = "vis"
    ir = "ir"
    overlap = "overlap"


class RuntimeName(StrEnum):
    """Programs that run `.onnx` files."""

    onnxruntime = "onnxruntime"
    openvino = "openvino"
    openvino_bf16 = "openvino-bf16"


class ToneName(StrEnum):
    """How far dark results are lifted."""

    off = "off"
    auto = "auto"
    night = "night"


def complete_method(incomplete: str) -> list[str]:
    """Complete the name of a method in the shell."""
    from imfuse.engines.load import model_names

    return [name for name in model_names() if name.startswith(incomplete)]
