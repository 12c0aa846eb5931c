"""Qcb and Qcv: how the eye sees a fused picture next to its sources."""

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np

from imfuse.metrics.metric import Metric, MetricInfo
from imfuse.metrics.planes import WHITE, Plane, Trio
from imfuse.metrics.windows import Map

WIDE, NARROW, DEPTH = 15.3870, 1.3456, 0.7622
"""f0 and f1 (cycles per degree) and a of the difference of Gaussians for contrast sensitivity."""

CENTRE, SURROUND = 2.0, 4.0
"""Standard deviations in pixels of the two Gaussians whose ratio is local contrast."""

CONTRAST_RADIUS = 15

EXCITING, INHIBITING, STEADY = 3, 2, 1e-4
"""p, q and Z of contrast masking, `|C|^p / (|C|^q + Z)`."""

BLOCK = 16
SALIENCE_POWER = 5
"""Exponent alpha of the gradients that weigh a block."""

PEAK_PART = 0.114
"""Degrees per cycle in the sensitivity of Mannos and Sakrison."""

MISPRINTED_PEAK_PART = 0.144

Stretch: TypeAlias = Literal["none", "unit", "gray-levels"]
Outside: TypeAlias = Literal["mirror", "zero"]
Grid: TypeAlias = Literal["square-pixels", "each-side"]

_OPENCV_BORDERS = {"mirror": cv2.BORDER_REFLECT, "zero": cv2.BORDER_CONSTANT}


def chen_blum(
    trio: Trio,
    *,
    degrees: float = 15.0,
    grid: Grid = "square-pixels",
    stretch: Stretch = "none",
    border: Outside = "mirror",
    salience_floor: float = 0.0,
) -> float:
    """Return Qcb: how much of the sources' visible contrast the fused picture preserves.

    Pictures are filtered by the eye's contrast sensitivity `exp(-(r/f0)^2) - a exp(-(r/f1)^2)`, r
    in cycles per degree; local contrast C is a narrow Gaussian mean divided by a wide one, minus 1;
    masking turns it into `C' = |C|^3 / (|C|^2 + 1e-4)`. Where a source has C'_A and the fused
    picture C'_F, the share preserved is the smaller over the larger; the sources are weighted by
    C'^2.

    Args:
        trio: Fused picture and sources.
        degrees: Visual angle of the picture's longer side; 30 in IVIF_ZOO, whose frequencies
            are half as high as those of the kit that it follows.
        grid: `square-pixels`: a degree has the same number of pixels in both directions;
            `each-side`: both sides span the angle, even in an oblong picture (IVIF_ZOO, VIFB).
        stretch: Range that pictures are stretched to first: 0..1 (IVIF_ZOO), or 0..255, rounded
            (VIFB). Stretching changes their contrast.
        border: How pictures are extended for the two means; zeros in IVIF_ZOO and VIFB.
        salience_floor: Constant added to the divisor of the weights; 1e-10 in IVIF_ZOO, which makes
            windows of low contrast count less.

    Returns:
        From 0 to 1, higher is better; 1 where the fused picture equals both sources.

    References:
        Y. Chen, R. S. Blum, "A new automated quality assessment algorithm for image fusion", Image
        and Vision Computing 27(10), 2009, doi:10.1016/j.imavis.2007.12.002.

    Departures: the paper leaves the viewing distance open; the 15 degrees are those of its public
    implementation (Z. Liu). Where neither of two pictures has contrast, everything counts as
    preserved; sources without contrast have equal weight.
    """
    kind = degrees, grid, stretch, border
    fused, ir, vis = (plane.once(_masked_contrast, *kind) for plane in (trio.fused, *trio.sources))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        power = ir * ir + vis * vis + salience_floor
        shares = [np.where(power > 0, source * source / power, 0.5) for source in (ir, vis)]
        quality = shares[0] * _preserved(ir, fused) + shares[1] * _preserved(vis, fused)
    return float(quality.mean())


def chen_varshney(
    trio: Trio,
    *,
    degrees: float = 4.0,
    grid: Grid = "square-pixels",
    sensitivity: Literal["mannos-sakrison", "misprinted"] = "mannos-sakrison",
    stretch: Stretch = "none",
    border: Outside = "mirror",
    last_blocks: Literal["smaller", "zeros"] = "smaller",
) -> float:
    """Return Qcv: visible differences from the sources, block by block, where they have edges.

    Differences F - A are filtered by the eye's sensitivity `2.6 (0.0192 + 0.114 r) exp(-(0.114
    r)^1.1)`, r in cycles per degree; their mean square in each block of 16x16 is weighted by the
    sum of the source's Sobel gradients to the power 5, and averaged over blocks and sources.

    Args:
        trio: Fused picture and sources.
        degrees: Visual angle of the picture's longer side.
        grid: As in Qcb; `each-side` in VIFB.
        sensitivity: `misprinted`: with 0.144 instead of 0.114 (VIFB).
        stretch: As in Qcb; VIFB's is `gray-levels`.
        border: How pictures are extended for the gradients; `zero` in VIFB, which turns the frame
            into an edge.
        last_blocks: Blocks at the lower and right border are averaged over their pixels, or over
            256 with zeros for the missing ones (VIFB).

    Returns:
        In squared gray levels, at least 0, lower is better.

    References:
        H. Chen, P. K. Varshney, "A human perception inspired quality metric for image fusion based
        on regional information", Information Fusion 8(2), 2007, doi:10.1016/j.inffus.2005.10.001;
        J. L. Mannos, D. J. Sakrison, IEEE Trans. Information Theory 20(4), 1974.

    Departures: the sensitivity filter is applied to the whole picture rather than to each block, as
        in the public implementation (Z. Liu), whose angle of 4 degrees is used too.
    """
    above = below = 0.0
    part = PEAK_PART if sensitivity == "mannos-sakrison" else MISPRINTED_PEAK_PART
    fused = trio.fused.once(_stretched, stretch)
    for source in trio.sources:
        salience = source.once(_salience, stretch, border)
        seen = _seen(source.once(_stretched, stretch) - fused, degrees, grid, part)
        error = _block_sums(seen * seen)
        error /= BLOCK**2 if last_blocks == "zeros" else _block_sums(np.ones(fused.shape))
        above += float((salience * error).sum())
        below += float(salience.sum())
    return above / below if below else math.nan


