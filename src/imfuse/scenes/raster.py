"""OpenCV's filters with float32 in and out, reduced to the options that scenes need."""

import cv2
import numpy as np

from imfuse.types import Float


def blur(picture: Float, sigma: float) -> Float:
    """Return a Gaussian blur; the spread is in pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def shrink(picture: Float, height: int, width: int) -> Float:
    """Return a smaller picture by area averaging."""
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def stretch(picture: Float, height: int, width: int) -> Float:
    """Return a larger picture by linear interpolation."""
    large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def read_at(picture: Float, x: Float, y: Float, *, cubic: bool = False) -> Float:
    """Return the values at pixel positions; values at the border continue outside."""
    method = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    found = cv2.remap(picture, x, y, method, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
