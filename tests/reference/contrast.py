"""Qcb and Qcv in float64: Fourier sums by matrices, everything else one pixel at a time."""

import math

import numpy as np


def filtered(x, sensitivity, spans):
    """Multiply each frequency of a picture; `spans`: degrees that its height and width take."""
    height, width = x.shape
    down = [k - height if k > height // 2 else k for k in range(height)]
    across = [k - width if k > width // 2 else k for k in range(width)]
    wave_y = np.exp(-2j * np.pi * np.outer(down, range(height)) / height)
    wave_x = np.exp(-2j * np.pi * np.outer(across, range(width)) / width)
    spectrum = wave_y @ x @ wave_x.T
    for i, u in enumerate(down):
        for j, v in enumerate(across):
            spectrum[i, j] *= sensitivity(math.hypot(u / spans[0], v / spans[1]))
    return (wave_y.conj().T @ spectrum @ wave_x.conj()).real / x.size


def spans(shape, degrees, *, each_side):
    longer = max(shape)
    return [degrees if each_side else degrees * side / longer for side in shape]


def bell_mean(x, sigma, *, zeros):
    padded = np.pad(x, 15, mode="constant" if zeros else "symmetric")
    k = np.arange(-15, 16)
    table = np.exp(-(k[:, None] ** 2 + k[None] ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    result = np.zeros(x.shape)
    for y in range(x.shape[0]):
        for z in range(x.shape[1]):
            result[y, z] = (table * padded[y : y + 31, z : z + 31]).sum()
    return result


def qcb(f, a, b, degrees=15.0, *, each_side=False, zeros=False, floor=0.0, f1=1.3456):
    def masked(x):
        x = filtered(
            x.astype(float),
            lambda r: math.exp(-((r / 15.387) ** 2)) - 0.7622 * math.exp(-((r / f1) ** 2)),
            spans(x.shape, degrees, each_side=each_side),
        )
        c = np.abs(bell_mean(x, 2, zeros=zeros) / bell_mean(x, 4, zeros=zeros) - 1)
        return c**3 / (c**2 + 1e-4)

    total = 0.0
    for cf, ca, cb in zip(*(masked(x).ravel() for x in (f, a, b)), strict=True):
        kept = [c / cf if c < cf else cf / c for c in (ca, cb)]
        total += (ca**2 * kept[0] + cb**2 * kept[1]) / (ca**2 + cb**2 + floor)
    return total / f.size


def sobel(x, *, zeros):
    p = np.pad(x.astype(float), 1, mode="constant" if zeros else "symmetric")
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            q = p[i : i + 3, j : j + 3]
            across = q[0, 2] + 2 * q[1, 2] + q[2, 2] - q[0, 0] - 2 * q[1, 0] - q[2, 0]
            down = q[2, 0] + 2 * q[2, 1] + q[2, 2] - q[0, 0] - 2 * q[0, 1] - q[0, 2]
            result[i, j] = math.hypot(across, down)
    return result


def qcv(f, a, b, *, part=0.114, each_side=False, zeros=False, degrees=4.0, power=5):
    above = below = 0.0
    for s in (a, b):
        seen = filtered(
            s.astype(float) - f.astype(float),
            lambda r: 2.6 * (0.0192 + part * r) * math.exp(-((part * r) ** 1.1)),
            spans(s.shape, degrees, each_side=each_side),
        )
        edges = sobel(s, zeros=zeros)
        for y in range(0, s.shape[0], 16):
            for x in range(0, s.shape[1], 16):
                block = slice(y, y + 16), slice(x, x + 16)
                salience = (edges[block] ** power).sum()
                count = 256 if zeros else seen[block].size
                above += salience * (seen[block] ** 2).sum() / count
                below += salience
    return above / below


def stretched(x, *, rounded):
    x = (x.astype(float) - x.min()) / (float(x.max()) - x.min())
    return np.floor(255 * x + 0.5) if rounded else x
