"""Histograms of gray levels, of one picture and of two jointly, and their entropies in bits."""

from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.planes import WHITE, Plane

LEVELS = 256

Levels: TypeAlias = Literal["nearest", "floor", "stretched"]
"""Mapping of values to 256 levels: rounded, rounded down, or stretched to span 0 to 255."""

Counts: TypeAlias = NDArray[np.float32]
"""Pixel counts: `(256,)`, or `(256, 256)` for the levels of two pictures."""

_HAIR = 1e-3
"""Tolerance when rounding down, since 255 * (77 / 255) may be 76.999992."""


def counts(plane: Plane, levels: Levels = "nearest") -> Counts:
    """Return the number of pixels at each level."""
    return plane.once(_counts, levels)


def joint_counts(first: Plane, second: Plane, levels: Levels = "nearest") -> Counts:
    """Return the number of pixels at each pair of levels; rows are levels of the first picture."""
    return first.once(_joint_counts, second, levels)


def entropy_bits(plane: Plane, levels: Levels = "nearest") -> float:
    """Return the entropy of a picture's levels in bits."""
    return plane.once(_entropy, _simplest(levels, plane))


def information_bits(first: Plane, second: Plane, levels: Levels = "nearest") -> float:
    """Return the mutual information of two pictures' levels, H(X) + H(Y) - H(X, Y), in bits."""
    return first.once(_information, second, _simplest(levels, first, second))


def bits(histogram: Counts) -> float:
    """Return the entropy in bits of a histogram of one or two dimensions."""
    present = histogram[histogram > 0].astype(np.float64)
    total = present.sum()
    # No dot product: BLAS would use all cores for it, and pictures are scored in parallel.
    return max(float(np.log2(total) - (present * np.log2(present)).sum() / total), 0.0)


def _simplest(levels: Levels, *planes: Plane) -> Levels:
    """Return `nearest` where the mapping makes no difference to entropies.

    Whole gray levels do not change when rounded, and stay distinct when stretched.
    """
    return "nearest" if all(plane.is_whole for plane in planes) else levels


def _quantised(plane: Plane, levels: Levels) -> NDArray[np.uint8]:
    if levels == "nearest":
        return plane.levels
    if levels == "floor":
        whole = np.floor(plane.values + np.float32(_HAIR))
    else:
        values = plane.values.astype(np.float64) - plane.values.min()
        most = values.max()
        whole = np.floor(values * (WHITE / most if most else 0.0) + 0.5)  # MATLAB rounds half up
    return np.asarray(whole.astype(np.uint8), np.uint8)


def _counts(plane: Plane, levels: Levels) -> Counts:
    pixels = plane.once(_quantised, levels)
    found = cv2.calcHist([pixels], [0], None, [LEVELS], [0, LEVELS])
    return np.asarray(found, np.float32).ravel()


def _joint_counts(first: Plane, second: Plane, levels: Levels) -> Counts:
    pixels = [first.once(_quantised, levels), second.once(_quantised, levels)]
    spans = [0, LEVELS, 0, LEVELS]
    return np.asarray(cv2.calcHist(pixels, [0, 1], None, [LEVELS, LEVELS], spans), np.float32)


def _entropy(plane: Plane, levels: Levels) -> float:
    return bits(counts(plane, levels))


def _information(first: Plane, second: Plane, levels: Levels) -> float:
    separate = entropy_bits(first, levels) + entropy_bits(second, levels)
    return max(separate - bits(joint_counts(first, second, levels)), 0.0)
