"""Whole pairs, tile by tile, as large as memory allows, stored in the depth of the result."""

from collections.abc import Callable

import cv2
import numpy as np

from imfuse.align.frame import Framed
from imfuse.align.plane import InfraredPlane
from imfuse.engines.scene import BLOCK, SCENE, describe
from imfuse.errors import MemoryLimit
from imfuse.machine import total_memory
from imfuse.ops import color, geometry, tone
from imfuse.options import FuseOptions
from imfuse.types import (
    SCALES,
    Engine,
    Float,
    Mask,
    Picture,
    Pixels,
    SceneEngine,
    TileRule,
)
from imfuse.windows import (
    BYTES_PER_PIXEL,
    TILED_MEMORY,
    WindowFuser,
    allow_more,
    as_float,
    picture_in_blocks,
)

_PROVENANCE_BYTES = 160
"""More of them per pixel of a window, where it is told where pixels come from."""
_WINDOW_PIXELS = 4 << 20
"""Maximum pixels of a window even if memory allows more: beyond the caches, larger is slower."""


class TiledFuser:
    """Fuses pairs on the pixels of the result with one method. It keeps no state.

    Args:
        engine: The method.
        options: How to fuse.
        max_memory: Memory limit of a pair in bytes, not counting its inputs.
    """

    def __init__(self, engine: Engine, options: FuseOptions, max_memory: int) -> None:
        self._engine, self._options, self._max_memory = engine, options, max_memory
        self._windows = WindowFuser(engine, options, max_memory)

    def fuse(
        self, plane: InfraredPlane, frame: Framed, steady: Callable[[Float], Float] | None
    ) -> tuple[Pixels, Float | None]:
        """Return the result, and where its pixels come from if somebody asked.

        Args:
            plane: The infrared picture.
            frame: The visible one, on the pixels of the result.
            steady: See `Fuser.fuse`.

        Raises:
            MemoryLimit: The method can't work within the limit.
            BadValues: It gave NaN.
        """
        spec, vis = self._engine.spec, frame.vis
        height, width = vis.size
        colour = vis.is_colour or spec.output == "rgb"
        needed = height * width * (3 if colour else 1) * vis.pixels.itemsize + plane.nbytes
        needed += 12 * height * width * self._options.provenance
        per_pixel = spec.bytes_per_pixel + BYTES_PER_PIXEL
        per_pixel += _PROVENANCE_BYTES * self._options.provenance
        room = max(self._max_memory - needed, 0) // per_pixel
        if spec.tile is None:
            cut = None if height * width > room else [_whole(height, width)]
        else:
            cut = geometry.tiles(height, width, spec.tile, min(room, _WINDOW_PIXELS))
        if cut is None:
            limit = f"the limit of {self._max_memory / 1e6:.0f} MB"
            enough = allow_more(_enough(self._engine, height, width, needed))
            if spec.tile is None:
                found = f"{spec.name} needs {width}x{height} as a whole, which exceeds {limit}"
                remedy = f"{enough}, or choose a method that works in tiles."
            else:
                found = f"a tile of {width}x{height} for {spec.name} exceeds {limit}"
                remedy = f"{enough}."
            raise MemoryLimit(found, file=vis.name, remedy=remedy)
        engine, lift = self._adapted(plane, vis, min(room, _WINDOW_PIXELS), steady)
        result = np.empty((height, width, 3) if colour else (height, width), vis.pixels.dtype)
        told = np.empty((height, width, 3), np.float32) if self._options.provenance else None
        for tile in cut:
            ir = plane.read(tile.window)
            window, shares = self._windows.fuse(engine, ir, vis.pixels[tile.window], vis.name)
            _fade(vis.pixels[tile.window], plane.fade(tile.window), window, shares)
            _show_alone(vis.pixels[tile.window], plane.hidden(tile.window), window, shares)
            if frame.blind is not None:
                _show_alone(ir, frame.blind[tile.window], window, shares, share=0)
            if lift > 0:  # also where the visible picture shows alone, lest a seam be seen
                window = (tone.with_lift if window.ndim == 3 else tone.lifted)(window, lift)
            _store(window[tile.core_in_window], result[tile.core])
            if told is not None and shares is not None:
                told[tile.core] = shares[tile.core_in_window]
        return result, told

    def _adapted(
        self,
        plane: InfraredPlane,
        vis: Picture,
        room: int,
        steady: Callable[[Float], Float] | None,
    ) -> tuple[Engine, float]:
        """Return the engine that goes by the whole pictures, and the lift of their result."""
        engine = self._engine
        looks = isinstance(engine, SceneEngine)
        height, width = vis.size
        in_parts = height * width > room
        if self._options.tone == "off" and not (looks and (steady or in_parts)):
            return engine, 0.0  # where one window is the whole, `_fuse_window` describes it
        blocks = np.empty((2, 3, -(-height // BLOCK), -(-width // BLOCK)), np.float32)
        rule = TileRule(halo=0, stride=BLOCK)
        for tile in geometry.tiles(height, width, rule, max(room, BLOCK**2)) or []:
            luma = as_float(vis.pixels[tile.core])
            luma = color.luma(luma) if luma.ndim == 3 else luma
            where = tuple(slice(one.start // BLOCK, -(-one.stop // BLOCK)) for one in tile.core)
            for into, values in zip(blocks, (plane.read(tile.core), luma), strict=True):
                into[:, *where] = picture_in_blocks(values)
        numbers = np.append(describe(*blocks), np.float32(tone.log_brightness(*blocks[:, 0])))
        if steady is not None:
            numbers = steady(numbers)
        if isinstance(engine, SceneEngine):
            engine = engine.in_scene(numbers[:SCENE])
        return engine, tone.lift_for(float(numbers[SCENE]), self._options.tone)


def default_max_memory(engine: Engine) -> int:
    """Return the default memory limit of a pair, in bytes, not counting its inputs."""
    return max(TILED_MEMORY, 0 if engine.spec.tile else total_memory() // 2)


def _fade(pixels: Pixels, weight: Float | None, fused: Float, shares: Float | None) -> None:
    """Let the visible picture take over where the infrared one ends, also in the shares."""
    if weight is None:
        return
    where = weight < 1
    shown = as_float(pixels[where])
    less = 1 - weight[where]
    if fused.ndim == 3:
        shown = shown[:, None] if shown.ndim == 1 else shown
        fused[where] += less[:, None] * (shown - fused[where])
    else:
        fused[where] += less * (shown - fused[where])
    if shares is not None:
        shares[where] += less[:, None] * (np.array([0, 1, 0], np.float32) - shares[where])


def _show_alone(
    pixels: Pixels, where: Mask | None, fused: Float, shares: Float | None, *, share: int = 1
) -> None:
    """Show one source where the other has nothing, and say so in the shares."""
    if where is None:
        return
    shown = as_float(pixels[where])
    fused[where] = shown[:, None] if shown.ndim < fused.ndim - 1 else shown
    if shares is not None:
        shares[where] = np.eye(3, dtype=np.float32)[share]


def _store(values: Float, into: Pixels) -> None:
    """Clamp to [0, 1] and round (half to even) to the depth of the result."""
    if into.dtype == np.float32:
        np.clip(values, 0, 1, out=into)
        return
    scaled = np.clip(values, 0, 1)
    if into.dtype == np.uint8:  # in one pass, with the same rounding
        into[...] = cv2.convertScaleAbs(scaled, alpha=SCALES[into.dtype])
    else:
        scaled *= np.float32(SCALES[into.dtype])
        into[...] = np.rint(scaled, out=scaled)


def _whole(height: int, width: int) -> geometry.Tile:
    window = (slice(0, height), slice(0, width))
    return geometry.Tile(window, window)


def _enough(engine: Engine, height: int, width: int, result_bytes: int) -> int:
    """Return megabytes that are sure to suffice for the picture, or one generous tile of it."""
    tile = engine.spec.tile
    side = height * width if tile is None else (4 * tile.halo + 8 * tile.stride + 64) ** 2
    per_pixel = engine.spec.bytes_per_pixel + BYTES_PER_PIXEL
    return int((result_bytes + min(side, height * width) * per_pixel) / 1e6) + 1
