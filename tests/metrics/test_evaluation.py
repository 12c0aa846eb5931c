"""Means, spreads and intervals against NumPy, by hand, and against the theory of large numbers."""

import hashlib
import json

import numpy as np
import pytest

from imfuse.metrics.evaluation import Evaluation, Undefined


def evaluation(**values):
    count = len(next(iter(values.values())))
    return Evaluation(
        label="m",
        protocol="reference",
        channel="y",
        names=tuple(f"{i:05d}" for i in range(count)),
        columns={symbol: np.asarray(column, np.float64) for symbol, column in values.items()},
    )


def test_mean_and_population_std_over_the_defined_pairs():
    found = evaluation(EN=[1, 2, 6], VIF=[0.5, np.nan, 1.5])
    assert found["EN"] == 3
    assert found.std("EN") == pytest.approx(np.sqrt((4 + 1 + 9) / 3))
    assert found["VIF"] == 1
    assert found.std("VIF") == 0.5
    assert found.defined("VIF") == 2
    assert dict(found) == {"EN": 3, "VIF": 1}
    assert len(found) == 2


def test_nothing_defined_is_nan_in_python_and_null_in_json():
    found = evaluation(VIF=[np.nan, np.nan], EN=[1, 2])
    assert np.isnan(found["VIF"])
    assert np.isnan(found.std("VIF"))
    text = json.dumps(found.as_dict(), allow_nan=False)
    whole = json.loads(text)
    assert whole["mean"] == {"VIF": None, "EN": 1.5}
    assert whole["interval"]["VIF"] == [None, None]
    assert whole["rows"][1] == {"name": "00001", "VIF": None, "EN": 2}
    assert whole["defined"] == {"VIF": 0, "EN": 2}


def test_the_hash_is_of_the_sorted_names():
    expected = hashlib.sha256(b"a\nb").hexdigest()
    for names in (("a", "b"), ("b", "a")):
        found = Evaluation(
            label="", protocol="", channel="", names=names, columns={"EN": np.zeros(2)}
        )
        assert found.pairs_sha256 == expected


def test_interval_is_that_of_the_normal_theory(rng):
    """For many pairs the bootstrap of a mean tends to mean +- 1.96 std / sqrt(n)."""
    values = rng.normal(5, 2, 4000)
    low, high = evaluation(EN=values).interval("EN")
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        low, high = evaluation(EN=rng.normal(0, 1, 40)).interval("EN")
        covered += low <= 0 <= high
    assert 87 <= covered <= 100


def test_interval_leaves_undefined_pairs_out(rng):
    values = rng.normal(5, 2, 300)
    with_holes = values.copy()
    with_holes[::3] = np.nan
    low, high = evaluation(EN=with_holes).interval("EN")
    known = with_holes[np.isfinite(with_holes)]
    half = 1.96 * known.std() / np.sqrt(known.size)
    assert (low + high) / 2 == pytest.approx(known.mean(), abs=0.3 * half)
    assert (high - low) / 2 == pytest.approx(half, rel=0.2)


def test_interval_is_the_same_again_and_nan_for_one_pair():
    values = np.arange(30.0)
    assert evaluation(EN=values).interval("EN") == evaluation(SD=values, EN=values).interval("EN")
    assert np.isnan(evaluation(EN=[3.0]).interval("EN")).all()
    assert np.isnan(evaluation(EN=[3.0, np.nan]).interval("EN")).all()


def test_remarks_say_what_the_means_leave_out():
    found = Evaluation(
        label="m",
        protocol="reference",
        channel="y",
        names=("a", "b"),
        columns={"CC": np.array([np.nan, 1])},
        undefined=(Undefined(name="a", metric="CC", reason="a source is constant"),),
        failed=(("c", "it is damaged"),),
        notes=("infrared: 16 bits",),
    )
    assert found.remarks() == [
        "CC is undefined for 1 of 2 pictures (a): a source is constant",
        "c was not scored: it is damaged",
        "infrared: 16 bits",
    ]
