"""Yang's Qy: SSIM with the source that matters."""

from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np

from imfuse.metrics.planes import WHITE, Plane, Trio
from imfuse.metrics.windows import Border, Map, gaussian_taps

K1, K2 = 0.01, 0.03
"""Constants that stabilise the ratios of means and of variances, as fractions of the data range."""

ALIKE = 0.75
"""SSIM between the sources from which on Qy weights them by their variances."""

SIZE, SIGMA = 7, 1.5
"""Side of the Gaussian window and its standard deviation, in pixels."""

FLAT = 1e-9
"""Variances closer to zero than this are rounding."""

YangShape: TypeAlias = Literal["gaussian", "gaussian-rows"]


def yang_similarity(
    trio: Trio,
    *,
    window: YangShape = "gaussian",
    assumed_range: float = WHITE,
    border: Border = "valid",
) -> float:
    """Return Qy: SSIM with both sources where they are similar, with the better one elsewhere.

    A window where SSIM(A, B) is at least 0.75 counts `w SSIM(A, F) + (1 - w) SSIM(B, F)` with
    `w = var A / (var A + var B)`; any other, the larger of the two. Qy is the mean over all
    windows.

    Args:
        trio: Fused picture and sources.
        window: `gaussian`: 7x7, sigma 1.5; `gaussian-rows`: seven rows that each hold the
            one-dimensional Gaussian, so that the weights sum to 7 and "variances" become negative
            (IVIF_ZOO).
        assumed_range: As in SSIM; 1 in IVIF_ZOO.
        border: `zero` in IVIF_ZOO.

    Returns:
        From -1 to 1, higher is better; 1 where the fused picture equals both sources.

    References:
        C. Yang, J.-Q. Zhang, X.-R. Wang, X. Liu, "A novel similarity based quality metric for image
        fusion", Information Fusion 9(2), 2008, doi:10.1016/j.inffus.2006.09.001.

    Departures: the paper leaves SSIM's window weights and constants open; these are Wang's.
    Two flat sources have equal weight.
    """
    kind = window, border
    fused, ir, vis = (plane.once(_yang_moments, *kind) for plane in (trio.fused, *trio.sources))
    alike = _yang_map(ir, vis, kind, assumed_range) >= ALIKE
    with_ir, with_vis = (_yang_map(fused, source, kind, assumed_range) for source in (ir, vis))
    both = ir.variance + vis.variance
    share = np.full_like(both, 0.5)
    np.divide(ir.variance, both, out=share, where=both != 0)
    weighed = share * with_ir + (1 - share) * with_vis
    return float(np.where(alike, weighed, np.maximum(with_ir, with_vis)).mean())


class _YangMoments(NamedTuple):
    values: Map
    mean: Map
    variance: Map


def _yang_moments(plane: Plane, shape: YangShape, border: Border) -> _YangMoments:
    values = plane.values.astype(np.float64)
    mean = _yang_mean(values, shape, border)
    variance = _yang_mean(values * values, shape, border) - mean * mean
    variance[np.abs(variance) < FLAT] = 0
    return _YangMoments(values, mean, variance)


def _yang_mean(values: Map, shape: YangShape, border: Border) -> Map:
    taps = np.array(gaussian_taps(SIZE, SIGMA))
    down = taps if shape == "gaussian" else np.ones(SIZE)
    outside = cv2.BORDER_REPLICATE if border == "replicate" else cv2.BORDER_CONSTANT
    result = np.asarray(cv2.sepFilter2D(values, -1, taps, down, borderType=outside))
    radius = SIZE // 2
    return result[radius:-radius, radius:-radius] if border == "valid" else result


def _yang_map(
    one: _YangMoments, other: _YangMoments, kind: tuple[YangShape, Border], assumed_range: float
) -> Map:
    c1, c2 = (K1 * assumed_range) ** 2, (K2 * assumed_range) ** 2
    product = one.mean * other.mean
    both = _yang_mean(one.values * other.values, *kind) - product
    below = (one.mean**2 + other.mean**2 + c1) * (one.variance + other.variance + c2)
    similarity: Map = (2 * product + c1) * (2 * both + c2) / below
    return similarity
