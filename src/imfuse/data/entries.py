"""Facts about the pairs of a source that are known without reading them."""

from collections.abc import Callable
from dataclasses import dataclass

from imfuse.data.sample import Annotations
from imfuse.types import ImagePair


@dataclass(frozen=True)
class Entry:
    """Facts about a sample that are known without reading it.

    Attributes:
        name: Name of the sample, unique within its source.
        split: `train`, `val`, `test`, or empty if its dataset has no splits.
        group: Name of the group that must not be divided between training and validation: the clip
            of a frame, the picture of a patch, otherwise the sample itself.
        labelled: Whether the sample has labels.
        video: Whether it is a frame of a clip, which is much cheaper to read in order.
        times: Number of times that it occurs in an epoch of training.
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
    """A pair that is read, or rendered, when it is needed.

    Attributes:
        name: Its name.
        load: Returns its pictures.
        annotations: Returns its labels and boxes.
    """

    name: str
    load: Callable[[], ImagePair]
    annotations: Callable[[], Annotations] = Annotations
