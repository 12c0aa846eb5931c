"""MEF-SSIM, a metric for multi-exposure fusion, in closed form for two sources.

K. Ma, K. Zeng, Z. Wang, "Perceptual quality assessment for multi-exposure image fusion", IEEE TIP
24(11), 2015, doi:10.1109/TIP.2015.2442920.
"""

import math

import numpy as np

from imfuse.metrics.planes import WHITE, Plane, Trio
from imfuse.metrics.windows import (
    Map,
    Window,
    block_means,
    covariance,
    gaussian_taps,
    moments,
    uniform_taps,
)

SIZE = 11
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Exponents of the scales, finest first, before they are normalised to a sum of 1."""

STEADY = (0.03 * WHITE) ** 2
"""SSIM's second constant."""

LEAST_CONTRAST = 1e-3
"""Constant added to a patch's contrast to avoid division by zero."""

MOST_POWER = 10.0
"""Upper bound of the weights' exponent; beyond it, only the stronger patch counts anyway."""

_SQUARE = Window(uniform_taps(SIZE), precise=True)
_BELL = Window(gaussian_taps(SIZE, 1.5), precise=True)
_EPSILON = float(np.finfo(np.float64).eps)


def multi_exposure_similarity(trio: Trio) -> float:
    """Return MEF-SSIM of the fused picture over three scales.

    For each window an ideal patch is built: its contrast is that of the stronger source, its
    structure the average of both, weighted by powers of their contrasts; the exponent grows with
    their agreement. The fused picture's patch is compared with it by SSIM's factor of variances.
    """
    fused, ir, vis = trio.fused, *trio.sources
    result = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            fused, ir, vis = (plane.once(block_means, "mirror") for plane in (fused, ir, vis))
        result *= max(_similarity(fused, ir, vis), 0.0) ** (weight / sum(SCALE_WEIGHTS))
    return result


def _similarity(fused: Plane, ir: Plane, vis: Plane) -> float:
    from_ir, from_vis = _desired_patch(ir, vis)
    desired = _variance_of_sum(from_ir, from_vis, ir, vis, _BELL)
    both = from_ir * covariance(ir, fused, _BELL) + from_vis * covariance(vis, fused, _BELL)
    quality = (2 * both + STEADY) / (desired + moments(fused, _BELL).variance + STEADY)
    return float(_BELL.inside(quality).mean())


def _desired_patch(ir: Plane, vis: Plane) -> tuple[Map, Map]:
    """Return the factors for the sources' zero-mean patches in the ideal patch."""
    pixels = SIZE**2
    norms = [np.sqrt(pixels * moments(plane, _SQUARE).variance) for plane in (ir, vis)]
    together = np.sqrt(pixels * _variance_of_sum(1.0, 1.0, ir, vis, _SQUARE))
    agreement = (together + _EPSILON) / (norms[0] + norms[1] + _EPSILON)
    power = np.tan(math.pi / 2 * np.minimum(agreement, 1 - _EPSILON))
    np.minimum(power, MOST_POWER, out=power)
    contrasts = [norm + LEAST_CONTRAST for norm in norms]
    weights = [(contrast / SIZE) ** power + _EPSILON for contrast in contrasts]
    whole = weights[0] + weights[1]
    gains = [w / whole / contrast for w, contrast in zip(weights, contrasts, strict=True)]
    norm = np.sqrt(pixels * _variance_of_sum(gains[0], gains[1], ir, vis, _SQUARE))
    strongest = np.maximum(*contrasts)
    scale = np.divide(strongest, norm, out=np.zeros_like(norm), where=norm > 0)
    return gains[0] * scale, gains[1] * scale


def _variance_of_sum(
    a: Map | float, b: Map | float, one: Plane, other: Plane, window: Window
) -> Map:
    """Return the variance of a * one + b * other in every window."""
    result = a * a * moments(one, window).variance + b * b * moments(other, window).variance
    result += 2 * a * b * one.once(covariance, other, window)
    return np.asarray(np.maximum(result, 0))
