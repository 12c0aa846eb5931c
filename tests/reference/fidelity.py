"""Visual information fidelity in float64, one window after another, with the published guards."""

import numpy as np

from reference.windows import bell, correlate, statistics, weights

TINY = 1e-10


def window(size, lopsided):
    if not lopsided:
        return weights(bell(size, size / 5))
    step = size / (size - 1)
    at = [-(size + 1) / 2 + k * step for k in range(size)]
    return weights([np.exp(-(x**2) / (2 * (size / 5) ** 2)) for x in at])


def scales(source, fused, *, lopsided=False):
    for size in (17, 9, 5, 3):
        w = window(size, lopsided)
        margin = size // 2 if lopsided else 0
        if size < 17:
            source, fused = (correlate(np.pad(x, margin), w)[::2, ::2] for x in (source, fused))
        yield list(statistics(np.pad(source, margin), np.pad(fused, margin), w))


def gain(s, t, c):
    """Return g and the variance of what the source does not explain."""
    if s < TINY:
        return 0.0, t
    if t < TINY:
        return 0.0, 0.0
    g = c / (s + TINY)
    return (0.0, t) if g < 0 else (g, max(t - g * c, TINY))


def vif(source, fused, noise=2.0, *, lopsided=False):
    kept = whole = 0.0
    for windows in scales(source.astype(float), fused.astype(float), lopsided=lopsided):
        for _, _, s, t, c in windows:
            g, rest = gain(s, t, c)
            kept += np.log10(1 + g * g * s / (rest + noise))
            whole += np.log10(1 + s / noise)
    return kept / whole


def viff(f, a, b, noise=0.005 * 255**2):
    ratios = []
    both = (scales(s.astype(float), f.astype(float)) for s in (a, b))
    for first, second in zip(*both, strict=True):
        kept = whole = 0.0
        for one, other in zip(first, second, strict=True):
            (g, rest), (h, other_rest) = gain(*one[2:]), gain(*other[2:])
            s = one[2]
            if g > h or (g == h and other[2] > s):
                g, rest, s = h, other_rest, other[2]
            kept += np.log10(1 + g * g * s / (rest + noise)) + 1e-7
            whole += np.log10(1 + s / noise) + 1e-7
        ratios.append(kept / whole)
    return (ratios[0] + 0.15 * ratios[2] + ratios[3]) / 2.15
