"""Previews: a few held-out samples and their pictures side by side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imfuse.data.sample import Sample
from imfuse.data.sources import Source
from imfuse.learn.batches.transforms import crop

_PAIRS = 3
_SIZE = (240, 320)
_GAP = 4


def preview_samples(source: Source) -> list[Sample]:
    """Return centre crops of up to three pairs, spread evenly over a source."""
    count = min(_PAIRS, len(source))
    return [_middle(source.read(i * len(source) // count)) for i in range(count)]


def _middle(sample: Sample) -> Sample:
    height, width = (min(s, most) for s, most in zip(sample.size, _SIZE, strict=True))
    corner = (sample.size[0] - height) // 2, (sample.size[1] - width) // 2
    return crop(sample, corner, (height, width))


def in_rows(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Return pictures `(h, w, 3)` in rows, with black gaps, as one picture `(H, W, 3)`.

    All pictures of a row must have the same height.
    """
    spaced = [[np.pad(part, ((0, _GAP), (0, _GAP), (0, 0))) for part in row] for row in rows]
    lines = [np.concatenate(row, axis=1) for row in spaced]
    width = max(line.shape[1] for line in lines)
    padded = [np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0))) for line in lines]
    return np.asarray(np.concatenate(padded), np.uint8)
