"""Filling of pixels that hold no value, so that filters and networks see no edges there."""

import cv2
import numpy as np

from imfuse.types import Mask, Pixels


def fill_nearest(pixels: Pixels, missing: Mask) -> Pixels:
    """Give each missing pixel the value of the nearest pixel that has one.

    A constant or an inpainted value would make an edge where the data ends, which pyramids and
    networks would take for detail of the scene; the nearest value makes none.

    Args:
        pixels: `(H, W)` or `(H, W, C)` of any type.
        missing: `(H, W)`, True where there is no value; not True everywhere.

    Returns:
        A copy, or `pixels` itself where nothing is missing.
    """
    if not missing.any():
        return pixels
    _, labels = cv2.distanceTransformWithLabels(
        missing.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = ~missing
    at = np.empty(int(labels.max()) + 1, np.intp)
    at[labels[known]] = np.flatnonzero(known)
    filled = pixels.copy()
    filled[missing] = pixels.reshape(missing.size, *pixels.shape[2:])[at[labels[missing]]]
    return filled
