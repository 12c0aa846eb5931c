"""Tricks that raise scores without showing more of the scene, to judge how much a win means."""

import zlib
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from imfuse.types import SCALES, Picture

_NOISE_STD = 5 / 255
"""Noise that is clearly visible on a flat wall, yet weaker than that of night cameras."""

_SHARPEN_AMOUNT = 1.0
_SHARPEN_STD = 1.5


def stretched(picture: Picture, _: str) -> Picture:
    """Stretch a picture's values to the whole range, as many authors' scripts do on saving."""
    pixels = picture.pixels
    low, high = pixels.min(), pixels.max()
    return _like(picture, (pixels.astype(np.float32) - low) / max(float(high) - float(low), 1e-9))


def sharpened(picture: Picture, _: str) -> Picture:
    """Add the detail that a Gaussian of 1.5 pixels removes (unsharp masking)."""
    values = picture.pixels.astype(np.float32) / np.float32(SCALES[picture.pixels.dtype])
    blurred = cv2.GaussianBlur(values, (0, 0), _SHARPEN_STD)
    return _like(picture, values + np.float32(_SHARPEN_AMOUNT) * (values - blurred))


def noisy(picture: Picture, name: str) -> Picture:
    """Add Gaussian noise of 5 gray levels, the same every time for a pair's name."""
    rng = np.random.default_rng(zlib.crc32(name.encode("utf-8", "surrogateescape")))
    values = picture.pixels.astype(np.float32) / np.float32(SCALES[picture.pixels.dtype])
    noise = rng.normal(0, _NOISE_STD, picture.size).astype(np.float32)
    return _like(picture, values + (noise[..., None] if picture.is_colour else noise))


def _like(picture: Picture, values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Picture:
    """Convert values of 0 to 1 to the depth of a picture."""
    white = SCALES[picture.pixels.dtype]
    scaled = np.clip(values * np.float32(white), 0, white)
    if picture.pixels.dtype != np.float32:
        scaled = np.rint(scaled)
    return Picture(pixels=scaled.astype(picture.pixels.dtype), name=picture.name)


TRICKS: Mapping[str, Callable[[Picture, str], Picture]] = {
    "stretched": stretched,
    "sharpened": sharpened,
    "noisy": noisy,
}
"""Tricks by name: functions of a fused picture and the pair's name."""
