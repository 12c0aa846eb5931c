"""Schedules at steps whose values follow from the formulas, and against chained updates."""

import math

import pytest

from imfuse.errors import UsageError

pytest.importorskip("torch")

from imfuse.learn import schedules


def test_semantic_weight_grows_by_gamma_each_round():
    assert [schedules.semantic_weight(turn) for turn in range(4)] == [0, 1, 2, 3]
    assert schedules.semantic_weight(2, gamma=0.5) == 1


def test_geometric_begins_one_step_above_its_start():
    found = [schedules.geometric(epoch) for epoch in (0, 1, 9)]
    assert found == pytest.approx([1.3333e-3, 1e-3, 1.0011e-4], rel=1e-4)


def test_halving_equals_a_chain_of_updates():
    """As the published loops do it: halve after every 20th epoch, then lift to the floor."""
    rate = late = 1e-4
    for epoch in range(240):
        assert schedules.halving(epoch) == pytest.approx(rate)
        assert schedules.halving(epoch, since=40) == pytest.approx(late)
        if (epoch + 1) % 20 == 0:
            rate = max(rate / 2, 1e-6)
            if epoch >= 40:
                late = max(late / 2, 1e-6)
    assert schedules.halving(40) == pytest.approx(2.5e-5)
    assert schedules.halving(40, since=40) == pytest.approx(1e-4)
    assert rate == 1e-6


def test_polynomial_warms_up_by_a_constant_factor_and_ends_at_zero():
    found = {
        step: schedules.polynomial(step, steps=80_000, start=1e-2, warmup=1000)
        for step in (0, 500, 1000, 40_500, 80_000)
    }
    assert found[0] == pytest.approx(1e-5)
    assert found[500] == pytest.approx(math.sqrt(1e-5 * 1e-2))
    assert found[1000] == pytest.approx(1e-2)
    assert found[40_500] == pytest.approx(1e-2 * 0.5**0.9)
    assert found[80_000] == 0
    factors = [
        schedules.polynomial(step + 1, steps=5000, start=1e-3, warmup=1000)
        / schedules.polynomial(step, steps=5000, start=1e-3, warmup=1000)
        for step in (0, 400, 999)
    ]
    assert factors == pytest.approx([100 ** (1 / 1000)] * 3)


def test_polynomial_without_warm_up_is_the_printed_formula():
    found = schedules.polynomial(30_000, steps=80_000, start=1e-2)
    assert found == pytest.approx(1e-2 * (1 - 3 / 8) ** 0.9)
    assert schedules.polynomial(0, steps=10, start=0.3) == 0.3


def test_polynomial_from_below_ramps_up_to_the_falling_line():
    found = {
        step: schedules.polynomial_from_below(step, steps=160_000, start=6e-5)
        for step in (0, 750, 1500, 80_000, 160_000)
    }
    assert found[0] == pytest.approx(6e-11)
    assert found[750] == pytest.approx(6e-5 * (1 - 750 / 160_000) * 0.5000005)
    assert found[1500] == pytest.approx(6e-5 * (1 - 1500 / 160_000))
    assert found[80_000] == pytest.approx(3e-5)
    assert found[160_000] == 0


@pytest.mark.parametrize(
    ("real", "steps"),
    [
        (160_000, 1500),  # the whole schedule: the paper's warm-up
        (320_000, 1500),  # a longer one has no use for more
        (80_000, 750),
        (2900, 300),  # 27 would be its share: too few for Adam
        (600, 120),  # a fifth of a short stage
        (5, 1),
    ],
)
def test_a_warm_up_shrinks_to_some_hundred_real_steps_at_least(real, steps):
    pace = 160_000 / real
    found = schedules.kept_warmup(1500, planned=160_000, pace=pace)
    assert found / pace == pytest.approx(steps)
    assert schedules.kept_warmup(0, planned=160_000, pace=pace) == 0
    assert schedules.kept_warmup(100, planned=160_000, pace=pace) / pace <= 100


def test_cosine_falls_from_start_to_end():
    found = [schedules.cosine(s, steps=100, start=7e-3, end=7e-5) for s in (0, 25, 50, 100)]
    quarter = 7e-5 + (7e-3 - 7e-5) * (1 + math.sqrt(0.5)) / 2
    assert found == pytest.approx([7e-3, quarter, (7e-3 + 7e-5) / 2, 7e-5])
    assert schedules.cosine(10, steps=10, start=1.0) == 0


@pytest.mark.parametrize(("step", "warmup"), [(-1, 0), (11, 0), (5, 10)])
def test_steps_outside_are_refused(step, warmup):
    for schedule in (schedules.polynomial, schedules.polynomial_from_below):
        with pytest.raises(UsageError, match="warm-up"):
            schedule(step, steps=10, start=1.0, warmup=warmup)
    if not warmup:
        with pytest.raises(UsageError):
            schedules.cosine(step, steps=10, start=1.0)
