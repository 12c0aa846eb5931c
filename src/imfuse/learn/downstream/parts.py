"""The pairs to train on and those to test on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from imfuse.data.opening import is_scenes, open_source
from imfuse.data.sources import Selection, Source
from imfuse.data.splitting import labelled_part, select_split
from imfuse.errors import UsageError
from imfuse.io.images import write_image
from imfuse.io.labels import write_labels
from imfuse.types import Picture, Pixels

_LARGEST = 1 << 24
"""Maximum bytes of a file of folds."""


@dataclass(frozen=True, eq=False)
class Part:
    """Labelled pairs.

    Attributes:
        name: Name of the fold or split.
        source: The pairs; all have labels.
    """

    name: str
    source: Source

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pairs, as files are named."""
        return tuple(name.rpartition("/")[2] for name in self.source.names)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the names, pictures and labels."""
        whole = hashlib.sha256()
        for index, name in enumerate(self.names):
            sample = self.source.load(index)
            for pixels in (sample.ir, sample.vis, sample.labels):
                values = np.ascontiguousarray(() if pixels is None else pixels)
                whole.update(f"{name} {values.dtype} {values.shape}".encode())
                whole.update(values.data)
        return whole.hexdigest()

    def write(self, cache: Path) -> Path:
        """Write the pairs into the cache, unless they are there, and return their folder.

        Raises:
            ImfuseError: A pair can't be read, or its files can't be written.
        """
        folder = cache / "pairs" / f"{safe(self.name)}-{self.sha256[:16]}"
        for kind in ("ir", "vis", "labels"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        for index, name in enumerate(self.names):
            labels = folder / "labels" / f"{name}.png"
            if labels.exists():
                continue  # it is written last
            sample = self.source.load(index)
            for kind, pixels in (("ir", sample.ir), ("vis", sample.vis)):
                write_image(folder / kind / f"{name}{_suffix(pixels)}", Picture(pixels=pixels))
            if sample.labels is not None:
                write_labels(labels, sample.labels)
        return folder


@dataclass(frozen=True, eq=False)
class Direction:
    """One part to train on, and one to test on."""

    train: Part
    test: Part


def open_directions(
    data: str, folds: Path | None, layout: str | None = None
) -> tuple[list[Direction], list[str]]:
    """Return what to train on and what to test on, and what a reader should know of it.

    Args:
        data: Folder of a dataset, or `scenes:N`.
        folds: JSON file that divides its labelled pairs into two folds, each of which tests what
            the other trained; None: the dataset's `train` and `test` splits.
        layout: Name of the layout, if it can't be recognised from the folder.

    Raises:
        UsageError: The dataset has no such splits, or none with labels; or the folds are wrong.
        ImfuseError: The dataset can't be opened.
    """
    if folds is None:
        train, test = (_of_split(data, split, layout) for split in ("train", "test"))
        return [Direction(_checked(train), _checked(test))], []
    source = open_source(data, layout=layout)
    first, second = (
        _checked(_of_fold(source, name, names, folds)) for name, names in _read(folds).items()
    )
    return [Direction(first, second), Direction(second, first)], _about_tested(
        [first, second], folds
    )


def _of_split(data: str, split: str, layout: str | None) -> Part:
    source = open_source(data, split=split if is_scenes(data) else None, layout=layout)
    splits = {entry.split for entry in source.entries}
    remedy = "Divide the pairs into two folds with --folds FILE.json (folds=)."
    if splits == {""}:
        raise UsageError(
            "pairs without splits", file=data, expected="train and test", remedy=remedy
        )
    if split not in splits:
        only = ", ".join(sorted(splits - {""}))
        if split == "train":
            remedy = f"Test pairs are trained on only where a file says so. {remedy}"
        raise UsageError(
            f"only pairs of the {only} split", file=data, expected="train and test", remedy=remedy
        )
    found = labelled_part(select_split(source, split))
    if not len(found):
        raise UsageError(f"no pair of the {split} split has labels", file=data, remedy=remedy)
    return Part(split, found)


def _of_fold(source: Source, name: str, names: Sequence[str], file: Path) -> Part:
    known = {entry.name: index for index, entry in enumerate(source.entries)}
    missing = [one for one in names if one not in known]
    if missing:
        raise UsageError(
            f"{len(missing)} names of fold {name} have no pair, such as {missing[0]}",
            file=file,
            expected="names of pairs of the dataset",
        )
    bare = [one for one in names if not source.entries[known[one]].labelled]
    if bare:
        raise UsageError(
            f"{len(bare)} pairs of fold {name} have no labels, such as {bare[0]}",
            file=file,
            expected="labelled pairs",
        )
    return Part(name, Selection(source, [known[one] for one in names]))


def _checked(part: Part) -> Part:
    """Refuse pairs that would have the same file."""
    if len(set(part.names)) < len(part.names):
        raise UsageError(f"pairs of the same name in {part.name}", expected="different names")
    return part


def _about_tested(parts: Sequence[Part], folds: Path) -> list[str]:
    if not any(entry.split == "test" for part in parts for entry in part.source.entries):
        return []
    return [
        f"{folds.name} divides pairs of the test split, and each fold is trained on to label the "
        "other: these values can't be compared with those of a training on the train split"
    ]


def _read(path: Path) -> Mapping[str, list[str]]:
    """Return the names of each of two folds."""
    try:
        text = path.read_bytes()[: _LARGEST + 1]
        content = json.loads(text) if len(text) <= _LARGEST else None
    except OSError as error:
        raise UsageError(f"it can't be read ({error.strerror})", file=path) from error
    except (ValueError, RecursionError):
        content = None
    expected = '{"a": [names of pairs], "b": [names of pairs]}'
    if (
        not isinstance(content, dict)
        or len(content) != 2
        or not all(map(_listed, content.values()))
    ):
        raise UsageError("not two folds", file=path, expected=expected)
    first, second = content.values()
    both = sorted(set(first) & set(second))
    if both:
        raise UsageError(
            f"{len(both)} pairs are in both folds, such as {both[0]}", file=path, expected=expected
        )
    return content


def _listed(names: object) -> bool:
    """Return True for a list of names without repetitions."""
    if not isinstance(names, list) or not names:
        return False
    return all(isinstance(one, str) for one in names) and len(set(names)) == len(names)


def _suffix(pixels: Pixels) -> str:
    return ".tif" if pixels.dtype.kind == "f" else ".png"


def safe(label: str) -> str:
    """Return a label as a part of a file's name."""
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in label)[:60]
