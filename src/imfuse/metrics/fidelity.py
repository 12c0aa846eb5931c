"""VIF and VIFF: how much of the sources' visual information a fused picture keeps."""

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np

from imfuse.metrics.metric import Metric, MetricInfo
from imfuse.metrics.planes import WHITE, Plane, Trio, total_of
from imfuse.metrics.windows import (
    Border,
    Map,
    Window,
    covariance,
    gaussian_taps,
    halved,
    lopsided_taps,
    moments,
    without_negatives,
)

SIZES = (17, 9, 5, 3)
"""Pixels along a side of the window, per scale."""

SIGMA_PART = 0.2
"""Standard deviation of the window as a fraction of its size."""

NOISE = 2.0
"""Variance of the eye's internal noise in squared gray levels (Sheikh and Bovik, pixel domain)."""

FUSION_NOISE = 0.005 * WHITE**2
"""Noise variance that Han and others chose for fused pictures."""

SCALE_WEIGHTS = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)
"""Weights of the scales in VIFF, finest first."""

EVEN = 1e-7
"""Constant that VIFF adds to numerator and denominator so that their ratio exists."""

ROUNDING = 1e-7
"""Variances below this fraction of the squared mean may be float32 rounding."""

PRECISELY_FLAT = 1e-10
"""Variances below this count as zero in float64."""

LEAST_SIDE = 41
"""Smallest side: 41 pixels become 33, 17, 15, 8, 6, 3 by filtering without border and halving."""

Bell: TypeAlias = Literal["centred", "lopsided"]


def visual_information_fidelity(
    trio: Trio,
    *,
    noise_variance: float = NOISE,
    bell: Bell = "centred",
    border: Border = "valid",
    over_sources: Literal["sum", "mean"] = "sum",
    flat_source: Literal["undefined", "kept"] = "undefined",
) -> float:
    """Return VIF in the pixel domain, summed over the sources.

    At four scales, the fused values in a window are modelled as `g * source + noise` of variance
    `v`. With the eye's internal noise `n`, the information kept from the source is `log(1 + g^2 s^2
    / (v + n))`, out of `log(1 + s^2 / n)` in the source itself (`s^2`: its variance in the window).
    VIF is the ratio of the sums over all windows and scales.

    Args:
        trio: Fused picture and sources.
        noise_variance: n in squared gray levels.
        bell: Position of the Gaussian window's centre; `lopsided` (half a pixel off) in IVIF_ZOO.
        border: `valid`: windows inside the picture; `zero`: a picture with zeros around it, in
            IVIF_ZOO.
        over_sources: Sum, as in all kits in use, or mean.
        flat_source: Value of a constant source; `kept` (1) in the Evaluator of CDDFuse.

    Returns:
        At least 0, higher is better; 2 where the fused picture equals both sources, more where it
        has more contrast than the sources.

    References:
        H. R. Sheikh, A. C. Bovik, "Image information and visual quality", IEEE TIP 15(2), 2006,
        doi:10.1109/TIP.2005.859378; constants of the authors' pixel-domain version.

    Departures: none; the sum over two sources is the fusion field's. Filters run in float32, which
    keeps values within 3e-5 of those in float64.
    """
    total = 0.0
    for source in trio.sources:
        kept = whole = 0.0
        fused_level, source_level = trio.fused, source
        for scale, size in enumerate(SIZES):
            window = _window(size, bell, border)
            if scale:
                fused_level = fused_level.once(halved, window)
                source_level = source_level.once(halved, window)
            kept += _kept_information(fused_level, source_level, window, noise_variance)
            whole += source_level.once(_information, window, noise_variance)
        flat = 1.0 if flat_source == "kept" else math.nan
        total += kept / whole if whole else flat
    return total / 2 if over_sources == "mean" else total


def _window(
    size: int, bell: Bell = "centred", border: Border = "valid", *, precise: bool = False
) -> Window:
    taps = gaussian_taps if bell == "centred" else lopsided_taps
    return Window(taps(size, SIGMA_PART * size), border, precise)


def _information(plane: Plane, window: Window, noise: float) -> float:
    return _log_sum(moments(plane, window).variance * (1 / noise), window)


def _kept_information(fused: Plane, source: Plane, window: Window, noise: float) -> float:
    """Return the sum of log(1 + g^2 s^2 / (v + n)).

    With g = c / s^2, where c is the covariance, and v = f^2 - c^2 / s^2, the argument of the
    logarithm is (f^2 + n) / (v + n), and the logarithm of its numerator is the fused picture's own
    information.
    """
    rest = covariance(fused, source, window)
    without_negatives(rest)  # a fused picture that contradicts its source keeps nothing
    rest *= rest
    rest /= source.once(_divisor, window)
    np.subtract(moments(fused, window).variance, rest, out=rest)
    without_negatives(rest)
    rest *= 1 / noise
    return fused.once(_information, window, noise) - _log_sum(rest, window)


