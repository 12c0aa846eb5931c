"""Random choices that stay the same when other parts of a world change."""

from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
    """Draw one of several options."""
    return options[int(rng.integers(len(options)))]


def streams(seed: int, *names: str) -> list[np.random.Generator]:
    """Return independent generators, so that a change in one part of a world affects no other."""
    return [np.random.default_rng([seed, *name.encode()]) for name in names]
