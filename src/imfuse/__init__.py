"""Fuse pictures of one scene from different sensors into one picture.

    >>> import imfuse, numpy as np
    >>> ir, vis = np.eye(8, dtype=np.uint8) * 255, np.tri(8, dtype=np.uint8) * 90
    >>> imfuse.fuse(ir, vis).shape
    (8, 8)

The public names below are imported when they are first used: `import imfuse` itself loads neither
NumPy nor ONNX Runtime.
"""

TYPE_CHECKING = False  # type checkers treat it as true; importing typing takes 20 ms

if TYPE_CHECKING:
    from imfuse.api import fuse as fuse
    from imfuse.api import fuse_folders as fuse_folders
    from imfuse.api import list_models as list_models
    from imfuse.api import load_model as load_model
    from imfuse.errors import BadValues as BadValues
    from imfuse.errors import DatasetNotFound as DatasetNotFound
    from imfuse.errors import DownloadError as DownloadError
    from imfuse.errors import ImageTooLarge as ImageTooLarge
    from imfuse.errors import ImfuseError as ImfuseError
    from imfuse.errors import ImfuseWarning as ImfuseWarning
    from imfuse.errors import MemoryLimit as MemoryLimit
    from imfuse.errors import OutputError as OutputError
    from imfuse.errors import PairMismatch as PairMismatch
    from imfuse.errors import TrainingDiverged as TrainingDiverged
    from imfuse.errors import TrainingInterrupted as TrainingInterrupted
    from imfuse.errors import UnknownName as UnknownName
    from imfuse.errors import UnreadableImage as UnreadableImage
    from imfuse.errors import UnsupportedImage as UnsupportedImage
    from imfuse.errors import UsageError as UsageError
    from imfuse.errors import WeightsError as WeightsError
    from imfuse.files import PairResult as PairResult
    from imfuse.fuser import Fuser as Fuser
    from imfuse.io.images import read_history as read_history
    from imfuse.io.images import read_image as read_image
    from imfuse.io.images import read_temperature as read_temperature
    from imfuse.io.images import write_image as write_image
    from imfuse.io.thermal.read import read_infrared as read_infrared
    from imfuse.metrics.evaluation import Evaluation as Evaluation
    from imfuse.metrics.lists import list_metrics as list_metrics
    from imfuse.metrics.lists import list_protocols as list_protocols
    from imfuse.options import FuseOptions as FuseOptions
    from imfuse.options import InfraredRange as InfraredRange
    from imfuse.radiometry import Conditions as Conditions
    from imfuse.radiometry import Reading as Reading
    from imfuse.scoring.evaluate import evaluate as evaluate
    from imfuse.session import Session as Session
    from imfuse.types import Aligner as Aligner
    from imfuse.types import Calibration as Calibration
    from imfuse.types import Engine as Engine
    from imfuse.types import FusedImage as FusedImage
    from imfuse.types import FusionSpec as FusionSpec
    from imfuse.types import ImagePair as ImagePair
    from imfuse.types import Picture as Picture
    from imfuse.types import Registration as Registration

__version__ = "0.1.0.dev0"

_NAMES = {
    "imfuse.api": (
        "fuse",
        "fuse_folders",
        "list_models",
        "load_model",
    ),
    "imfuse.errors": (
        "BadValues",
        "DatasetNotFound",
        "DownloadError",
        "ImageTooLarge",
        "ImfuseError",
        "ImfuseWarning",
        "MemoryLimit",
        "OutputError",
        "PairMismatch",
        "TrainingDiverged",
        "TrainingInterrupted",
        "UnknownName",
        "UnreadableImage",
        "UnsupportedImage",
        "UsageError",
        "WeightsError",
    ),
    "imfuse.files": ("PairResult",),
    "imfuse.fuser": ("Fuser",),
    "imfuse.io.images": (
        "read_history",
        "read_image",
        "read_temperature",
        "write_image",
    ),
    "imfuse.io.thermal.read": ("read_infrared",),
    "imfuse.metrics.evaluation": ("Evaluation",),
    "imfuse.metrics.lists": ("list_metrics", "list_protocols"),
    "imfuse.options": (
        "FuseOptions",
        "InfraredRange",
    ),
    "imfuse.radiometry": ("Conditions", "Reading"),
    "imfuse.scoring.evaluate": ("evaluate",),
    "imfuse.session": ("Session",),
    "imfuse.types": (
        "Aligner",
        "Calibration",
        "Engine",
        "FusedImage",
        "FusionSpec",
        "ImagePair",
        "Picture",
        "Registration",
    ),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imfuse' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, including those not yet imported."""
    return __all__
