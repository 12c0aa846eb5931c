"""Information measures in float64 from dictionaries of counts, straight from the formulas."""

import math
from collections import Counter

import numpy as np


def nearest(picture):
    return [round(v) for v in picture.ravel().tolist()]


def floor(picture):
    return [math.floor(v) for v in picture.ravel().tolist()]


def stretched(picture):
    values = picture.ravel().tolist()
    low, high = min(values), max(values)
    return [math.floor(255 * (v - low) / (high - low) + 0.5) for v in values]


def entropy(symbols, offset=0.0):
    counts, total = Counter(symbols), len(symbols)
    return -sum(n / total * math.log2(n / total + offset) for n in counts.values())


def mutual_information(first, second):
    """Return the sum of p(x, y) log2(p(x, y) / (p(x) p(y)))."""
    total = len(first)
    x, y = Counter(first), Counter(second)
    return sum(
        n / total * math.log2(n * total / (x[a] * y[b]))
        for (a, b), n in Counter(zip(first, second, strict=True)).items()
    )


def mutual_information_merged(first, second):
    joint = [(min(a, 254), min(b, 254)) for a, b in zip(first, second, strict=True)]
    return entropy(first) + entropy(second) - entropy(joint)


def hossny(fused, ir, vis):
    return 2 * sum(mutual_information(fused, s) / (entropy(fused) + entropy(s)) for s in (ir, vis))


def by_sources(fused, ir, vis):
    shared = sum(mutual_information(fused, s) for s in (ir, vis))
    return 2 * shared / (entropy(ir) + entropy(vis))


def divergence(source, fused, raised):
    s, f = Counter(source), Counter(fused)
    total = len(source) + 256 * raised
    result = 0.0
    for level in range(256):
        p, q = (s[level] + raised) / total, (f[level] + raised) / total
        if p and q:
            result += p * math.log2(p / q)
    return result


def cross_entropy(fused, ir, vis, raised):
    return (divergence(ir, fused, raised) + divergence(vis, fused, raised)) / 2


def sigmoid_cross_entropy(fused, ir, vis):
    """The kit computes in float32, where 1 - 1e-7 is 1 - 2^-23 and sigmoid(17) is 1."""

    def sigmoid(v):
        return np.float32(1) / (np.float32(1) + np.exp(np.float32(-v)))

    low, high = float(np.float32(1e-7)), 1 - 2.0**-23
    total = 0.0
    for f, a, b in zip(fused.ravel(), ir.ravel(), vis.ravel(), strict=True):
        p = min(max(float(sigmoid(f)), low), high)
        t = min(max(float((sigmoid(a) + sigmoid(b)) / np.float32(2)), low), high)
        total -= t * math.log(p) + (1 - t) * math.log(1 - p)
    return total / fused.size


def correlation_entropy(matrix):
    """Return 1 - H_R from the eigenvalues as the roots of the characteristic polynomial."""
    (_, a, b), (_, _, c), _ = matrix
    minors = 3 - a * a - b * b - c * c
    determinant = 1 + 2 * a * b * c - a * a - b * b - c * c
    roots = np.roots([1, -3, minors, -determinant]).real
    return 1 + sum(r / 3 * math.log(r / 3, 256) for r in roots if r > 1e-14)


def nonlinear_correlation(fused, ir, vis):
    def share(x, y):
        return mutual_information(x, y) / 8

    a, b, c = share(fused, ir), share(fused, vis), share(ir, vis)
    return correlation_entropy([[1, a, b], [a, 1, c], [b, c, 1]])


def linear_correlation(fused, ir, vis):
    a, b, c = (np.corrcoef(x, y)[0, 1] for x, y in ((fused, ir), (fused, vis), (ir, vis)))
    return correlation_entropy([[1, a, b], [a, 1, c], [b, c, 1]])


def tsallis_information(fused, ir, vis, q):
    result = 0.0
    for source in (ir, vis):
        total = len(fused)
        x, y = Counter(fused), Counter(source)
        joint = Counter(zip(fused, source, strict=True))
        inner = sum(
            (n / total) ** q / (x[a] / total * y[b] / total) ** (q - 1)
            for (a, b), n in joint.items()
        )
        result += (1 - inner) / (1 - q)
    return result


def tsallis_entropy(symbols, q):
    return (1 - sum((n / len(symbols)) ** q for n in Counter(symbols).values())) / (q - 1)
