"""Annotated bounding boxes: Pascal VOC XML, YOLO text, COCO JSON, and our own JSON."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from imfuse.errors import ImfuseError, UnreadableImage
from imfuse.io.images import SUFFIXES
from imfuse.io.naming import one_form

BOX_SUFFIXES = (".xml", ".txt", ".json")
"""Extensions of files with boxes."""

_MOST_BYTES = {".json": 2**28}
"""Largest size of a file for a whole dataset, in bytes; the limit for other files is 1 MiB."""
_YOLO_NAMES = ("classes.txt", "obj.names", "predefined_classes.txt")
"""Files beside YOLO's files that list the classes, one per line."""

_LEAST_LEFT = 0.25
"""Share of its area that a box keeps, or it is dropped where a picture is cropped."""

_Row = tuple[str, Sequence[float], bool]
"""Class, left, top, right and bottom edge, and whether to ignore it."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of one pair.

    Attributes:
        xyxy: `(n, 4)` float32: left, top, right and bottom edge in pixels, as the file has them.
        classes: `(n,)` int64 indices into `names`.
        names: Names of the classes: first those of the layout, then others that occur.
        ignored: `(n,)` bool, True for objects whose detection counts neither as right nor as wrong
            (too small, a crowd, marked as difficult).
    """

    xyxy: NDArray[np.float32]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    ignored: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.xyxy)

    def of_each(self) -> tuple[str, ...]:
        """Return the class name of each box."""
        return tuple(self.names[index] for index in self.classes)

    def scaled(self, across: float, down: float) -> "Boxes":
        """Return the boxes in a picture whose width and height were multiplied by two factors."""
        return replace(self, xyxy=self.xyxy * np.array([across, down] * 2, np.float32))

    def mirrored(self, width: float) -> "Boxes":
        """Return the boxes in a picture of a width whose left and right were exchanged."""
        left, top, right, bottom = self.xyxy.T
        return replace(self, xyxy=np.stack([width - right, top, width - left, bottom], axis=1))

    def transposed(self) -> "Boxes":
        """Return the boxes in a picture whose rows became its columns."""
        return replace(self, xyxy=self.xyxy[:, [1, 0, 3, 2]])

    def cropped(self, corner: tuple[int, int], size: tuple[int, int]) -> "Boxes":
        """Return the boxes in a part of a picture, without those that lie mostly outside it.

        Args:
            corner: Row and column of the part's top left corner.
            size: Its height and width.
        """
        (top, left), (height, width) = corner, size
        moved = self.xyxy - np.array([left, top, left, top], np.float32)
        cut = moved.clip(0, np.array([width, height] * 2, np.float32))
        kept = (_areas(cut) > 0) & (_areas(cut) >= _LEAST_LEFT * _areas(moved))
        return replace(self, xyxy=cut[kept], classes=self.classes[kept], ignored=self.ignored[kept])


