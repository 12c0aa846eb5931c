"""Independent solvers in float64: primal-dual total variation, naive matching pursuit."""

import numpy as np


def gradient(u):
    """Return forward differences, zero across the border."""
    along_x, along_y = np.zeros_like(u), np.zeros_like(u)
    along_x[:, :-1] = np.diff(u, axis=1)
    along_y[:-1] = np.diff(u, axis=0)
    return along_x, along_y


def transfer_objective(x, ir, vis, strength=4.0):
    """Return sum |x - ir| + strength * sum |grad x - grad vis|."""
    x, ir, vis = (np.asarray(a, np.float64) for a in (x, ir, vis))
    return np.abs(x - ir).sum() + strength * np.hypot(*gradient(x - vis)).sum()


def transfer(ir, vis, strength=4.0, steps=20_000):
    """Minimise `transfer_objective` by Chambolle and Pock's method, u = x - vis."""
    target = np.asarray(ir, np.float64) - vis
    u, ahead = target.copy(), target.copy()
    flow = [np.zeros_like(u), np.zeros_like(u)]
    step = 1 / np.sqrt(8)  # the norm of the gradient operator squared is at most 8
    for _ in range(steps):
        flow = [f + step * g for f, g in zip(flow, gradient(ahead), strict=True)]
        excess = np.maximum(1, np.hypot(*flow) / strength)
        flow = [f / excess for f in flow]
        divergence = np.zeros_like(u)
        divergence[:, :-1] += flow[0][:, :-1]
        divergence[:, 1:] -= flow[0][:, :-1]
        divergence[:-1] += flow[1][:-1]
        divergence[1:] -= flow[1][:-1]
        moved = u + step * divergence - target
        new = target + np.sign(moved) * np.maximum(np.abs(moved) - step, 0)
        u, ahead = new, 2 * new - u
    return u + vis


def pursue(signal, dictionary, tolerance):
    """Return the code of one signal by orthogonal matching pursuit, least squares at each step."""
    taken, code = [], np.zeros(dictionary.shape[1])
    rest = signal.copy()
    while np.linalg.norm(rest) > tolerance and len(taken) < len(signal):
        correlation = np.abs(dictionary.T @ rest)
        correlation[taken] = -1
        taken.append(int(np.argmax(correlation)))
        values, *_ = np.linalg.lstsq(dictionary[:, taken], signal, rcond=None)
        rest = signal - dictionary[:, taken] @ values
        code[:] = 0
        code[taken] = values
    return code


def fuse_patches(a, b, dictionary, tolerance):
    """Return the fusion by sparse codes of 8x8 patches, two pixels apart, one at a time."""
    total, count = np.zeros(a.shape), np.zeros(a.shape)
    for y in range(0, a.shape[0] - 7, 2):
        for x in range(0, a.shape[1] - 7, 2):
            window = slice(y, y + 8), slice(x, x + 8)
            found = []
            for source in (a, b):
                patch = source[window].ravel()
                code = pursue(patch - patch.mean(), dictionary, tolerance)
                found.append((np.abs(code).sum(), dictionary @ code + patch.mean()))
            total[window] += max(found, key=lambda item: item[0])[1].reshape(8, 8)
            count[window] += 1
    return np.where(count > 0, total / np.maximum(count, 1), (a + b) / 2)
