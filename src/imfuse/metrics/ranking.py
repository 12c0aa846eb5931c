"""Ranking of methods, and tests of whether the pairs suffice to tell them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.evaluation import Evaluation
from imfuse.metrics.metric import MetricInfo

_RESAMPLES = 2000
_FLIPS = 10_000
_SEED = 20260102

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Methods in order of their mean rank over the metrics.

    Attributes:
        labels: Methods, best first.
        mean_rank: Mean rank of each method; 1 means best in every metric.
        first: For each method, the share of bootstrap resamples of the pairs in which it comes
            first.
        kept: For each method, the share of resamples in which it keeps its place.
    """

    labels: tuple[str, ...]
    mean_rank: Mapping[str, float]
    first: Mapping[str, float]
    kept: Mapping[str, float]


def rank(evaluations: Sequence[Evaluation], infos: Mapping[str, MetricInfo]) -> Ranking:
    """Rank methods by their mean rank over the metrics; ties share a rank.

    If a metric is undefined for any method on some pair, only the pairs on which all methods have a
    value count for it.

    Args:
        evaluations: One per method, over the same pairs by the same protocol.
        infos: Descriptions by symbol, for the direction of each metric.
    """
    symbols = [s for s in evaluations[0] if all(s in e for e in evaluations)]
    sign = np.array([1.0 if infos[s].better == "lower" else -1.0 for s in symbols])
    # By method, pair and metric; with signs such that smaller is better everywhere.
    table = (
        np.stack([np.stack([e.columns[s] for s in symbols], axis=1) for e in evaluations]) * sign
    )
    known = np.isfinite(table).all(axis=0)
    table = np.where(known, table, 0.0)
    count = table.shape[1]
    order, mean_rank = _order(table, known, np.ones(count))
    labels = [evaluation.label for evaluation in evaluations]
    first, kept = np.zeros(len(labels)), np.zeros(len(labels))
    rng = np.random.default_rng(_SEED)
    for _ in range(_RESAMPLES):
        weight = np.bincount(rng.integers(count, size=count), minlength=count).astype(float)
        resampled, _ = _order(table, known, weight)
        first[resampled[0]] += 1
        kept[order] += resampled == order
    return Ranking(
        labels=tuple(labels[index] for index in order),
        mean_rank=dict(zip(labels, map(float, mean_rank), strict=True)),
        first=dict(zip(labels, map(float, first / _RESAMPLES), strict=True)),
        kept=dict(zip(labels, map(float, kept / _RESAMPLES), strict=True)),
    )


def _order(
    table: Matrix, known: NDArray[np.bool_], weight: Matrix
) -> tuple[NDArray[np.intp], Matrix]:
    """Return the methods' order, best first, and their mean ranks."""
    weights = weight @ known
    defined = weights > 0
    means = np.einsum("p,mpk->mk", weight, table)[:, defined] / weights[defined]
    better = (means[:, None, :] > means[None, :, :]).sum(axis=1)
    equal = (means[:, None, :] == means[None, :, :]).sum(axis=1)
    mean_rank = (better + (equal + 1) / 2).mean(axis=1)
    return np.argsort(mean_rank, kind="stable"), mean_rank


def kendall_tau(first: Sequence[str], second: Sequence[str]) -> float:
    """Return Kendall's tau of two orders of the same labels: 1 the same, -1 reversed.

    It is the share of label pairs in the same order, minus the share in the opposite order.
    """
    places = [{label: place for place, label in enumerate(order)} for order in (first, second)]
    signs = [
        np.sign(places[0][a] - places[0][b]) * np.sign(places[1][a] - places[1][b])
        for a, b in combinations(first, 2)
    ]
    return float(np.mean(signs)) if signs else 1.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Result of a paired test of two methods in one metric.

    Attributes:
        symbol: The metric.
        difference: Mean of first minus second over the pairs where both are defined.
        p_value: Probability of a mean difference at least this large if the methods did not differ.
        significant: True if it stays below 0.05 after Holm's correction for the other metrics.
        better: Label of the better method, by the metric's direction.
        wins: Share of pairs on which that method is better; ties count half.
    """

    symbol: str
    difference: float
    p_value: float
    significant: bool
    better: str
    wins: float


def compare(
    first: Evaluation, second: Evaluation, infos: Mapping[str, MetricInfo]
) -> list[Comparison]:
    """Compare two methods on the same pairs by a paired sign-flip test of each metric.

    Under the null hypothesis the sign of each pair's difference is a coin toss; the p-value is the
    share of 10,000 random sign patterns (and the observed one) with a mean at least as far from 0.

    References:
        R. A. Fisher, "The Design of Experiments", 1935; S. Holm, "A simple sequentially rejective
        multiple test procedure", Scandinavian Journal of Statistics 6(2), 1979.
    """
    tested = []
    for symbol in first:
        difference = first.columns[symbol] - second.columns[symbol]
        difference = difference[np.isfinite(difference)]
        if difference.size:
            tested.append((symbol, difference, _sign_flip(difference)))
    significant = _holm([p for _, _, p in tested])
    found = []
    for (symbol, difference, p), sure in zip(tested, significant, strict=True):
        upward = infos[symbol].better == "higher"
        first_wins = bool((difference.mean() > 0) == upward)
        wins = np.mean(difference > 0) + np.mean(difference == 0) / 2
        found.append(
            Comparison(
                symbol=symbol,
                difference=float(difference.mean()),
                p_value=p,
                significant=sure,
                better=first.label if first_wins else second.label,
                wins=float(wins if first_wins == upward else 1 - wins),
            )
        )
    return found


def _sign_flip(difference: Matrix) -> float:
    rng = np.random.default_rng(_SEED)
    observed = abs(difference.sum())
    room = 1e-12 * np.abs(difference).sum()  # sums in a different order differ by rounding
    at_least = 1  # the observed signs are one of the possible patterns
    for _ in range(0, _FLIPS, 500):  # in chunks: 10,000 pairs at once would take 800 MB
        signs = rng.integers(0, 2, size=(500, difference.size), dtype=np.int8) * 2.0 - 1.0
        at_least += int((np.abs(signs @ difference) >= observed - room).sum())
    return at_least / (_FLIPS + 1)


def _holm(p_values: Sequence[float], level: float = 0.05) -> list[bool]:
    significant = [False] * len(p_values)
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] > level / (len(p_values) - place):
            break
        significant[index] = True
    return significant
