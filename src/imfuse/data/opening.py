"""From what a user writes behind `--data` to a source of samples."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from imfuse.data.clips import ClipPairs
from imfuse.data.folders import SPLIT_FOLDERS, find_pairs
from imfuse.data.pictures import PicturePairs
from imfuse.data.rendered import DEFAULT_SCENES, RenderedPairs
from imfuse.data.sources import Joined, Source, select_split
from imfuse.errors import UsageError

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
    """Open pairs to train on, to validate with, or to look at.

    Args:
        spec: A folder in any known layout (`imfuse data list`), `scenes:N` for N rendered pairs,
            or several of these.
        split: `train`, `val` or `test`; pairs of sets without splits belong to `train` and `test`.
            None: all pairs.
        layout: Name of the layout, where folders don't show it.
        stride: Take every so many frames of video.
        times: How often an epoch of training takes the samples of a set, by its name.

    Returns:
        The samples: names, length, and one at a time.

    Raises:
        DatasetNotFound: A folder is missing, or laid out in no way that we know.
        UsageError: Nothing is left, or an argument makes no sense.
        UnknownName: There is no such set in `times`.

    Example:
        >>> source = open_source("scenes:3", split="train")
        >>> len(source), source.names[0]
        (3, '1000000-street-day')
    """
    if split is not None and split not in SPLIT_FOLDERS:
        raise UsageError(f"split {split!r}", expected=f"one of {', '.join(SPLIT_FOLDERS)}")
    specs = [spec] if isinstance(spec, str | os.PathLike) else list(spec)
    sources = [_open(os.fspath(one), split, layout, stride) for one in specs]
    return sources[0] if len(sources) == 1 and not times else Joined(sources, times)


def _open(spec: str, split: str | None, layout: str | None, stride: int) -> Source:
    kind, _, count = spec.partition(":")
    if kind == "scenes":
        if count and not (count.isascii() and count.isdecimal() and len(count) < 10):
            raise UsageError(spec, expected="scenes, or scenes:N with N from 1")
        source: Source = RenderedPairs(int(count or DEFAULT_SCENES), split=split or "train")
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