def _divisor(source: Plane, window: Window) -> Map:
    """Return the variance as a safe divisor: at least what rounding alone may produce."""
    mean, variance, _ = moments(source, window)
    least = mean * mean
    least *= ROUNDING
    least += ROUNDING
    np.maximum(variance, least, out=least)
    return least


def _log_sum(ratio: Map, window: Window) -> float:
    """Return the sum of log(1 + ratio); the array is overwritten."""
    ratio += 1
    logarithm = np.asarray(cv2.log(ratio, ratio))
    return total_of(window.inside(logarithm))


def visual_information_fidelity_for_fusion(trio: Trio) -> float:
    """Return VIFF: per window, the information kept from the source that the result follows less.

    Like VIF, but in each window only the source with the smaller gain g counts, both in the
    information kept and in the total. The ratio of the two sums is taken per scale, and the scales
    are weighted by 1, 0, 0.15, 1 over 2.15.

    Args:
        trio: Fused picture and sources.

    Returns:
        At least 0, higher is better; 1 where the fused picture equals both sources.

    References:
        Y. Han, Y. Cai, Y. Cao, X. Xu, "A new image fusion performance metric based on visual
        information fidelity", Information Fusion 14(2), 2013, doi:10.1016/j.inffus.2011.08.002.

    Departures: this follows what is known of the authors' published program (VIF's windows, noise
        0.005 * 255^2, choice and weights of the scales), which slides a window where the paper
        speaks of blocks. Where both gains are equal (0), however, the source with more information
        counts instead of the second one, so that swapping the sources changes nothing. Colour is
        left to the caller; the authors used the lightness of CIELAB.
    """
    total = 0.0
    fused, ir, vis = trio.fused, trio.ir, trio.vis
    for scale, (size, weight) in enumerate(zip(SIZES, SCALE_WEIGHTS, strict=True)):
        window = _window(size, precise=True)
        if scale:
            fused, ir, vis = (level.once(halved, window) for level in (fused, ir, vis))
        if weight:
            total += weight * _followed_less(fused, ir, vis, window)
    return total


def _followed_less(fused: Plane, ir: Plane, vis: Plane, window: Window) -> float:
    (gain, kept, whole), (other_gain, other_kept, other_whole) = (
        _gain_and_information(fused, source, window) for source in (ir, vis)
    )
    first = (gain < other_gain) | ((gain == other_gain) & (whole > other_whole))
    kept, whole = np.where(first, kept, other_kept), np.where(first, whole, other_whole)
    return float((window.inside(kept) + EVEN).sum() / (window.inside(whole) + EVEN).sum())


def _gain_and_information(fused: Plane, source: Plane, window: Window) -> tuple[Map, Map, Map]:
    shown, received = moments(source, window).variance, moments(fused, window).variance
    uncertain = (shown < PRECISELY_FLAT) | (received < PRECISELY_FLAT)
    both = covariance(fused, source, window)
    gain = np.where(uncertain, 0, np.maximum(both, 0) / (shown + PRECISELY_FLAT))
    noise = np.maximum(received - gain * both, PRECISELY_FLAT)
    kept = np.log10(1 + gain**2 * shown / (noise + FUSION_NOISE))
    return gain, kept, source.once(_whole_information, window)


def _whole_information(source: Plane, window: Window) -> Map:
    return np.asarray(np.log10(1 + moments(source, window).variance / FUSION_NOISE))


_ZOO = {"bell": "lopsided", "border": "zero"}

METRICS = (
    Metric(
        info=MetricInfo(
            symbol="VIF",
            title="visual information fidelity",
            better="higher",
            reference="Sheikh, Bovik 2006, doi:10.1109/TIP.2005.859378",
            minimum=LEAST_SIDE,
            undefined="a source is constant",
        ),
        compute=visual_information_fidelity,
        kits={
            "tang": {},
            "cddfuse": {"flat_source": "kept"},
            "smfnet": {"flat_source": "kept"},
            "ivif-zoo": _ZOO,
        },
        kit_names={"cddfuse": "VIFF", "smfnet": "VIFF"},
        variants={
            "mean over the sources": {"over_sources": "mean"},
        },
    ),
    Metric(
        info=MetricInfo(
            symbol="VIFF",
            title="visual information fidelity for fusion",
            better="higher",
            reference="Han, Cai, Cao, Xu 2013, doi:10.1016/j.inffus.2011.08.002",
            minimum=LEAST_SIDE,
        ),
        compute=visual_information_fidelity_for_fusion,
    ),
)
