"""Folders of pictures to folders of labels, and how good labels are."""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imfuse.errors import BadValues, ImfuseError, OutputError, PairMismatch
from imfuse.infrared import check_scale
from imfuse.io.images import read_image
from imfuse.io.labels import read_labels, write_labels
from imfuse.io.naming import compile_pattern, find_hint, key_of, name_key
from imfuse.io.naming import remedy as naming_remedy
from imfuse.io.outputs import identities, refuse_source
from imfuse.io.pairs import list_images, match_folders
from imfuse.jobs import run_jobs
from imfuse.metrics.segmentation import (
    IGNORE,
    SegmentationScores,
    confusion_matrix,
    segmentation_scores,
)
from imfuse.ops.color import luma
from imfuse.types import SCALES, Float, Picture

REST = "*"
"""Stands in a map of classes for all that are not named; unknown pixels stay unknown."""


class Labeller(Protocol):
    """A segmenter, which finds the class of each pixel."""

    def label(self, picture: Float) -> NDArray[np.uint8]:
        """Return `(H, W)` classes of `(H, W, 3)` or `(H, W)` values in [0, 1].

        A segmenter of pairs gets `(H, W, 4)`, infrared last.
        """


@dataclass(frozen=True)
class Labelled:
    """Result for one picture: written labels, or the error that prevented them."""

    picture: Path
    out: Path
    counts: Mapping[int, int]
    """Pixels of each class that occurs."""
    error: ImfuseError | None = None


