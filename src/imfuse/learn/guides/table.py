"""Table from names of segmenters to their classes, imported on demand."""

from typing import Any

from imfuse.errors import UsageError
from imfuse.learn.blocks.building import build
from imfuse.learn.guides.base import Segmenter
from imfuse.lookup import import_target, look_up

GUIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "banet": ("imfuse.learn.guides.banet:BANet", {}),
    "banet-imagenet": ("imfuse.learn.guides.banet:BANet", {"encoder": "efficientnet-lite0"}),
    "segformer-b0": ("imfuse.learn.guides.segformer:SegFormer", {"size": "b0"}),
    "segformer-b2": ("imfuse.learn.guides.segformer:SegFormer", {"size": "b2"}),
    "deeplabv3plus": ("imfuse.learn.guides.deeplab:DeepLabV3Plus", {}),
    "two-encoders": ("imfuse.learn.guides.two_encoders:TwoEncoders", {}),
}
"""Class and default settings of each segmenter."""


def find_guide(name: str) -> type[Segmenter]:
    """Return the class of a segmenter.

    Raises:
        UnknownName: None has this name; the message holds the closest ones.
    """
    guide: type[Segmenter] = import_target(look_up("segmenter", name, GUIDES)[0])
    return guide


def create_picture_guide(name: str, **settings: Any) -> Segmenter:
    """Return a segmenter that can look at fused pictures; see `create_guide`.

    Raises:
        UsageError: It looks at unfused pairs; or see `create_guide`.
    """
    guide = create_guide(name, **settings)
    if guide.channels != 3:
        raise UsageError(
            f"{name}, which looks at unfused pairs", expected="a segmenter of fused pictures"
        )
    return guide


def create_guide(name: str, **settings: Any) -> Segmenter:
    """Return a segmenter with random weights.

    Args:
        name: Name of the segmenter.
        settings: Arguments of its constructor.

    Raises:
        UnknownName: None has this name, or it has no such setting.
        UsageError: A setting has the wrong type or a value that is not allowed, or a package is
            missing.

    Examples:
        >>> create_guide("banet", classes=4).title
        'ResNet-18 with a decoder of gates, 12.9 million parameters'
    """
    return build(find_guide(name), name, {**GUIDES[name][1], **settings})
