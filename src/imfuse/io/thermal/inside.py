"""Pairs inside a single file: infrared and visible picture, and how they lie on each other."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from imfuse.errors import PairMismatch, UnsupportedImage
from imfuse.io.formats import exif, table
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.finish import finish
from imfuse.io.thermal.read import picture_of, read_thermogram
from imfuse.io.thermal.thermogram import Placement, Thermogram
from imfuse.ops.warps import Matrix, scaling
from imfuse.radiometry import Reading
from imfuse.types import ImagePair, Picture, Pixels, Registration

_ALIKE = 0.02
"""Difference of proportions up to which both pictures show the same field of view."""


class Inside(NamedTuple):
    """A pair in one file, and its registration."""

    pair: ImagePair
    registration: Registration


def read_inside(content: Source, reading: Reading) -> Inside:
    """Return the infrared and the visible picture in a thermal file.

    Without a placement in the file, both are taken to show the same field of view, with a note.

    Args:
        content: The file.
        reading: How to read the infrared picture.

    Raises:
        PairMismatch: The file holds no visible picture, or nobody knows how both lie on each other.
        ImfuseError: One of them can't be read.
    """
    found = read_thermogram(content)
    if found is None or found.visible is None:
        raise PairMismatch(
            f"there is no visible picture inside this {found.kind if found else 'file'}",
            file=content.name,
            expected="a second picture, or a thermal file that holds both",
            remedy=f"Give the visible picture, too: `imfuse fuse {content.name} VIS -o OUT`.",
        )
    ir = picture_of(content, found, reading)
    vis = visible_in(content, found)
    # The file around both knows when and where they were taken.
    vis = replace(vis, metadata=ir.metadata, notes=())
    return Inside(ImagePair(ir=ir, vis=vis), _registration(content, found, ir, vis))


def visible_in(content: Source, found: Thermogram) -> Picture:
    """Return the visible picture inside a thermal file that has one, upright.

    Raises:
        ImfuseError: It can't be read.
    """
    inside = found.visible
    if inside is None:
        raise AssertionError("nobody asks for a picture that is not there")
    kind = table.recognise(inside.data)
    if kind is None:
        raise UnsupportedImage(
            "the visible picture inside is of an unknown format",
            file=content.name,
            expected="a PNG or JPEG",
            remedy="Export it with the maker's program, and give it as a second file.",
        )
    name = f"{content.name} (visible picture inside)"
    source = replace(content, data=inside.data, name=name)
    with source.decoding(kind.name):
        decoded = kind.read(source)
        pixels = _rgb(decoded.pixels) if inside.ycbcr else decoded.pixels
        return finish(Decoded(pixels=pixels, orientation=_orientation(found)), name, kind.name)


def _rgb(pixels: Pixels) -> Pixels:
    """Return RGB of luma and chroma that a PNG stores as its three channels."""
    if pixels.ndim == 2 or pixels.dtype != np.uint8:
        return pixels
    order = np.ascontiguousarray(pixels[..., [0, 2, 1]])  # OpenCV has red before blue
    return np.asarray(cv2.cvtColor(order, cv2.COLOR_YCrCb2RGB))


def _orientation(found: Thermogram) -> int:
    tidy = None if found.exif is None else exif.tidy(found.exif)
    return 1 if tidy is None else tidy.orientation


def _registration(content: Source, found: Thermogram, ir: Picture, vis: Picture) -> Registration:
    if found.placement is not None:
        orientation = _orientation(found)
        sides = (vis.size, ir.size) if orientation < 5 else (vis.size[::-1], ir.size[::-1])
        scale = sides[0][1] / found.placement.ratio / sides[1][1]
        placed = _matrix(ir.size, vis.size, scale, found.placement.turned(orientation))
        return Registration(matrix=placed, estimator="file")
    change = (ir.size[1] * vis.size[0]) / (ir.size[0] * vis.size[1])
    if max(change, 1 / change) - 1 > _ALIKE:
        raise PairMismatch(
            f"infrared is {ir.extent}, the visible picture inside {vis.extent}, and the file does "
            "not say how they lie on each other",
            file=content.name,
            expected="a file that says it, or pictures of the same proportions",
            remedy="Export both pictures, and register them first.",
        )
    return Registration(matrix=scaling(ir.size, vis.size), estimator="resize")


def _matrix(
    ir: tuple[int, int], vis: tuple[int, int], scale: float, placement: Placement
) -> Matrix:
    """Return the matrix from infrared to visible pixels; both centres differ by the offset."""
    x = (vis[1] - 1) / 2 + placement.right - scale * (ir[1] - 1) / 2
    y = (vis[0] - 1) / 2 + placement.down - scale * (ir[0] - 1) / 2
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])
