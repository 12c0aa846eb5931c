"""Open the source of samples that a user names, as with `--data`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from imfuse.data.clips import ClipPairs
from imfuse.data.folders import SPLIT_FOLDERS, find_pairs
from imfuse.data.lists import listed_names
from imfuse.data.pictures import PicturePairs
from imfuse.data.rendered import DEFAULT_SCENES, RenderedPairs, count_of
from imfuse.data.sources import Joined, Selection, Source
from imfuse.data.splitting import select_split
from imfuse.errors import PairMismatch, UsageError
from imfuse.io.naming import name_key

Spec = str | os.PathLike[str]
"""A folder, or `scenes`, or `scenes:N`."""


def open_source(
    spec: Spec | Sequence[Spec],
    *,
    split: str | None = None,
    layout: str | None = None,
    stride: int = 1,
    times: Mapping[str, int] | None = None,
) -> Source:
    """Open a dataset of pairs, to train on, to validate with, or to look at.

    Args:
        spec: A folder in any known layout (`imfuse data list`), `scenes:N` for N rendered pairs,
            or several of these.
        split: `train`, `val` or `test`; pairs of datasets without splits belong to both `train` and
            `test`. None: all pairs.
        layout: Name of the layout, if it can't be recognised from the folders.
        stride: Take every N-th frame of video.
        times: Repetitions of each dataset's samples in an epoch of training, by its name.

    Returns:
        The source: names, number of samples, and access to one sample at a time.

    Raises:
        DatasetNotFound: A folder is missing, or its layout is unknown.
        UsageError: No pairs are left, or an argument makes no sense.
        UnknownName: `times` names a dataset that is not among the data.

    Examples:
        >>> source = open_source("scenes:3", split="train")
        >>> len(source), source.names[0]
        (3, '1000000-street-day')
    """
    if split is not None and split not in SPLIT_FOLDERS:
        raise UsageError(f"split {split!r}", expected=f"one of {', '.join(SPLIT_FOLDERS)}")
    specs = [spec] if isinstance(spec, str | os.PathLike) else list(spec)
    sources = [_open(os.fspath(one), split, layout, stride, DEFAULT_SCENES) for one in specs]
    return sources[0] if len(sources) == 1 and not times else Joined(sources, times)


def open_for_comparing(
    spec: Spec,
    *,
    split: str | None = None,
    layout: str | None = None,
    names: Path | None = None,
    limit: int | None = None,
    scenes: int = 20,
) -> Source:
    """Open the pairs that methods are compared on.

    Args:
        spec: See `open_source`.
        split: `train`, `val`, `test`, or `all`. None: the test split if there is one and no names
            are given, else all pairs.
        layout: Name of the layout, if it can't be recognised from the folder.
        names: Text file with the names of the pairs to take, one per line.
        limit: Take only the first N pairs.
        scenes: Number of scenes for `scenes` without a number. They are those of the test split.

    Raises:
        ImfuseError: See `open_source`.
        PairMismatch: Names of the list have no pair.
        UsageError: No pairs are left.
    """
    if is_scenes(spec):
        source = _open(os.fspath(spec), "test", None, 1, scenes)
    elif split not in (None, "all"):
        source = open_source(spec, split=split, layout=layout)
    else:
        source = open_source(spec, layout=layout)
        if split is None and names is None and any(e.split == "test" for e in source.entries):
            source = select_split(source, "test")
    if names is not None:
        source = _only(source, names)
    kept = range(len(source))[:limit]
    if not kept:
        raise UsageError("no pairs", expected="at least one")
    return Selection(source, kept)


def is_scenes(spec: Spec) -> bool:
    """Return True if rendered scenes are meant, not a folder."""
    return os.fspath(spec).partition(":")[0] == "scenes"


def _only(source: Source, names: Path) -> Source:
    wanted = set(listed_names(names))
    known = {name: index for index, name in enumerate(source.names)}
    found = {name: name if name in known else name_key(Path(name)) for name in wanted}
    missing = sorted(name for name, stem in found.items() if stem not in known)
    if missing:
        raise PairMismatch(
            f"{len(missing)} names have no pair ({', '.join(missing[:3])})",
            file=names,
            expected="names of pairs, with or without the ending",
        )
    return Selection(source, sorted({known[stem] for stem in found.values()}))


def _open(spec: str, split: str | None, layout: str | None, stride: int, scenes: int) -> Source:
    if is_scenes(spec):
        source: Source = RenderedPairs(count_of(spec, scenes), split=split or "train")
    else:
        found = find_pairs(Path(spec), layout)
        if found.form.kind == "clips":
            source = ClipPairs(found, stride=stride)
        else:
            source = PicturePairs(found)
    if split is None:
        return source
    try:
        return select_split(source, split)
    except UsageError as error:
        if source.layout.test_only:
            remedy = f"{source.layout.name} is for testing only, as in the papers."
            raise UsageError(error.found, file=spec, remedy=remedy) from error
        raise UsageError(
            error.found, file=spec, expected=error.expected, remedy=error.remedy
        ) from error
