"""Box means and the guided filter."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float

_T = TypeVar("_T", np.float32, np.float64)


def clipped_mean(picture: Float, radius: int) -> Float:
    """Return the mean over a square window; at edges, over the part inside the picture.

    Args:
        picture: Any size, even smaller than the window.
        radius: The window has 2 * radius + 1 pixels per side.
    """
    side = 2 * radius + 1
    mean = cv2.boxFilter(picture, cv2.CV_32F, (side, side), borderType=cv2.BORDER_CONSTANT)
    return _without_outside(np.asarray(mean, np.float32), radius)


def guided_filter(guide: Float, target: Float, radius: int, epsilon: float) -> Float:
    """Return the target smoothed so that it follows the edges of the guide.

    In each window the target is fitted by `a * guide + b` with the penalty `epsilon * a ** 2`; a
    pixel's result is the mean of the fits in all windows that contain it (equations 4, 5 and 8).

    Args:
        guide: Picture whose edges are kept, in [0, 1].
        target: The picture to smooth, of the same size.
        radius: Windows have 2 * radius + 1 pixels per side, cropped at the edges of the picture.
        epsilon: Variance of the guide below which a window counts as flat.

    References:
        K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013,
        doi:10.1109/TPAMI.2012.213.
    """
    mean_guide, variance = _moments(guide, radius)
    mean_target = _double_mean(target, radius)
    product = _double_mean(guide * target, radius)
    product -= mean_guide * mean_target
    variance += epsilon
    product /= variance
    mean_target -= product * mean_guide
    slope = clipped_mean(product.astype(np.float32), radius)
    slope *= guide
    slope += clipped_mean(mean_target.astype(np.float32), radius)
    return slope


def _moments(picture: Float, radius: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the clipped means and variances of a picture.

    The variance is a small difference of large numbers, so it is computed in double precision: in
    float32 its error would reach the epsilon of 1e-6 that image fusion uses.
    """
    size = (2 * radius + 1, 2 * radius + 1)
    mean = _double_mean(picture, radius)
    square = cv2.sqrBoxFilter(picture, cv2.CV_64F, size, borderType=cv2.BORDER_CONSTANT)
    variance = _without_outside(np.asarray(square, np.float64), radius)
    variance -= mean * mean
    return mean, variance


def _double_mean(picture: Float, radius: int) -> NDArray[np.float64]:
    size = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.boxFilter(picture, cv2.CV_64F, size, borderType=cv2.BORDER_CONSTANT)
    return _without_outside(np.asarray(mean, np.float64), radius)


def _without_outside(mean: NDArray[_T], radius: int) -> NDArray[_T]:
    """Correct window means for the zeros outside the picture, in place."""
    for lines in (mean, mean.T):
        length = len(lines)
        position = np.arange(length)
        inside = np.minimum(position, radius) + np.minimum(length - 1 - position, radius) + 1
        gain = ((2 * radius + 1) / inside).astype(mean.dtype)[:, None]
        lines[:radius] *= gain[:radius]
        last = max(radius, length - radius)
        lines[last:] *= gain[last:]
    return mean
