"""Offsets at which the two pictures of a pair line up better than without a shift."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float, Pixels

Edges: TypeAlias = NDArray[np.complex64]
"""`(H, W)`: how strong an edge is at each pixel, and twice the direction of its gradient."""

_REACH = 16
"""Largest offset to try, in pixels of pictures with at most `_LONGEST` pixels a side."""
_LONGEST = 640
_SHORTEST = 64
_SHORTEST_OFFSET = 1.4
_LEAST_GAIN = 0.1
_LEAST_PEAK = 3.5
"""Standard deviations above the mean agreement of all offsets at which the best one is clear."""
_MOST_PAIRS = 0.55
"""Fraction of pairs that line up better after a shift above which a dataset counts as displaced.

Public datasets are registered to within 3 pixels, and parts of LLVIP (44 %) are 6 to 8 pixels off.
"""
_FEWEST = 3
_ENOUGH = 8
_LEAST_TOGETHER, _MOST_LEFT, _FARTHEST_NOMINAL = 1.5, 0.75, 2.8
"""Least agreement of all pairs together at their best offset, the largest share of it without that
offset, and the shortest offset that counts.

In MSRS, RoadScene, TNO, LLVIP and M3SVD, the best offset is 0 to 1 pixels, with 99 % of the best
agreement at 0; after a shift by 6 pixels, 37 to 74 % are left there.
"""


@dataclass(frozen=True)
class Offset:
    """Shift at which a pair lines up best.

    Attributes:
        dx: Columns by which the infrared picture has to move to the right.
        dy: Rows by which it has to move down.
        clear: Whether the pair lines up clearly better there than without the shift.
        agreement: `(33, 33)` agreement at all offsets from -16 to 16, with mean 0 and deviation 1.
        scale: Pixels of `agreement` per pixel of the pictures.
    """

    dx: float
    dy: float
    clear: bool
    agreement: Float = field(repr=False)
    scale: float = 1.0

    @property
    def length(self) -> float:
        """Length in pixels."""
        return float(np.hypot(self.dx, self.dy))


def find_offset(ir: Pixels, vis: Pixels) -> Offset | None:
    """Find the best offset by comparing edge directions, which don't depend on the brighter side.

    Args:
        ir: `(H, W)` infrared picture.
        vis: `(H, W)` luma of the visible one.

    Returns:
        The offset; None if the pictures are too small, or one of them has no edges.
    """
    longest = max(ir.shape)
    scale = min(1.0, _LONGEST / longest)
    size = max(1, round(ir.shape[1] * scale)), max(1, round(ir.shape[0] * scale))
    if min(size) < _SHORTEST:
        return None
    first, second = (edges(cv2.resize(p, size, interpolation=cv2.INTER_AREA)) for p in (ir, vis))
    near = agreements(first, second, _REACH)
    if near is None:
        return None
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    best, here = float(near[row, column]), float(near[_REACH, _REACH])
    dx, dy = (int(column) - _REACH) / scale, (int(row) - _REACH) / scale
    mean, spread = float(near.mean()), float(near.std())
    stands_out = best - mean >= _LEAST_PEAK * spread
    better = best - here > _LEAST_GAIN * best and np.hypot(dx, dy) * scale >= _SHORTEST_OFFSET
    agreement = ((near - mean) / (spread or 1.0)).astype(np.float32)
    return Offset(dx, dy, bool(stands_out and better), agreement, scale)


def agreements(ir: Edges, vis: Edges, reach: int) -> NDArray[np.float64] | None:
    """Return how well edges agree, -1 to 1, at all offsets up to `reach` pixels.

    Args:
        ir: Edges of the infrared picture.
        vis: Edges of the visible picture, of the same size.
        reach: Largest offset in pixels.

    Returns:
        `(2 reach + 1, 2 reach + 1)`, with no offset in the middle; None where there are no edges.
    """
    energy = float(np.sqrt(np.prod([np.square(np.abs(e)).sum() for e in (vis, ir)])))
    if energy == 0:
        return None
    padded = [cv2.getOptimalDFTSize(side + reach) for side in vis.shape]
    spectra = [np.fft.fft2(e, padded) for e in (vis, ir)]
    agreement = np.fft.ifft2(spectra[0] * spectra[1].conj()).real / energy
    return np.roll(agreement, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]


def edges(picture: Pixels) -> Edges:
    """Return edges as complex numbers of twice their angle, to ignore the sign of contrast."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1)
    x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.hypot(x, y)
    typical = np.percentile(strength, 70) or strength.mean()
    if typical == 0:
        return np.zeros(strength.shape, np.complex64)
    weight = strength / (strength + typical)
    turned = np.square(x + 1j * y) / np.maximum(np.square(strength), np.finfo(np.float32).tiny)
    return np.asarray(turned * np.square(weight), np.complex64)


def displaced(offsets: Sequence[Offset]) -> str:
    """Return a message if most pairs line up better after a shift, else an empty text.

    Args:
        offsets: Offsets of some of a dataset's pairs.
    """
    clear = [offset for offset in offsets if offset.clear]
    if len(clear) < max(_FEWEST, _MOST_PAIRS * len(offsets)):
        return _displaced_together(offsets)
    dx, dy = (float(np.median([getattr(o, axis) for o in clear])) for axis in ("dx", "dy"))
    length = float(np.median([offset.length for offset in clear]))
    same = sum(np.hypot(o.dx - dx, o.dy - dy) <= max(1.5, length / 4) for o in clear)
    alike = f"{same} of them by about {dx:+.0f} columns and {dy:+.0f} rows"
    return (
        f"{len(clear)} of {len(offsets)} pairs looked at line up better when the infrared picture "
        f"is moved, by {length:.1f} pixels in the median, "
        + (alike if 2 * same >= len(clear) else "each in another direction")
    )


def _displaced_together(offsets: Sequence[Offset]) -> str:
    """Return a message if all pairs together line up better at one offset; empty otherwise.

    At night, a single pair may say little, but if all are moved alike, their sum says it clearly.
    """
    if len(offsets) < _ENOUGH:
        return ""
    together = np.mean([offset.agreement for offset in offsets], axis=0)
    row, column = np.unravel_index(int(together.argmax()), together.shape)
    dx, dy = int(column) - _REACH, int(row) - _REACH
    best, here = float(together[row, column]), float(together[_REACH, _REACH])
    if best < _LEAST_TOGETHER or here > _MOST_LEFT * best or np.hypot(dx, dy) < _FARTHEST_NOMINAL:
        return ""
    scale = float(np.median([offset.scale for offset in offsets]))
    return (
        f"the {len(offsets)} pairs looked at, taken together, line up better when the infrared "
        f"picture is moved by about {dx / scale:+.0f} columns and {dy / scale:+.0f} rows"
    )
