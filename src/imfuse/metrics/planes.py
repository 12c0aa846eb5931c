"""The three gray pictures that a metric compares, with a cache of intermediate results."""

from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from imfuse.errors import BadValues, PairMismatch
from imfuse.types import Float

WHITE = 255.0
"""Value of white for metrics: their published constants (such as VIF's noise) assume 0 to 255."""

_T = TypeVar("_T")


def total_of(values: NDArray[Any]) -> float:
    """Return the sum of a map, added up in float64 in a third of the time that NumPy takes.

    The last bit of cv2.sumElems depends on the position in memory; rows are added in one order.
    """
    return float(cv2.reduce(values, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).sum())


class Plane:
    """One gray picture on a scale of 0 to 255, with a cache of the values computed from it.

    Args:
        values: `(H, W)` float32 from 0 to 255.
    """

    def __init__(self, values: Float) -> None:
        self.values = values
        self._known: dict[tuple[object, ...], Any] = {}

    @classmethod
    def of_levels(cls, levels: NDArray[np.uint8]) -> "Plane":
        """Return the plane of an 8-bit picture, whose values are known to be whole."""
        plane = cls(levels.astype(np.float32))
        plane._known[_levels,] = levels
        plane._known[_is_whole,] = True
        return plane

    def once(self, compute: Callable[..., _T], *arguments: object) -> _T:
        """Return `compute(self, *arguments)`, computed once and then cached.

        Several metrics need the same gradients, histograms and moments, and a benchmark compares
        many fused pictures with the same two sources. The result must not be written to.
        """
        key = (compute, *arguments)
        if key not in self._known:
            self._known[key] = compute(self, *arguments)
        result: _T = self._known[key]
        return result

    def on_unit_scale(self) -> "Plane":
        """Return the same picture with values from 0 to 1, keeping its histogram.

        None of our definitions needs this. Kits that convert pictures to MATLAB's `double` do it,
        and every constant meant for 0 to 255 is then too large.
        """
        plane = Plane(self.values * np.float32(1 / WHITE))
        plane._known[_levels,] = self.levels
        return plane

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def levels(self) -> NDArray[np.uint8]:
        """The values rounded (half to even) to 256 gray levels, for histograms."""
        return self.once(_levels)

    @property
    def is_whole(self) -> bool:
        """True if all values are whole gray levels, as those of 8-bit pictures are."""
        return self.once(_is_whole)

    @property
    def mean(self) -> float:
        """Mean in gray levels."""
        return self.once(_mean_and_variance)[0]

    @property
    def variance(self) -> float:
        """Population variance in squared gray levels; exactly 0 for a constant picture."""
        return self.once(_mean_and_variance)[1]


def _levels(plane: Plane) -> NDArray[np.uint8]:
    return np.rint(plane.values).astype(np.uint8)


def _is_whole(plane: Plane) -> bool:
    return bool(np.array_equal(plane.values, plane.levels))


def _mean_and_variance(plane: Plane) -> tuple[float, float]:
    least, most, _, _ = cv2.minMaxLoc(plane.values)
    if least == most:  # rounding of the sums must not make a constant picture look textured
        return float(least), 0.0
    values = plane.levels if plane.is_whole else plane.values  # bytes are added up much faster
    mean, deviation = cv2.meanStdDev(values)  # sums in double precision
    return float(mean.item()), float(deviation.item()) ** 2


class Trio:
    """A fused picture and its two sources, each as a `Plane` of the same size.

    The arrays behind the planes are never written to.
    """

    def __init__(self, fused: Plane, ir: Plane, vis: Plane) -> None:
        self.fused, self.ir, self.vis = fused, ir, vis

    @classmethod
    def of(cls, fused: ArrayLike, ir: ArrayLike, vis: ArrayLike, *, data_range: float) -> "Trio":
        """Return the trio of three gray arrays `(H, W)` with values from 0 to `data_range`.

        Raises:
            PairMismatch: The shapes differ or are not two-dimensional.
            BadValues: A value is NaN or outside 0 to `data_range`; a range is never guessed.
        """
        arrays = {"fused": np.asarray(fused), "ir": np.asarray(ir), "vis": np.asarray(vis)}
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) > 1 or any(array.ndim != 2 or not array.size for array in arrays.values()):
            found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            raise PairMismatch(found, expected="three gray arrays of one shape (H, W)")
        for name, array in arrays.items():
            least, most = float(array.min()), float(array.max())
            if not (least >= 0 and most <= data_range):
                raise BadValues(
                    f"values from {least:g} to {most:g}",
                    file=name,
                    expected=f"values in 0..{data_range:g}",
                    remedy="Give the right data_range=, or scale the values.",
                )
        scale = np.float64(WHITE / data_range)
        planes = (Plane((array * scale).astype(np.float32)) for array in arrays.values())
        return cls(*planes)

    @property
    def sources(self) -> tuple[Plane, Plane]:
        """Infrared and visible, in this order."""
        return self.ir, self.vis

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.fused.shape
