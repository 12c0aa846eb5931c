"""Oddities of a pair: said if it can be fused all the same, and refused if not."""

from dataclasses import replace

import numpy as np

from imfuse.errors import BadValues
from imfuse.infrared import check_scale, is_gray
from imfuse.io.alpha import alpha_is_picture
from imfuse.types import RAW_TYPES, SCALES, Picture, Pixels

_SAMPLED = 1 << 16
_PLAINLY = 0.1
"""Difference of channels that coding noise does not reach, as a share of white."""


def without_false_alpha(picture: Picture, notes: list[str]) -> Picture:
    """Make a picture solid whose alpha channel is a picture: the result would be see-through."""
    if picture.alpha is None or not alpha_is_picture(picture.alpha):
        return picture
    notes.append(
        f"{picture.name}: the alpha channel looks like a picture of its own, such as the thermal "
        "one of an RGBT set, and was not used as transparency. Save it as a file to fuse it"
    )
    solid = np.full_like(picture.alpha, SCALES[picture.alpha.dtype])
    return replace(picture, alpha=solid)


def notes_on(ir: Picture, vis: Picture) -> list[str]:
    """Return what is odd about a pair."""
    notes = []
    if _has_coloured_parts(ir.pixels) and is_gray(vis.pixels):
        notes.append(
            f"{ir.name}: infrared in false colour; its luma is used, which is not temperature. "
            f"{vis.name} is gray, and infrared comes first: were the two swapped?"
        )
    elif not is_gray(ir.pixels):
        notes.append(
            f"{ir.name}: infrared in false colour; its luma is used, which is not temperature"
        )
    if np.array_equal(ir.pixels, vis.pixels):
        notes.append("infrared and visible are the same picture")
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
    # Integers are whole pictures whatever value a tag declares to mean nothing.
    if vis.nodata is not None and vis.pixels.dtype.kind == "f":
        raise BadValues(
            f"{int(vis.nodata.sum()):,} pixels of the visible picture have no value",
            file=vis.name,
            expected="a value everywhere",
            remedy="Fill them first. Infrared comes first; were the two swapped?",
        )
    check_scale(vis.name, vis.pixels, remedy="Scale the visible picture to 0..1 first.")


def _has_coloured_parts(pixels: Pixels) -> bool:
    """Return True if more than 1 % of a picture is plainly coloured, as streets at night are."""
    if pixels.ndim == 2:
        return False
    step = max(1, int(np.sqrt(pixels[..., 0].size / _SAMPLED)))
    sample = pixels[::step, ::step].astype(np.float32)
    spread = np.ptp(sample, axis=2) / SCALES.get(pixels.dtype, 1.0)
    return bool(np.mean(spread > _PLAINLY) > 0.01)
