"""Laplacian pyramid of our networks, and what they compare its bands by: passes over arrays.

OpenCV's functions work in place of NumPy's wherever they are faster.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from imfuse.types import Float

LEVELS = 4
"""Bands; what is left below them has a sixteenth of the height and width."""
FLOOR = 0.01
"""Contrast of bands below which selection by contrast fades."""
BLURRED = 3
"""Bands whose magnitude is a mean over 3x3 pixels; that of the others is each pixel's own."""


class Decided(NamedTuple):
    """Decision on a band, or for what is left below all bands.

    Attributes:
        mask: `(H, W)` share of infrared, 0 to 1.
        gain: Likewise, factor of what is blended; None: 1.
        lift: Likewise, change of brightness; None for bands.
    """

    mask: Float
    gain: Float | None
    lift: Float | None


def split(picture: Float) -> list[Float]:
    """Return the bands of a picture, finest first, then what is left.

    Args:
        picture: `(H, W)`, both multiples of 16.
    """
    bands = []
    for _ in range(LEVELS):
        smaller = _as_float(cv2.pyrDown(picture))
        bands.append(_subtract(picture, enlarged(smaller)))
        picture = smaller
    return [*bands, picture]


def strength(band: Float, level: int) -> Float:
    """Return the magnitude of a band around each pixel."""
    size = np.abs(band)
    if level >= BLURRED:
        return size
    return _as_float(cv2.blur(size, (3, 3), borderType=cv2.BORDER_CONSTANT))


def selected(logit: Float, sizes: Sequence[Float], sharpness: float) -> Float:
    """Return the share of the first source in a band, 0 to 1.

    Args:
        logit: What the network says.
        sizes: Magnitudes of both sources' bands.
        sharpness: Factor of their contrast, which is -1 to 1.
    """
    contrast = cv2.divide(_subtract(*sizes), _add(*sizes) + np.float32(FLOOR))
    return sigmoid(_as_float(cv2.addWeighted(logit, 2.0, contrast, sharpness, 0.0)))


def blended(a: Float, b: Float, decided: Decided) -> Float:
    """Return a band of the fused picture."""
    band = _add(b, _times(_subtract(a, b), decided.mask))
    if decided.gain is not None:
        band = _times(band, decided.gain)
    return band if decided.lift is None else _add(band, decided.lift)


def sigmoid(values: Float) -> Float:
    """Return the logistic function of each value."""
    values = _as_float(cv2.exp(-values))
    values += 1
    return np.divide(np.float32(1), values, out=values)


def enlarged(values: Float) -> Float:
    """Return an array of twice the height and width."""
    return _as_float(cv2.resize(values, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR))


def halved(values: Float) -> Float:
    """Return an array of half the height and width: means of 2x2."""
    return _as_float(cv2.resize(values, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def collapsed(bands: Sequence[Float]) -> Float:
    """Return the picture of a pyramid's bands."""
    *details, picture = bands
    for detail in reversed(details):
        picture = _add(enlarged(picture), detail)
    return picture


def _add(one: Float, other: Float) -> Float:
    return _as_float(cv2.add(one, other))


def _subtract(one: Float, other: Float) -> Float:
    return _as_float(cv2.subtract(one, other))


def _times(one: Float, other: Float) -> Float:
    return _as_float(cv2.multiply(one, other))


def _as_float(values: object) -> Float:
    return np.asarray(values, np.float32)
