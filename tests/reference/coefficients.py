"""Multi-scale fusion in float64 and plain loops: selection, Laplacian pyramid, Haar wavelets.

Written from the definitions alone. Borders are mirrored by index arithmetic.
"""

import numpy as np

EQUAL = 1e-6


def mirrored(i, n):
    """Return the index inside 0..n-1 that a mirror without repeated edge (`cb|abc|ba`) shows."""
    if n == 1:
        return 0
    i %= 2 * (n - 1)
    return i if i < n else 2 * (n - 1) - i


def neighbourhood(i, n):
    return [k for k in (i - 1, i, i + 1) if 0 <= k < n]


def select(a, b):
    """Return the coefficient whose 3x3 maximum is larger for most of its 3x3 neighbours."""
    h, w = a.shape
    lead = np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            window = np.ix_(neighbourhood(y, h), neighbourhood(x, w))
            difference = np.abs(a[window]).max() - np.abs(b[window]).max()
            lead[y, x] = 0 if abs(difference) <= EQUAL else np.sign(difference)
    result = np.empty_like(a)
    for y in range(h):
        for x in range(w):
            vote = sum(
                lead[mirrored(y + dy, h), mirrored(x + dx, w)]
                for dy in (-1, 0, 1)
                for dx in (-1, 0, 1)
            )
            pick = {1: a, -1: b, 0: (a + b) / 2}[int(np.sign(vote))]
            result[y, x] = pick[y, x]
    return result


KERNEL = {-2: 1 / 16, -1: 4 / 16, 0: 6 / 16, 1: 4 / 16, 2: 1 / 16}


def even(x):
    return np.pad(x, [(0, x.shape[0] % 2), (0, x.shape[1] % 2)], mode="edge")


def reduce_rows(x):
    n = len(x)
    return np.stack(
        [sum(v * x[mirrored(2 * k + d, n)] for d, v in KERNEL.items()) for k in range(n // 2)]
    )


def expand_rows(x):
    """Insert zeros, mirror, filter with twice the kernel."""
    n = 2 * len(x)
    spread = np.zeros((n, x.shape[1]))
    spread[::2] = x
    return np.stack(
        [sum(2 * v * spread[mirrored(i + d, n)] for d, v in KERNEL.items()) for i in range(n)]
    )


def reduce(x):
    return reduce_rows(reduce_rows(even(x)).T).T


def expand(x, shape):
    return expand_rows(expand_rows(x).T).T[: shape[0], : shape[1]]


def fuse_laplacian(a, b, levels=4, fuse_low=lambda a, b: (a + b) / 2):
    if levels == 0:
        return fuse_low(a, b)
    low_a, low_b = reduce(a), reduce(b)
    detail = select(a - expand(low_a, a.shape), b - expand(low_b, b.shape))
    return detail + expand(fuse_laplacian(low_a, low_b, levels - 1, fuse_low), a.shape)


HAAR = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2


def haar(x):
    x = even(x)
    blocks = np.stack([x[::2, ::2], x[::2, 1::2], x[1::2, ::2], x[1::2, 1::2]])
    return np.tensordot(HAAR, blocks, axes=1)


def haar_back(bands, shape):
    blocks = np.tensordot(HAAR.T, bands, axes=1)
    x = np.empty((2 * bands.shape[1], 2 * bands.shape[2]))
    x[::2, ::2], x[::2, 1::2], x[1::2, ::2], x[1::2, 1::2] = blocks
    return x[: shape[0], : shape[1]]


def fuse_haar(a, b, levels=4):
    if levels == 0:
        return (a + b) / 2
    bands_a, bands_b = haar(a), haar(b)
    low = fuse_haar(bands_a[0], bands_b[0], levels - 1)
    details = [select(d, e) for d, e in zip(bands_a[1:], bands_b[1:], strict=True)]
    return haar_back(np.stack([low, *details]), a.shape)
