"""Ranks by hand, the paired test against all sign flips, Kendall's tau against a double loop."""

from itertools import product

import numpy as np
import pytest

from imfuse.metrics.evaluation import Evaluation
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.ranking import _holm, compare, kendall_tau, rank

INFOS = {
    "EN": MetricInfo(symbol="EN", title="", better="higher", reference=""),
    "MSE": MetricInfo(symbol="MSE", title="", better="lower", reference=""),
    "VIF": MetricInfo(symbol="VIF", title="", better="higher", reference=""),
}


def evaluation(label, **values):
    count = len(next(iter(values.values())))
    return Evaluation(
        label=label,
        protocol="reference",
        channel="y",
        names=tuple(map(str, range(count))),
        columns={symbol: np.asarray(column, np.float64) for symbol, column in values.items()},
    )


def test_mean_ranks_by_hand():
    """EN: a 1, b 2, c 3; MSE (lower is better): a 2.5, b 1, c 2.5."""
    found = rank(
        [
            evaluation("a", EN=[3, 3], MSE=[5, 5]),
            evaluation("b", EN=[2, 2], MSE=[1, 1]),
            evaluation("c", EN=[1, 1], MSE=[5, 5]),
        ],
        INFOS,
    )
    assert found.mean_rank == {"a": 1.75, "b": 1.5, "c": 2.75}
    assert found.labels == ("b", "a", "c")
    assert found.first == {"a": 0, "b": 1, "c": 0}
    assert found.kept == {"a": 1, "b": 1, "c": 1}


def test_stability_is_a_coin_toss_between_two_alike(rng):
    noise = rng.normal(0, 1, 400)
    noise -= noise.mean() - 1e-6  # b leads by a hair, which half of the resamples turn round
    base = rng.normal(0, 1, 400)
    found = rank([evaluation("a", EN=base), evaluation("b", EN=base + noise)], INFOS)
    assert found.labels == ("b", "a")
    assert found.first["b"] == pytest.approx(0.5, abs=0.05)
    assert found.first["a"] + found.first["b"] == 1


def test_undefined_pairs_count_for_nobody():
    found = rank(
        [
            evaluation("a", EN=[1, 1, 1], VIF=[np.nan, 2, 2]),
            evaluation("b", EN=[1, 1, 1], VIF=[90, 1, 1]),
        ],
        INFOS,
    )
    assert found.labels == ("a", "b")
    assert found.mean_rank == {"a": 1.25, "b": 1.75}


def test_kendall_tau():
    assert kendall_tau("abcd", "abcd") == 1
    assert kendall_tau("abcd", "dcba") == -1
    assert kendall_tau("abcd", "bacd") == pytest.approx(4 / 6)  # 5 pairs agree, 1 does not
    assert kendall_tau("a", "a") == 1


def exact_p(difference):
    """Share of all sign patterns whose sum is as far from 0 as the observed one."""
    observed = abs(sum(difference))
    patterns = list(product((-1, 1), repeat=len(difference)))
    hits = sum(
        abs(sum(s * d for s, d in zip(signs, difference, strict=True))) >= observed - 1e-9
        for signs in patterns
    )
    return hits / len(patterns)


@pytest.mark.parametrize("shift", [0, 0.3, 0.8, 3])
def test_p_value_is_that_of_all_sign_flips(rng, shift):
    difference = rng.normal(shift, 1, 11)
    found = compare(evaluation("a", EN=difference), evaluation("b", EN=np.zeros(11)), INFOS)[0]
    exact = exact_p(difference)
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact / 10_000) + 2e-4)
    assert found.difference == pytest.approx(difference.mean())


def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(5)
    p = [
        compare(evaluation("a", EN=rng.normal(0, 1, 30)), evaluation("b", EN=np.zeros(30)), INFOS)[
            0
        ].p_value
        for _ in range(80)
    ]
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.2)
    assert np.mean(np.array(p) < 0.05) < 0.15


def test_better_and_wins_follow_the_direction():
    a = evaluation("a", EN=[2, 2, 0], MSE=[2, 2, 0])
    b = evaluation("b", EN=[1, 1, 1], MSE=[1, 1, 0])
    entropy, error = compare(a, b, INFOS)
    assert (entropy.better, entropy.wins) == ("a", pytest.approx(2 / 3))
    assert (error.better, error.wins) == ("b", pytest.approx(2.5 / 3))


def test_holm_by_hand():
    """0.01 <= 0.05/4; 0.0166 <= 0.05/3 = 0.01667; 0.04 > 0.05/2, so it and the rest fail."""
    assert _holm([0.04, 0.01, 0.9, 0.0166]) == [False, True, False, True]
    assert _holm([0.03, 0.03]) == [False, False]
    assert _holm([]) == []


def test_many_pairs_fit_in_memory():
    values = np.linspace(0, 1, 10_000)
    found = compare(evaluation("a", EN=values), evaluation("b", EN=values[::-1]), INFOS)[0]
    assert found.p_value > 0.9
