"""Sliding inference: a segmenter sees a picture window by window, and its logits are averaged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from imfuse.errors import UsageError
from imfuse.types import Float


@dataclass(frozen=True)
class Windows:
    """Windows of equal size that cover a picture.

    BFFR is tested with windows of 240x320 (height x width) every 120 rows and 160 columns.

    Attributes:
        size: Height and width of a window; a picture with a smaller side is seen whole there.
        stride: Rows and columns from one window to the next, at most the size.

    Raises:
        UsageError: A number is below 1, or windows would leave gaps.
    """

    size: tuple[int, int]
    stride: tuple[int, int]

    def __post_init__(self) -> None:
        """Check that windows cover pictures."""
        if min(*self.size, *self.stride) < 1:
            raise UsageError(f"windows {self}", expected="sides and strides of at least 1 pixel")
        if any(step > side for step, side in zip(self.stride, self.size, strict=True)):
            raise UsageError(
                f"a stride of {_shown(self.stride)} for windows of {_shown(self.size)}",
                expected="a stride (width x height) that is at most the window, which leaves no "
                "gaps",
            )

    @classmethod
    def of(cls, size: tuple[int, int], stride: tuple[int, int] | None = None) -> "Windows":
        """Return windows with a given stride, by default half of their size, as in BFFR."""
        half = (max(1, size[0] // 2), max(1, size[1] // 2))
        return cls(size, half if stride is None else stride)

    def over(self, picture: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
        """Yield the rows and columns of each window over a picture of a height and width.

        The last window of a row or column is moved back so that it ends with the picture.
        """
        rows, columns = (
            _starts(whole, side, step)
            for whole, side, step in zip(picture, self.size, self.stride, strict=True)
        )
        height, width = self.size
        for top in rows:
            for left in columns:
                yield slice(top, top + height), slice(left, left + width)


def mean_logits(logits: Callable[[Float], Float], picture: Float, windows: Windows) -> Float:
    """Return the logits of each pixel, averaged over the windows that hold it.

    Args:
        logits: Maps `(h, w, c)` to `(classes, h, w)`.
        picture: `(H, W, c)`.
        windows: Windows to look at.

    Returns:
        `(classes, H, W)`.
    """
    size = picture.shape[0], picture.shape[1]
    counts = np.zeros(size, np.float32)
    total = np.zeros((1, *size), np.float32)
    for rows, columns in windows.over(size):
        found = logits(picture[rows, columns])
        if len(total) != len(found):  # the first window says how many classes there are
            total = np.zeros((len(found), *size), np.float32)
        total[:, rows, columns] += found
        counts[rows, columns] += 1
    return np.asarray(total / counts, np.float32)


def _starts(whole: int, side: int, step: int) -> list[int]:
    """Return where windows start along a side of a picture."""
    last = max(0, whole - side)
    return [*range(0, last, step), last]


def _shown(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
