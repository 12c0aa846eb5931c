"""Ensure that no output is an input, even if links lead from one name to the other."""

from collections.abc import Iterable
from pathlib import Path

from imfuse.errors import OutputError


def identities(paths: Iterable[Path]) -> frozenset[tuple[int, int]]:
    """Return device and inode of each existing file, which are the same for all links to it."""
    found = set()
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):  # it is missing, or its name is invalid
            continue
        found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def refuse_source(out: Path, sources: frozenset[tuple[int, int]]) -> None:
    """Refuse to overwrite a source, even if links lead from one name to the other.

    Raises:
        OutputError: The output is a source.
    """
    if identities((out,)) & sources:
        raise OutputError(
            "the output is one of the inputs",
            file=out,
            expected="another file",
            remedy="Give the output another name. A link may lead from one to the other.",
        )


def files_of(inputs: Iterable[Path]) -> Iterable[Path]:
    """Yield the inputs, and all files below inputs that are folders."""
    for one in inputs:
        yield one
        if one.is_dir():
            yield from one.rglob("*")
