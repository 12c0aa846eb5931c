"""Pixel-wise agreement of a fused picture with its sources: errors and correlations."""

import math
from typing import Literal, TypeAlias

import cv2

from imfuse.metrics.metric import PLAIN, Metric, MetricInfo
from imfuse.metrics.planes import WHITE, Plane, Trio

CONSTANT = 1e-10
"""Variance, as a fraction of the mean square, below which a difference picture is constant."""

Scale: TypeAlias = Literal["gray-levels", "unit"]
ErrorKind: TypeAlias = Literal["mean-square", "norm-over-pixels"]


def correlation(trio: Trio) -> float:
    """Return CC, the mean correlation coefficient of the fused picture with its sources.

    `(r(F, A) + r(F, B)) / 2` with Pearson's r over all pixels.

    Args:
        trio: Fused picture and sources.

    Returns:
        From -1 to 1, higher is better.

    References:
        folklore of the field; Pearson's coefficient.
    """
    fused = trio.fused
    coefficients = (
        _coefficient(_covariance(fused, source), fused.variance, source.variance)
        for source in trio.sources
    )
    return sum(coefficients) / 2


def sum_of_correlations_of_differences(trio: Trio) -> float:
    """Return SCD: the fused picture minus one source should correlate with the other source.

    `r(F - B, A) + r(F - A, B)` with Pearson's r over all pixels.

    Args:
        trio: Fused picture and sources.

    Returns:
        From -2 to 2, higher is better.

    References:
        V. Aslantas, E. Bendes, "A new image quality metric for image fusion: the sum of the
        correlations of differences", AEU 69(12), 2015, doi:10.1016/j.aeue.2015.09.004.
    """
    total = 0.0
    between = _covariance(trio.ir, trio.vis)
    for one, other in (trio.sources, trio.sources[::-1]):
        both = _covariance(trio.fused, one) - between
        total += _coefficient(both, _difference_variance(trio.fused, other), one.variance)
    return total


def mean_squared_error(trio: Trio, *, scale: Scale = "gray-levels") -> float:
    """Return the mean squared difference from the fused picture, averaged over the sources.

    Args:
        trio: Fused picture and sources.
        scale: `gray-levels`: pictures on 0..255 (CDDFuse); `unit`: on 0..1 (Tang, IVIF_ZOO).

    Returns:
        In squared gray levels (or relative to a range of 1), at least 0, lower is better. The
        average of the sources minimises it, so a low value alone says little about a fusion.

    References:
        folklore of the field.
    """
    error = sum(_mean_square(trio.fused, source) for source in trio.sources) / 2
    return error / WHITE**2 if scale == "unit" else error


def root_mean_squared_error(trio: Trio, *, error: ErrorKind = "mean-square") -> float:
    """Return the root of the mean squared error over both sources.

    Args:
        trio: Fused picture and sources.
        error: `mean-square`: the root of MSE; `norm-over-pixels`: the mean over the sources of
            `||F - S|| / (M N)`, with the root taken of the sum, not of the mean, so that the value
            shrinks as pictures grow (VIFB).

    Returns:
        In gray levels, at least 0, lower is better.

    References:
        P. Jagalingam, A. V. Hegde, "A review of quality metrics for fused image", Aquatic Procedia
        4, 2015, doi:10.1016/j.aqpro.2015.02.019.

    Departures: these authors and others also take the mean of the two roots; this is the root of
        the mean.
    """
    if error == "norm-over-pixels":
        return _mean_norm_over_pixels(trio)
    return math.sqrt(mean_squared_error(trio))


def peak_signal_to_noise(
    trio: Trio,
    *,
    scale: Scale = "gray-levels",
    error: ErrorKind = "mean-square",
    peak: Literal["white", "fused-maximum"] = "white",
) -> float:
    """Return PSNR, `10 log10(peak^2 / MSE)` with the mean squared error over both sources.

    Args:
        trio: Fused picture and sources.
        scale: Unit of the error; `unit` with a peak of 255 gives 48.13 dB too much (Tang,
            IVIF_ZOO).
        error: As in RMSE; `norm-over-pixels` in place of a mean square in VIFB.
        peak: 255, or the fused picture's maximum (CDDFuse).

    Returns:
        In dB, higher is better; undefined where the pictures are equal.

    References:
        P. Jagalingam, A. V. Hegde, "A review of quality metrics for fused image", Aquatic Procedia
        4, 2015, doi:10.1016/j.aqpro.2015.02.019.

    Departures: none; the mean is taken over the errors, not over two values in dB.
    """
    highest = WHITE if peak == "white" else float(trio.fused.values.max())
    if error == "norm-over-pixels":
        noise = _mean_norm_over_pixels(trio)
    else:
        noise = mean_squared_error(trio, scale=scale)
    return 10 * math.log10(highest**2 / noise) if highest and noise else math.nan


