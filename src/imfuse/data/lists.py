"""Text files that list pairs: a dataset's splits, and the lists that come with imfuse."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from imfuse.data.layouts import Form, Layout
from imfuse.errors import DatasetNotFound
from imfuse.io.naming import name_key

MIRRORED = "_flip"
"""Suffix of the names of mirrored copies in MFNet's own lists."""


def splits_by_lists(root: Path, layout: Layout, form: Form, names: list[str]) -> dict[str, str]:
    """Return splits from the dataset's own lists, or else from our list of test pairs."""
    lists = {split: root / name for split, name in form.lists.items() if (root / name).is_file()}
    if lists:
        return {name: split for split, path in lists.items() for name in _stems(path)}
    if layout.test_names:
        tested = set(known_names(layout.test_names))
        return {name: "test" if name in tested else "train" for name in names}
    return {}


def listed_only(root: Path, form: Form, names: set[str]) -> list[tuple[Path, str]]:
    """Return names in the lists that have no pair, without mirrored copies."""
    paths = [root / name for name in form.lists.values() if (root / name).is_file()]
    return [
        (path, f"it lists {name}, but there is no such pair")
        for path in paths
        for name in _stems(path)
        if name.removesuffix(MIRRORED) not in names
    ]


def _stems(path: Path) -> list[str]:
    return [name_key(Path(line)) for line in listed_names(path)]


def listed_names(path: Path) -> list[str]:
    """Return the non-empty lines of a text file, stripped.

    Raises:
        DatasetNotFound: The file can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        found = f"can't read the list ({error})"
        raise DatasetNotFound(found, file=path, expected="one name per line") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


@cache
def known_names(name: str) -> tuple[str, ...]:
    """Return the lines of one of the lists of names that come with imfuse."""
    text = files("imfuse.data").joinpath("names", name).read_text(encoding="utf-8")
    return tuple(text.split())
