"""Infrared pictures laid onto the pixels of the result, as a registration says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.infrared import Infrared
from imfuse.ops.warps import Matrix, beyond, positions, resample, scaling, warp
from imfuse.types import Float, Mask, Picture, Registration

Window = tuple[slice, slice]
"""Rows and columns."""
_FADE = 0.03
"""Distance from the end of infrared within which the fused picture fades, in sides of a square of
the same area as what infrared shows."""
_FINE = 1024
"""Longest side in blocks at which distances from that end are found."""


@dataclass(frozen=True)
class InfraredPlane:
    """Infrared on the pixels of the result, read window by window.

    Attributes:
        read: Returns a window in [0, 1].
        hidden: Returns True for the pixels of a window without infrared; None: there are none.
        fade: Returns the weight of the fused picture on a window, which falls to 0 where the
            infrared picture ends, lest a seam be seen; None: it ends nowhere.
        physical: Returns all calibrated values, NaN where there are none.
        nbytes: Memory that the plane takes besides the pictures.
    """

    read: Callable[[Window], Float]
    hidden: Callable[[Window], Mask | None]
    physical: Callable[[], Float]
    nbytes: int = 0
    fade: Callable[[Window], Float | None] = lambda _: None

    @classmethod
    def of(
        cls,
        infrared: Infrared,
        ir: Picture,
        vis: Picture,
        found: Registration,
        notes: list[str],
    ) -> "InfraredPlane":
        """Lay an infrared picture onto the pixels of a visible one."""
        height, width = vis.size
        whole, missing = _whole(*ir.size), infrared.missing
        if not _covers(found, ir.size, vis.size):
            return cls._warped(infrared, ir, vis, found)
        if ir.size == vis.size:
            return cls(
                infrared.read,
                lambda window: None if missing is None else missing[window],
                lambda: _with_gaps(infrared.physical(whole), missing),
            )
        notes.append(f"{ir.name}: resized from {ir.extent}")
        values = resample(infrared.read(whole), height, width)
        gaps = None if missing is None else resample(missing.astype(np.float32), height, width) > 0
        return cls(
            lambda window: values[window],
            lambda window: None if gaps is None else gaps[window],
            lambda: _with_gaps(resample(infrared.physical(whole), height, width), gaps),
            values.nbytes + (0 if gaps is None else gaps.nbytes),
        )

    @classmethod
    def _warped(
        cls, infrared: Infrared, ir: Picture, vis: Picture, found: Registration
    ) -> "InfraredPlane":
        values = infrared.read(_whole(*ir.size))
        missing = infrared.missing
        gaps = None if missing is None else missing.astype(np.float32)

        onto = _Onto(found, ir.size, vis.size)

        def hidden(window: Window) -> Mask | None:
            result = onto.beyond(window)
            if gaps is not None:
                result = _either(result, onto.warp(gaps, window) > 0)
            if found.outside is not None:
                result = _either(result, found.outside[window])
            return result

        def physical() -> Float:
            everywhere = _whole(*vis.size)
            warped = onto.warp(infrared.physical(_whole(*ir.size)), everywhere)
            return _with_gaps(warped, hidden(everywhere))

        memory = values.nbytes + (0 if gaps is None else gaps.nbytes)
        return cls(lambda window: onto.warp(values, window), hidden, physical, memory, onto.fade())


@dataclass(frozen=True)
class _Onto:
    """Warps from the infrared picture onto windows of the result.

    Attributes:
        found: How infrared pixels map to those of the result.
        ir: Height and width of the infrared picture.
        vis: Those of the result.
    """

    found: Registration
    ir: tuple[int, int]
    vis: tuple[int, int]

    @property
    def _matrix(self) -> Matrix | None:
        """The matrix where it can be used directly: no pixel lies behind its horizon."""
        if self.found.field is not None:
            return None
        matrix = np.eye(3) if self.found.matrix is None else self.found.matrix
        back = np.linalg.inv(matrix)
        height, width = self.vis
        depth = [back[2] @ [x, y, 1] for x in (-1, width) for y in (-1, height)]
        return matrix if min(depth) > 0 or max(depth) < 0 else None

    def warp(self, values: Float, window: Window) -> Float:
        """Return the values on a window of the result, those of the edge where there are none."""
        matrix = self._matrix
        if matrix is None:
            return warp(values, self._at(window))
        return self._fast(values, matrix, window, cv2.BORDER_REPLICATE)

    def beyond(self, window: Window) -> Mask | None:
        """Return True where the infrared picture shows nothing; None: it shows all."""
        matrix = self._matrix
        if matrix is None:
            return beyond(self._at(window), self.ir)
        # A homography maps convex to convex: with its corners, all of a window is inside.
        rows, columns = window
        corners = [(x, y) for x in (columns.start, columns.stop - 1) for y in _ends(rows)]
        back = np.linalg.inv(matrix)
        if not beyond(_apply(back, corners), self.ir).any():
            return None
        # Interpolated with zeros around, ones fall below a half beyond half a pixel.
        inside = self._fast(np.ones(self.ir, np.float32), matrix, window, cv2.BORDER_CONSTANT)
        return np.asarray(inside < 0.5)

    def fade(self) -> Callable[[Window], Float | None]:
        """Return the weights of `InfraredPlane.fade`, found once for the whole result, small."""
        height, width = self.vis
        step = -(-max(self.vis) // _FINE)
        rows, columns = -(-height // step), -(-width // step)
        # Centres of blocks, as pixels of the result.
        blocks = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1.0]])
        matrix = self._matrix
        if matrix is None:
            at = self._at(_whole(*self.vis))[step // 2 :: step, step // 2 :: step]
            seen = (~beyond(np.ascontiguousarray(at), self.ir)).astype(np.uint8)
        else:
            ones, small = np.ones(self.ir, np.uint8), np.linalg.inv(blocks) @ matrix
            warped = cv2.warpPerspective(ones, small, (columns, rows), flags=cv2.INTER_NEAREST)
            seen = np.asarray(warped, np.uint8)
        if seen.all():
            return lambda _: None
        away = step * (cv2.distanceTransform(seen, cv2.DIST_L2, 5) - 1)
        reach = max(1.0, _FADE * step * float(np.sqrt(seen.sum())))
        weights = np.clip(away / np.float32(reach), 0, 1).astype(np.float32)

        def on(window: Window) -> Float | None:
            move = np.array([[1, 0, -window[1].start], [0, 1, -window[0].start], [0, 0, 1.0]])
            size = window[1].stop - window[1].start, window[0].stop - window[0].start
            onto = (move @ blocks)[:2]
            found = cv2.warpAffine(weights, onto, size, borderMode=cv2.BORDER_REPLICATE)
            return np.asarray(found, np.float32)

        return on

    def _fast(self, values: Float, matrix: Matrix, window: Window, border: int) -> Float:
        rows, columns = window
        move = np.array([[1, 0, -columns.start], [0, 1, -rows.start], [0, 0, 1.0]])
        size = columns.stop - columns.start, rows.stop - rows.start
        warped = cv2.warpPerspective(values, move @ matrix, size, borderMode=border)
        return np.asarray(warped, np.float32)

    def _at(self, window: Window) -> Float:
        if self.found.field is not None:
            return np.ascontiguousarray(self.found.field[window])
        return positions(np.eye(3) if self.found.matrix is None else self.found.matrix, window)


def _apply(matrix: NDArray[Any], points: list[tuple[int, int]]) -> Float:
    moved = np.array([matrix @ [x, y, 1] for x, y in points])
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float32)


def _ends(side: slice) -> tuple[int, int]:
    return side.start, side.stop - 1


def _either(first: Mask | None, second: Mask) -> Mask:
    return second if first is None else first | second


def _covers(found: Registration, ir: tuple[int, int], vis: tuple[int, int]) -> bool:
    """Return True if infrared covers the result edge on edge: resampling then needs no warp."""
    matrix = np.eye(3) if found.matrix is None else found.matrix
    off = np.abs(matrix - scaling(ir, vis)).max()
    return found.field is None and found.outside is None and bool(off <= 1e-9)


def _with_gaps(values: Float, gaps: Mask | None) -> Float:
    return values if gaps is None else np.where(gaps, np.float32(np.nan), values)


def _whole(height: int, width: int) -> Window:
    return slice(0, height), slice(0, width)
