"""Budgets of time or steps; the paper's schedule is scaled to fit them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imfuse.errors import UsageError
from imfuse.learn.recipes.stage import Planned

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Budget:
    """A number of steps, or of seconds; exactly one of them.

    Attributes:
        text: The budget as the user wrote it.
        steps: Steps of all stages together.
        seconds: Time of all stages together.
    """

    text: str
    steps: int | None = None
    seconds: float | None = None

    def scale(self, plan: Sequence[Planned], seconds_a_step: Sequence[float]) -> float:
        """Return the factor by which all stages are shortened or stretched.

        Args:
            plan: The stages of the paper's schedule.
            seconds_a_step: Measured seconds per step, for each stage; only used for budgets of
                time.
        """
        if self.steps is not None:
            return self.steps / sum(stage.steps for stage in plan)
        times = (stage.steps * pace for stage, pace in zip(plan, seconds_a_step, strict=True))
        return (self.seconds or 0.0) / sum(times)


def parse_budget(text: str) -> Budget:
    """Read a budget such as `30m`, `2h`, `90s` or `5000it`.

    Raises:
        UsageError: The text is not a budget.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(it|[smhd])", text.strip().lower())
    amount = float(found[1]) if found else 0.0
    whole = found is not None and (found[2] != "it" or amount == int(amount))
    if found is None or amount <= 0 or not whole:
        raise UsageError(f"{text!r} is not a budget", expected="e.g. 30m, 2h or 5000it")
    if found[2] == "it":
        return Budget(text, steps=int(amount))
    return Budget(text, seconds=amount * _SECONDS[found[2]])


def scaled(plan: Sequence[Planned], factor: float) -> tuple[int, ...]:
    """Return the steps of every stage after scaling, at least one each.

    Rounding keeps the total as close to the scaled total as the minimum of one step each allows.
    """
    done, wanted, steps = 0, 0.0, []
    for stage in plan:
        wanted += stage.steps * factor
        steps.append(max(1, round(wanted) - done))
        done += steps[-1]
    return tuple(steps)
