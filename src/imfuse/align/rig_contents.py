"""Contents of files that describe how two cameras see: numbers, by name or in lines."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.errors import UnreadableImage, UsageError
from imfuse.io.yaml_file import load_yaml

_LARGEST = 1 << 20
_DEEPEST = 8
_EXPECTED = (
    "9 numbers of a 3x3 matrix, lines of x y (infrared) and x y (visible) of four or more points, "
    "a JSON, YAML or .npy file of either, or a camchain.yaml of Kalibr"
)


def content_of(file: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a file holds: mappings, or rows of numbers.

    Raises:
        UnreadableImage: It can't be read, or holds nothing of the kind.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise unreadable(file, "more than 1 MB")
        if file.suffix.lower() == ".npy":
            return np.load(file, allow_pickle=False).tolist()
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise unreadable(file, f"it can't be read ({error.strerror})") from error
    except ValueError as error:
        raise unreadable(file, "neither text nor an array of NumPy") from error
    suffix = file.suffix.lower()
    if suffix == ".json":
        return _of_json(text, file)
    if suffix == ".xml" or (suffix in (".yaml", ".yml") and "opencv-matrix" in text):
        return _of_opencv(file)
    return _of_yaml(file) if suffix in (".yaml", ".yml") else _of_lines(text, file)


def _of_json(text: str, file: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise unreadable(file, f"no JSON ({error})") from error


def _of_yaml(file: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return load_yaml(file)
    except UsageError as error:
        raise unreadable(file, error.found) from error


def _of_lines(text: str, file: Path) -> list[list[float]]:
    """Return the numbers of each line; brackets, commas and comments may be there."""
    lines = (line.partition("#")[0].strip(" \t,;[]()") for line in text.splitlines())
    rows = [re.split(r"[\s,;]+", line) for line in lines if line]
    try:
        return [[float(word) for word in row] for row in rows]
    except ValueError as error:
        raise unreadable(file, f"text that is no numbers ({error})") from error


def _of_opencv(file: Path) -> dict[str, Any]:
    """Return the matrices in a file of OpenCV's FileStorage, by name."""
    try:
        storage = cv2.FileStorage(str(file), cv2.FILE_STORAGE_READ)
        root = storage.root()
        nodes = {name: root.getNode(name) for name in root.keys()}  # noqa: SIM118 - no mapping
        found = {name: node.mat() for name, node in nodes.items() if node.isMap()}
        storage.release()
    except (cv2.error, SystemError) as error:
        raise unreadable(file, "a damaged file of OpenCV") from error
    return {name: value.tolist() for name, value in found.items() if value is not None}


def named(content: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield all names and values of nested mappings, in small letters."""
    if isinstance(content, Mapping) and depth < _DEEPEST:
        for name, value in content.items():
            yield str(name).lower(), value
            yield from named(value, depth + 1)


def numbers(value: Any, shape: tuple[int | None, ...]) -> NDArray[np.float64] | None:  # noqa: ANN401
    """Return numbers of a shape; None: they aren't."""
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.size == 9 and shape == (3, 3) and found.ndim in (1, 2):
        found = found.reshape(3, 3)
    fits = found.ndim == len(shape) and all(
        n in (None, m) for n, m in zip(shape, found.shape, strict=True)
    )
    return found if fits and np.isfinite(found).all() else None


def unreadable(file: Path, found: str, expected: str = _EXPECTED) -> UnreadableImage:
    """Return the error for a file that describes no rig."""
    return UnreadableImage(found, file=file, expected=expected)
