"""Coefficient selection: the larger activity wins, smoothed by a vote of the neighbours."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

_T = TypeVar("_T", np.float32, np.complex64)

_SQUARE = np.ones((3, 3), np.uint8)

_EVEN = 9
"""Vote total of a tied 3x3 window, in which each of the nine positions counts 0, 1 or 2."""

_WEIGHT = ((np.sign(np.arange(256) - _EVEN) + 1) / 2).astype(np.float32)
"""Weight of the first source for each vote total: 0, 1/2 or 1."""

ROUNDING = 1e-6
"""Activities that differ by no more than this count as equal.

Float32 rounding must not decide. Contrasts of equal strength and opposite sign are common where a
warm object is dark; without this tolerance the choice would be random, and differ between tiles.
"""


def votes(first: Float, second: Float) -> NDArray[np.uint8]:
    """Return, for each position, the votes for the first source among its 3x3 neighbours.

    A position votes for the source whose activity has the larger maximum in the 3x3 window around
    it: 2 for the first, 0 for the second, 1 when they are equal. The votes of a 3x3 window are
    summed (18: all for the first, 9: undecided).

    Args:
        first: Activity of the first source, not negative.
        second: Activity of the second source.

    References:
        H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the wavelet
        transform", Graphical Models and Image Processing 57(3), 1995, section 3.
    """
    lead = np.asarray(cv2.dilate(first, _SQUARE), np.float32)
    lead -= cv2.dilate(second, _SQUARE)
    ballot = np.add(lead > ROUNDING, lead >= -ROUNDING, dtype=np.uint8)
    count = cv2.boxFilter(
        ballot, cv2.CV_8U, (3, 3), normalize=False, borderType=cv2.BORDER_REFLECT_101
    )
    return np.asarray(count, np.uint8)


def blend(first: NDArray[_T], second: NDArray[_T], count: NDArray[np.uint8]) -> NDArray[_T]:
    """Return the coefficients that the majority of `votes` chose; the mean where undecided."""
    result = first - second
    result *= cv2.LUT(count, _WEIGHT)
    result += second
    return result


def select(first: NDArray[_T], second: NDArray[_T]) -> NDArray[_T]:
    """Return the coefficients of larger magnitude, compared by 3x3 maxima and a 3x3 majority vote.

    Departures: the paper has no rule for a tied window. Here it gives the mean of both
        coefficients, so that swapping the sources changes nothing.
    """
    return blend(first, second, votes(np.abs(first), np.abs(second)))
