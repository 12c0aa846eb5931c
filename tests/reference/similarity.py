"""Errors and correlations in float64, one pixel at a time."""

import math


def pixels(*pictures):
    return list(zip(*(x.astype(float).ravel().tolist() for x in pictures), strict=True))


def pearson(pairs):
    n = len(pairs)
    mean_x, mean_y = (math.fsum(p[k] for p in pairs) / n for k in (0, 1))
    xy = math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs)
    xx = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    yy = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    return xy / math.sqrt(xx * yy)


def cc(f, a, b):
    return (pearson(pixels(f, a)) + pearson(pixels(f, b))) / 2


def scd(f, a, b):
    triples = pixels(f, a, b)
    return pearson([(x - z, y) for x, y, z in triples]) + pearson(
        [(x - y, z) for x, y, z in triples]
    )


def mse(f, a, b, white=1.0):
    total = math.fsum(
        ((x - y) / white) ** 2 + ((x - z) / white) ** 2 for x, y, z in pixels(f, a, b)
    )
    return total / f.size / 2


def rmse_vifb(f, a, b):
    norms = [math.sqrt(math.fsum((x - y) ** 2 for x, y in pixels(f, s))) for s in (a, b)]
    return sum(n / (f.shape[0] * f.shape[1]) for n in norms) / 2


def psnr(error, peak):
    return 20 * math.log10(peak / math.sqrt(error))
