"""Recognise the layout of a folder, and list its pairs."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from imfuse.data.boxes import BOX_SUFFIXES
from imfuse.data.catalogue import LAYOUTS, find_layout
from imfuse.data.layouts import Form, Layout
from imfuse.data.lists import MIRRORED, listed_only, splits_by_lists
from imfuse.data.matching import CLIP_SUFFIXES, PairPaths, Part, holds, listed, match
from imfuse.errors import DatasetNotFound, ImfuseError
from imfuse.io.images import SUFFIXES, read_image
from imfuse.io.pairs import list_images

SPLIT_FOLDERS = {"train": "train|training", "val": "val|validation", "test": "test|testing"}
"""Names of the folders of each split."""

_ENOUGH_NAMES = 20
_MOST_SETS_NAMED = 6


@dataclass(frozen=True)
class Found:
    """Content found in a folder.

    Attributes:
        root: The folder.
        layout: The dataset.
        form: Form of its layout.
        pairs: The pairs, sorted by split and name.
        unmatched: Files without a partner, with the reason.
    """

    root: Path
    layout: Layout
    form: Form
    pairs: tuple[PairPaths, ...]
    unmatched: tuple[tuple[Path, str], ...]


def find_pairs(root: Path, layout: str | None = None) -> Found:
    """Recognise the layout of a folder, and list its pairs.

    Args:
        root: The folder of a dataset, or of one of its splits.
        layout: Name of the layout, if it can't be recognised from the folder; None: recognise it.

    Raises:
        DatasetNotFound: There is no such folder, or its layout is unknown.
        UnknownName: `layout` is not the name of a layout.
    """
    if not _is_folder(root):
        raise DatasetNotFound(
            "there is no such folder",
            file=root,
            remedy="Give the folder of a dataset (`imfuse data list`), or scenes:N to render some.",
        )
    named = None if layout is None else find_layout(layout)
    known = _recognise(root, named)
    if known is None:
        raise _unknown(root, named)
    return _list(root, *known)


def _recognise(root: Path, named: Layout | None) -> tuple[Layout, Form, list[Part]] | None:
    """Return the layout of a folder, its form and its splits' folders; None if it is unknown."""
    for layout in LAYOUTS.values() if named is None else (named,):
        for form in layout.forms:
            parts = _parts(root, form)
            if parts and (named is not None or _fits(root, form, parts)):
                return layout, form, parts
    return None


def _unknown(root: Path, named: Layout | None) -> DatasetNotFound:
    if named is not None:
        return DatasetNotFound(
            f"not laid out as {named.name} is",
            file=root,
            expected=" or ".join(_describe(form) for form in named.forms),
        )
    inside = _sets_inside(root)
    if inside:
        return DatasetNotFound(
            f"it holds several sets: {', '.join(inside)}",
            file=root,
            expected="one set",
            remedy="Give one of them, or several, each by itself.",
        )
    return DatasetNotFound(
        "no layout that we know",
        file=root,
        expected="ir/ and vis/ below it, or one of the layouts of `imfuse data list`",
        remedy="Give the folder above the two that hold the pictures, or name the layout "
        "(--layout side-by-side, layout=, for pairs in one picture each).",
    )


def _describe(form: Form) -> str:
    folders = dict.fromkeys(filter(None, (form.ir, form.vis, form.labels)))
    return " ".join(f"{folder}/" for folder in folders)


def _sets_inside(root: Path) -> list[str]:
    """Return the datasets right below a folder that is not a dataset itself."""
    names = []
    for folder in sorted(path for path in listed(root) if _is_folder(path)):
        try:
            known = _recognise(folder, None)
        except ImfuseError:  # no permission to read the folder
            continue
        if known is not None:
            names.append(f"{folder.name} ({known[0].name})")
        if len(names) == _MOST_SETS_NAMED:
            break
    return names


def _parts(root: Path, form: Form) -> list[Part]:
    """Return the folders of each split that exists, or those of the root if it is one split."""
    if "{split}" not in form.ir:
        part = _part(root, form, "")
        return [] if part is None else [part]
    parts = [
        _part(root, replace_split(form, words), split) for split, words in SPLIT_FOLDERS.items()
    ]
    if not any(parts) and form.ir.startswith("{split}"):
        parts = [_part(root, replace_split(form, ""), split_of_folder(root.resolve().name))]
    return [part for part in parts if part is not None]


