"""SSIM and MS-SSIM: agreement in local structure between a fused picture and its sources."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from imfuse.metrics import yang
from imfuse.metrics.exposure import multi_exposure_similarity
from imfuse.metrics.metric import PLAIN, Metric, MetricInfo
from imfuse.metrics.planes import WHITE, Plane, Trio, total_of
from imfuse.metrics.windows import (
    Border,
    OddSizes,
    Window,
    block_means,
    covariance,
    gaussian_taps,
    moments,
    uniform_taps,
)
from imfuse.types import Float

K1, K2 = 0.01, 0.03
"""Constants that stabilise the ratios of means and of variances, as fractions of the data range."""

SIGMA = 1.5
GAUSSIAN_SIZE = 11
UNIFORM_SIZE = 7

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales in MS-SSIM, finest first."""

Shape: TypeAlias = Literal["gaussian", "uniform"]
OverSources: TypeAlias = Literal["sum", "mean"]


def structural_similarity(
    trio: Trio,
    *,
    window: Shape = "gaussian",
    assumed_range: float = WHITE,
    border: Border = "valid",
    over_sources: OverSources = "sum",
    missing_weight: float = 0.0,
) -> float:
    """Return SSIM of the fused picture with each source, summed.

    Per window `(2 m n + C1)(2 c + C2) / ((m^2 + n^2 + C1)(s^2 + t^2 + C2))` with means m, n,
    variances s^2, t^2 and covariance c; C1 = (0.01 L)^2, C2 = (0.03 L)^2; then the mean over all
    windows.

    Args:
        trio: Fused picture and sources.
        window: `gaussian`: 11x11, sigma 1.5; `uniform`: 7x7 with sample variances, the default of
            scikit-image (CDDFuse).
        assumed_range: L in gray levels; 2 in CDDFuse (scikit-image's former guess for floats),
            effectively 1 in Tang's kit and IVIF_ZOO. Both make the constants negligible, so that
            tiny differences decide whether flat regions count fully or not at all.
        border: Only windows inside the picture, or a picture extended by its edge pixels (Tang).
        over_sources: Sum, as in most kits, or mean (Tang).
        missing_weight: 1 minus the sum of the window's weights. In IVIF_ZOO it is 6.15e-8 from
            rounding to float32, which has a visible effect because its squared values go up to
            65025.

    Returns:
        From -2 to 2 (mean: -1 to 1), higher is better; 2 where the fused picture equals both.

    References:
        Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
        visibility to structural similarity", IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861.

    Departures: none; the sum over two sources is the fusion field's. With a range of 255,
    filters run in float32, which keeps values within 2e-6.
    """
    taps = uniform_taps(UNIFORM_SIZE)
    if window == "gaussian":
        taps = gaussian_taps(GAUSSIAN_SIZE, SIGMA)
    view = Window(taps, border, precise=assumed_range < WHITE)
    count = UNIFORM_SIZE**2
    sample = count / (count - 1) if window == "uniform" else 1.0
    constants = _constants(assumed_range, sample)
    total = 0.0
    for source in trio.sources:
        structure, luminance = _terms(trio.fused, source, view, constants, missing_weight)
        structure *= luminance
        total += _mean(structure, view)
    return total / 2 if over_sources == "mean" else total


def multi_scale_structural_similarity(
    trio: Trio,
    *,
    definition: Literal["two-pictures", "multi-exposure"] = "two-pictures",
    assumed_range: float = WHITE,
    odd_sizes: OddSizes = "mirror",
    missing_weight: float = 0.0,
) -> float:
    """Return MS-SSIM of the fused picture with each source, summed.

    SSIM's second factor is averaged over the windows of each of five scales (at the coarsest, its
    product with the first factor); the averages are raised to the powers .0448, .2856, .3001,
    .2363, .1333 and multiplied. The pixels of a scale are means of 2x2 pixels of the previous one.

    Args:
        trio: Fused picture and sources.
        definition: `multi-exposure`: MEF-SSIM of Ma and others over three scales, which Tang's kit
            computes under this name (the other arguments then have no effect).
        assumed_range: As in SSIM; 1 in IVIF_ZOO.
        odd_sizes: Treatment of an odd last row or column: it is repeated, or the blocks begin one
            pixel outside the picture, in zeros (IVIF_ZOO).
        missing_weight: As in SSIM.

    Returns:
        From 0 to 2, higher is better; 2 where the fused picture equals both sources.

    References:
        Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multi-scale structural similarity for image
        quality assessment", Asilomar 2003, doi:10.1109/ACSSC.2003.1292216.

    Departures: a scale whose average is negative counts as 0, since its power is undefined.
    """
    if definition == "multi-exposure":
        return multi_exposure_similarity(trio)
    view = Window(gaussian_taps(GAUSSIAN_SIZE, SIGMA), precise=assumed_range < WHITE)
    settings = view, _constants(assumed_range), missing_weight, odd_sizes
    return sum(_over_scales(trio.fused, source, *settings) for source in trio.sources)


