"""No output is an input, by whatever links the two names lead to one file."""

from collections.abc import Iterable
from pathlib import Path

from imfuse.errors import OutputError


def identities(paths: Iterable[Path]) -> frozenset[tuple[int, int]]:
    """Return device and inode of each file that exists: they are one for all links to a file."""
    found = set()
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):  # it is missing, or its name can't be one
            continue
        found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def refuse_source(out: Path, sources: frozenset[tuple[int, int]]) -> None:
    """Refuse to write over a source, by whatever links the two names lead to one file.

    Raises:
        OutputError: The output is a source.
    """
    if identities((out,)) & sources:
        raise OutputError(
            "the output is one of the inputs",
            file=out,
            expected="a file of its own",
            remedy="Give another name with -o. A link may lead from one to the other.",
        )


def files_of(inputs: Iterable[Path]) -> Iterable[Path]:
    """Yield the inputs themselves, and all files below those that are folders."""
    for one in inputs:
        yield one
        if one.is_dir():
            yield from one.rglob("*")
