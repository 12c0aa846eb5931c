"""CE, QNCIE, TE: further measures of statistical dependence between the pictures' gray levels."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.histograms import LEVELS, counts, information_bits, joint_counts
from imfuse.metrics.metric import Metric, MetricInfo
from imfuse.metrics.planes import Plane, Trio

HALF_COUNT = 0.5
"""Pseudo-count added to each level, so that a level missing from one picture costs a finite amount.

This is the Krichevsky-Trofimov estimator, from Jeffreys' prior.
"""

TSALLIS_ORDER = 1.85
"""The order q that Cvejic et al. recommend."""

SIGMOID_MARGIN = 1e-7
"""Margin by which IVIF_ZOO keeps its sigmoids away from 0 and 1."""


def cross_entropy(
    trio: Trio,
    *,
    compares: Literal["histograms", "sigmoids"] = "histograms",
    empty_levels: Literal["half a pixel", "left out"] = "half a pixel",
) -> float:
    """Return how far the fused picture's histogram is from the sources' histograms.

    CE = [D(A, F) + D(B, F)] / 2, D(S, F) = sum p_S log2(p_S / p_F) over 256 levels: the
    Kullback-Leibler divergence, which the field calls cross entropy.

    Args:
        trio: The pictures.
        compares: `histograms`: as above. `sigmoids`: the binary cross entropy, in nats, between
            1 / (1 + exp(-F)) and the mean of the sources' sigmoids, averaged over the pixels
            (IVIF_ZOO); only levels below about 17 matter to it.
        empty_levels: Treatment of levels that a picture does not have. `half a pixel`: half a pixel
            is added to each level of each picture. `left out`: levels missing from either picture
            are skipped (VIFB); values below 0 then occur, and a constant fused picture may score
            best of all.

    Returns:
        Bits, at least 0 (equal histograms); lower is better.

    References:
        D. M. Bulanon, T. F. Burks, V. Alchanatis, "Image fusion of visible and thermal images for
        fruit detection", Biosystems Engineering 103(1), 2009,
        doi:10.1016/j.biosystemseng.2009.02.009.

    Departures: The formula as printed is infinite if the fused picture lacks a level, as most
        pictures do; hence the half pixel.
    """
    if compares == "sigmoids":
        return _sigmoid_cross_entropy(trio)
    raised = HALF_COUNT if empty_levels == "half a pixel" else 0.0
    fused = _shares(trio.fused, raised)
    return float(np.mean([_divergence(_shares(source, raised), fused) for source in trio.sources]))


def _shares(plane: Plane, raised: float) -> NDArray[np.float64]:
    found = counts(plane) + np.float64(raised)
    return np.asarray(found / found.sum(), np.float64)


def _divergence(source: NDArray[np.float64], fused: NDArray[np.float64]) -> float:
    both = (source > 0) & (fused > 0)
    return float(source[both] @ np.log2(source[both] / fused[both]))


def _sigmoid_cross_entropy(trio: Trio) -> float:
    # in float32 like the kit, where its margin and sigmoids near 1 are rounded
    one, margin = np.float32(1), np.float32(SIGMOID_MARGIN)
    fused, ir, vis = (one / (one + np.exp(-p.values)) for p in (trio.fused, trio.ir, trio.vis))
    top = np.float32(1 - SIGMOID_MARGIN)
    fused = np.clip(fused, margin, top)
    target = np.clip((ir + vis) / np.float32(2), margin, top)
    loss = (target - one) * np.log1p(-fused) - target * np.log(fused)
    return float(loss.mean(dtype=np.float64))


def nonlinear_correlation(
    trio: Trio, *, correlation: Literal["nonlinear", "linear"] = "nonlinear"
) -> float:
    """Return the nonlinear correlation information entropy of the three pictures.

    Q_NCIE = 1 + sum (e_i / 3) log256(e_i / 3), with e_i the eigenvalues of the 3 x 3 matrix of
    correlations between infrared, visible and fused picture. The nonlinear correlation of two
    pictures is their mutual information in base 256, from histograms of 256 levels.

    Args:
        trio: The pictures.
        correlation: `nonlinear`: as above. `linear`: Pearson's (IVIF_ZOO).

    Returns:
        1 - log256(3) = 0.802, where nothing is shared, to 1; higher is better. As the sources'
        correlation with each other counts too, compare values of the same pair only.

    References:
        Q. Wang, Y. Shen, J. Q. Zhang, "A nonlinear correlation measure for multivariable data set",
        Physica D 200(3-4), 2005, doi:10.1016/j.physd.2004.11.001.
        Q. Wang, Y. Shen, J. Jin, "Performance evaluation of image fusion techniques", chapter 19 of
        Image Fusion: Algorithms and Applications, 2008 (the form with 256 gray levels).
    """
    measure = _pearson if correlation == "linear" else _shared_share
    matrix = np.eye(3)
    planes = (trio.fused, trio.ir, trio.vis)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        matrix[i, j] = matrix[j, i] = measure(planes[i], planes[j])
    if not np.isfinite(matrix).all():
        return math.nan
    share = np.linalg.eigvalsh(matrix) / 3
    share = share[share > 0]
    return 1 + float(share @ np.log2(share)) / math.log2(LEVELS)


def _shared_share(first: Plane, second: Plane) -> float:
    return information_bits(first, second) / math.log2(LEVELS)


def _pearson(first: Plane, second: Plane) -> float:
    scale = math.sqrt(first.variance * second.variance)
    if not scale:
        return math.nan
    product = np.multiply(first.values, second.values, dtype=np.float64)
    return (float(product.mean()) - first.mean * second.mean) / scale


def tsallis_information(
    trio: Trio,
    *,
    q: float = TSALLIS_ORDER,
    measure: Literal["information", "entropies"] = "information",
) -> float:
    """Return the Tsallis mutual information between the fused picture and its sources.

    I_q(F; A) + I_q(F; B), I_q(X; Y) = [1 - sum p(x, y)^q / (p(x) p(y))^(q - 1)] / (1 - q), from
    histograms of 256 levels; at q = 1 the mutual information in bits.

    Args:
        trio: The pictures.
        q: The order, above 0.
        measure: `information`: as above. `entropies`: S_q(A) + S_q(B) - S_q(F) with
            S_q = (1 - sum p^q) / (q - 1), at q = 1 the entropy in bits (IVIF_ZOO, with q = 1),
            which a dull fused picture raises.

    Returns:
        At least 0; higher is better. Values for different q are not comparable.

    References:
        N. Cvejic, C. N. Canagarajah, D. R. Bull, "Image fusion metric based on mutual information
        and Tsallis entropy", Electronics Letters 42(11), 2006, doi:10.1049/el:20060693.
    """
    if measure == "entropies":
        ir, vis, fused = (_tsallis_entropy(p, q) for p in (trio.ir, trio.vis, trio.fused))
        return ir + vis - fused
    return sum(_tsallis_divergence(trio.fused, source, q) for source in trio.sources)


def _tsallis_entropy(plane: Plane, q: float) -> float:
    share = _shares(plane, 0.0)
    share = share[share > 0]
    if q == 1:
        return -float(share @ np.log2(share))
    return (1 - float((share**q).sum())) / (q - 1)


def _tsallis_divergence(fused: Plane, source: Plane, q: float) -> float:
    if q == 1:
        return information_bits(fused, source)
    joint = joint_counts(fused, source)
    rows, columns = np.nonzero(joint)
    together = joint[rows, columns].astype(np.float64) / fused.values.size
    apart = _shares(fused, 0.0)[rows] * _shares(source, 0.0)[columns]
    return float(1 - (together**q * apart ** (1 - q)).sum()) / (1 - q)


METRICS: tuple[Metric, ...] = (
    Metric(
        info=MetricInfo(
            symbol="CE",
            title="cross entropy",
            unit="bits",
            better="lower",
            reference="Bulanon, Burks, Alchanatis 2009, doi:10.1016/j.biosystemseng.2009.02.009",
        ),
        compute=cross_entropy,
        kits={"ivif-zoo": {"compares": "sigmoids"}, "vifb": {"empty_levels": "left out"}},
    ),
    Metric(
        info=MetricInfo(
            symbol="QNCIE",
            title="nonlinear correlation information entropy",
            better="higher",
            low=1 - math.log(3, LEVELS),
            high=1.0,
            reference="Wang, Shen, Zhang 2005, doi:10.1016/j.physd.2004.11.001",
            undefined="a picture is constant, which linear correlation has no value for",
        ),
        compute=nonlinear_correlation,
        kits={"ivif-zoo": {"correlation": "linear"}},
    ),
    Metric(
        info=MetricInfo(
            symbol="TE",
            title="Tsallis mutual information",
            better="higher",
            reference="Cvejic, Canagarajah, Bull 2006, doi:10.1049/el:20060693",
        ),
        compute=tsallis_information,
        kits={"ivif-zoo": {"measure": "entropies", "q": 1.0}},
    ),
)
