"""Infrared pictures laid onto the pixels of the result, as a registration says."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imfuse.infrared import Infrared
from imfuse.ops.warps import beyond, positions, resample, scaling, warp
from imfuse.types import Float, Mask, Picture, Registration

Window = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class InfraredPlane:
    """Infrared on the pixels of the result, read window by window.

    Attributes:
        read: Returns a window in [0, 1].
        hidden: Returns True for the pixels of a window without infrared; None: there are none.
        physical: Returns all calibrated values, NaN where there are none.
        nbytes: Memory that the plane takes besides the pictures.
    """

    read: Callable[[Window], Float]
    hidden: Callable[[Window], Mask | None]
    physical: Callable[[], Float]
    nbytes: int = 0

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

        def at(window: Window) -> Float:
            if found.field is not None:
                return np.ascontiguousarray(found.field[window])
            return positions(np.eye(3) if found.matrix is None else found.matrix, window)

        def hidden(window: Window) -> Mask:
            places = at(window)
            result = beyond(places, ir.size)
            if gaps is not None:
                result |= warp(gaps, places) > 0
            if found.outside is not None:
                result |= found.outside[window]
            return result

        def physical() -> Float:
            everywhere = _whole(*vis.size)
            warped = warp(infrared.physical(_whole(*ir.size)), at(everywhere))
            return _with_gaps(warped, hidden(everywhere))

        memory = values.nbytes + (0 if gaps is None else gaps.nbytes)
        return cls(lambda window: warp(values, at(window)), hidden, physical, memory)


def _covers(found: Registration, ir: tuple[int, int], vis: tuple[int, int]) -> bool:
    """Return True if infrared covers the result edge on edge: resampling then needs no warp."""
    matrix = np.eye(3) if found.matrix is None else found.matrix
    off = np.abs(matrix - scaling(ir, vis)).max()
    return found.field is None and found.outside is None and bool(off <= 1e-9)


def _with_gaps(values: Float, gaps: Mask | None) -> Float:
    return values if gaps is None else np.where(gaps, np.float32(np.nan), values)


def _whole(height: int, width: int) -> Window:
    return slice(0, height), slice(0, width)
