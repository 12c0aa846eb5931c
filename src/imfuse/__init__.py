"""Fuse pictures of one scene from different sensors into one picture.

    >>> import imfuse, numpy as np
    >>> ir, vis = np.zeros((8, 8), np.uint8), np.full((8, 8, 3), 90, np.uint8)
    >>> imfuse.fuse(ir, vis).shape
    (8, 8, 3)

The public names below are imported when they are first used: `import imfuse` itself loads neither
NumPy nor ONNX Runtime.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imfuse.api import fuse
    from imfuse.errors import ImfuseError, ImfuseWarning
    from imfuse.fuser import Fuser
    from imfuse.io.images import read_image, write_image
    from imfuse.metrics.evaluation import Evaluation
    from imfuse.scoring.evaluate import evaluate
    from imfuse.types import Engine, FusedImage, FusionSpec, ImagePair, Picture

__version__ = "0.1.0.dev0"

_HOMES = {
    "Engine": "imfuse.types",
    "Evaluation": "imfuse.metrics.evaluation",
    "FusedImage": "imfuse.types",
    "Fuser": "imfuse.fuser",
    "FusionSpec": "imfuse.types",
    "ImagePair": "imfuse.types",
    "ImfuseError": "imfuse.errors",
    "ImfuseWarning": "imfuse.errors",
    "Picture": "imfuse.types",
    "evaluate": "imfuse.scoring.evaluate",
    "fuse": "imfuse.api",
    "read_image": "imfuse.io.images",
    "write_image": "imfuse.io.images",
}

__all__ = [
    "Engine",
    "Evaluation",
    "FusedImage",
    "Fuser",
    "FusionSpec",
    "ImagePair",
    "ImfuseError",
    "ImfuseWarning",
    "Picture",
    "__version__",
    "evaluate",
    "fuse",
    "read_image",
    "write_image",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imfuse' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, also those not yet imported."""
    return __all__
