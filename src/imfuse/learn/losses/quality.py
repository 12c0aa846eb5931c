"""Differentiable VIF, Qabf and SCD: the metrics of `imfuse.metrics` as training objectives.

All are to be **maximised**: subtract them from a loss. Values equal those of the metrics at our
reference convention, averaged over the batch, with every channel as a picture of its own. Where a
metric is undefined (a constant source), these are 0 and have no gradient, since a black crop must
not stop a training run.
"""

import math
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from imfuse.errors import UsageError
from imfuse.learn.losses.batches import matched
from imfuse.learn.losses.filters import Border, smoothed
from imfuse.learn.losses.gradient import sobel
from imfuse.metrics.edges import ORIENTATION_2000, STRENGTH_2000
from imfuse.metrics.fidelity import LEAST_SIDE, NOISE, ROUNDING, SIGMA_PART, SIZES
from imfuse.metrics.planes import WHITE
from imfuse.metrics.similarity import CONSTANT
from imfuse.metrics.windows import gaussian_taps

Angles: TypeAlias = Literal["as printed", "of lines"]


def visual_information_fidelity(fused: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Return VIF in the pixel domain, summed over the sources; about 2 if all are equal.

    A nearly constant source makes it and its gradients large; clip gradients if crops may be nearly
    black.

    Args:
        fused: Fused pictures `(b, c, h, w)` in [0, 1], at least 41 pixels a side.
        ir: Infrared sources.
        vis: Visible sources.

    Raises:
        PairMismatch: The shapes differ.
        UsageError: The pictures are too small.

    References:
        `imfuse.metrics.fidelity.visual_information_fidelity`.
    """
    fused, ir, vis = _planes(fused, ir, vis)
    if min(fused.shape[2:]) < LEAST_SIDE:
        raise UsageError(
            f"pictures of {fused.shape[2]}x{fused.shape[3]} pixels",
            expected=f"at least {LEAST_SIDE}x{LEAST_SIDE} for VIF",
            remedy="Train on larger crops.",
        )
    sources = torch.cat([ir, vis])
    undefined = _constant(sources)
    kept, whole = sources.new_zeros(len(sources)), sources.new_zeros(len(sources))
    for scale, size in enumerate(SIZES):
        taps = gaussian_taps(size, SIGMA_PART * size)
        if scale:
            fused, sources = (smoothed(x, taps, "none")[..., ::2, ::2] for x in (fused, sources))
        shown, explained, rest = _variances(fused, sources, taps)
        kept = kept + torch.log1p(explained / (rest + NOISE)).sum((1, 2, 3))
        whole = whole + torch.log1p(shown / NOISE).sum((1, 2, 3))
    shares = kept / whole.masked_fill(undefined, 1)
    return 2 * shares.masked_fill(undefined, 0).mean()


def _variances(
    fused: Tensor, sources: Tensor, taps: tuple[float, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sources' variance, and the explained and residual variance of the fused pictures.

    With the covariance c, the explained part of f^2 is g^2 s^2 = c^2 / s^2.
    """
    # values near zero keep the squares precise in float32; the shift does not change variances
    fused, sources = (x - x.detach().mean((2, 3), keepdim=True) for x in (fused, sources))
    fused_mean, source_mean = (smoothed(x, taps, "none") for x in (fused, sources))
    received = (smoothed(fused * fused, taps, "none") - fused_mean * fused_mean).clamp(min=0)
    shown = (smoothed(sources * sources, taps, "none") - source_mean * source_mean).clamp(min=0)
    twice = (2, 1, 1, 1)  # the fused pictures, once per source
    both = smoothed(fused.repeat(twice) * sources, taps, "none")
    both = both - fused_mean.repeat(twice) * source_mean
    # the divisor is at least the variance that rounding alone may produce
    divisor = torch.maximum(shown, ROUNDING * source_mean * source_mean + ROUNDING)
    # a fused picture that contradicts its source keeps nothing
    received = received.repeat(twice)
    explained = torch.minimum(both.clamp(min=0).square() / divisor, received)
    return shown, explained, received - explained


def edge_transfer(
    fused: Tensor,
    ir: Tensor,
    vis: Tensor,
    *,
    border: Border = "zero",
    angles: Angles = "as printed",
) -> Tensor:
    """Return Qabf, the share of the sources' edges that the fused pictures keep, 0 to 0.975.

    Args:
        fused: Fused pictures `(b, c, h, w)` in [0, 1].
        ir: Infrared sources.
        vis: Visible sources.
        border: Border extension; with `zero` the frame counts as an edge, as in the metric.
        angles: As in the metric. `as printed` jumps where a gradient turns through the vertical;
            `of lines` does not, and is better for training.

    Raises:
        PairMismatch: The shapes differ.

    References:
        `imfuse.metrics.edges.edge_transfer`.
    """
    fused, ir, vis = _planes(fused, ir, vis)
    of_fused = _edges(fused, border)
    kept, total = fused.new_zeros(len(fused)), fused.new_zeros(len(fused))
    for source in (ir, vis):
        edges = _edges(source, border)
        ratio = _ratio(edges.strength, of_fused.strength)
        likeness = 1 - (edges.orientation - of_fused.orientation).abs() * (2 / math.pi)
        if angles == "of lines":
            likeness = likeness.abs()
        kept = kept + (_perceived(ratio, likeness) * edges.strength).sum((1, 2, 3))
        total = total + edges.strength.sum((1, 2, 3))
    undefined = (_constant(ir) & _constant(vis)) | (total == 0)
    return (kept / total.masked_fill(undefined, 1)).masked_fill(undefined, 0).mean()


class _Edges(NamedTuple):
    strength: Tensor
    orientation: Tensor


def _edges(batch: Tensor, border: Border) -> _Edges:
    x, y = sobel(batch, border)
    flat = (x == 0) & (y == 0)
    safe = torch.where(flat, 1, x)  # the square root and the angle have no gradient at 0
    strength = (safe * safe + y * y).sqrt().masked_fill(flat, 0)
    angle = torch.atan2(y, safe).masked_fill(flat, 0)
    with torch.no_grad():
        wanted = torch.where(x == 0, -math.pi / 2, torch.atan(y / safe.masked_fill(x == 0, 1)))
        turn = angle - wanted
    return _Edges(strength, angle - turn)


def _perceived(ratio: Tensor, likeness: Tensor) -> Tensor:
    g, a = STRENGTH_2000, ORIENTATION_2000
    strength = g.top * torch.sigmoid(g.slope * (ratio - g.centre))
    return strength * (a.top * torch.sigmoid(a.slope * (likeness - a.centre)))


def _ratio(one: Tensor, other: Tensor) -> Tensor:
    larger = torch.maximum(one, other)
    return torch.minimum(one, other) / torch.where(larger > 0, larger, 1)


def sum_of_correlations_of_differences(fused: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Return SCD, r(fused - vis, ir) + r(fused - ir, vis); -2 to 2.

    Args:
        fused: Fused pictures `(b, c, h, w)` in [0, 1].
        ir: Infrared sources.
        vis: Visible sources.

    Raises:
        PairMismatch: The shapes differ.

    References:
        `imfuse.metrics.similarity.sum_of_correlations_of_differences`.

    Departures: if the fused picture differs from a source only by a constant, that term is 0.
    """
    fused, ir, vis = _planes(fused, ir, vis)
    return (_correlation(fused - vis, ir) + _correlation(fused - ir, vis)).mean()


def _correlation(difference: Tensor, source: Tensor) -> Tensor:
    """Return Pearson's coefficient per picture."""
    x, y = difference.flatten(1), source.flatten(1)
    square = x.square().mean(1)
    x, y = (values - values.mean(1, keepdim=True) for values in (x, y))
    spread, source_spread = x.square().mean(1), y.square().mean(1)
    undefined = (spread <= CONSTANT * square) | _constant(source)
    below = (spread * source_spread).masked_fill(undefined, 1).sqrt()
    return ((x * y).mean(1) / below).masked_fill(undefined, 0)


def _planes(fused: Tensor, ir: Tensor, vis: Tensor) -> tuple[Tensor, ...]:
    """Return `(b c, 1, h, w)` on the metrics' scale of 0 to 255."""
    batches = matched(fused=fused, ir=ir, vis=vis)
    return tuple(WHITE * batch.reshape(-1, 1, *batch.shape[2:]) for batch in batches)


def _constant(batch: Tensor) -> Tensor:
    return batch.amax((1, 2, 3)) == batch.amin((1, 2, 3))