def label_folder(
    segmenter: Labeller,
    pictures: Path,
    out: Path,
    classes: Mapping[int | str, int] | None = None,
    *,
    infrared: Path | None = None,
    pair_regex: str | None = None,
) -> Generator[Labelled, None, None]:
    """Label every picture of a folder, as PNG of the same name; go on where one can't be.

    Args:
        segmenter: What finds classes.
        pictures: Folder of pictures; for a segmenter of pairs, of the visible ones.
        out: Folder for the labels; made if missing. Files of the same names are replaced.
        classes: What to write for a class; `REST` for all that are not named. Default: the classes
            as they are.
        infrared: Folder of infrared pictures, for a segmenter of pairs.
        pair_regex: Regular expression for what must agree in the names of a pair; see
            `imfuse.io.pairs.match_folders`. None: all but the ending.

    Raises:
        UnreadableImage: A folder is missing or holds no picture.
        UsageError: `pair_regex` is not a regular expression.
        PairMismatch: No names match.
        OutputError: The output folder is a folder of pictures, or can't be made.
    """
    folders = [pictures] if infrared is None else [pictures, infrared]
    inputs = [file for folder in folders for file in list_images(folder)]
    files, partners = _files(pictures, infrared, pair_regex)
    if out.exists() and any(out.samefile(folder) for folder in folders):
        raise OutputError(
            "the output folder is the input folder",
            file=out,
            expected="a folder of its own",
            remedy="Labels would replace pictures. Give another folder with -o (out=).",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"can't make the output folder ({error.strerror})"
        raise OutputError(found, file=out, remedy="Give another folder with -o (out=).") from error
    seen: set[str] = set()
    sources = identities(inputs)

    def label(file: Path) -> dict[int, int]:
        if file.stem in seen:
            found = "several pictures of this name, but for the ending"
            raise PairMismatch(found, file=file, remedy="Take all but one out.")
        target = out / f"{file.stem}.png"
        refuse_source(target, sources)
        shown = as_values(read_image(file))
        if infrared is not None:
            shown = _with_infrared(shown, file, partners.get(file))
        labels = _renamed(segmenter.label(shown), classes or {})
        write_labels(target, labels)
        seen.add(file.stem)
        numbers, counts = np.unique(labels, return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    # One at a time: networks use all cores, and of two pictures of one name the first counts.
    for outcome in run_jobs(files, (label,), ordered=True):
        target = out / f"{outcome.item.stem}.png"
        yield Labelled(outcome.item, target, outcome.value or {}, outcome.error)


def _files(
    pictures: Path, infrared: Path | None, pair_regex: str | None
) -> tuple[list[Path], dict[Path, Path]]:
    """Return the pictures to label, and the infrared partners of those that have one."""
    if infrared is None:
        return list_images(pictures), {}
    matching = match_folders(infrared, pictures, pair_regex)
    partners = {pair.vis: pair.ir for pair in matching.pairs}
    if pictures.samefile(infrared):
        return list(partners), partners
    return list_images(pictures), partners


def _with_infrared(visible: Float, file: Path, partner: Path | None) -> Float:
    """Return `(H, W, 4)`: a visible picture as RGB, then its infrared partner.

    Raises:
        PairMismatch: There is no partner, or it has another size.
    """
    if partner is None:
        raise PairMismatch(
            "no infrared picture of this name",
            file=file,
            remedy="Find more of the names with --pair-regex (pair_regex=), or take it out.",
        )
    thermal = as_values(read_image(partner))
    if thermal.shape[:2] != visible.shape[:2]:
        height, width = thermal.shape[:2]
        raise PairMismatch(
            f"the infrared picture is {width}x{height}",
            file=file,
            expected=f"{visible.shape[1]}x{visible.shape[0]} (width x height), pixel on pixel",
            remedy="Register and resize the pictures first.",
        )
    rgb = np.repeat(visible[..., None], 3, axis=2) if visible.ndim == 2 else visible
    return np.dstack([rgb, thermal if thermal.ndim == 2 else luma(thermal)])


def as_values(picture: Picture) -> Float:
    """Return the pixels of a picture as float32 in [0, 1]; transparency is not looked at.

    Raises:
        BadValues: Float values are outside [0, 1], or the type has no white, as int16.
    """
    check_scale(picture.name, picture.pixels, remedy="Scale the picture first, such as to 8 bits.")
    values = picture.pixels.astype(np.float32) / np.float32(SCALES[picture.pixels.dtype])
    return np.asarray(values, np.float32)


def _renamed(labels: NDArray[np.uint8], classes: Mapping[int | str, int]) -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    if REST in classes:
        table[:IGNORE] = classes[REST]
    for number, name in classes.items():
        if isinstance(number, int):
            table[number] = name
    return table[labels]


@dataclass(frozen=True)
class LabelScores:
    """How good the labels of a folder are.

    Attributes:
        scores: IoU and recall of each class, from the pixels of all pictures together.
        scored: Names of the pictures that were compared.
        unmatched: Names that only one of the folders has.
        failed: Errors of pictures that could not be compared.
    """

    scores: SegmentationScores
    scored: tuple[str, ...]
    unmatched: tuple[str, ...]
    failed: tuple[ImfuseError, ...]


def score_folders(
    labels: Path,
    truth: Path,
    classes: int,
    *,
    exclude: Sequence[int] = (),
    pair_regex: str | None = None,
) -> LabelScores:
    """Compare labels with true ones, matched by name, as papers count: all pictures together.

    Args:
        labels: Folder of found labels.
        truth: Folder of true labels; 255 there is not counted.
        classes: Number of classes, the background included.
        exclude: Classes to leave out of the means.
        pair_regex: Regular expression for what must agree in two names, as for
            `imfuse.io.pairs.match_folders`; None: all but the ending.

    Raises:
        UnreadableImage: A folder is missing or empty.
        UsageError: `pair_regex` is not a regular expression.
        PairMismatch: No names match, or two names of a folder have the same key.
    """
    regex = compile_pattern(pair_regex)
    found, true = (_by_key(folder, regex) for folder in (labels, truth))
    names = sorted(found.keys() & true.keys())
    if not names:
        stems = [[name_key(path) for path in list_images(folder)] for folder in (labels, truth)]
        raise PairMismatch(
            f"no names match between {labels} ({stems[0][0]}, ...) and {truth} ({stems[1][0]}, "
            "...)",
            expected="names that agree but for the ending"
            if pair_regex is None
            else f"names in which {pair_regex!r} finds the same key",
            remedy=naming_remedy(find_hint(*stems, method=True), lists=False),
        )
    confusion = np.zeros((classes, classes), np.int64)
    scored: list[str] = []
    failed: list[ImfuseError] = []
    for name in names:
        try:
            confusion += _compared(true[name], found[name], classes)
            scored.append(name)
        except ImfuseError as error:
            failed.append(error)
    scores = segmentation_scores(confusion, exclude=exclude)
    unmatched = tuple(sorted(found.keys() ^ true.keys()))
    return LabelScores(scores, tuple(scored), unmatched, tuple(failed))


def _by_key(folder: Path, regex: re.Pattern[str] | None) -> dict[str, Path]:
    """Return the files of a folder by the key of their names.

    Raises:
        PairMismatch: Two names of different files have the same key by the pattern.
    """
    keyed: dict[str, Path] = {}
    for path in list_images(folder):
        key = key_of(name_key(path), regex)
        if key is None:
            continue
        if regex is not None and key in keyed:
            raise PairMismatch(
                f"{keyed[key].name} and {path.name} share the key {key!r}",
                file=folder,
                expected="one file per key",
                remedy="Find more of the names with --pair-regex (pair_regex=).",
            )
        keyed[key] = path
    return keyed


def _compared(truth: Path, found: Path, classes: int) -> NDArray[np.int64]:
    true, labels = read_labels(truth), read_labels(found)
    where = f"{found} against {truth}"
    if true.shape != labels.shape:
        here, there = (f"{one.shape[1]}x{one.shape[0]}" for one in (labels, true))
        raise PairMismatch(
            f"the labels are {here}, the true ones {there}",
            file=where,
            expected="one size (width x height), pixel on pixel",
            remedy="Resize the labels to the size of the true ones, without mixing classes "
            "(nearest neighbour), or segment pictures of that size.",
        )
    try:
        return confusion_matrix(true, labels, classes)
    except BadValues as error:
        raise BadValues(
            error.found,
            file=where,
            expected=error.expected,
            remedy="Say how many classes there are with --classes (classes=).",
        ) from error
