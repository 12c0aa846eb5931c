"""Total variation with a robust data term, solved by iteratively reweighted norms."""

from dataclasses import dataclass

import numpy as np

from imfuse.types import Float

_LOOPS = 5
_DATA_CUTOFF, _GRADIENT_CUTOFF = 0.05, 0.01
"""Shares of the pixels whose residual or gradient is small enough to count as zero."""
_LEAST = 1e-3
"""Lower bound of the thresholds for zero: a quarter of a gray level of 8-bit pictures."""
_START_WEIGHT = 3.0
"""Weight of the data in the first iteration, which has no residual to derive weights from."""
_TOLERANCE = 1e-2
"""Relative residual at which the first iteration's linear system is solved; halved after that."""
_STEPS = 200


def l1_tv(target: Float, strength: float) -> Float:
    """Return the picture u that minimises `sum |u - target| + strength * sum |grad u|`.

    The gradient uses forward differences, with none across the border; |grad u| is its Euclidean
    length. Each iteration replaces both norms by weighted squares that touch them at the current u,
    and solves the linear system by preconditioned conjugate gradients.

    Args:
        target: The picture to approximate; u starts from it.
        strength: Weight of the variation. A disc on a flat background vanishes from u if its radius
            is less than twice this.

    References:
        P. Rodriguez, B. Wohlberg, "Efficient minimization method for a generalized total
        variation functional", IEEE Transactions on Image Processing 18(2), 2009,
        doi:10.1109/TIP.2008.2008420.

    Departures: gradients below the threshold keep the threshold's weight instead of none, so that
        every iteration lowers a smoothed form of the objective; thresholds never fall below a
        quarter of an 8-bit gray level; and the first iteration weights the data evenly.
    """
    u = target.copy()
    data = np.full_like(target, _START_WEIGHT)
    for loop in range(_LOOPS):
        if loop:
            data = _reciprocal(np.abs(u - target), _DATA_CUTOFF)
        smooth = _reciprocal(_gradient_length(u), _GRADIENT_CUTOFF)
        smooth *= np.float32(strength)
        _solve(_System(data, smooth), data * target, u, _TOLERANCE * 0.5**loop)
    return u


def _gradient_length(u: Float) -> Float:
    squares = np.zeros_like(u)
    squares[:, :-1] = np.square(u[:, 1:] - u[:, :-1])
    squares[:-1] += np.square(u[1:] - u[:-1])
    return np.sqrt(squares, out=squares)


def _reciprocal(lengths: Float, cutoff: float) -> Float:
    """Return the reciprocal of the lengths, each raised to at least their quantile `cutoff`."""
    position = int(cutoff * lengths.size)
    threshold = np.partition(lengths, position, axis=None)[position]
    np.maximum(lengths, np.float32(max(threshold, _LEAST)), out=lengths)
    return np.reciprocal(lengths, out=lengths)


@dataclass(frozen=True)
class _System:
    """The matrix `diag(data) + D' diag(smooth) D`, where D takes forward differences."""

    data: Float
    smooth: Float

    def diagonal(self) -> Float:
        result = self.data.copy()
        right, down = self.smooth[:, :-1], self.smooth[:-1]
        result[:, :-1] += right
        result[:, 1:] += right
        result[:-1] += down
        result[1:] += down
        return result

    def times(self, u: Float, out: Float, flow: Float) -> None:
        """Write the product with u to `out`; `flow` is overwritten."""
        np.multiply(self.data, u, out=out)
        right, down = flow[:, :-1], flow[:-1]
        np.subtract(u[:, 1:], u[:, :-1], out=right)
        right *= self.smooth[:, :-1]
        out[:, :-1] -= right
        out[:, 1:] += right
        np.subtract(u[1:], u[:-1], out=down)
        down *= self.smooth[:-1]
        out[:-1] -= down
        out[1:] += down


def _solve(system: _System, right_side: Float, u: Float, tolerance: float) -> None:
    """Improve u in place by conjugate gradients, preconditioned by the diagonal.

    Sums are NumPy's pairwise sums: exact enough, and the same in every thread.
    """
    scale = np.reciprocal(system.diagonal())
    product, spare = np.empty_like(u), np.empty_like(u)
    goal = tolerance**2 * _dot(right_side, right_side, spare)
    residual = right_side
    system.times(u, product, spare)
    residual -= product
    direction = scale * residual
    energy = _dot(direction, residual, spare)
    for _ in range(_STEPS):
        if _dot(residual, residual, spare) <= goal:
            break
        system.times(direction, product, spare)
        step = np.float32(energy / _dot(direction, product, spare))
        u += np.multiply(direction, step, out=spare)
        residual -= np.multiply(product, step, out=spare)
        np.multiply(scale, residual, out=product)
        before, energy = energy, _dot(product, residual, spare)
        direction *= np.float32(energy / before)
        direction += product


def _dot(first: Float, second: Float, spare: Float) -> float:
    return float(np.multiply(first, second, out=spare).sum())
