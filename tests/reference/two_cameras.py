"""Two cameras looking at one rendered scene, through windows that are known."""

import cv2
import numpy as np

from imfuse.types import ImagePair, Picture

SIZE = (360, 480)


def moved(scale=1.0, degrees=0.0, shift=(0.0, 0.0), *, size=SIZE):
    """Return the matrix that turns and scales about the middle, then shifts."""
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = middle - turn @ middle + shift
    return matrix


def cut(scene, window, size):
    """Return a registered pair through two cameras.

    The visible one sees the whole scene; the infrared one, of another size, what `window` maps its
    pixels to.
    """
    ir, vis = scene
    width, height = size[1], size[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(ir, window, (width, height), flags=flags)
    return ImagePair(ir=Picture(pixels=seen, name="ir"), vis=Picture(pixels=vis, name="vis"))


def corner_error(found, truth, size):
    """Return the mean distance of the infrared picture's corners, in visible pixels."""
    right, bottom = size[1] - 1, size[0] - 1
    at = np.array([[0, 0, 1], [right, 0, 1], [right, bottom, 1], [0, bottom, 1.0]]).T
    ends = [(matrix @ at)[:2] / (matrix @ at)[2] for matrix in (found, truth)]
    return float(np.hypot(*(ends[0] - ends[1])).mean())
