"""Pairs that don't lie as they should: looked at quickly, and searched where that leaves doubt."""

from dataclasses import dataclass

import numpy as np

from imfuse.align import gate
from imfuse.align.auto import LEAST_CONFIDENCE, find
from imfuse.align.views import corners, transform
from imfuse.data.lags import sketch
from imfuse.data.offsets import agreements
from imfuse.data.sample import Sample, gray
from imfuse.errors import NotRegistered
from imfuse.types import ImagePair, Picture

_REACH, _NOMINAL = 16, 4
"""Offsets to compare, and those that count as none, in pixels of sketches 320 wide."""
_SMALLEST = 64
_IN_PLACE = 3.2
"""Standard deviations by which edges must agree in place, above all offsets, to need no search.

Training pairs of MSRS and RoadScene and rendered ones have 3.4 or more, pictures of two scenes at
most 3.1.
"""
_OFF = gate.RIGHT + 2.0
"""Mean distance of corners, in pixels at 640, from which on a pair is told to be off."""


@dataclass(frozen=True)
class Standing:
    """How a pair lies that was looked at.

    Attributes:
        off: Mean distance of the infrared picture's corners from where they should lie, in pixels
            of a visible picture whose longer side has 640; 0: in place.
        sure: False where the pictures don't show how they lie.
    """

    off: float = 0.0
    sure: bool = True

    @property
    def message(self) -> str:
        """The finding, or an empty text where the pair isn't clearly off."""
        if not self.sure or self.off < _OFF:
            return ""
        return (
            f"the infrared picture lies {self.off:.0f} pixels (at a width of 640) from where it "
            "belongs; `imfuse align` shows how"
        )


def look(sample: Sample) -> Standing | None:
    """Tell whether a pair of one size lies pixel on pixel.

    Only pairs whose edges don't clearly agree in place are searched.

    Returns:
        How it lies; None: it has less than 64 pixels a side, too few to tell.
    """
    if min(sample.size) < _SMALLEST:
        return None
    if _agrees_in_place(sample):
        return Standing()
    pair = ImagePair(ir=Picture(pixels=sample.ir), vis=Picture(pixels=sample.vis))
    try:
        found = find(pair)
    except NotRegistered:
        return Standing(sure=False)
    if found.confidence < LEAST_CONFIDENCE:
        return Standing(sure=False)
    at = corners(sample.size)
    distance = np.hypot(*(transform(found.matrix, at) - at).T).mean()
    return Standing(off=float(distance) * 640 / max(sample.size))


def _agrees_in_place(sample: Sample) -> bool:
    near = agreements(*sketch(sample.ir, gray(sample.vis)), _REACH)
    if near is None:
        return False
    here = slice(_REACH - _NOMINAL, _REACH + _NOMINAL + 1)
    return bool(near[here, here].max() - near.mean() >= _IN_PLACE * near.std())
