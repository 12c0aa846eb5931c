"""Oddities of a pair: noted if it can be fused all the same, and refused if not."""

from dataclasses import replace

import cv2
import numpy as np

from imfuse.errors import BadValues
from imfuse.infrared import check_scale, is_gray
from imfuse.io.alpha import alpha_is_picture
from imfuse.samples import is_constant, sample_values, spread
from imfuse.types import RAW_TYPES, SCALES, Float, Picture, Pixels

_SAMPLED = 1 << 16
_PLAINLY = 0.1
"""Difference of channels that coding noise does not reach, as a fraction of white."""

_SHARE = 0.01
"""Minimum fraction of coloured pixels in a visible picture: streets at night have few."""

_FAINTLY = 0.04
"""Difference of channels that a gray picture never has: its coding noise is in brightness alone."""

_PALETTE = "--palette auto (palette='auto') turns the colours back into values"

_DIM = 1 / 4
"""Minimum fraction of white that a 16-bit or float visible picture reaches, even at night."""

_LEAST = 64
"""Number of pixels from which a picture of one value is odd."""


def notes_of_readers(*pictures: Picture) -> list[str]:
    """Return the notes made when pictures were read, each with the name of its picture."""
    return [
        note if note.startswith(picture.name) else f"{picture.name}: {note}"
        for picture in pictures
        for note in picture.notes
    ]


def without_false_alpha(picture: Picture, notes: list[str]) -> Picture:
    """Make a picture opaque if its alpha is a picture, lest the result be see-through."""
    if picture.alpha is None or not alpha_is_picture(picture.alpha):
        return picture
    notes.append(
        f"{picture.name}: the alpha channel looks like a picture of its own, such as the thermal "
        "one of an RGBT set, and was not used as transparency. Save it as a file to fuse it"
    )
    solid = np.full_like(picture.alpha, SCALES[picture.alpha.dtype])
    return replace(picture, alpha=solid)


def notes_on(ir: Picture, vis: Picture) -> list[str]:
    """Return notes on what is odd about a pair."""
    notes: list[str] = []
    colours = _colourfulness(ir.pixels)
    if (colours > _PLAINLY).mean() > _SHARE and is_gray(vis.pixels):
        notes.append(
            f"{ir.name}: infrared in false colour; its luma is used, which is not temperature. "
            f"{vis.name} is gray, and infrared comes first: were the two swapped? If not, "
            f"{_PALETTE}"
        )
    elif not is_gray(ir.pixels):
        notes.append(
            f"{ir.name}: infrared in false colour; its luma is used, which is not temperature. "
            f"{_PALETTE}"
        )
    elif (colours > _FAINTLY).mean() > _SHARE and not _colourfulness(vis.pixels).any():
        notes.append(
            f"{ir.name}: infrared has faint colours, and {vis.name} has none. Infrared comes "
            "first: were the two swapped?"
        )
    if np.array_equal(ir.pixels, vis.pixels):
        notes.append("infrared and visible are the same picture")
    for picture, kind in ((ir, "infrared"), (vis, "visible")):
        height, width = picture.size
        if height * width >= _LEAST and is_constant(picture.pixels):
            notes.append(f"{picture.name}: the {kind} picture has the same value everywhere")
    _note_dim(vis, notes)
    return notes


def check_visible(vis: Picture) -> None:
    """Refuse visible pictures whose values have no known range, or are missing."""
    if vis.pixels.dtype in RAW_TYPES:
        raise BadValues(
            f"{vis.pixels.dtype} values in the visible picture",
            file=vis.name,
            expected="8 bits, 16 bits without sign, or floats in 0..1",
            remedy="Convert it first. Infrared comes first; were the two swapped?",
        )
    # Integer pictures are complete, whatever value a tag declares to mean "no data".
    if vis.nodata is not None and vis.pixels.dtype.kind == "f":
        raise BadValues(
            f"{int(vis.nodata.sum()):,} pixels of the visible picture have no value",
            file=vis.name,
            expected="a value everywhere",
            remedy="Fill them first. Infrared comes first; were the two swapped?",
        )
    check_scale(vis.name, vis.pixels, remedy="Scale the visible picture to 0..1 first.")


def _note_dim(vis: Picture, notes: list[str]) -> None:
    """Note a visible picture of more than 8 bits that reaches only a small part of its range."""
    kind = vis.pixels.dtype
    if kind == np.uint8:  # dark pictures in 8 bits are dark scenes
        return
    _, high = spread(sample_values(vis.pixels, None))
    white = SCALES[kind]
    if 0 < high < _DIM * white:
        hint = " (12-bit values: times 16)" if kind == np.uint16 else ""
        notes.append(
            f"{vis.name}: the visible picture reaches only {high:g} of {white:g} and will hardly "
            f"show; scale it so that white is {white:g}{hint}"
        )


def _colourfulness(pixels: Pixels) -> Float:
    """Return how much the channels of some pixels differ, as fractions of white."""
    if pixels.ndim == 2:
        return np.zeros(1, np.float32)
    step = max(1, pixels[..., 0].size // _SAMPLED)
    red, green, blue = cv2.split(np.ascontiguousarray(pixels[::step]))  # whole rows are faster
    largest, smallest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    white = np.float32(SCALES.get(pixels.dtype, 1.0))
    return np.asarray(cv2.subtract(largest, smallest) / white, np.float32)
