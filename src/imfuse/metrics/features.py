"""FMI: feature mutual information in small windows."""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pywt
from numpy.typing import NDArray

from imfuse.metrics.gradient import sobel
from imfuse.metrics.metric import Metric, MetricInfo
from imfuse.metrics.planes import Plane, Trio

Doubles: TypeAlias = NDArray[np.float64]
Feature: TypeAlias = Literal["gradient", "horizontal gradient", "pixel", "edge", "dct", "wavelet"]

SIDE = 3
"""Height and width of the windows."""

EDGE_FACTOR = 4.0
"""A pixel is an edge if its squared strength exceeds this multiple of the picture's mean."""

_BLOCK = 2048
"""Number of windows processed at a time, so that their data stays in the processor's cache."""

_TINY = 1e-300


def feature_mutual_information(
    trio: Trio,
    *,
    feature: Feature = "gradient",
    equal_windows: Literal["one", "of the first source"] = "one",
) -> float:
    """Return the mutual information of fused and source features, averaged over windows.

    In each window of 3 x 3 a picture's feature, stretched to 0..1 and divided by its sum, is read
    as a distribution over the 9 places, counted column by column. The joint distribution of two is
    the mixture of independence and of the most (or, where they are anticorrelated, least)
    dependent distribution with these margins that has the correlation c of the two windows:
    H = w HU + (1 - w) F G, HU = min(F, G) or HL = max(F + G - 1, 0), w = c / (correlation under
    HU or HL). FMI = mean over windows and both sources of 2 I(F; S) / (H(F) + H(S)), where equal
    windows count 1.

    Args:
        trio: The pictures.
        feature: `gradient`: length of the gradient by central differences. `horizontal gradient`:
            its component along the rows, as in the authors' program. `pixel`: the values.
            `edge`: 1 at edges found by MATLAB's function `edge` (thinned maxima of the Sobel
            strength), else 0 (Tang's kit, which calls it FMI_pixel). `dct`: cosine transform of the
            whole picture. `wavelet`: one level of the discrete Meyer wavelet, all four subbands.
        equal_windows: `one`: as above. `of the first source`: the window of the second source is
            compared with the stretched fused one unless that of the first source was equal, so that
            equal windows without any feature count 0 (the authors' program, Tang's kit).

    Returns:
        About 0 to 1; higher is better.

    References:
        M. B. A. Haghighat, A. Aghagolzadeh, H. Seyedarabi, "A non-reference image fusion metric
        based on mutual information of image features", Computers and Electrical Engineering 37(5),
        2011, doi:10.1016/j.compeleceng.2011.07.012.
        M. Haghighat, M. A. Razian, "Fast-FMI: non-reference image fusion metric", AICT 2014,
        doi:10.1109/ICAICT.2014.7036000 (the small windows).
    """
    maps = [plane.once(_FEATURES[feature]) for plane in (trio.fused, trio.ir, trio.vis)]
    height, width = (length - SIDE + 1 for length in maps[0].shape)
    rows = max(1, _BLOCK // width)
    total = 0.0
    for top in range(0, height, rows):
        fused, ir, vis = (_windows(found[top : top + rows + SIDE - 1]) for found in maps)
        total += _sum_over_windows(fused, ir, vis, equal_windows)
    return float(total / (2 * height * width))


def _windows(found: Doubles) -> Doubles:
    """Return all windows, `(9, windows)`, each column by column as MATLAB counts."""
    seen = np.lib.stride_tricks.sliding_window_view(found, (SIDE, SIDE))
    return seen.transpose(3, 2, 0, 1).reshape(SIDE * SIDE, -1)


def _sum_over_windows(fused: Doubles, ir: Doubles, vis: Doubles, equal_windows: str) -> float:
    found = _distribution(fused)
    equal_ir = (ir == fused).all(axis=0)
    unstretched = True if equal_windows == "one" else equal_ir
    equal_vis = (vis == np.where(unstretched, fused, found.stretched)).all(axis=0)
    return float(
        np.where(equal_ir, 1.0, _shared(found, _distribution(ir))).sum()
        + np.where(equal_vis, 1.0, _shared(found, _distribution(vis))).sum()
    )


class _Distribution(NamedTuple):
    """A feature in windows, read as distributions over 9 places; the last axis is the window."""

    stretched: Doubles
    share: Doubles
    cumulative: Doubles
    """10 rows; the first is 0."""
    entropy: Doubles
    spread: Doubles
    """Standard deviation in places."""
    contrast: Doubles
    """Shares minus their mean, normalised to length 1; 0 where all are equal."""


def _distribution(window: Doubles) -> _Distribution:
    least, most = window.min(axis=0), window.max(axis=0)
    flat = most == least
    stretched = np.where(flat, 1.0, (window - least) / np.where(flat, 1.0, most - least))
    share = stretched / stretched.sum(axis=0)
    cumulative = np.zeros((len(share) + 1, share.shape[1]))
    np.cumsum(share, axis=0, out=cumulative[1:])
    place = np.arange(len(share), dtype=np.float64)
    spread = np.sqrt((share * (place[:, None] - place @ share) ** 2).sum(axis=0))
    contrast = np.where(flat, 0.0, share - 1 / len(share))
    contrast /= np.sqrt((contrast * contrast).sum(axis=0)) + _TINY
    entropy = -(share * np.log2(share + _TINY)).sum(axis=0)
    return _Distribution(stretched, share, cumulative, entropy, spread, contrast)


def _shared(first: _Distribution, second: _Distribution) -> Doubles:
    """Return twice the mutual information over the sum of entropies; 0 where both are 0."""
    correlation = (first.contrast * second.contrast).sum(axis=0)
    opposed = correlation < 0
    # max(F + G - 1, 0) = F - min(F, 1 - G), so one formula serves both bounds
    other = np.where(opposed, 1 - second.cumulative, second.cumulative)
    bound = np.minimum(first.cumulative[:, None], other[None])
    summed = bound[1:, 1:].sum(axis=(0, 1))
    mine, theirs = first.cumulative.sum(axis=0), second.cumulative.sum(axis=0)
    covariance = np.where(opposed, len(first.share) * mine - summed, summed) - mine * theirs
    usable = (correlation != 0) & (covariance != 0)
    weight = correlation * first.spread * second.spread / np.where(usable, covariance, 1.0)
    weight = np.where(usable, weight, 0.0)
    steps = bound[1:] - bound[:-1]
    joint = (steps[:, 1:] - steps[:, :-1]) * np.where(opposed, -weight, weight)
    joint += ((1 - weight) * first.share)[:, None] * second.share[None]
    # w may exceed 1, and a share may be negative; the authors then take the real part of the log
    size = np.abs(joint)
    size += _TINY
    together = -(joint * np.log2(size, out=size)).sum(axis=(0, 1))
    apart = first.entropy + second.entropy
    return np.where(apart > 0, 2 * (apart - together) / np.where(apart > 0, apart, 1.0), 0.0)


def _pixel(plane: Plane) -> Doubles:
    return plane.values.astype(np.float64)


def _horizontal_gradient(plane: Plane) -> Doubles:
    return np.asarray(np.gradient(_pixel(plane), axis=1), np.float64)


def _gradient(plane: Plane) -> Doubles:
    y, x = np.gradient(_pixel(plane))
    return np.asarray(np.sqrt(x * x + y * y), np.float64)


def _edge(plane: Plane) -> Doubles:
    x, y = (np.abs(d.astype(np.float64)) for d in sobel(plane, "repeated"))
    strength = x * x + y * y
    framed = np.pad(strength, 1, constant_values=-1.0)
    left, right = framed[1:-1, :-2], framed[1:-1, 2:]
    above, below = framed[:-2, 1:-1], framed[2:, 1:-1]
    upright = (x >= y) & (left <= strength) & (strength > right)
    level = (y >= x) & (above <= strength) & (strength > below)
    strong = strength > EDGE_FACTOR * strength.mean()
    return np.asarray(strong & (upright | level), np.float64)


def _dct(plane: Plane) -> Doubles:
    return _cosines(_cosines(_pixel(plane)).T).T


def _cosines(rows: Doubles) -> Doubles:
    """Return the orthonormal cosine transform of each row; cv2's takes only even lengths."""
    length = rows.shape[1]
    mirrored = np.concatenate([rows, rows[:, ::-1]], axis=1)
    turn = np.exp(-0.5j * np.pi / length * np.arange(length))
    result = (np.fft.rfft(mirrored, axis=1)[:, :length] * turn).real / np.sqrt(2 * length)
    result[:, 0] /= np.sqrt(2)
    return np.asarray(result, np.float64)


def _wavelet(plane: Plane) -> Doubles:
    low, (horizontal, vertical, diagonal) = pywt.dwt2(_pixel(plane), "dmey", mode="symmetric")
    bands = np.block([[low, horizontal], [vertical, diagonal]])
    least, most = bands.min(), bands.max()
    return np.asarray((bands - least) / (most - least) if most > least else bands, np.float64)


_FEATURES: dict[Feature, Callable[[Plane], Doubles]] = {
    "gradient": _gradient,
    "horizontal gradient": _horizontal_gradient,
    "pixel": _pixel,
    "edge": _edge,
    "dct": _dct,
    "wavelet": _wavelet,
}

METRICS: tuple[Metric, ...] = (
    Metric(
        info=MetricInfo(
            symbol="FMI",
            title="feature mutual information",
            better="higher",
            low=None,
            high=None,
            reference="Haghighat, Razian 2014, doi:10.1109/ICAICT.2014.7036000",
            minimum=SIDE,
        ),
        compute=feature_mutual_information,
        kits={"tang": {"feature": "edge", "equal_windows": "of the first source"}},
        variants={
            "of pixels": {"feature": "pixel"},
            "of the horizontal gradient (the authors' program)": {
                "feature": "horizontal gradient",
                "equal_windows": "of the first source",
            },
            "of the cosine transform (FMI_dct)": {
                "feature": "dct",
                "equal_windows": "of the first source",
            },
            "of Meyer wavelets (FMI_w)": {
                "feature": "wavelet",
                "equal_windows": "of the first source",
            },
        },
    ),
)
