"""True boxes of pairs: those of the set, or of files that a user gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imfuse.data.boxes import Boxes, outside, read_boxes
from imfuse.data.components import boxes_of_labels
from imfuse.errors import PairMismatch
from imfuse.scoring.judge import Item
from imfuse.scoring.machine import OWN

_NOTHING = Boxes(
    xyxy=np.zeros((0, 4), np.float32),
    classes=np.zeros(0, np.int64),
    names=(),
    ignored=np.zeros(0, np.bool_),
)


@dataclass(frozen=True)
class BoxTruths:
    """Where the true boxes of pairs are.

    Attributes:
        files: File or folder with boxes by name of the truth; empty: those of the set.
        label_names: Names of the classes of labels, from which boxes are made for sets that have
            none; empty: they are not.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    label_names: Sequence[str] = ()

    def __str__(self) -> str:
        """Return in words where they are."""
        own = "the set's own boxes, or around its labels: connected regions, small ones ignored"
        return ", ".join(f"{name} ({path.name})" for name, path in self.files.items()) or own

    def of(self, item: Item) -> tuple[dict[str, Boxes], tuple[str, ...]]:
        """Return the objects of a pair by each truth, and remarks.

        Raises:
            PairMismatch: The pair has no boxes.
            ImfuseError: A file can't be read.
        """
        size = item.pair.vis.size
        if not self.files:
            labels, boxes = item.annotations
            if boxes is None and labels is not None and self.label_names:
                boxes = boxes_of_labels(labels, self.label_names)
            if boxes is None:
                raise PairMismatch(
                    f"no boxes for {item.name}",
                    expected="a set that has boxes or labels, or a file",
                    remedy="Give a file with them with --boxes (boxes=).",
                )
            return {OWN: boxes}, ()
        found: dict[str, Boxes] = {}
        notes: list[str] = []
        for name, path in self.files.items():
            file = _file_of(path, item.name)
            if file is None:  # programs that write YOLO's files leave out pictures without objects
                found[name] = _NOTHING
                notes.append(f"no file in {path.name}, taken as without objects")
                continue
            boxes = read_boxes(file, item.name, size)
            if boxes is None:
                raise PairMismatch(
                    f"no boxes for {item.name}",
                    file=path,
                    expected="an entry for each pair, empty where there is nothing",
                    remedy="Add it, or leave the pair out (--names, names=).",
                )
            wrong = len(outside(boxes, size))
            if wrong:
                notes.append(f"{wrong} boxes by {name} are empty or reach outside the picture")
            found[name] = boxes
        return found, tuple(notes)


def _file_of(path: Path, name: str) -> Path | None:
    """Return the file with the boxes of a pair: the one for all, or its own in a folder.

    None: it has none in a folder of YOLO's files.

    Raises:
        PairMismatch: It has none in a folder of other files.
    """
    if not path.is_dir():
        return path
    for suffix in (".xml", ".txt"):
        for own in (name, name.rpartition("/")[2]):  # frames of several clips have the same names
            file = path / f"{own}{suffix}"
            if file.is_file():
                return file
    if any(path.glob("*.txt")):
        return None
    raise PairMismatch(
        f"no file for {name}",
        file=path,
        expected="one .xml or .txt of the name of each pair",
        remedy="Give the folder with the boxes of these pairs, or one JSON file for all.",
    )
