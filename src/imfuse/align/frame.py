"""The pixels of a result: of the visible picture, of the infrared one, or of what both see."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imfuse.errors import NotRegistered, UsageError
from imfuse.ops.warps import Matrix, beyond, positions, resample, warp
from imfuse.options import Frame
from imfuse.types import Float, Mask, Metadata, Picture, Pixels, Registration

_FEWEST = 16
"""Shortest side in pixels of a result that only shows what both cameras see."""
_SKIPS = 1.5
"""Visible pixels a side of an infrared one from which on warping alone would skip some."""
_FINE = 480
"""Longest side in blocks in which the largest rectangle is looked for."""


@dataclass(frozen=True)
class Framed:
    """The visible picture on the pixels of the result.

    Attributes:
        vis: The picture.
        registration: How infrared pixels map to its pixels.
        blind: `(H, W)`, True where it shows nothing; None: it covers all.
        alone: Share of the result that one camera alone shows.
    """

    vis: Picture
    registration: Registration
    blind: Mask | None = None
    alone: float = 0.0


def framed(vis: Picture, ir: Picture, found: Registration, frame: Frame) -> Framed:
    """Return the visible picture on the pixels of the result.

    Args:
        vis: The picture.
        ir: The infrared picture.
        found: How infrared pixels map to visible ones.
        frame: Pixels of the result.

    Raises:
        NotRegistered: Hardly a pixel shows in both.
        UsageError: Lenses are corrected, and the result shall have the infrared pixels.
    """
    if found.field is not None:
        return _by_field(vis, ir, found, found.field, frame)
    matrix = np.eye(3) if found.matrix is None else found.matrix
    if frame == "ir":
        return _onto_infrared(vis, ir, found, matrix)
    if frame == "vis":
        alone = 1 - shared(matrix, ir.size, vis.size)
        if alone >= 1:
            raise _nothing(ir, vis)
        return Framed(vis, found, alone=round(alone, 4))
    at = positions(matrix, (slice(0, vis.size[0]), slice(0, vis.size[1])))
    rows, columns = _overlap(at, vis, ir, found)
    move = np.eye(3)
    move[:2, 2] = -columns.start, -rows.start
    cut = _cut(vis, rows, columns)
    return Framed(cut, replace(found, matrix=move @ matrix, field=None, outside=None))


def _by_field(vis: Picture, ir: Picture, found: Registration, field: Float, frame: Frame) -> Framed:
    if frame == "ir":
        raise UsageError(
            "--frame ir (frame='ir') where lenses are corrected",
            expected="--frame vis or overlap",
            remedy="Or import the rig with --undistort none (undistort='none').",
        )
    if frame == "vis":
        alone = float(beyond(field, ir.size).mean())
        if alone >= 1:
            raise _nothing(ir, vis)
        return Framed(vis, found, alone=round(alone, 4))
    rows, columns = _overlap(field, vis, ir, found)
    part = np.ascontiguousarray(field[rows, columns])
    placed = replace(found, matrix=None, field=part, outside=None)
    return Framed(_cut(vis, rows, columns), placed)


def _overlap(at: Float, vis: Picture, ir: Picture, found: Registration) -> tuple[slice, slice]:
    """Return the rows and columns of the largest rectangle of visible pixels that both show."""
    seen = ~beyond(at, ir.size)
    if found.outside is not None:
        seen &= ~found.outside
    rows, columns = largest_rectangle(seen)
    if min(rows.stop - rows.start, columns.stop - columns.start) < _FEWEST:
        raise _nothing(ir, vis)
    return rows, columns


def _cut(vis: Picture, rows: slice, columns: slice) -> Picture:
    return replace(
        vis,
        pixels=np.ascontiguousarray(vis.pixels[rows, columns]),
        alpha=None if vis.alpha is None else np.ascontiguousarray(vis.alpha[rows, columns]),
        nodata=None,
        metadata=replace(vis.metadata, geo={}),
    )


def shared(matrix: Matrix, ir: tuple[int, int], vis: tuple[int, int]) -> float:
    """Return the share of the visible picture, 0 to 1, that infrared shows, too.

    Args:
        matrix: Maps infrared pixels to visible ones.
        ir: Height and width of the infrared picture.
        vis: Those of the visible picture.
    """
    outlines = [
        np.array(
            [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]]
        )
        for height, width in (ir, vis)
    ]
    moved = np.c_[outlines[0], np.ones(4)] @ matrix.T
    if not (moved[:, 2] > 0).all() and not (moved[:, 2] < 0).all():
        return 0.0
    quad = (moved[:, :2] / moved[:, 2:]).astype(np.float32)
    common, _ = cv2.intersectConvexConvex(quad, outlines[1].astype(np.float32))
    return min(1.0, max(0.0, float(common) / (vis[0] * vis[1])))


def largest_rectangle(seen: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of the largest rectangle in which all is seen.

    Args:
        seen: `(H, W)`.
    """
    block = -(-max(seen.shape) // _FINE)
    if block > 1:
        height, width = (side // block for side in seen.shape)
        blocks = seen[: height * block, : width * block].reshape(height, block, width, block)
        rows, columns = largest_rectangle(np.asarray(blocks.all(axis=(1, 3))))
        return _times(rows, block), _times(columns, block)
    heights = np.zeros(seen.shape[1], np.int64)
    best, found = 0, (slice(0, 0), slice(0, 0))
    for row, line in enumerate(seen):
        heights = np.where(line, heights + 1, 0)
        # Bars of which each can still grow to the right, lowest first (stack of their starts).
        bars: list[tuple[int, int]] = []
        for column, height in enumerate([*heights.tolist(), 0]):
            start = column
            while bars and bars[-1][1] >= height:
                start, tall = bars.pop()
                if tall * (column - start) > best:
                    best = tall * (column - start)
                    found = slice(row + 1 - tall, row + 1), slice(start, column)
            bars.append((start, height))
    return found


def _times(side: slice, factor: int) -> slice:
    return slice(side.start * factor, side.stop * factor)


def _onto_infrared(vis: Picture, ir: Picture, found: Registration, matrix: Matrix) -> Framed:
    window = slice(0, ir.size[0]), slice(0, ir.size[1])
    at = positions(np.asarray(np.linalg.inv(matrix), np.float64), window)
    blind = beyond(at, vis.size)
    if blind.all():
        raise _nothing(ir, vis)
    # Where several visible pixels fall on one, their mean shows; warping would skip some.
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2] / matrix[2, 2]))))
    less = vis.size
    if zoom > _SKIPS:
        less = max(1, round(vis.size[0] / zoom)), max(1, round(vis.size[1] / zoom))
        ratio = np.array([less[1] / vis.size[1], less[0] / vis.size[0]], np.float32)
        at = (at + np.float32(0.5)) * ratio - np.float32(0.5)

    def warped(plane: Pixels) -> Pixels:
        values = plane.astype(np.float32)
        values = warp(values if less == vis.size else resample(values, *less), at)
        return (values if plane.dtype.kind == "f" else np.rint(values)).astype(plane.dtype)

    picture = Picture(
        pixels=warped(vis.pixels),
        alpha=None if vis.alpha is None else warped(vis.alpha),
        name=vis.name,
        format=vis.format,
        metadata=Metadata(exif=vis.metadata.exif, icc=vis.metadata.icc),
    )
    placed = replace(found, matrix=np.eye(3), field=None, outside=None)
    alone = round(float(blind.mean()), 4)
    return Framed(picture, placed, blind if blind.any() else None, alone)


def _nothing(ir: Picture, vis: Picture) -> NotRegistered:
    return NotRegistered(
        f"the registration leaves nothing that {vis.name or 'the visible picture'} shows, too",
        reason="no_overlap",
        file=ir.name or "the infrared picture",
        remedy="Check the rig file (align=) or the pair.",
    )
