"""SSIM and what builds on it, in float64, one window after another."""

import math

import numpy as np

from reference.windows import bell, positions, statistics, weights

POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def factors(m, n, s, t, c, data_range, sample=1.0):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * m * n + c1) / (m * m + n * n + c1)
    return luminance, (2 * sample * c + c2) / (sample * (s + t) + c2)


def ssim(a, b, w, data_range, sample=1.0):
    maps = [math.prod(factors(*st, data_range, sample)) for st in statistics(a, b, w)]
    return float(np.mean(maps))


def ssim_sum(f, a, b, *, uniform=False, data_range=255.0, replicate=False):
    w = np.full((7, 7), 1 / 49) if uniform else weights(bell(11, 1.5))
    if replicate:
        f, a, b = (np.pad(x, 5, mode="edge") for x in (f, a, b))
    sample = 49 / 48 if uniform else 1.0
    return sum(ssim(f, s, w, data_range, sample) for s in (a, b))


def ssim_of_light_weights(a, b, missing, data_range):
    """With weights that lack `missing` to a sum of one, and one-pass variances."""
    w, values = weights(bell(11, 1.5)) * (1 - missing), []
    for y, x in positions(a.shape, 11):
        p, q = (s[y : y + 11, x : x + 11].astype(float) for s in (a, b))
        m, n = (w * p).sum(), (w * q).sum()
        s, t, c = (w * p * p).sum() - m * m, (w * q * q).sum() - n * n, (w * p * q).sum() - m * n
        values.append(math.prod(factors(m, n, s, t, c, data_range)))
    return float(np.mean(values))


def halved(x, zeros):
    odd = [side % 2 for side in x.shape]
    sides = [(k, 0) if zeros else (0, k) for k in odd]
    x = np.pad(x, sides, mode="constant" if zeros else "edge")
    rows, columns = (range(0, side, 2) for side in x.shape)
    return np.array([[x[y : y + 2, z : z + 2].sum() / 4 for z in columns] for y in rows])


def ms_ssim(a, b, data_range=255.0, *, zeros=False):
    result, w = 1.0, weights(bell(11, 1.5))
    for scale, power in enumerate(POWERS):
        if scale:
            a, b = halved(a, zeros), halved(b, zeros)
        both = [factors(*st, data_range) for st in statistics(a, b, w)]
        terms = [x * y if scale == 4 else y for x, y in both]
        result *= max(float(np.mean(terms)), 0.0) ** power
    return result


def qy(f, a, b):
    w = weights(bell(7, 1.5))
    values = []
    for ab, af, bf in zip(
        *(list(statistics(*p, w)) for p in ((a, b), (a, f), (b, f))), strict=True
    ):
        s_ab, s_af, s_bf = (math.prod(factors(*st, 255.0)) for st in (ab, af, bf))
        share = ab[2] / (ab[2] + ab[3])
        values.append(share * s_af + (1 - share) * s_bf if s_ab >= 0.75 else max(s_af, s_bf))
    return float(np.mean(values))


def qy_rows(f, a, b):
    """With rows of bells in place of a bell, zeros outside and constants for a range of 1."""
    row = np.array(bell(7, 1.5)) / sum(bell(7, 1.5))
    w = np.array([row] * 7)
    f, a, b = (np.pad(x.astype(float), 3) for x in (f, a, b))
    values = []
    for y, x in positions(f.shape, 7):
        p, q, r = (s[y : y + 7, x : x + 7] for s in (f, a, b))

        def similarity(u, v):
            m, n = (w * u).sum(), (w * v).sum()
            s, t = (w * u * u).sum() - m * m, (w * v * v).sum() - n * n
            c = (w * u * v).sum() - m * n
            return math.prod(factors(m, n, s, t, c, 1.0)), s, t

        alike, s, t = similarity(q, r)
        first, second = similarity(q, p)[0], similarity(r, p)[0]
        share = s / (s + t + 1e-10)
        weighed = share * first + (1 - share) * second
        values.append(weighed if alike >= 0.75 else max(first, second))
    return float(np.mean(values))


def desired_patch(patches):
    """Return the patch that MEF-SSIM wants: strongest contrast, averaged structure."""
    centred = [p - p.mean() for p in patches]
    contrasts = [np.linalg.norm(p) + 1e-3 for p in centred]
    together = np.linalg.norm(sum(centred)) / sum(np.linalg.norm(p) for p in centred)
    power = min(math.tan(math.pi / 2 * min(together, 1 - 1e-15)), 10.0)
    shares = [(k / 11) ** power for k in contrasts]
    structure = sum(
        s / sum(shares) * p / k for s, p, k in zip(shares, centred, contrasts, strict=True)
    )
    return structure / np.linalg.norm(structure) * max(contrasts)


def mef_ssim(f, a, b):
    result, w = 1.0, weights(bell(11, 1.5))
    for scale, power in enumerate(POWERS[:3]):
        if scale:
            f, a, b = (halved(x, zeros=False) for x in (f, a, b))
        values = []
        for y, x in positions(f.shape, 11):
            p, q, r = (s[y : y + 11, x : x + 11].astype(float) for s in (f, a, b))
            ((_, _, s, t, c),) = statistics(desired_patch([q, r]), p, w)
            values.append((2 * c + 7.65**2) / (s + t + 7.65**2))
        result *= float(np.mean(values)) ** (power / sum(POWERS[:3]))
    return result
