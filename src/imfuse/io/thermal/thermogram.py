"""The content of a thermal file, before anybody decides how to use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from imfuse.radiometry import Conditions
from imfuse.types import Float, Pixels

THERMAL_SUFFIXES = (".irg", ".fff")
"""Suffixes of thermal files that no other program takes for a picture."""


class Physics(Protocol):
    """How counts become temperatures."""

    @property
    def adjustable(self) -> bool:
        """True if the temperatures depend on conditions such as the emissivity."""
        ...

    def celsius(self, counts: Pixels, conditions: Mapping[str, float]) -> Float:
        """Return degrees Celsius, NaN where there is no temperature."""
        ...


@dataclass(frozen=True)
class Linear:
    """Temperatures that the camera has computed: `slope * counts + offset` degrees Celsius."""

    slope: float
    offset: float
    adjustable: bool = False

    def celsius(self, counts: Pixels, conditions: Mapping[str, float]) -> Float:
        """Return degrees Celsius; the conditions have no effect any more."""
        values = counts.astype(np.float64) * self.slope + self.offset
        return np.asarray(values, np.float32)


@dataclass(frozen=True)
class Placement:
    """How the infrared picture lies on the visible one inside the same file.

    Attributes:
        ratio: Width of the visible picture in widths of the infrared one.
        right: Distance of the infrared picture's centre from that of the visible picture, in
            visible pixels.
        down: The same, downwards.
    """

    ratio: float
    right: float
    down: float

    def turned(self, orientation: int) -> "Placement":
        """Return the placement after an EXIF orientation (1 to 8) was applied to both pictures."""
        right, down = self.right, self.down
        if orientation in {5, 6, 7, 8}:
            right, down = down, right
        if orientation in {3, 4, 7, 8}:
            down = -down
        if orientation in {2, 3, 6, 7}:
            right = -right
        return Placement(self.ratio, right, down)


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """A picture inside a thermal file.

    Attributes:
        data: The content of a PNG or JPEG file.
        ycbcr: True if its three channels are luma and chroma rather than RGB.
    """

    data: bytes
    ycbcr: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Thermogram:
    """The content of a thermal file.

    Attributes:
        kind: Kind of file, such as `FLIR radiometric JPEG`.
        counts: `(H, W)` uint16 as the camera stored them, not turned upright.
        physics: How counts become temperatures; None: that is not known.
        conditions: Conditions of the measurement, as the file gives them.
        camera: Make and model; empty if the file does not say.
        time: When the picture was taken, as `2024-05-31 14:08:59.250+02:00`; empty likewise.
        shown: Counts that the camera itself showed as black and white; None likewise.
        visible: The visible picture inside the file; None: there is none.
        placement: How the infrared picture lies on it; None: the file does not say.
        exif: EXIF block of the file around it.
        preview: `(H, W)` uint8 as the camera showed it, where the file is no picture by itself.
        notes: What a user should know.
    """

    kind: str
    counts: Pixels
    physics: Physics | None = None
    conditions: Conditions = field(default_factory=Conditions)
    camera: str = ""
    time: str = ""
    shown: tuple[float, float] | None = None
    visible: Embedded | None = None
    placement: Placement | None = None
    exif: bytes | None = None
    preview: Pixels | None = None
    notes: tuple[str, ...] = ()
