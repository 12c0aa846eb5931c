"""Feature mutual information in float64, one window and one cell of the joint table at a time."""

import math

import numpy as np
import pywt

from reference.edge_metrics import everywhere, slope, sobel

PLACES = range(9)


def gradient(f):
    result = np.zeros(f.shape)
    for y, x in everywhere(f):
        gx, gy = slope(f[y], x), slope(f[:, x], y)
        result[y, x] = math.sqrt(gx * gx + gy * gy)
    return result


def horizontal_gradient(f):
    return np.array([[slope(row, x) for x in range(len(row))] for row in f])


def edge(f):
    """MATLAB's `edge`: what lies outside is never stronger."""
    derivatives = {(y, x): sobel(f, y, x, "repeated") for y, x in everywhere(f)}
    strength = {k: gx * gx + gy * gy for k, (gx, gy) in derivatives.items()}
    cut = 4 * sum(strength.values()) / f.size
    result = np.zeros(f.shape)
    for (y, x), (gx, gy) in derivatives.items():
        here = strength[y, x]

        def rises(before, after, here=here):
            return strength.get(before, -1) <= here > strength.get(after, -1)

        across = abs(gx) >= abs(gy) and rises((y, x - 1), (y, x + 1))
        along = abs(gy) >= abs(gx) and rises((y - 1, x), (y + 1, x))
        result[y, x] = here > cut and (across or along)
    return result


def dct(f):
    def basis(n):
        k, i = np.mgrid[:n, :n]
        scale = np.where(k == 0, math.sqrt(1 / n), math.sqrt(2 / n))
        return scale * np.cos(math.pi * k * (2 * i + 1) / (2 * n))

    return basis(f.shape[0]) @ f @ basis(f.shape[1]).T


def wavelet(f):
    """One level of `dwt2(f, 'dmey')` with half-point symmetric extension, put on 0 to 1."""
    filters = pywt.Wavelet("dmey")

    def lines(x, taps):
        n = len(taps)
        result = np.zeros((x.shape[0], (x.shape[1] + n - 1) // 2))
        period = 2 * x.shape[1]
        for k in range(result.shape[1]):
            for j, tap in enumerate(taps):
                i = (2 * k + 1 - j) % period
                result[:, k] += tap * x[:, min(i, period - 1 - i)]
        return result

    low, high = (lines(f, taps) for taps in (filters.dec_lo, filters.dec_hi))
    ll, lh = (lines(low.T, taps).T for taps in (filters.dec_lo, filters.dec_hi))
    hl, hh = (lines(high.T, taps).T for taps in (filters.dec_lo, filters.dec_hi))
    bands = np.vstack([np.hstack([ll, lh]), np.hstack([hl, hh])])
    return (bands - bands.min()) / (bands.max() - bands.min())


FEATURES = {
    "pixel": lambda f: f,
    "gradient": gradient,
    "horizontal gradient": horizontal_gradient,
    "edge": edge,
    "dct": dct,
    "wavelet": wavelet,
}


def window(picture, y, x):
    """Return nine values, column by column."""
    return [float(picture[y + i, x + j]) for j in range(3) for i in range(3)]


def stretched(values):
    low, high = min(values), max(values)
    return [(v - low) / (high - low) for v in values] if high > low else [1.0] * len(values)


def entropy(shares):
    return -sum(p * math.log2(abs(p)) for p in shares if p)


def moments(shares):
    mean = sum(i * p for i, p in zip(PLACES, shares, strict=True))
    return mean, math.sqrt(sum((i - mean) ** 2 * p for i, p in zip(PLACES, shares, strict=True)))


def shared(f, s):
    f, s = stretched(f), stretched(s)
    f, s = [v / sum(f) for v in f], [v / sum(s) for v in s]
    correlation = 0.0
    if max(f) > min(f) and max(s) > min(s):
        correlation = np.corrcoef(f, s)[0, 1]
    upper, lower = np.cumsum(f), np.cumsum(s)

    def bound(i, j):
        a, b = (upper[i] if i >= 0 else 0.0), (lower[j] if j >= 0 else 0.0)
        return min(a, b) if correlation >= 0 else max(a + b - 1, 0.0)

    # covariance of the bound, by its own cells rather than by Hoeffding's formula
    cells = {
        (i, j): bound(i, j) - bound(i - 1, j) - bound(i, j - 1) + bound(i - 1, j - 1)
        for i in PLACES
        for j in PLACES
    }
    (mf, sf), (ms, ss) = moments(f), moments(s)
    covariance = sum((i - mf) * (j - ms) * p for (i, j), p in cells.items())
    weight = correlation * sf * ss / covariance if correlation and sf and ss else 0.0
    joint = [weight * p + (1 - weight) * f[i] * s[j] for (i, j), p in cells.items()]
    whole = entropy(f) + entropy(s)
    return 2 * (whole - entropy(joint)) / whole if whole else 0.0


def feature_mutual_information(fused, ir, vis, feature, raw_second=True):
    f, a, b = (FEATURES[feature](p) for p in (fused, ir, vis))
    total, count = 0.0, 0
    for y in range(f.shape[0] - 2):
        for x in range(f.shape[1] - 2):
            wf, wa, wb = (window(p, y, x) for p in (f, a, b))
            first = 1.0 if wa == wf else shared(wf, wa)
            against = wf if raw_second or wa == wf else stretched(wf)
            total += (first + (1.0 if wb == against else shared(wf, wb))) / 2
            count += 1
    return total / count
