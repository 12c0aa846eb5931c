"""Nearest points on a curve through colour space: from a picture in false colour to its values.

Distances are taken between luma and chroma (BT.601), as JPEG stores both: its errors of luma are
small, but chroma comes at half the size and with coarser steps, so it counts for less. Each colour
is looked up once, in a table of all colours that the picture holds.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float, Pixels

CHROMA = 0.4
"""Weight of distances in chroma beside 1 for luma where values are read."""

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""From RGB to luma and the two chromas around 0."""

_JUMP = 40.0
"""Distance of two neighbouring colours of a table beyond which none lie between them."""

_APART = 0.1
"""Positions further apart than this are two answers, not one."""

_RIVAL = 12.0
"""Levels by which the other answer may be further off and still be the right one."""

_AGREES = 0.05
"""Difference from the neighbours up to which the other answer is taken."""

_CHUNK = 1 << 14


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve through colour space.

    Attributes:
        points: `(N, 3)` luma and chromas, of levels from 0 to 255; chromas times a weight.
        positions: `(N,)`, growing from 0 to 1.
        joined: `(N - 1,)`, True where the colours between two points belong to the curve.
    """

    points: Float
    positions: Float
    joined: NDArray[np.bool_]

    @classmethod
    def of(cls, colours: Float, *, chroma: float = CHROMA) -> "Curve":
        """Return the curve through a table of RGB colours from 0 to 255.

        A colour that the table repeats stands for the middle of its run.

        Args:
            colours: `(N, 3)`, from cold to hot.
            chroma: Weight of chroma.
        """
        ends = np.flatnonzero(np.abs(np.diff(colours, axis=0)).max(axis=1) > 0.01)
        first, last = np.append(0, ends + 1), np.append(ends, len(colours) - 1)
        positions = (first + last) / (2 * max(1, len(colours) - 1))
        points = as_points(colours[first], chroma=chroma)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        return cls(points, positions.astype(np.float32), steps < _JUMP)


def as_points(rgb: Float, *, chroma: float = CHROMA) -> Float:
    """Return luma and weighted chromas of RGB colours `(N, 3)` from 0 to 255."""
    points = np.asarray(rgb, np.float32) @ _TO_YCC.T
    points[:, 1:] *= np.float32(chroma)
    return points


def nearest(curve: Curve, points: Float) -> tuple[Float, Float]:
    """Return the position of the nearest point of a curve, and the distance, for each `(M, 3)`."""
    positions = np.empty(len(points), np.float32)
    distances = np.empty(len(points), np.float32)
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        index = _squares(points[part], curve.points).argmin(axis=1)
        positions[part], distances[part] = _projected(curve, points[part], index)
    return positions, distances


def read_values(rgb: Pixels, curve: Curve) -> tuple[Float, Float]:
    """Return the values that colours stand for, and how far off the curve the colours are.

    Where a value is far from those around it, and a part of the curve that is elsewhere but nearly
    as close to the colour agrees with them, that part gives the value.

    Args:
        rgb: `(H, W, 3)` uint8.
        curve: The palette, with chromas weighted by `CHROMA`.

    Returns:
        `(H, W)` from 0 to 1, and `(H, W)` distances in levels.
    """
    colours = Colours.of(rgb)
    positions, distances = nearest(curve, colours.points)
    values, off = positions[colours.index], distances[colours.index]
    around = cv2.medianBlur(cv2.convertScaleAbs(values, alpha=255), 5).astype(np.float32) / 255
    odd = np.abs(values - around) > _APART
    asked = np.unique(colours.index[odd])
    if asked.size:
        others, further = positions.copy(), distances.copy()
        others[asked], further[asked] = _rivals(curve, colours.points[asked], positions[asked])
        other = others[colours.index]
        other_off = further[colours.index]
        better = odd & (other_off < off + _RIVAL) & (np.abs(other - around) < _AGREES)
        values, off = np.where(better, other, values), np.where(better, other_off, off)
    return values, off


def _rivals(curve: Curve, points: Float, positions: Float) -> tuple[Float, Float]:
    """Return the nearest points of a curve that lie apart from given positions; see `nearest`."""
    others = np.empty(len(points), np.float32)
    distances = np.empty(len(points), np.float32)
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        squares = _squares(points[part], curve.points)
        squares[np.abs(curve.positions[None] - positions[part, None]) <= _APART] = np.inf
        index = squares.argmin(axis=1)
        others[part], distances[part] = _projected(curve, points[part], index)
    return others, distances


def _squares(points: Float, curve: Float) -> Float:
    """Return the squared distances of points `(M, 3)` from points `(N, 3)`, `(M, N)`."""
    squares = points @ (-2 * curve.T)
    squares += (curve**2).sum(axis=1)
    squares += (points**2).sum(axis=1)[:, None]
    return squares


def _projected(curve: Curve, points: Float, index: NDArray[np.intp]) -> tuple[Float, Float]:
    """Return position and distance of the nearest point on the two segments at an index."""
    at = curve.positions[index]
    best = ((points - curve.points[index]) ** 2).sum(axis=1)
    if not len(curve.joined):
        return at, np.sqrt(best)
    for first in (index - 1, index):
        start = np.clip(first, 0, len(curve.joined) - 1)
        valid = (first == start) & curve.joined[start]
        origin = curve.points[start]
        along = curve.points[start + 1] - origin
        share = ((points - origin) * along).sum(axis=1) / (along**2).sum(axis=1)
        share = np.clip(share, 0, 1)
        square = ((points - origin - share[:, None] * along) ** 2).sum(axis=1)
        closer = valid & (square < best)
        low, high = curve.positions[start], curve.positions[start + 1]
        at = np.where(closer, low + share * (high - low), at)
        best = np.where(closer, square, best)
    return at.astype(np.float32), np.sqrt(best).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Colours:
    """The colours of a picture, each once.

    Attributes:
        points: `(M, 3)`, see `Curve.points`.
        index: `(H, W)`, the colour of each pixel.
    """

    points: Float
    index: NDArray[np.int32]

    @classmethod
    def of(cls, rgb: Pixels) -> "Colours":
        """Return the colours of an 8-bit picture, chromas to steps of 4 levels."""
        ycc = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)
        luma, red, blue = (plane.astype(np.int32) for plane in cv2.split(ycc))
        codes = (luma << 12) | ((blue >> 2) << 6) | (red >> 2)
        present = np.zeros(1 << 20, bool)
        present[codes] = True
        found = np.flatnonzero(present)
        numbers = np.empty(1 << 20, np.int32)
        numbers[found] = np.arange(len(found), dtype=np.int32)
        points = np.empty((len(found), 3), np.float32)
        points[:, 0] = found >> 12
        points[:, 1] = CHROMA * (4 * ((found >> 6) & 63) + 1.5 - 128)
        points[:, 2] = CHROMA * (4 * (found & 63) + 1.5 - 128)
        return cls(points, numbers[codes])
