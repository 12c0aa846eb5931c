"""Label pictures: files whose values are classes, not light."""

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imfuse.errors import ImfuseError, UnreadableImage, UnsupportedImage
from imfuse.io.images import write_image
from imfuse.types import Picture

_INDEXED = ("L", "P", "1")
_SPREAD = {"L;2": 85, "L;4": 17}  # factor by which Pillow multiplies grays of 2 and 4 bits


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Read a label picture: the class of each pixel as its stored gray value or palette index.

    A palette of colours only defines how classes are shown: its indices are the classes. A palette
    of different grays is just a compact way to store gray values: the grays are the classes. Grays
    of 2 and 4 bits are used as they are stored, not spread to 0..255.

    Returns:
        `(H, W)` uint8.

    Raises:
        UnreadableImage: The file is missing or damaged.
        UnsupportedImage: The file shows classes as colours.
    """
    try:
        with Image.open(path) as image:
            stored = str(image.tile[0][3]) if image.tile else ""
            mode, labels = image.mode, np.asarray(image)
            table = np.reshape(image.getpalette() or (), (-1, 3)).astype(np.uint8)
    except ImfuseError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImage(
            f"the labels can't be read ({str(error)[:200]})", file=path, expected="a label PNG"
        ) from error
    if mode == "P" and (table == table[:, :1]).all():
        used = np.unique(labels)
        grays = table[used[used < len(table)], 0]
        if len(np.unique(grays)) == len(used):
            return np.asarray(np.pad(table[:, 0], (0, 256 - len(table)))[labels])
    if stored in _SPREAD:
        return np.asarray(labels // _SPREAD[stored])
    if mode in _INDEXED:
        return labels.astype(np.uint8)
    if mode == "RGB" and (labels == labels[..., :1]).all():
        return np.asarray(cv2.extractChannel(labels, 0), np.uint8)
    raise UnsupportedImage(
        f"labels as a picture of mode {mode}",
        file=path,
        expected="one 8-bit channel (or a palette) whose values are classes",
        remedy="Coloured pictures of labels are for looking at: give the index pictures.",
    )


def write_labels(path: str | os.PathLike[str], labels: NDArray[np.uint8]) -> None:
    """Write a label picture: one 8-bit channel, without loss.

    Args:
        path: A file ending in `.png`.
        labels: `(H, W)` classes.

    Raises:
        OutputError: The file can't be written.
    """
    write_image(path, Picture(pixels=np.ascontiguousarray(labels)))
