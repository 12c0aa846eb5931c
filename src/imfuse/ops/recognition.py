"""Recognition of the palette of a picture in false colour.

The colours of a palette lie on one curve; those of a photograph do not. Only colours of smooth
areas are compared, since JPEG mixes them along edges, and the worst quarter is left out, as writing
and logos lie on the picture. Gray lies on many curves, and proves nothing: colours are judged both
on their own and together with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from imfuse.ops.curves import Curve, nearest
from imfuse.ops.palettes import Levels, Palette, variants
from imfuse.types import Float, Pixels

MOST = 4.0
"""Largest misfit, in levels, of a picture in the colours of a palette; see `Match`.

Files of cameras and JPEG of quality 50 reach 2.6; no photograph that `benchmarks/palettes.py` tries
stays below it.
"""

LEAST_COLOUR = 0.02
"""Least share of smooth areas that must have a colour: gray pictures need no palette."""

_COLOURED = 16.0
"""Chroma in levels that neither gray nor the noise of its coding has."""

_SMOOTH, _SMOOTH_LUMA = 8, 12
"""Differences of chroma and of luma among nine pixels up to which an area is smooth."""

_LEAST_SMOOTH = 0.02
"""Least share of pixels that are compared: the smoothest ones, where few areas are smooth."""

_KEPT = 0.75
"""Share of colours that is judged: the nearest ones."""

_SAMPLED, _FIRST, _FINALISTS = 600, 150, 4
"""Colours of each kind that are compared, those of the first round, and palettes of the second."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Colours of the smooth areas of a picture, as points of luma and chroma.

    Attributes:
        coloured: `(N, 3)`, those with a colour.
        gray: `(M, 3)`, the others.
        share: Share of colours among both in the picture.
    """

    coloured: Float
    gray: Float
    share: float

    def thinned(self, count: int) -> "Sample":
        """Return up to about `count` colours of each kind."""
        coloured, gray = (
            points[:: max(1, len(points) // count)] for points in (self.coloured, self.gray)
        )
        return Sample(coloured, gray, self.share)


@dataclass(frozen=True)
class Match:
    """A palette that might be the one of a picture.

    Attributes:
        palette: The palette.
        levels: Range of its levels.
        misfit: Mean distance of the nearest 75 % of colours from the palette, in levels from 0 to
            255: of colours alone or together with gray, the larger one.
    """

    palette: Palette
    levels: Levels
    misfit: float


def smooth_colours(rgb: Pixels, count: int = _SAMPLED) -> Sample:
    """Return colours from the smooth areas of an 8-bit picture, up to about `count` of each kind.

    Args:
        rgb: `(H, W, 3)` uint8.
        count: See above.
    """
    ycc = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)
    square = np.ones((3, 3), np.uint8)
    spread = cv2.subtract(cv2.dilate(ycc, square), cv2.erode(ycc, square))
    luma, red, blue = cv2.split(spread)
    rough = cv2.max(cv2.max(red, blue), cv2.convertScaleAbs(luma, alpha=_SMOOTH / _SMOOTH_LUMA))
    counts = np.cumsum(np.bincount(rough.ravel(), minlength=256))
    limit = max(_SMOOTH, int(np.searchsorted(counts, _LEAST_SMOOTH * rough.size)))
    smooth = rough <= limit
    found = ycc[smooth].astype(np.float32)
    points = np.stack([found[:, 0], found[:, 2] - 128, found[:, 1] - 128], axis=1)
    coloured = (points[:, 1:] ** 2).sum(axis=1) > _COLOURED**2
    return Sample(points[coloured], points[~coloured], float(coloured.mean())).thinned(count)


def recognise(sample: Sample, palettes: Iterable[Palette]) -> Match:
    """Return the palette that fits a picture best, in either range of levels.

    Args:
        sample: See `smooth_colours`.
        palettes: The palettes to choose from.
    """
    pairs = list(variants(tuple(palettes)))
    few = sample.thinned(_FIRST)
    first = sorted(pairs, key=lambda one: _misfit(few, *one))
    final = [(_misfit(sample, *one), one) for one in first[:_FINALISTS]]
    least, (palette, levels) = min(final, key=lambda one: one[0])
    return Match(palette, levels, least)


def _misfit(sample: Sample, palette: Palette, levels: Levels) -> float:
    curve = _curve(palette, levels)
    chroma = np.linalg.norm(curve.points[:, 1:], axis=1)
    return misfit(sample, curve, sparse=bool(np.median(chroma) < _COLOURED))


def misfit(sample: Sample, curve: Curve, *, sparse: bool = False) -> float:
    """Return how far the colours of a picture are from a curve, in levels; see `Match.misfit`.

    Args:
        sample: See `smooth_colours`.
        curve: The curve, with chromas of weight 1.
        sparse: True if most of the curve is gray, so that a few colours alone prove nothing.
    """
    parts = [nearest(curve, points)[1] for points in (sample.coloured, sample.gray)]
    weights = (sample.share, 1 - sample.share)
    each = [
        np.full(len(part), weight / max(1, len(part)))
        for part, weight in zip(parts, weights, strict=True)
    ]
    both = _trimmed(np.concatenate(parts), np.concatenate(each))
    if sparse and sample.share < LEAST_COLOUR:
        return both
    return max(both, _trimmed(parts[0], each[0]))


def _trimmed(distances: Float, weights: Float) -> float:
    """Return the weighted mean of the smallest distances; 0 if there are none."""
    if not distances.size:
        return 0.0
    order = np.argsort(distances)
    ranked = np.cumsum(weights[order])
    kept = order[: int(np.searchsorted(ranked, _KEPT * ranked[-1])) + 1]
    return float(np.average(distances[kept], weights=weights[kept]))


@cache
def _curve(palette: Palette, levels: Levels) -> Curve:
    return Curve.of(palette.colours(levels), chroma=1.0)
