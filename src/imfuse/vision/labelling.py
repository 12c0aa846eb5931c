"""Folders of pictures to folders of labels, and how good labels are."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imfuse.errors import ImfuseError, OutputError, PairMismatch
from imfuse.io.images import read_image
from imfuse.io.labels import read_labels, write_labels
from imfuse.io.outputs import identities, refuse_source
from imfuse.io.pairs import list_images
from imfuse.jobs import run_jobs
from imfuse.metrics.segmentation import (
    IGNORE,
    SegmentationScores,
    confusion_matrix,
    segmentation_scores,
)
from imfuse.types import SCALES, Float, Picture

REST = "*"
"""Stands in a map of classes for all that are not named; unknown pixels stay unknown."""


class Labeller(Protocol):
    """A segmenter, which finds the class of each pixel."""

    def label(self, picture: Float) -> NDArray[np.uint8]:
        """Return `(H, W)` classes of `(H, W, 3)` or `(H, W)` values in [0, 1]."""


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
) -> Generator[Labelled, None, None]:
    """Label every picture of a folder, as PNG of the same name; go on where one can't be.

    Args:
        segmenter: What finds classes.
        pictures: Folder of pictures.
        out: Folder for the labels; made if missing. Files of the same names are replaced.
        classes: What to write for a class; `REST` for all that are not named. Default: the classes
            as they are.

    Raises:
        UnreadableImage: The folder is missing or holds no picture.
        OutputError: The output folder is the folder of pictures, or can't be made.
    """
    files = list_images(pictures)
    if out.exists() and out.samefile(pictures):
        raise OutputError(
            "the output folder is the input folder",
            file=out,
            expected="a folder of its own",
            remedy="Labels would replace pictures. Give another folder with -o.",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"can't make the output folder ({error.strerror})"
        raise OutputError(found, file=out, remedy="Give another folder with -o.") from error
    seen: set[str] = set()
    sources = identities(files)

    def label(file: Path) -> dict[int, int]:
        if file.stem in seen:
            found = "several pictures of this name, but for the ending"
            raise PairMismatch(found, file=file, remedy="Take all but one out.")
        target = out / f"{file.stem}.png"
        refuse_source(target, sources)
        labels = _renamed(segmenter.label(as_values(read_image(file))), classes or {})
        write_labels(target, labels)
        seen.add(file.stem)
        numbers, counts = np.unique(labels, return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    # One at a time: networks use all cores, and of two pictures of one name the first counts.
    for outcome in run_jobs(files, (label,), ordered=True):
        target = out / f"{outcome.item.stem}.png"
        yield Labelled(outcome.item, target, outcome.value or {}, outcome.error)


def as_values(picture: Picture) -> Float:
    """Return the pixels of a picture as float32 in [0, 1]; transparency is not looked at."""
    values = picture.pixels.astype(np.float32) / np.float32(SCALES[picture.pixels.dtype])
    return np.asarray(np.clip(values, 0, 1), np.float32)


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
    labels: Path, truth: Path, classes: int, *, exclude: Sequence[int] = ()
) -> LabelScores:
    """Compare labels with true ones, matched by name, as papers count: all pictures together.

    Args:
        labels: Folder of found labels.
        truth: Folder of true labels; 255 there is not counted.
        classes: Number of classes, the background included.
        exclude: Classes to leave out of the means.

    Raises:
        UnreadableImage: A folder is missing or empty.
        PairMismatch: No names match.
    """
    found = {path.stem: path for path in list_images(labels)}
    true = {path.stem: path for path in list_images(truth)}
    names = sorted(found.keys() & true.keys())
    if not names:
        raise PairMismatch(
            f"no names match between {labels} ({min(found)}, ...) and {truth} ({min(true)}, ...)",
            expected="names that agree but for the ending",
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


def _compared(truth: Path, found: Path, classes: int) -> NDArray[np.int64]:
    try:
        return confusion_matrix(read_labels(truth), read_labels(found), classes)
    except ImfuseError as error:
        if error.file is not None:
            raise
        raise type(error)(
            error.found,
            file=f"{found} against {truth}",
            expected=error.expected,
            remedy=error.remedy or "Say how many classes there are with --classes.",
        ) from error
