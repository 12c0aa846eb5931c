"""Distinguish an alpha channel that holds a picture from transparency."""

import numpy as np

from imfuse.types import Pixels

_SAMPLES = 1 << 18  # number of pixels to check
_LEAST = 1024  # fewest pixels that allow a decision
_ENDS = 0.5  # share of fully clear and fully opaque pixels above which it is a mask
_LEVELS = 48  # different values, of 256, that a photograph has at least
_FLAT = 0.97  # share of pixels that lie on a line with their neighbours above which it is smooth
_BEND = 2.2  # of 255: what rounding and dithering add to a line
_FEWEST = 8  # levels of a photograph of low contrast
_NEVER = 0.001  # share of fully clear and opaque pixels below which there are practically none
_PLATEAUS = 0.75  # share of the two most frequent levels above which it is a mask
_APART = 8  # pixels over which a photograph of low contrast bends more than rounding does


def alpha_is_picture(alpha: Pixels) -> bool:
    """Return True if an alpha channel looks like a photograph, such as the thermal one of RGB-T.

    Transparency is mostly 0 or fully opaque, or has few levels, or changes smoothly, as in a
    gradient or a soft shadow. A photograph has many levels and texture; one of low contrast has
    few levels, but is neither clear nor opaque anywhere.

    Args:
        alpha: `(H, W)` of any type.
    """
    height, width = alpha.shape
    if alpha.size < _LEAST:
        return False
    step = max(1, int((height * width / _SAMPLES) ** 0.5))
    # Take whole rows from all over the picture, so that neighbours stay neighbours.
    values = np.asarray(alpha[::step], np.float32)
    top = float(np.iinfo(alpha.dtype).max) if alpha.dtype.kind in "iu" else 1.0
    values = values * (255 / top)
    ends = float(((values < 0.5) | (values > 254.5)).mean())
    if ends > _ENDS or width < 3:
        return False
    counts = np.sort(np.unique(np.rint(values), return_counts=True)[1])
    if counts[-2:].sum() > _PLATEAUS * values.size:
        return False
    if len(counts) >= _LEVELS and not _smooth(values, 1):
        return True
    low_contrast = ends < _NEVER and len(counts) >= _FEWEST and width > 2 * _APART
    return low_contrast and not _smooth(values, _APART)


def _smooth(values: Pixels, apart: int) -> bool:
    """Return True if nearly all pixels lie on a line with those some columns to either side."""
    # Such second differences are 0 in a gradient, and small in soft shadows.
    middle = values[:, apart:-apart]
    bend = np.abs(values[:, : -2 * apart] - 2 * middle + values[:, 2 * apart :])
    return float((bend <= _BEND).mean()) >= _FLAT
