"""A judge that has a frozen segmenter look at pictures, and compares with labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.errors import BadValues, PairMismatch
from imfuse.io.labels import read_labels
from imfuse.metrics.segmentation import IGNORE, confusion_matrix, intersection_over_union
from imfuse.report.overlays import as_rgb, with_classes
from imfuse.scoring.judge import Item, Row
from imfuse.scoring.lighting import HOW, light_of
from imfuse.scoring.machine import OWN, MachineScores, by_class, draws, mean_over, parts, remarks_on
from imfuse.scoring.outcomes import Outcome
from imfuse.types import Float, Picture
from imfuse.vision.classes import ClassMap, counterparts
from imfuse.vision.labelling import Labeller, as_values

_REST = ("unlabelled", "background")
"""Classes of a truth that stand for everything else; what no class fits then counts as them."""


@dataclass(frozen=True, eq=False)
class Look:
    """Classes that a segmenter found in a picture.

    Attributes:
        confusion: `(classes, classes + 1)` pixels by true and found class of the truth; the last
            column holds what counts as no class.
        light: `day` or `night`.
    """

    confusion: NDArray[np.int64]
    light: str


@dataclass(frozen=True)
class SegmentationJudge:
    """Judges pictures by what a segmenter sees in them. Threads may share it.

    Attributes:
        segmenter: The segmenter.
        found: Names of its classes, by number.
        names: Names of the truth's classes, by number.
        folder: Folder with a label picture for each pair; None: the labels of the set.
        class_map: Classes of the segmenter that count as a class of the truth; None: by names.
        details: All that its labels depend on, in words, by headings.
    """

    segmenter: Labeller
    found: Sequence[str]
    names: Sequence[str]
    folder: Path | None = None
    class_map: ClassMap | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse classes that don't fit before any picture is looked at."""
        self._table()

    @property
    def name(self) -> str:
        """Name in tables."""
        return "segmentation"

    def score(self, fused: Picture, item: Item) -> Row:
        """Look at one picture.

        Raises:
            PairMismatch: The pair has no labels, or they are of another size.
            BadValues: A label is no class of the truth, or the segmenter names an unknown class.
            ImfuseError: Labels can't be read, or the segmenter fails.
        """
        truth = self._labels(item)
        found = self.segmenter.label(as_values(fused))
        if found.shape != truth.shape and fused.size != item.pair.vis.size:
            # A published picture of another size.
            size = truth.shape[1], truth.shape[0]
            found = np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_NEAREST_EXACT))
        if found.shape != truth.shape:
            raise PairMismatch(
                f"the labels of {item.name} are {truth.shape[1]}x{truth.shape[0]}",
                expected=f"the size of the pictures, {found.shape[1]}x{found.shape[0]}",
            )
        confusion = self._confusion(truth, found, item.name)
        light = light_of(item.name, item.pair)
        notes = item.pair.ir.notes + item.pair.vis.notes
        return Row(name=item.name, values={}, notes=notes, detail=Look(confusion, light))

    def summarise(
        self,
        label: str,
        rows: Sequence[Row],
        *,
        failed: Sequence[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> dict[str, MachineScores]:
        """Return the scores of one method, from the pixels of all pictures together."""
        looks = [_look(row) for row in sorted(rows, key=lambda one: one.name)]
        known = sorted(set(self._table().tolist()) - {-1})
        unknown = [
            name
            for number, name in enumerate(self.names)
            if number not in known and any(look.confusion[number].any() for look in looks)
        ]
        said = [f"the segmenter does not know {', '.join(unknown)}"] if unknown else []
        said += remarks_on(rows)
        said += [f"{name}: {why}" for name, why in failed]
        name = OWN if self.folder is None else self.folder.name
        scores = scores_over(looks, self.names, known, label=label, truth=name)
        about = {**self.details, "day and night": HOW}
        return {name: replace(scores, about=about, notes=(*notes, *said))}

    def outcomes(self, rows: Sequence[Row], truth: str) -> dict[str, Outcome]:
        """Return how well each picture was labelled, by name of the pair.

        Args:
            rows: Rows of one method.
            truth: Name of the truth, of which there is one.
        """
        known = sorted(set(self._table().tolist()) - {-1})
        found = {row.name: intersection_over_union(_look(row).confusion) for row in rows}
        means = {name: float(mean_over(iou[known], axis=0)) for name, iou in found.items()}
        return {name: Outcome(float(np.nan_to_num(mean))) for name, mean in means.items()}

    def illustrate(self, picture: Float, outcome: Outcome) -> NDArray[np.uint8]:
        """Return a picture with the classes that the segmenter finds in it in colour."""
        labels = self._table()[self.segmenter.label(picture).astype(np.int64)]
        return with_classes(as_rgb(picture), np.where(labels < 0, 0, labels))

    def _table(self) -> NDArray[np.int64]:
        """Return for each class of the segmenter the class of the truth that it counts as."""
        table = counterparts(self.found, self.names, self.class_map)
        rest = next((n for n, name in enumerate(self.names) if name in _REST), None)
        if self.class_map is None and rest is not None:
            table[table < 0] = rest
        return table

    def _labels(self, item: Item) -> NDArray[np.uint8]:
        if self.folder is not None:
            return read_labels(_file_of(self.folder, item.name))
        if item.annotations.labels is None:
            raise PairMismatch(
                f"no labels for {item.name}",
                expected="a set that has labels, or a folder",
                remedy="Give a folder with them with --labels (labels=).",
            )
        return np.asarray(item.annotations.labels, np.uint8)

    def _confusion(
        self, truth: NDArray[np.uint8], found: NDArray[np.uint8], name: str
    ) -> NDArray[np.int64]:
        table, classes = self._table(), len(self.names)
        counted = truth != IGNORE
        both = ("label", truth[counted], classes), ("found class", found[counted], len(table))
        for what, values, count in both:
            if values.size and values.max() >= count:
                raise BadValues(
                    f"{what} {values.max()} in {name}",
                    expected=f"classes 0..{count - 1}"
                    + (f", or {IGNORE} for pixels to ignore" if what == "label" else ""),
                    remedy="Name all classes with --map (class_map=)."
                    if what == "label"
                    else "Name all classes with --judge-set names=[...] (settings=).",
                )
        named = table[np.minimum(found, len(table) - 1)]
        return confusion_matrix(truth, np.where(named < 0, classes, named), classes + 1)[:classes]


def scores_over(
    looks: Sequence[Look],
    names: Sequence[str],
    known: Sequence[int] | None = None,
    *,
    label: str,
    truth: str = OWN,
) -> MachineScores:
    """Return the scores of one method, from the pixels of all pictures together.

    A class that no label has, has no value, whatever was found: otherwise only the methods in whose
    pictures it was imagined would have it in their mean.

    Args:
        looks: What was found in each picture; in the same order for all methods.
        names: Names of the truth's classes, by number.
        known: Classes that the segmenter knows, whose values count; None: all.
        label: Name of the method.
        truth: Name of the truth.
    """
    stack = np.stack([look.confusion for look in looks])
    counted = list(range(len(names)) if known is None else known)
    shown = [names[number] for number in counted]
    part = parts([look.light for look in looks])
    iou, drawn, whole = {}, {}, {}
    for light, pictures in part.items():
        total = stack[pictures].sum(axis=0)
        whole[light] = total[:, :-1]
        iou[light] = by_class(shown, _of_labelled(total)[counted])
        weights = draws(len(pictures))
        sums = np.tensordot(weights, stack[pictures].astype(np.float64), axes=1)
        drawn[light] = 100 * mean_over(_of_labelled(sums)[:, counted], axis=1)
    return MachineScores(
        label=label,
        truth=truth,
        measures={"iou": iou},
        drawn=drawn,
        count={light: len(pictures) for light, pictures in part.items()},
        confusion=whole,
    )


def _of_labelled(confusion: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the IoU of each class that labels have, and NaN for the others."""
    iou = intersection_over_union(confusion)
    return np.where(confusion.sum(axis=-1) > 0, iou, np.nan)


def _look(row: Row) -> Look:
    if not isinstance(row.detail, Look):
        raise TypeError(f"a row of another judge: {row.detail!r}")
    return row.detail


def _file_of(folder: Path, name: str) -> Path:
    # Frames of several clips have the same names.
    files = [folder / f"{one}.png" for one in (name, name.rpartition("/")[2])]
    others = (other for file in files for other in sorted(file.parent.glob(f"{file.stem}.*")))
    found = next((file for file in files if file.is_file()), None) or next(others, None)
    if found is None:
        raise PairMismatch(
            f"no labels for {name}",
            file=folder,
            expected="one label picture of the name of each pair",
            remedy="Give the folder with the labels of these pairs.",
        )
    return found
