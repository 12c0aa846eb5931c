import pytest

from imfuse.errors import UsageError
from imfuse.learn.recipes.stage import Planned
from imfuse.learn.training.budget import parse_budget, scaled

PLAN = [Planned("a", 100), Planned("b", 300)]


@pytest.mark.parametrize(
    ("text", "steps", "seconds"),
    [("5000it", 5000, None), ("30m", None, 1800), ("2h", None, 7200), ("0.5d", None, 43200)],
)
def test_budgets_are_read(text, steps, seconds):
    budget = parse_budget(text)
    assert (budget.steps, budget.seconds, budget.text) == (steps, seconds, text)


@pytest.mark.parametrize("text", ["", "30", "0m", "1.5it", "-2h", "2 weeks", "h", "1e3it"])
def test_others_are_refused_with_an_example(text):
    with pytest.raises(UsageError, match=r"e\.g\. 30m, 2h or 5000it"):
        parse_budget(text)


def test_steps_are_shared_as_in_the_plan():
    budget = parse_budget("40it")
    assert scaled(PLAN, budget.scale(PLAN, [])) == (10, 30)


def test_time_counts_what_a_step_of_each_stage_takes():
    # 100 steps of 3 s and 300 of 1 s take 600 s; 60 s are a tenth.
    assert parse_budget("1m").scale(PLAN, [3.0, 1.0]) == pytest.approx(0.1)


def test_schedules_may_be_stretched():
    assert scaled(PLAN, parse_budget("800it").scale(PLAN, [])) == (200, 600)


def test_every_stage_keeps_a_step_and_the_sum_is_kept():
    plan = [Planned(str(i), 10) for i in range(7)]
    assert sum(scaled(plan, 24 / 70)) == 24
    assert scaled(plan, 1e-6) == (1,) * 7
