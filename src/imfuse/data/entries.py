"""Facts about the pairs of a source that need no reading."""

from collections.abc import Callable
from dataclasses import dataclass

from imfuse.types import ImagePair


@dataclass(frozen=True)
class Entry:
    """Facts about a sample that need no reading.

    Attributes:
        name: Its name, unique within its source.
        split: `train`, `val`, `test`, or empty where its set has no splits.
        group: What may not be torn between training and validation: the clip of a frame, the
            picture of a patch, else the name itself.
        labelled: Whether it has labels.
        video: Whether it is a frame of a clip, much cheaper to read in order than anywhere.
        times: How often an epoch of training takes it.
        mri_as_ir: Whether its infrared picture is an MRI.
    """

    name: str
    split: str
    group: str
    labelled: bool = False
    video: bool = False
    times: int = 1
    mri_as_ir: bool = False


@dataclass(frozen=True)
class NamedPair:
    """A pair that is read, or rendered, when it is needed."""

    name: str
    load: Callable[[], ImagePair]