def _constants(assumed_range: float, sample: float = 1.0) -> tuple[float, float]:
    """Return C1 and C2 for ratios reduced by a factor of 2, C2 divided by `sample` as well."""
    return (K1 * assumed_range) ** 2 / 2, (K2 * assumed_range) ** 2 / 2 / sample


def _terms(
    fused: Plane,
    source: Plane,
    view: Window,
    constants: tuple[float, float],
    missing_weight: float,
) -> tuple[Float, Float]:
    """Return the factor of variances and the factor of means per window, as new arrays.

    Variances and covariances are differences that may need float64; their ratios never do.
    """
    c1, c2 = constants
    structure = covariance(fused, source, view).astype(np.float32, copy=False)
    one, other = (plane.once(_halves, view) for plane in (fused, source))
    contrast = one.variance + other.variance
    luminance = one.mean * other.mean
    brightness = one.square + other.square
    if missing_weight:  # a mean square is then too small by this fraction of the squared mean
        structure += missing_weight * luminance
        contrast += missing_weight * brightness
    structure += c2
    contrast += c2
    structure /= contrast
    luminance += c1
    brightness += c1
    luminance /= brightness
    return structure, luminance


class _Halves(NamedTuple):
    """Mean, half the variance and half the squared mean per window, in float32."""

    mean: Float
    variance: Float
    square: Float


def _halves(plane: Plane, view: Window) -> _Halves:
    mean, variance, shift = moments(plane, view)
    whole = np.add(mean, shift, dtype=mean.dtype).astype(np.float32, copy=False)
    half = np.multiply(variance, 0.5, dtype=variance.dtype).astype(np.float32, copy=False)
    square = 0.5 * whole
    square *= whole
    return _Halves(whole, half, square)


def _mean(values: Float, view: Window) -> float:
    inside = view.inside(values)
    return total_of(inside) / inside.size


def _over_scales(
    fused: Plane,
    source: Plane,
    view: Window,
    constants: tuple[float, float],
    missing_weight: float,
    odd_sizes: OddSizes,
) -> float:
    product = 1.0
    for weight in SCALE_WEIGHTS[:-1]:
        structure, _ = _terms(fused, source, view, constants, missing_weight)
        product *= max(_mean(structure, view), 0.0) ** weight
        fused, source = (plane.once(block_means, odd_sizes) for plane in (fused, source))
    structure, luminance = _terms(fused, source, view, constants, missing_weight)
    structure *= luminance
    return float(product * max(_mean(structure, view), 0.0) ** SCALE_WEIGHTS[-1])


_TANG = {"assumed_range": 1.0, "border": "replicate", "over_sources": "mean"}
_ZOO = {"assumed_range": 1.0, "missing_weight": 6.15e-8}
_SCIKIT = {"window": "uniform", "assumed_range": 2.0}

METRICS = (
    Metric(
        info=MetricInfo(
            symbol="SSIM",
            title="structural similarity",
            better="higher",
            low=-2.0,
            high=2.0,
            reference="Wang et al. 2004, doi:10.1109/TIP.2003.819861",
            minimum=GAUSSIAN_SIZE,
        ),
        compute=structural_similarity,
        kits={
            "tang": _TANG,
            "cddfuse": _SCIKIT,
            "smfnet": _SCIKIT,
            "ivif-zoo": _ZOO,
            "vifb": PLAIN,
        },
        variants={"mean over the sources": {"over_sources": "mean"}},
    ),
    Metric(
        info=MetricInfo(
            symbol="MS-SSIM",
            title="multi-scale structural similarity",
            better="higher",
            high=2.0,
            reference="Wang, Simoncelli, Bovik 2003, doi:10.1109/ACSSC.2003.1292216",
            minimum=(GAUSSIAN_SIZE - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1,
        ),
        compute=multi_scale_structural_similarity,
        kits={
            "tang": {"definition": "multi-exposure"},
            "ivif-zoo": {**_ZOO, "odd_sizes": "zero"},
        },
    ),
    Metric(
        info=MetricInfo(
            symbol="Qy",
            title="Yang's similarity",
            better="higher",
            low=-1.0,
            high=1.0,
            reference="Yang, Zhang, Wang, Liu 2008, doi:10.1016/j.inffus.2006.09.001",
            minimum=yang.SIZE,
        ),
        compute=yang.yang_similarity,
        kits={"ivif-zoo": {"window": "gaussian-rows", "assumed_range": 1.0, "border": "zero"}},
    ),
)
