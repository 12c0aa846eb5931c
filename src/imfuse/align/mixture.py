"""The homography that most patches follow, by expectation maximisation over a mixture."""

from dataclasses import dataclass

import numpy as np

from imfuse.align.evidence import Level, Numbers, offsets
from imfuse.align.features import CELL

_ROUNDS = 12
_STRAY = 0.15
"""Share of patches that are taken to fit nowhere."""
_PERSPECTIVE = 4.0
"""Typical bend of a homography in pixels at 640; more needs evidence."""
_SHEAR = 3.0
"""Typical difference of a homography from a similarity in pixels at 640, likewise."""


@dataclass(frozen=True)
class Solution:
    """The parameters of the homography, and what patches say of it.

    Attributes:
        theta: `(8,)` parameters.
        covariance: `(8, 8)` of the parameters.
        follows: `(N,)` probabilities that patches follow the homography.
        gain: `(N,)` logarithms of how much likelier their offsets are with it.
        mean: `(N, 2)` offsets in cells where they fit best near it.
    """

    theta: Numbers
    covariance: Numbers
    follows: Numbers
    gain: Numbers
    mean: Numbers


def maximise(chance: Numbers, terms: Numbers, level: Level, side: int, views: int) -> Solution:
    """Return the homography that most patches follow.

    With the offsets of a patch distributed as `p`, and `N(o; d, s)` around the offset `d` that the
    parameters ask for, `Z = sum p N` is the patch's likelihood, and the gradient of its logarithm
    is `(m - d) / s^2`, where `m` is the mean of `p N / Z`. If `p` were normal with precision L, its
    curvature would be `L / (1 + s^2 L)`; L follows from the covariance of `p N / Z`.
    """
    places = offsets(level.reach)
    squares = (places**2).sum(axis=1)
    theta = np.zeros(8)
    bend = CELL * 640 / side
    prior = 30 * (bend / _PERSPECTIVE) ** 2 * np.diag([0, 0, 0, 0, 0, 0, 1.0, 1.0])
    for row in ([0, 1, 0, 0, 0, -1, 0, 0], [0, 0, 1, 0, 1, 0, 0, 0]):
        prior += 30 * (bend / _SHEAR) ** 2 * np.outer(row, row)
    prior = np.sqrt(views) * prior + 1e-6 * np.eye(8)
    information = prior
    for spread in np.geomspace(level.reach / 1.5, level.spread, _ROUNDS):
        wanted = terms @ theta
        near = _normal(places, squares, wanted, spread)
        joint = chance * near
        likelihood = joint.sum(axis=1)
        usual = near.mean(axis=1)
        follows = (1 - _STRAY) * likelihood
        follows /= follows + _STRAY * usual + 1e-12
        joint /= likelihood[:, None] + 1e-12
        mean = joint @ places
        xx = joint @ places[:, 0] ** 2 - mean[:, 0] ** 2 + 0.05
        yy = joint @ places[:, 1] ** 2 - mean[:, 1] ** 2 + 0.05
        xy = joint @ (places[:, 0] * places[:, 1]) - mean[:, 0] * mean[:, 1]
        covariance = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
        precise, ways = np.linalg.eigh(np.linalg.inv(covariance) - np.eye(2) / spread**2)
        precise = np.clip(precise, 0, 6)
        curvature = np.einsum(
            "nij,nj,nkj->nik", ways, precise / (1 + spread**2 * precise), ways
        ) + 1e-4 * np.eye(2)
        slope = np.einsum("n,nia,ni->a", follows, terms, (mean - wanted) / spread**2)
        weighted = (terms * follows[:, None, None]).reshape(-1, 8)
        information = weighted.T @ (curvature @ terms).reshape(-1, 8) + prior
        change = np.linalg.solve(information, slope - prior @ theta)
        longest = np.abs(terms @ change).max()
        theta = theta + change * min(1.0, 2 * spread / (longest + 1e-9))
    near = _normal(places, squares, terms @ theta, level.spread)
    joint = chance * near
    likelihood, usual = joint.sum(axis=1), near.mean(axis=1) + 1e-12
    return Solution(
        theta=theta,
        covariance=np.linalg.inv(information + 1e-3 * np.eye(8)),
        follows=follows,
        gain=np.log(((1 - _STRAY) * likelihood + _STRAY * usual) / usual),
        mean=joint @ places / (likelihood[:, None] + 1e-12),
    )


def basis(x: Numbers, y: Numbers) -> Numbers:
    """Return `(N, 2, 8)`: the offset at each place by parameter, a homography to second order."""
    none, one = np.zeros_like(x), np.ones_like(x)
    across = [one, x, y, none, none, none, x * x, x * y]
    down = [none, none, none, one, x, y, x * y, y * y]
    return np.stack([np.stack(across, -1), np.stack(down, -1)], -2)


def normalised_cells(cells: Numbers, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """Return places in half widths from the middle."""
    height, width = shape
    half = width / 2
    return (cells[:, 0] - (width - 1) / 2) / half, (cells[:, 1] - (height - 1) / 2) / half


def _normal(offsets: Numbers, squares: Numbers, wanted: Numbers, spread: float) -> Numbers:
    """Return `(N, offsets)`: unnormalised normal densities around the wanted offsets."""
    distances = squares - 2 * wanted @ offsets.T + (wanted**2).sum(axis=1, keepdims=True)
    return np.asarray(np.exp(distances / (-2 * spread**2)))