def _areas(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    left, top, right, bottom = xyxy.T
    return np.asarray((right - left).clip(0) * (bottom - top).clip(0))


def read_boxes(
    path: Path, name: str, size: tuple[int, int], known: tuple[str, ...] = ()
) -> Boxes | None:
    """Read the boxes of one pair.

    Args:
        path: File of the pair (`.xml`, `.txt`), or of the whole dataset (`.json`).
        name: Name of the pair.
        size: Height and width of its pictures; YOLO's numbers are fractions of them.
        known: Names of the classes of its dataset.

    Returns:
        The boxes, empty if the pair has no objects; None if a JSON file does not mention the pair.

    Raises:
        UnreadableImage: The file can't be read, or holds no boxes in a known format.
    """
    try:
        match path.suffix.lower():
            case ".json":
                return _boxes(_rows_in_json(path, name), known)
            case ".xml":
                return _boxes(list(_in_voc(path)), known)
            case _:
                classes = _yolo_names(path) or known
                return _boxes(list(_in_yolo(path, size, classes)), known)
    except ImfuseError:
        raise
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _refusal(path, f"{type(error).__name__}: {error}") from error
    except ET.ParseError as error:
        raise _refusal(path, str(error)) from error


def _refusal(path: Path, why: str) -> UnreadableImage:
    return UnreadableImage(
        f"the boxes can't be read ({why[:200]})",
        file=path,
        expected="Pascal VOC XML, YOLO text, COCO JSON, or JSON of the form "
        '{"name": [{"class": "person", "box": [left, top, right, bottom]}]}',
    )


def _boxes(rows: list[_Row] | None, known: tuple[str, ...]) -> Boxes | None:
    if rows is None:
        return None
    xyxy = np.array([row[1] for row in rows], np.float32).reshape(len(rows), 4)
    if not np.isfinite(xyxy).all():
        raise ValueError("coordinates that are not finite")
    names = (*known, *sorted({row[0] for row in rows} - set(known)))
    return Boxes(
        xyxy=xyxy,
        classes=np.array([names.index(row[0]) for row in rows], np.int64),
        names=names,
        ignored=np.array([row[2] for row in rows], np.bool_),
    )


def _text(path: Path) -> str:
    most = _MOST_BYTES.get(path.suffix.lower(), 2**20)
    if path.stat().st_size > most:
        raise ValueError(f"over {most >> 20} MiB")
    return path.read_text(encoding="utf-8-sig")


def _in_voc(path: Path) -> Iterator[_Row]:
    text = _text(path)
    if re.search("<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ValueError("declarations, which may grow without bound")
    for item in ET.fromstring(text).iter("object"):  # noqa: S314 - bounded by the checks above
        edges = [float(_field(item, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
        difficult = (item.findtext("difficult") or "0").strip() not in ("0", "")
        yield _field(item, "name"), edges, difficult


def _field(item: ET.Element, name: str) -> str:
    text = (item.findtext(name) or "").strip()
    if not text:
        raise ValueError(f"an object without {name}")
    return text


def _in_yolo(path: Path, size: tuple[int, int], classes: tuple[str, ...]) -> Iterator[_Row]:
    height, width = size
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) not in (5, 6):  # programs write the confidence last
            raise ValueError(f"line {number} has {len(words)} values where 5 are expected")
        index = int(words[0])
        x, y, w, h = (float(word) for word in words[1:5])
        name = classes[index] if 0 <= index < len(classes) else str(index)
        edges = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width]
        yield name, [*edges, (y + h / 2) * height], False


def _yolo_names(path: Path) -> tuple[str, ...]:
    for folder in (path.parent, path.parent.parent):
        for name in _YOLO_NAMES:
            if (folder / name).is_file():
                return tuple(line.strip() for line in _text(folder / name).splitlines())
    return ()


def _rows_in_json(path: Path, name: str) -> list[_Row] | None:
    table = _in_json(path, path.stat().st_mtime_ns)
    if name in table and table[name] is None:
        raise ValueError(f"several pictures are named {name}")
    return table.get(name)


@lru_cache(maxsize=8)
def _in_json(path: Path, _changed: int) -> Mapping[str, list[_Row] | None]:
    """Return the boxes by name of the pair; None where several pictures have that name."""
    content = json.loads(_text(path))
    if not isinstance(content, dict):
        raise ValueError("a list, such as detections, where the objects of each picture are asked")  # noqa: TRY004 - as of other content
    if "annotations" in content and "images" in content:
        rows = _in_coco(content)
    else:
        rows = {
            _plain(name): [
                (str(one["class"]), one["box"], bool(one.get("ignore"))) for one in objects
            ]
            for name, objects in content.items()
        }
    found: dict[str, list[_Row] | None] = {}
    for name, objects in rows.items():
        folders = name.split("/")
        for start in range(len(folders)):
            short = "/".join(folders[start:])
            found[short] = None if short in found else objects
    return found


def _in_coco(content: Mapping[str, Any]) -> Mapping[str, list[_Row]]:
    names = {one["id"]: str(one["name"]) for one in content.get("categories", ())}
    files = {one["id"]: _plain(one["file_name"]) for one in content["images"]}
    rows: dict[str, list[_Row]] = {name: [] for name in files.values()}
    for one in content["annotations"]:
        category, (x, y, w, h) = one["category_id"], one["bbox"]
        ignored = bool(one.get("iscrowd") or one.get("ignore"))
        name = names.get(category, str(category))
        if one["image_id"] not in files:
            raise ValueError(f"an object of the picture {one['image_id']}, which is not listed")
        rows[files[one["image_id"]]].append((name, [x, y, x + w, y + h], ignored))
    return rows


def _plain(name: str) -> str:
    """Return the path of a picture, without the extension of a picture if there is one."""
    path = PurePosixPath(name.replace("\\", "/"))
    return one_form(str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path))


def outside(boxes: Boxes, size: tuple[int, int]) -> list[int]:
    """Return the indices of boxes that are empty or lie more than a pixel outside a picture.

    Args:
        boxes: The boxes.
        size: Height and width of the picture.
    """
    left, top, right, bottom = boxes.xyxy.T
    height, width = size
    beyond = (left < -1) | (top < -1) | (right > width + 1) | (bottom > height + 1)
    return [int(i) for i in np.flatnonzero(beyond | (right <= left) | (bottom <= top))]
