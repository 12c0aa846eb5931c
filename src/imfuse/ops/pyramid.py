"""Laplacian pyramid with the kernel [1 4 6 4 1]/16.

Reference: P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE
Transactions on Communications 31(4), 1983.
"""

from itertools import pairwise

import cv2
import numpy as np

from imfuse.types import Float

_SPARE = 32
"""Columns added on the right of each filter's input and cropped from its output.

OpenCV computes the last columns of a row without vector instructions, which rounds differently.
Selecting the larger of two nearly equal values would make that visible where a tile ends; so those
columns are discarded, and the value of a sample depends only on its surroundings, to the last bit.
"""


def reduce(picture: Float) -> Float:
    """Return the low-pass picture at half the size, rounded up.

    An odd height or width is first made even by repeating the last row or column; the extended
    picture is then mirrored at its edges without repeating them.
    """
    height, width = picture.shape
    if height % 2 or width % 2:
        even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        picture = np.asarray(even, np.float32)
    wide = cv2.copyMakeBorder(picture, 0, 0, 0, _SPARE, cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.pyrDown(wide), np.float32)[:, : (width + 1) // 2]


def expand(picture: Float, size: tuple[int, int]) -> Float:
    """Return the picture interpolated to twice its size, cropped to height and width `size`."""
    wide = cv2.copyMakeBorder(picture, 0, 0, 0, _SPARE // 2, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.pyrUp(wide), np.float32)[: size[0], : size[1]]


def analyse(picture: Float, levels: int) -> list[Float]:
    """Return the band-pass pictures from fine to coarse, and the coarsest low-pass picture last."""
    chain = [picture]
    for _ in range(levels):
        chain.append(reduce(chain[-1]))
    bands = [fine - expand(coarse, fine.shape) for fine, coarse in pairwise(chain)]
    return [*bands, chain[-1]]


def synthesise(bands: list[Float]) -> Float:
    """Return the picture whose `analyse` gives these bands."""
    *details, result = bands
    for detail in reversed(details):
        result = detail + expand(result, detail.shape)
    return result
