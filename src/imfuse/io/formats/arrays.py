"""Pixel arrays from decoders: channel order, palettes, Pillow's pictures, orientation."""

import cv2
import numpy as np
from PIL import Image

from imfuse.types import Pixels

_BAND = 1 << 22  # bytes to move at a time, so that no second whole picture is needed


def swap_in_place(samples: Pixels) -> None:
    """Exchange red and blue of `(H, W, 3)` samples without a second whole array."""
    rows = max(1, _BAND // max(1, samples[:1].nbytes))
    for y in range(0, len(samples), rows):
        band = samples[y : y + rows]
        band[...] = cv2.cvtColor(band, cv2.COLOR_BGR2RGB)


def palette_colours(table: Pixels, index: Pixels) -> Pixels:
    """Return the colours of a palette picture: `(H, W)` if every entry of the table is gray."""
    if (table == table[:, :1]).all():
        return np.ascontiguousarray(table[:, 0])[index]
    return np.ascontiguousarray(table)[index]


def from_pil(image: Image.Image) -> Pixels:
    """Return a Pillow picture's samples, `(H, W)` or `(H, W, C)`, in a new array.

    It copies band by band: Pillow keeps four bytes per RGB pixel and can only pass copies.
    """
    width, height = image.size
    first = np.asarray(image.crop((0, 0, width, 1)))
    samples = np.empty((height, *first.shape[1:]), first.dtype)
    rows = max(1, _BAND // max(1, first.nbytes))
    for y in range(0, height, rows):
        box = (0, y, width, min(height, y + rows))
        samples[y : y + rows] = np.asarray(image if rows >= height else image.crop(box))
    return samples


def planes(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Return a Pillow picture's pixels, gray or RGB, and its alpha.

    Raises:
        ValueError: A pixel's colour is not in the palette.
    """
    mode = image.mode
    if mode in {"P", "PA"}:
        return _palette(image)
    if mode.startswith("I;16"):
        return from_pil(image).astype(np.uint16, copy=False), None
    plain = {"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, mode)
    if plain not in {"L", "F", "I", "LA", "RGB", "RGBA"}:
        plain = "RGB"
    return split_alpha(from_pil(image if plain == mode else image.convert(plain)))


def split_alpha(samples: Pixels) -> tuple[Pixels, Pixels | None]:
    """Return colours and alpha of `(H, W)` or `(H, W, C)` samples; C of 2 and 4 means alpha."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples, None
    colours = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return np.ascontiguousarray(colours), np.ascontiguousarray(samples[..., -1])


def _palette(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    index, alpha = split_alpha(from_pil(image))
    table = np.asarray(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    if int(index.max()) >= len(table):
        raise ValueError("a pixel's colour is not in the palette")
    if image.mode == "P" and "transparency" in image.info:
        alpha = np.ascontiguousarray(from_pil(image.convert("RGBA"))[..., 3])
    return palette_colours(table[:, :3], index), alpha


def upright(samples: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation (1 to 8) to the pixels."""
    if orientation in {5, 6, 7, 8}:
        samples = samples.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        samples = samples[::-1]
    if orientation in {2, 3, 6, 7}:
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)
