"""Dual-tree complex wavelet transform as dense matrices in float64.

Each one-dimensional filter bank is written as a matrix whose rows hold the taps, folded at the
mirrored edges (`cba|abc|cba`). The inverse of a level is then `numpy.linalg.inv` or `pinv` of what
the analysis does: nothing of the synthesis formulas is used.
"""

import numpy as np

from reference.coefficients import select

H_LOW, H_HIGH = (
    {-2: -1 / 8, -1: 2 / 8, 0: 6 / 8, 1: 2 / 8, 2: -1 / 8},
    {-1: -1 / 4, 0: 1 / 2, 1: -1 / 4},
)
Q = [0.03516383657149474, 0, -0.08832942445107285, 0.23389032060723564, 0.7602723690661257]
Q += [0.5875182977235605, 0, -0.11430183714424873, 0, 0]


def folded(i, n):
    i %= 2 * n
    return i if i < n else 2 * n - 1 - i


def matrix(rows, n):
    """Return the matrix of rows given as {position: value}, positions anywhere."""
    result = np.zeros((len(rows), n))
    for r, row in enumerate(rows):
        for position, value in row.items():
            result[r, folded(position, n)] += value
    return result


def first_level(n):
    return tuple(
        matrix([{i + d: v for d, v in taps.items()} for i in range(n)], n)
        for taps in (H_LOW, H_HIGH)
    )


def further_level(n):
    """Return low-pass and high-pass matrices n/2 x n; tree A in the even samples, B in the odd.

    The low-pass of tree B is that of tree A reversed; the high-pass g[k] = (-1)^k h[9 - k].
    """
    low_b, low_a = Q, Q[::-1]
    high_b = [(-1) ** k * Q[9 - k] for k in range(10)]
    high_a = high_b[::-1]
    low, high = [], []
    for k in range(n // 4):
        reads_a = {
            kind: {4 * k + 10 - 2 * j: h[j] for j in range(10)}
            for kind, h in (("low", low_a), ("high", high_a))
        }
        reads_b = {
            kind: {4 * k + 11 - 2 * j: h[j] for j in range(10)}
            for kind, h in (("low", low_b), ("high", high_b))
        }
        low += [reads_a["low"], reads_b["low"]]
        high += [reads_b["high"], reads_a["high"]]
    return matrix(low, n), matrix(high, n)


def complex_pair(y):
    a, b, c, d = y[::2, ::2], y[::2, 1::2], y[1::2, ::2], y[1::2, 1::2]
    p, q = (a + 1j * b) / np.sqrt(2), (d - 1j * c) / np.sqrt(2)
    return p - q, p + q


def real_band(z1, z2):
    p, q = (z1 + z2) / np.sqrt(2), (z2 - z1) / np.sqrt(2)
    y = np.empty((2 * z1.shape[0], 2 * z1.shape[1]))
    y[::2, ::2], y[::2, 1::2], y[1::2, ::2], y[1::2, 1::2] = p.real, p.imag, -q.imag, q.real
    return y


def banks(shape, level):
    make = first_level if level == 0 else further_level
    return make(shape[0]), make(shape[1])


def analyse(x, levels=4):
    """Return the low-pass picture and, per level, six complex bands."""
    multiple = 2**levels
    x = np.pad(x, [(0, -x.shape[0] % multiple), (0, -x.shape[1] % multiple)], mode="symmetric")
    bands = []
    for level in range(levels):
        (low_y, high_y), (low_x, high_x) = banks(x.shape, level)
        parts = [high_y @ x @ low_x.T, high_y @ x @ high_x.T, low_y @ x @ high_x.T]
        bands.append([z for part in parts for z in complex_pair(part)])
        x = low_y @ x @ low_x.T
    return x, bands


def synthesise(low, bands, shape):
    for level in reversed(range(len(bands))):
        details = [real_band(*bands[level][2 * k : 2 * k + 2]) for k in range(3)]
        scale = 1 if level == 0 else 2
        size = (low.shape[0] * scale, low.shape[1] * scale)
        (low_y, high_y), (low_x, high_x) = banks(size, level)
        if level == 0:  # Le Gall's synthesis pair; twice redundant, so not the only inverse
            low_y, high_y, low_x, high_x = (back for n in size for back in first_level_back(n))
        else:
            low_y, high_y = np.hsplit(np.linalg.inv(np.vstack([low_y, high_y])), 2)
            low_x, high_x = np.hsplit(np.linalg.inv(np.vstack([low_x, high_x])), 2)
        low = (
            low_y @ low @ low_x.T
            + high_y @ details[0] @ low_x.T
            + high_y @ details[1] @ high_x.T
            + low_y @ details[2] @ high_x.T
        )
    return low[: shape[0], : shape[1]]


def first_level_back(n):
    low = {d: abs(v) for d, v in H_HIGH.items()}
    high = {d: v * (-1) ** d for d, v in H_LOW.items()}
    return tuple(
        matrix([{i + d: v for d, v in taps.items()} for i in range(n)], n) for taps in (low, high)
    )


def fuse(a, b):
    low_a, bands_a = analyse(a)
    low_b, bands_b = analyse(b)
    bands = [
        [select(z, w) for z, w in zip(level_a, level_b, strict=True)]
        for level_a, level_b in zip(bands_a, bands_b, strict=True)
    ]
    return synthesise((low_a + low_b) / 2, bands, a.shape)