def _coefficient(both: float, one: float, other: float) -> float:
    """Return the correlation coefficient; NaN or infinite if a picture is constant."""
    if one <= 0 or other <= 0:
        return math.nan
    return min(max(both / math.sqrt(one * other), -1.0), 1.0)


def _covariance(one: Plane, other: Plane) -> float:
    """Return the covariance, derived from the variances and the mean squared difference."""
    return one.once(_covariance_with, other)


def _covariance_with(one: Plane, other: Plane) -> float:
    apart = _mean_square(one, other) - (one.mean - other.mean) ** 2
    return (one.variance + other.variance - apart) / 2


def _difference_variance(one: Plane, other: Plane) -> float:
    square = _mean_square(one, other)
    variance = square - (one.mean - other.mean) ** 2
    return variance if variance > CONSTANT * square else 0.0


def _mean_square(one: Plane, other: Plane) -> float:
    return one.once(_squared_distance, other) / one.values.size


def _mean_norm_over_pixels(trio: Trio) -> float:
    squares = (trio.fused.once(_squared_distance, source) for source in trio.sources)
    return sum(math.sqrt(square) for square in squares) / 2 / trio.fused.values.size


def _squared_distance(one: Plane, other: Plane) -> float:
    """Return the sum of squared differences, which OpenCV adds up in float64."""
    return float(cv2.norm(one.values, other.values, cv2.NORM_L2SQR))


_EVERYWHERE = {"tang": PLAIN, "cddfuse": PLAIN, "smfnet": PLAIN, "ivif-zoo": PLAIN}
_UNIT = {"scale": "unit"}

METRICS = (
    Metric(
        info=MetricInfo(
            symbol="CC",
            title="correlation coefficient",
            better="higher",
            low=-1.0,
            high=1.0,
            reference="folklore",
            undefined="the fused picture or a source is constant",
        ),
        compute=correlation,
        kits=_EVERYWHERE,
    ),
    Metric(
        info=MetricInfo(
            symbol="SCD",
            title="sum of the correlations of differences",
            better="higher",
            low=-2.0,
            high=2.0,
            reference="Aslantas, Bendes 2015, doi:10.1016/j.aeue.2015.09.004",
            undefined="a source is constant, or the fused picture differs from one by a constant",
        ),
        compute=sum_of_correlations_of_differences,
        kits=_EVERYWHERE,
    ),
    Metric(
        info=MetricInfo(
            symbol="MSE",
            title="mean squared error",
            unit="squared gray levels",
            better="lower",
            high=WHITE**2,
            reference="folklore",
        ),
        compute=mean_squared_error,
        kits={"tang": _UNIT, "cddfuse": PLAIN, "smfnet": PLAIN, "ivif-zoo": _UNIT},
    ),
    Metric(
        info=MetricInfo(
            symbol="RMSE",
            title="root mean squared error",
            unit="gray levels",
            better="lower",
            high=WHITE,
            reference="Jagalingam, Hegde 2015, doi:10.1016/j.aqpro.2015.02.019",
        ),
        compute=root_mean_squared_error,
        kits={"vifb": {"error": "norm-over-pixels"}},
    ),
    Metric(
        info=MetricInfo(
            symbol="PSNR",
            title="peak signal-to-noise ratio",
            unit="dB",
            better="higher",
            reference="Jagalingam, Hegde 2015, doi:10.1016/j.aqpro.2015.02.019",
            undefined="the fused picture equals both sources",
        ),
        compute=peak_signal_to_noise,
        kits={
            "tang": _UNIT,
            "cddfuse": {"peak": "fused-maximum"},
            "smfnet": {"peak": "fused-maximum"},
            "ivif-zoo": _UNIT,
            "vifb": {"error": "norm-over-pixels"},
        },
    ),
)
