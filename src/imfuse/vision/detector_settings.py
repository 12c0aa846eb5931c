"""Settings of a detector, for what a user knows better than its family says."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Finite = Annotated[float, Field(allow_inf_nan=False)]
White = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Value of white."""
ChannelMeans = tuple[_Finite, _Finite, _Finite]
"""What is subtracted from each channel."""
ChannelSpread = tuple[White, White, White]
"""What each channel is divided by."""


class DetectorSettings(BaseModel):
    """Settings of a detector. Each is None where its family decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str | None = None
    """Family of the file; None: recognised by its answer to a test picture."""
    size: tuple[int, int] | None = None
    """Height and width that pictures are brought to, for files that take any."""
    fit: Literal["corner", "centre", "stretch"] | None = None
    """How pictures are brought to it: with a margin right and below, on all sides, or none."""
    order: Literal["rgb", "bgr"] | None = None
    """Order of the channels."""
    scale: White | None = None
    """Value of white, before mean and std: 1 or 255."""
    mean: ChannelMeans | None = None
    """Subtracted from each channel, in `order`."""
    std: ChannelSpread | None = None
    """What each channel is then divided by."""
    names: tuple[str, ...] | None = None
    """Names of the classes, by number."""
    score: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Least confidence of a detection."""
    iou: Annotated[float, Field(gt=0, le=1)] = 0.65
    """Overlap above which two boxes of a class are one object."""
    most: Annotated[int, Field(ge=1)] = 300
    """Most detections in one picture."""
