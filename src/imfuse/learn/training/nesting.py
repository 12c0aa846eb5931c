"""Bound on how deeply values in the files of a run may nest.

Python overflows its stack where it shows, copies or compares values that nest deeply.
"""

from collections.abc import Iterator

_DEEPEST = 32
"""Containers in one another; those that a training writes are up to eight."""


def check_nesting(value: object) -> None:
    """Refuse a value that nests deeper than any that a training writes.

    Raises:
        ValueError: It nests too deep, or holds itself.
    """
    level = [value]
    for _ in range(_DEEPEST):
        # Each container once, since few may hold one another many times.
        inner = {id(one): one for outer in level for one in _contents(outer)}
        level = list(inner.values())
        if not level:
            return
    raise ValueError(f"nests deeper than {_DEEPEST} levels")


def _contents(value: object) -> Iterator[object]:
    """Yield the containers in a container."""
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    if isinstance(inner, list | tuple | set | frozenset):
        yield from (one for one in inner if isinstance(one, dict | list | tuple | set | frozenset))
