"""Pictures cut into patches of one size on a grid, without those of hardly any contrast.

CDDFuse and SMFNet prepare MSRS in this way: patches of 128 every 200 pixels.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from imfuse.data.entries import Entry
from imfuse.data.sample import Sample, gray
from imfuse.data.sources import Derived, Source
from imfuse.errors import UsageError
from imfuse.learn.batches.transforms import crop
from imfuse.types import Pixels

LEAST_CONTRAST = 0.1


class PatchSource(Derived):
    """The patches of a source's pictures, named `picture/row-column`.

    The constructor reads every picture once; pass a `CachedSource`, so that reading patches is
    then free.

    Args:
        source: The pictures.
        size: Height and width of the square patches in pixels.
        stride: Distance between patch corners along either side, from the top left.
        least_contrast: Patches are left out if either picture has less contrast (see `contrast`);
            0 keeps all.

    Raises:
        UsageError: A number is out of range, or no patch is left.
    """

    def __init__(
        self,
        source: Source,
        *,
        size: int = 128,
        stride: int = 200,
        least_contrast: float = LEAST_CONTRAST,
    ) -> None:
        if size < 1 or stride < 1:
            raise UsageError(f"patches of {size} every {stride}", expected="at least 1 pixel")
        super().__init__(source)
        self.size = size
        self._places: list[tuple[int, tuple[int, int]]] = []
        for index in range(len(source)):
            sample = source.load(index)
            for corner in corners(sample.size, size, stride):
                patch = crop(sample, corner, (size, size))
                if not least_contrast or _worth(patch, least_contrast):
                    self._places.append((index, corner))
        if not self._places:
            raise UsageError(
                f"no patch of {size}x{size} pixels with contrast in {len(source)} pairs",
                remedy="Ask for smaller patches.",
            )
        self.entries = tuple(self._entry(index, corner) for index, corner in self._places)

    def _entry(self, index: int, corner: tuple[int, int]) -> Entry:
        whole = self.source.entries[index]
        name = f"{whole.name}/{corner[0]}-{corner[1]}"
        return replace(whole, name=name)

    def load(self, index: int) -> Sample:
        """Return a patch as it is stored."""
        whole, corner = self._places[index]
        patch = crop(self.source.load(whole), corner, (self.size, self.size))
        return replace(patch, name=self.entries[index].name)


def corners(shape: tuple[int, int], size: int, stride: int) -> Iterator[tuple[int, int]]:
    """Yield row and column of the corners of all patches that fit into a picture."""
    height, width = shape
    for row in range(0, height - size + 1, stride):
        for column in range(0, width - size + 1, stride):
            yield row, column


def contrast(pixels: Pixels) -> float:
    """Return (P90 - P10) / P90 from percentiles of a picture's values; 0 for a black picture.

    Departures: where P90 is 0, the division by zero in the papers' code keeps the patch; here it
    has no contrast.
    """
    low, high = np.percentile(pixels, [10, 90])
    return float((high - low) / high) if high > 0 else 0.0


def _worth(patch: Sample, least: float) -> bool:
    return contrast(patch.ir) >= least and contrast(gray(patch.vis)) >= least
