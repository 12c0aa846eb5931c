"""The pairs that a benchmark runs on: a folder with infrared and visible pictures, or scenes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from imfuse.errors import DatasetNotFound, PairMismatch, UsageError
from imfuse.io.images import read_image
from imfuse.io.pairs import PairFiles, match_folders
from imfuse.scenes import SCENES, render
from imfuse.types import Float, ImagePair, Picture

_NAMES = {
    "ir": ("ir", "inf", "infrared", "thermal"),
    "vis": ("vis", "vi", "visible", "rgb"),
}
_SCENES = "scenes"
_DEFAULT_SCENES = 20
_SCENE_SIZE = (480, 640)


@dataclass(frozen=True)
class NamedPair:
    """A pair that is read, or rendered, when it is needed."""

    name: str
    load: Callable[[], ImagePair]


def find_pairs(
    data: str, *, names: Path | None = None, limit: int | None = None
) -> list[NamedPair]:
    """Return the pairs of a folder, or rendered scenes.

    Args:
        data: A folder with sub-folders for infrared (`ir`, `infrared`, `thermal`, ...) and visible
            pictures (`vis`, `vi`, `visible`, `rgb`); or `scenes`, or `scenes:N` for N of them.
        names: File with the names of the pairs to take, one a line; others are left out.
        limit: Take the first so many.

    Raises:
        DatasetNotFound: The folder has no such sub-folders.
        PairMismatch: Names of the list have no pair.
        UsageError: Nothing is left, or the number of scenes is none.
    """
    kind, _, count = data.partition(":")
    pairs = _scenes(count) if kind == _SCENES else _folder(Path(data))
    if names is not None:
        pairs = _only(pairs, names)
    pairs = pairs[:limit]
    if not pairs:
        raise UsageError("no pairs", expected="at least one")
    return pairs


def _folder(folder: Path) -> list[NamedPair]:
    if not folder.is_dir():
        raise DatasetNotFound(
            "there is no such folder",
            file=folder,
            remedy="Give a folder that holds ir/ and vis/, or scenes:20 for rendered pairs.",
        )
    found = {}
    for sensor, words in _NAMES.items():
        by_name = {path.name.casefold(): path for path in folder.iterdir() if path.is_dir()}
        folders = [by_name[word] for word in words if word in by_name]
        if not folders:
            raise DatasetNotFound(
                f"no folder of {'infrared' if sensor == 'ir' else 'visible'} pictures",
                file=folder,
                expected=f"a sub-folder named {', '.join(words)}",
                remedy="Give the folder above the two that hold the pictures.",
            )
        found[sensor] = folders[0]
    matching = match_folders(found["ir"], found["vis"])
    return [NamedPair(pair.key, partial(_read, pair)) for pair in matching.pairs]


def _read(files: PairFiles) -> ImagePair:
    return ImagePair(ir=read_image(files.ir), vis=read_image(files.vis))


def _scenes(count: str) -> list[NamedPair]:
    if count and not (count.isdecimal() and int(count)):
        raise UsageError(f"scenes:{count}", expected="scenes, or scenes:N with N from 1")
    kinds = list(SCENES)
    return [
        NamedPair(
            f"{index // len(kinds):05d}-{kinds[index % len(kinds)]}",
            partial(_render, kinds[index % len(kinds)], index // len(kinds)),
        )
        for index in range(int(count or _DEFAULT_SCENES))
    ]


def _render(kind: str, seed: int) -> ImagePair:
    scene = render(kind, size=_SCENE_SIZE, seed=seed)
    return ImagePair(ir=_picture(scene.ir), vis=_picture(scene.vis))


def _picture(values: Float) -> Picture:
    return Picture(pixels=np.rint(values * 255).astype(np.uint8), name="<scene>")


def _only(pairs: list[NamedPair], names: Path) -> list[NamedPair]:
    try:
        lines = names.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Give a text file with one name a line."
        raise DatasetNotFound(
            f"can't read the list ({error})", file=names, remedy=remedy
        ) from error
    known = {pair.name for pair in pairs}
    wanted = {line if line in known else Path(line).stem for line in lines}
    if wanted - known:
        some = ", ".join(sorted(wanted - known)[:3])
        raise PairMismatch(
            f"{len(wanted - known)} names have no pair ({some})",
            file=names,
            expected="names of pairs, with or without the ending",
        )
    return [pair for pair in pairs if pair.name in wanted]
