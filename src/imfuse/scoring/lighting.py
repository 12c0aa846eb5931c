"""Day and night: what machines see depends more on light than on anything else."""

import re

import cv2
import numpy as np

from imfuse.types import SCALES, ImagePair

LIGHTS = ("all", "day", "night")
"""Parts of a set for which machine judges give values of their own."""

HOW = (
    "by the names of MSRS and MFNet; otherwise guessed: night where the median luma of the visible "
    "picture is below 0.2"
)
"""Where the light of a picture is known from."""

_NAMED = re.compile(r"\d{5}([DN])(_flip)?")
"""Names of MFNet and MSRS, whose last letter says day or night."""
_DARK = 0.2
"""Visible pictures of a lower median luma (BT.601) were taken at night."""


def light_of(name: str, pair: ImagePair) -> str:
    """Return `day` or `night` for a pair, by its name where a set names it so, else by its looks.

    Args:
        name: Name of the pair; of MFNet's and MSRS' names the letter is believed.
        pair: The pair, whose visible picture is looked at for other names.
    """
    letter = _NAMED.fullmatch(name.rpartition("/")[2])
    if letter:
        return "day" if letter[1] == "D" else "night"
    pixels = pair.vis.pixels
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    return "night" if np.median(gray) < _DARK * SCALES[pixels.dtype] else "day"
