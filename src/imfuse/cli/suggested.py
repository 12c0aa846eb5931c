"""The command that fits a picture file, as `imfuse inspect` suggests it."""

import math
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imfuse.inspection import Inspection

_NARROW = 1 / 4
"""Part of a type's range below which infrared hardly shows, as `imfuse fuse` warns."""

_LETTERS = {"celsius": "C", "kelvin": "K"}


def suggested(facts: "Inspection") -> str:
    """Return the command to use next; IR and VIS stand for pictures that are still to be given."""
    name = shlex.quote(facts.file)
    if facts.fused_by is not None:
        return f"imfuse evaluate {name} IR VIS"
    if facts.visible is not None and facts.shown is not None:
        return f"imfuse fuse {name} -o fused.png"
    if not facts.gray:
        return f"imfuse fuse IR {name} -o fused.png"
    partner = "" if facts.visible is not None else " VIS"
    return f"imfuse fuse {name}{partner} -o fused.png{_range(facts)}"


def _range(facts: "Inspection") -> str:
    """Return the option for the range of a picture whose values have no black and white."""
    low, high = facts.shown or facts.usual
    white = {8: 255.0, 16: 65535.0, 32: 1.0}.get(facts.bits, 0.0)
    plain = facts.unit is None and facts.numbers == ("float" if white == 1 else "unsigned")
    fits = plain and facts.least >= 0 and facts.most <= white
    if low >= high or (fits and (facts.bits == 8 or high - low >= _NARROW * white)):
        return ""
    letter = _LETTERS.get(facts.unit or "", "")
    if letter:
        return f" --ir-range {math.floor(low)}{letter}:{math.ceil(high)}{letter}"
    return f" --ir-range {low:.6g}:{high:.6g}"