def _stretched(plane: Plane, stretch: Stretch) -> Map:
    values = plane.values.astype(np.float64)
    if stretch == "none":
        return values
    low, high = values.min(), values.max()
    if low == high:
        return values if stretch == "gray-levels" and not high else np.full_like(values, math.nan)
    values = np.asarray((values - low) / (high - low))
    return values if stretch == "unit" else np.floor(values * WHITE + 0.5)


def _frequencies(shape: tuple[int, ...], degrees: float, grid: Grid) -> Map:
    """Return cycles per degree for the layout of np.fft.rfft2."""
    height, width = shape
    longer = max(shape)
    sides = shape if grid == "each-side" else (longer, longer)
    down, across = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    return np.asarray(np.hypot(across * sides[1], (down * sides[0])[:, None]) / degrees)


def _masked_contrast(
    plane: Plane, degrees: float, grid: Grid, stretch: Stretch, border: Outside
) -> Map:
    values = plane.once(_stretched, stretch)
    r = _frequencies(values.shape, degrees, grid)
    sensitivity = np.exp(-((r / WIDE) ** 2)) - DEPTH * np.exp(-((r / NARROW) ** 2))
    values = np.fft.irfft2(np.fft.rfft2(values) * sensitivity, values.shape)
    centre, surround = (_bell_mean(values, sigma, border) for sigma in (CENTRE, SURROUND))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        contrast = np.abs(centre / surround - 1)
        masked: Map = contrast**EXCITING / (contrast**INHIBITING + STEADY)
    return masked


def _bell_mean(values: Map, sigma: float, border: Outside) -> Map:
    position = np.arange(-CONTRAST_RADIUS, CONTRAST_RADIUS + 1)
    # not normalised: at a radius of 15 pixels the wider one sums to 0.9998, as in the kits
    taps = np.exp(-(position**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    return np.asarray(cv2.sepFilter2D(values, -1, taps, taps, borderType=_OPENCV_BORDERS[border]))


def _preserved(source: Map, fused: Map) -> Map:
    larger = np.maximum(source, fused)
    return np.where(larger == 0, 1.0, np.minimum(source, fused) / larger)


def _salience(plane: Plane, stretch: Stretch, border: Outside) -> Map:
    values = plane.once(_stretched, stretch)
    outside = _OPENCV_BORDERS[border]
    down, across = (cv2.Sobel(values, -1, dx, 1 - dx, ksize=3, borderType=outside) for dx in (0, 1))
    return _block_sums(np.hypot(down, across) ** SALIENCE_POWER)


def _seen(difference: Map, degrees: float, grid: Grid, part: float) -> Map:
    r = part * _frequencies(difference.shape, degrees, grid)
    sensitivity = 2.6 * (0.0192 + r) * np.exp(-(r**1.1))
    return np.fft.irfft2(np.fft.rfft2(difference) * sensitivity, difference.shape)


def _block_sums(values: Map) -> Map:
    rows, columns = (range(0, length, BLOCK) for length in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows), columns, axis=1))


_ZOO = {
    "degrees": 30.0,
    "grid": "each-side",
    "stretch": "unit",
    "border": "zero",
    "salience_floor": 1e-10,
}
_VIFB = {"grid": "each-side", "stretch": "gray-levels", "border": "zero"}

METRICS = (
    Metric(
        info=MetricInfo(
            symbol="Qcb",
            title="Chen and Blum's contrast preservation",
            better="higher",
            high=1.0,
            reference="Chen, Blum 2009, doi:10.1016/j.imavis.2007.12.002",
            undefined="a picture is black",
        ),
        compute=chen_blum,
        kits={"ivif-zoo": _ZOO, "vifb": _VIFB},
    ),
    Metric(
        info=MetricInfo(
            symbol="Qcv",
            title="Chen and Varshney's visible difference",
            unit="squared gray levels",
            better="lower",
            reference="Chen, Varshney 2007, doi:10.1016/j.inffus.2005.10.001",
            undefined="both sources are constant",
        ),
        compute=chen_varshney,
        kits={
            "vifb": {**_VIFB, "sensitivity": "misprinted", "last_blocks": "zeros"},
        },
    ),
)
