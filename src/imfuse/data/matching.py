"""Match the files in the folders of one split into pairs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from imfuse.data.boxes import BOX_SUFFIXES
from imfuse.data.layouts import Form
from imfuse.errors import DatasetNotFound
from imfuse.io.images import SUFFIXES
from imfuse.io.naming import name_key
from imfuse.io.pairs import list_images

CLIP_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov")


@dataclass(frozen=True)
class PairPaths:
    """The files of one pair, or of one pair of clips.

    Attributes:
        name: Name without extension.
        split: `train`, `val`, `test`, or empty if the dataset has no splits.
        ir: Infrared file; the same as `vis` if one file holds both.
        vis: Visible file.
        labels: Label picture, or None.
        boxes: File with the boxes of this pair or of all pairs, or None.
    """

    name: str
    split: str
    ir: Path
    vis: Path
    labels: Path | None = None
    boxes: Path | None = None


@dataclass(frozen=True)
class Part:
    """Folders of the files of one split; `boxes` may also be one file."""

    split: str
    ir: Path
    vis: Path
    labels: Path | None = None
    boxes: Path | None = None


def listed(folder: Path) -> list[Path]:
    """Return the content of a folder.

    Raises:
        DatasetNotFound: There is no permission to read it.
    """
    try:
        return list(folder.iterdir())
    except OSError as error:
        found = f"can't list the folder ({error.strerror})"
        raise DatasetNotFound(found, file=folder, remedy="Check its permissions.") from error


def holds(folder: Path, suffixes: Iterable[str]) -> bool:
    """Return True if a folder holds a file with one of the given extensions."""
    wanted = tuple(suffixes)
    return any(path.suffix.lower() in wanted for path in listed(folder))


def match(part: Part, form: Form) -> tuple[list[PairPaths], list[tuple[Path, str]]]:
    """Return the pairs of one split, and the files without a partner, with the reason."""
    unmatched: list[tuple[Path, str]] = []
    listing = _clips if form.kind == "clips" else list_images
    ir = _by_name(listing(part.ir), unmatched)
    vis = ir if form.kind in ("four channels", "side by side") else None
    if vis is None:
        vis = _by_name(listing(part.vis), unmatched)
    labels = {}
    if part.labels is not None and holds(part.labels, SUFFIXES):
        labels = _by_name(list_images(part.labels), unmatched)
        unmatched += [(labels[n], "labels without a pair") for n in sorted(labels.keys() - ir)]
        both = sorted((ir.keys() & vis.keys()) - labels.keys())
        unmatched += [(vis[name], "a pair without labels") for name in both]
    unmatched += [(ir[name], "no visible picture") for name in sorted(ir.keys() - vis.keys())]
    unmatched += [(vis[name], "no infrared picture") for name in sorted(vis.keys() - ir.keys())]
    pairs = [
        PairPaths(name, part.split, ir[name], vis[name], labels.get(name))
        for name in sorted(ir.keys() & vis.keys())
    ]
    if part.boxes is not None:
        boxes = _boxes(part.boxes)
        pairs = [replace(pair, boxes=boxes.get(pair.name, boxes.get(""))) for pair in pairs]
    return pairs, unmatched


def _boxes(place: Path) -> dict[str, Path]:
    """Return box files by the names of their pairs; a file for all pairs has an empty name."""
    if place.is_file():
        return {"": place}
    return {name_key(path): path for path in listed(place) if path.suffix.lower() in BOX_SUFFIXES}


def _clips(folder: Path) -> list[Path]:
    return sorted(path for path in listed(folder) if path.suffix.lower() in CLIP_SUFFIXES)


def _by_name(paths: list[Path], unmatched: list[tuple[Path, str]]) -> dict[str, Path]:
    """Return files by name without extension; of several with the same name, the first."""
    names: dict[str, Path] = {}
    for path in paths:
        name = name_key(path)
        if name in names:
            unmatched.append((path, f"the same name as {names[name].name}"))
        else:
            names[name] = path
    return names
