"""Statistics of sliding windows in float64, one window after another, in two passes."""

import numpy as np


def bell(size, sigma):
    return [np.exp(-((k - (size - 1) / 2) ** 2) / (2 * sigma**2)) for k in range(size)]


def weights(down, across=None):
    table = np.array([[y * x for x in (across or down)] for y in down])
    return table / table.sum()


def positions(shape, size):
    return [(y, x) for y in range(shape[0] - size + 1) for x in range(shape[1] - size + 1)]


def statistics(a, b, w):
    """Yield mean, mean, variance, variance, covariance of each window inside the pictures."""
    size = len(w)
    for y, x in positions(a.shape, size):
        p, q = (s[y : y + size, x : x + size].astype(float) for s in (a, b))
        m, n = (w * p).sum(), (w * q).sum()
        p, q = p - m, q - n
        yield m, n, (w * p * p).sum(), (w * q * q).sum(), (w * p * q).sum()


def correlate(a, w):
    size = len(w)
    result = [(w * a[y : y + size, x : x + size]).sum() for y, x in positions(a.shape, size)]
    return np.array(result).reshape(a.shape[0] - size + 1, a.shape[1] - size + 1)
