"""A judge that has a frozen detector look at pictures, and compares with boxes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imfuse.data.boxes import Boxes
from imfuse.errors import BadValues
from imfuse.report.overlays import as_rgb, with_boxes
from imfuse.scoring.average_precision import AveragePrecision, Seen, drawn_ap
from imfuse.scoring.judge import Item, Row
from imfuse.scoring.lighting import HOW, light_of
from imfuse.scoring.machine import MachineScores, by_class, draws, mean_over, parts, remarks_on
from imfuse.scoring.outcomes import Outcome, outcome_of
from imfuse.scoring.truths import BoxTruths
from imfuse.types import Float, Picture
from imfuse.vision.classes import ClassMap, counterparts, with_mapped
from imfuse.vision.detections import Detections, suppress
from imfuse.vision.labelling import as_values


class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def names(self) -> Sequence[str]:
        """Names of its classes, by number."""
        ...

    def detect(self, picture: Float) -> Detections:
        """Return the objects in `(H, W, 3)` or `(H, W)` values in [0, 1]."""
        ...

    def about(self) -> dict[str, str]:
        """Return, in words, everything that its detections depend on."""
        ...


@dataclass(frozen=True, eq=False)
class Look:
    """Objects that a detector found in a picture, and those that are there.

    Attributes:
        found: Objects it found, by its own classes; for late fusion, those in the infrared and in
            the visible picture.
        truths: True objects by name of the truth.
        light: `day` or `night`.
        how: Merges the objects of both pictures; None: there is one.
    """

    found: tuple[Detections, ...]
    truths: Mapping[str, Boxes]
    light: str
    how: "Merge | None" = None


@dataclass(frozen=True)
class DetectionJudge:
    """Judges pictures by what a detector sees in them. Threads may share it.

    Attributes:
        detector: The detector.
        truths: Where the true boxes are.
        class_map: Classes of the detector that count as a class of the truth; None: by names.
        iou: Overlap above which boxes that count as one class are one object. A detector suppresses
            within its own classes, and may see a van as car and as truck.
    """

    detector: Detector
    truths: BoxTruths
    class_map: ClassMap | None = None
    iou: float = 0.65

    def __post_init__(self) -> None:
        """Refuse a map with classes that the detector lacks before any picture is looked at."""
        if self.class_map is not None:
            counterparts(self.detector.names, tuple(self.class_map), self.class_map)

    @property
    def name(self) -> str:
        """Name in tables."""
        return "detection"

    def score(self, fused: Picture, item: Item) -> Row:
        """Look at one picture.

        Raises:
            PairMismatch: The pair has no boxes.
            ImfuseError: Boxes can't be read, or the detector fails.
        """
        truths, notes = self.truths.of(item)
        notes += item.pair.ir.notes + item.pair.vis.notes
        found = self.detector.detect(as_values(fused))
        (height, width), (rows, columns) = fused.size, item.pair.vis.size
        if (height, width) != (rows, columns):  # a published picture of another size
            ratio = np.array([columns / width, rows / height] * 2, np.float32)
            found = replace(found, xyxy=found.xyxy * ratio)
        light = light_of(item.name, item.pair)
        look = Look((found,), truths, light)
        return Row(name=item.name, values={}, notes=notes, detail=look)

    def summarise(
        self,
        label: str,
        rows: Sequence[Row],
        *,
        failed: Sequence[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> dict[str, MachineScores]:
        """Return the scores of one method by each truth.

        Raises:
            UsageError: No class of the detector is one of the truth.
        """
        looks = [_look(row) for row in sorted(rows, key=lambda one: one.name)]
        names = dict.fromkeys(name for look in looks for name in look.truths)
        summaries = {name: self._summary(label, name, looks) for name in names}
        said = remarks_on(rows) + [f"{name}: {why}" for name, why in failed]
        return {
            name: replace(one, about=self._about(), notes=(*one.notes, *notes, *said))
            for name, one in summaries.items()
        }

    def _about(self) -> dict[str, str]:
        """Return, in words, everything that the values depend on."""
        return {**self.detector.about(), "truth": str(self.truths), "day and night": HOW}

    def outcomes(self, rows: Sequence[Row], truth: str) -> dict[str, Outcome]:
        """Return what was found, missed and imagined in each picture, by name of the pair.

        Only detections of a confidence of at least `SHOWN` count.

        Args:
            rows: Rows of one method, of all pairs: which classes count depends on all.
            truth: Name of the truth.
        """
        looks = {row.name: _look(row) for row in rows}
        _, seen, _ = self._seen(list(looks.values()), truth)
        return {name: outcome_of(one) for name, one in zip(looks, seen, strict=True)}

    def illustrate(self, picture: Float, outcome: Outcome) -> NDArray[np.uint8]:
        """Return a picture with its boxes, by what became of them.

        Args:
            picture: `(H, W, 3)` or `(H, W)` in [0, 1].
            outcome: What was found in it.
        """
        return with_boxes(as_rgb(picture), outcome.marks)

    def _seen(
        self, looks: Sequence[Look], truth: str
    ) -> tuple[list[str], list[Seen], Sequence[str]]:
        """Return the classes that are scored, pictures by them, and classes nobody can score.

        Raises:
            BadValues: No object is of a class that the detector knows.
        """
        found, occurring = _classes(look.truths[truth] for look in looks)
        if not occurring:
            raise BadValues(
                f"the truth {truth} has no object in these pictures",
                expected="objects that count in some of them",
                remedy="Check that its boxes are of these pairs.",
            )
        names = with_mapped(found, self.class_map)
        table = counterparts(self.detector.names, names, self.class_map)
        known = sorted(set(table.tolist()) - {-1})
        scored = [number for number in known if names[number] in occurring]
        if not scored:
            raise BadValues(
                f"the truth {truth} has no object of a class that the detector knows",
                expected=f"some of {', '.join(names[number] for number in known)}",
            )
        place = np.full(len(names) + 1, -1, np.int64)  # the last one: -1 stays -1
        place[scored] = np.arange(len(scored))
        seen = [
            Seen(self._merged(look, place[table]), _objects(look.truths[truth], names, place))
            for look in looks
        ]
        unknown = sorted(occurring - {names[number] for number in known})
        return [names[number] for number in scored], seen, unknown

    def _summary(self, label: str, truth: str, looks: Sequence[Look]) -> MachineScores:
        names, seen, unknown = self._seen(looks, truth)
        lacking = [f"the detector does not know {', '.join(unknown)}"] if unknown else []
        found, _ = _classes(look.truths[truth] for look in looks)
        mapped = with_mapped(found, self.class_map)[len(found) :]
        absent = [f"the map names {', '.join(mapped)}, which no object here is"] if mapped else []
        precision = AveragePrecision(seen, len(names))
        matches = [precision.matches(number) for number in range(len(names))]
        part = parts([look.light for look in looks])
        ap50: dict[str, dict[str, float]] = {}
        ap: dict[str, dict[str, float]] = {}
        drawn = {}
        for light, pictures in part.items():
            values = precision.values(pictures.tolist())
            ap50[light] = by_class(names, values[0])
            ap[light] = by_class(names, values.mean(axis=0))
            each = [drawn_ap(one, draws(len(pictures)), pictures) for one in matches]
            drawn[light] = 100 * mean_over(np.stack(each), axis=0)
        return MachineScores(
            label=label,
            truth=truth,
            measures={"ap50": ap50, "ap50_95": ap},
            drawn=drawn,
            count={light: len(pictures) for light, pictures in part.items()},
            notes=(*lacking, *absent),
        )

    def _merged(self, look: Look, table: NDArray[np.int64]) -> Detections:
        """Return what counts as found in a picture, or in both of late fusion."""
        found = [suppress(_counted(one, table), self.iou) for one in look.found]
        return found[0] if look.how is None else look.how(*found)


def _look(row: Row) -> Look:
    if not isinstance(row.detail, Look):
        raise TypeError(f"a row of another judge: {row.detail!r}")
    return row.detail


def merged(ir: Sequence[Row], vis: Sequence[Row], how: "Merge") -> list[Row]:
    """Return the rows of late fusion: what was found in both sources, merged.

    Args:
        ir: Rows of the infrared pictures.
        vis: Rows of the visible ones.
        how: Merges the objects of two pictures.
    """
    first = {row.name: _look(row).found for row in ir}
    return [
        replace(
            row, detail=replace(_look(row), found=(*first[row.name], *_look(row).found), how=how)
        )
        for row in vis
        if row.name in first
    ]


class Merge(Protocol):
    """Merges what was found in an infrared and a visible picture."""

    def __call__(self, ir: Detections, vis: Detections) -> Detections:
        """Return the merged objects."""
        ...


def _classes(truths: Iterable[Boxes]) -> tuple[list[str], set[str]]:
    """Return all classes of the truth, and those of which it has objects that count."""
    names: dict[str, None] = {}
    occurring: set[str] = set()
    for boxes in truths:
        names |= dict.fromkeys(boxes.names)
        occurring |= {boxes.names[number] for number in boxes.classes[~boxes.ignored].tolist()}
    return list(names), occurring


def _counted(found: Detections, table: NDArray[np.int64]) -> Detections:
    """Return detections by the classes that they count as, without those that count as none."""
    inside = found.classes < len(table)
    classes = np.where(inside, table[found.classes.clip(0, len(table) - 1)], -1)
    return Detections(found.xyxy, found.scores, classes).take(classes >= 0)


def _objects(boxes: Boxes, names: Sequence[str], table: NDArray[np.int64]) -> Boxes:
    """Return boxes by the classes that are scored, without those of other classes."""
    numbers = np.array([names.index(name) for name in boxes.names], np.int64)
    classes = table[numbers[boxes.classes]] if len(boxes) else boxes.classes
    kept = classes >= 0
    return replace(boxes, xyxy=boxes.xyxy[kept], classes=classes[kept], ignored=boxes.ignored[kept])