def replace_split(form: Form, words: str) -> Form:
    """Return a form with `{split}` replaced in its templates; if empty, the root is a split."""

    def filled(template: str) -> str:
        return template.replace("{split}", words).strip("/")

    ir, vis, labels, boxes = map(filled, (form.ir, form.vis, form.labels, form.boxes))
    return replace(form, ir=ir, vis=vis, labels=labels, boxes=boxes)


def split_of_folder(name: str) -> str:
    """Return the split that a folder's name stands for; empty for other names."""
    for split, words in SPLIT_FOLDERS.items():
        if name.casefold() in words.split("|"):
            return split
    return ""


def _part(root: Path, form: Form, split: str) -> Part | None:
    ir, vis = _folder(root, form.ir), _folder(root, form.vis)
    if ir is None or vis is None:
        return None
    wanted = CLIP_SUFFIXES if form.kind == "clips" else SUFFIXES
    if not (holds(ir, wanted) and holds(vis, wanted)):
        return None
    labels = _folder(root, form.labels) if form.labels else None
    return Part(split, ir, vis, labels, _boxes(root, form.boxes) if form.boxes else None)


def _boxes(root: Path, template: str) -> Path | None:
    """Return the first folder of box files, or the box file, that matches a template."""
    above, _, last = template.rpartition("/")
    folder = _folder(root, above)
    below = {} if folder is None else {path.name.casefold(): path for path in listed(folder)}
    found = (below[word.casefold()] for word in last.split("|") if word.casefold() in below)
    return next((one for one in found if one.is_file() or holds(one, BOX_SUFFIXES)), None)


def _folder(root: Path, template: str) -> Path | None:
    """Return the folder that matches a template; the root for an empty template."""
    folder = root
    for component in filter(None, template.split("/")):
        below = {path.name.casefold(): path for path in listed(folder) if _is_folder(path)}
        words = (word.casefold() for word in component.split("|"))
        folder_below = next((below[word] for word in words if word in below), None)
        if folder_below is None:
            return None
        folder = folder_below
    return folder


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no permission, or the name is too long
        return False


def _fits(root: Path, form: Form, parts: list[Part]) -> bool:
    if form.kind == "side by side" and not (form.names and _is_double(parts[0].ir)):
        return False
    if form.beside and not any(p.name.casefold() == form.beside.casefold() for p in listed(root)):
        return False
    resolved = root.resolve()
    above = (resolved.name, resolved.parent.name)
    if form.folder and not any(re.search(form.folder, name, re.IGNORECASE) for name in above):
        return False
    if form.names:
        some = [path.stem for path in list_images(parts[0].ir)[:_ENOUGH_NAMES]]
        return all(re.fullmatch(form.names, name) for name in some)
    return True


def _is_double(folder: Path) -> bool:
    """Return True if the first picture is at least twice as wide as high (two side by side)."""
    height, width = read_image(list_images(folder)[0]).size
    return width >= 2 * height


def _list(root: Path, layout: Layout, form: Form, parts: list[Part]) -> Found:
    pairs: list[PairPaths] = []
    unmatched: list[tuple[Path, str]] = []
    for part in parts:
        found, left = match(part, form)
        pairs += found
        unmatched += left
    splits = splits_by_lists(root, layout, form, [pair.name for pair in pairs])
    pairs = [replace(pair, split=splits.get(pair.name, pair.split)) for pair in pairs]
    if layout.test_only:
        pairs = [replace(pair, split="test") for pair in pairs]
    unmatched += listed_only(root, form, {pair.name for pair in pairs})
    if form.kind == "four channels":
        # Skip mirrored copies that some programs write beside the originals; we flip pictures.
        pairs = [pair for pair in pairs if not pair.name.endswith(MIRRORED)]
    if not pairs:
        found_text = f"no names match in {len(unmatched)} files"
        raise DatasetNotFound(
            found_text, file=root, expected="equal names except for the extension"
        )
    order = {split: rank for rank, split in enumerate(SPLIT_FOLDERS)}
    pairs.sort(key=lambda pair: (order.get(pair.split, len(order)), pair.name))
    return Found(root, layout, form, tuple(pairs), tuple(unmatched))
