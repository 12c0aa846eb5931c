"""One window of a pair: luma is split off, padded, fused, cropped, and colour put back."""

import cv2
import numpy as np

from imfuse.engines.scene import BLOCK, describe, in_blocks
from imfuse.errors import BadValues, MemoryLimit
from imfuse.ops import color, geometry
from imfuse.options import FuseOptions
from imfuse.provenance import as_map, blended, estimated
from imfuse.types import (
    SCALES,
    Engine,
    Float,
    KnowingEngine,
    Pixels,
    PreferringEngine,
    SceneEngine,
    Shares,
    SizeRule,
)

TILED_MEMORY = 1_000_000_000
"""Memory limit in bytes for one pair if the user sets none and tiles are possible."""
BYTES_PER_PIXEL = 56
"""Float copies of a window: infrared 4, RGB 12, luma 4, fused 4, difference 4, result 28."""
_BLOCKS = SizeRule(minimum=BLOCK, multiple=BLOCK)
"""Sizes that whole blocks fill."""


class WindowFuser:
    """Fuses windows with one method. It keeps no state.

    Args:
        engine: The method.
        options: How to fuse.
        max_memory: Memory limit of a pair in bytes.
    """

    def __init__(self, engine: Engine, options: FuseOptions, max_memory: int) -> None:
        self._engine, self._options, self._max_memory = engine, options, max_memory

    def fuse(
        self, engine: Engine, ir: Float, vis_pixels: Pixels, name: str
    ) -> tuple[Float, Float | None]:
        """Fuse one window; return RGB if the visible picture or the engine's output is colour.

        The second result is where its pixels come from, if somebody asked.
        """
        spec = self._engine.spec
        vis = as_float(vis_pixels)
        luma = color.luma(vis) if vis.ndim == 3 else vis
        shown = luma
        if spec.visible == "rgb":
            shown = vis if vis.ndim == 3 else np.stack([vis, vis, vis], axis=-1)
        height, width = luma.shape
        size = geometry.padded_size(height, width, spec.size)
        if max(size[0] - height, size[1] - width) > 0:
            self._check_padding(size, name)
        padded = geometry.pad_to(ir, *size), geometry.pad_to(shown, *size)
        if isinstance(engine, SceneEngine) and engine is self._engine:
            engine = engine.in_scene(describe(picture_in_blocks(ir), picture_in_blocks(luma)))
        fused = engine.fuse(*padded)[:height, :width]
        # A float64 sum is finite only if every value is, and takes a sixth of checkRange's time.
        if not np.isfinite(cv2.sumElems(fused)).all():
            raise BadValues(
                f"method {spec.name} gave NaN or infinite values",
                file=name,
                remedy="The model file is damaged or unfit for this picture; try another method.",
            )
        if self._lean != 0:
            fused = self._towards_one(fused, ir, luma if fused.ndim == 2 else shown)
        shares = None
        if self._options.provenance:
            shares = self._provenance(engine, fused, ir, luma, padded)
        if vis.ndim == 3 and fused.ndim == 2:
            return color.with_luma(vis, luma, fused), shares
        return fused, shares

    def _provenance(
        self, engine: Engine, fused: Float, ir: Float, luma: Float, padded: tuple[Float, Float]
    ) -> Float:
        """Return where the pixels of a window come from."""
        gray = fused if fused.ndim == 2 else color.luma(fused)
        if not isinstance(engine, KnowingEngine):
            return as_map(estimated(gray, ir, luma))
        height, width = gray.shape
        parts = Shares(*(part[:height, :width] for part in engine.shares(*padded)))
        parts = blended(parts, ir, luma, self._lean)
        return as_map(parts)

    def _check_padding(self, size: tuple[int, int], name: str) -> None:
        """Refuse a picture that grows beyond the memory limit when it is padded."""
        spec = self._engine.spec
        needed = size[0] * size[1] * (spec.bytes_per_pixel + BYTES_PER_PIXEL)
        # Small pictures are fused whatever the limit, as long as they do no harm.
        if needed > max(self._max_memory, TILED_MEMORY):
            raise MemoryLimit(
                f"{spec.name} pads the picture to {size[1]}x{size[0]}, which exceeds the limit of "
                f"{self._max_memory / 1e6:.0f} MB",
                file=name,
                remedy=f"{allow_more(needed // 10**6 + 1)}, or choose another method.",
            )

    @property
    def _lean(self) -> float:
        """Weight of the source that results are blended with: above 0 of infrared, below visible.

        Engines that know preferences decide for more of it by themselves, and are blended by the
        square, which hardly shows at first; so at 1 nothing else is left with them, either.
        """
        lean = 2 * self._options.prefer_ir - 1
        return lean * abs(lean) if isinstance(self._engine, PreferringEngine) else lean

    def _towards_one(self, fused: Float, ir: Float, vis: Float) -> Float:
        """Blend a result with the source that `prefer_ir` favours."""
        share = np.float32(abs(self._lean))
        if self._lean > 0:
            source = ir if fused.ndim == 2 else ir[..., None]
        else:
            source = vis if fused.ndim == vis.ndim else vis[..., None]
        return fused + share * (source - fused)


def as_float(pixels: Pixels) -> Float:
    """Return pixels of any depth as float32 in [0, 1]."""
    values = pixels.astype(np.float32)
    if pixels.dtype != np.float32:
        values *= np.float32(1 / SCALES[pixels.dtype])
    return values


def picture_in_blocks(picture: Float) -> Float:
    """Return what blocks are like, of which the last ones may be filled up by mirroring."""
    height, width = picture.shape
    size = geometry.padded_size(height, width, _BLOCKS)
    return in_blocks(geometry.pad_to(picture, *size))


def allow_more(megabytes: int) -> str:
    """Return how a user allows more memory."""
    return f"Allow more: --max-memory {megabytes}MB (max_memory={megabytes}_000_000)"
