"""The one place where luma is split, sizes are padded and cropped, and colour is put back."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from imfuse.engines.load import Runtime, load_engine
from imfuse.errors import BadValues, MemoryLimit, PairMismatch, UsageError
from imfuse.machine import total_memory
from imfuse.ops import color, geometry
from imfuse.types import SCALES, Engine, Float, FusedImage, ImagePair, Metadata, Picture, Pixels

_TILED_MEMORY = 1_000_000_000
"""Bytes that fusing one pair takes at most where the user sets no limit and tiles are possible."""

_PIPELINE_BYTES_PER_PIXEL = 56
"""Float copies of a window: infrared 4, RGB 12, luma 4, fused 4, difference 4, result 28."""

_GRAY_TOLERANCE = 0.02
"""Mean channel difference below which three channels count as gray: JPEG colour noise is less."""

_NARROW = 1 / 8
"""Share of a 16-bit range below which a picture will look flat, so that we say so."""

_STRIP_ROWS = 256

_WINDOW_PIXELS = 4 << 20
"""Most pixels of a window even where memory allows more: beyond the caches, larger is slower."""


class Fuser:
    """Fuses pairs of pictures with one method. Threads may share a fuser.

    Args:
        model: Name of a method, path of an `.onnx` file, or an engine; None: the default method.
        resize: Which picture to bring to the other's size where the two differ: `ir` or `vis`.
            None: pairs of different sizes are refused.
        ir_range: Infrared values (in the picture's own units) that become 0 and 1; values beyond
            are cut off. Given in reverse order it turns black-hot into white-hot. None: the full
            range of the picture's type.
        prefer_ir: Share of the infrared picture, 0 to 1. At 1/2 the method decides; from there to 1
            (to 0) its result is blended more and more with the infrared (visible) picture, which
            at the end is all that is left.
        max_memory: Bytes that one pair may take above its inputs, the result included. Large
            pictures are worked on in overlapping tiles, with the same result. None: 1 GB, and for
            methods that must see the whole picture at once, half of the machine's memory.
        threads: Threads inside the method, for methods that can tell; None: all cores.
        runtime: What runs an `.onnx` file: `onnxruntime`; `openvino`, which is faster and an
            extra; or `openvino-bf16`, which rounds to bfloat16 on processors that have it, and is
            several times faster there. Other models ignore it.

    Raises:
        UnknownName: There is no such method.
        WeightsError: The model file can't be used.
        UsageError: An argument makes no sense.
    """

    def __init__(
        self,
        model: str | Path | Engine | None = None,
        *,
        resize: Literal["ir", "vis"] | None = None,
        ir_range: tuple[float, float] | None = None,
        prefer_ir: float = 0.5,
        max_memory: int | None = None,
        threads: int | None = None,
        runtime: Runtime = "onnxruntime",
    ) -> None:
        if resize not in {None, "ir", "vis"}:
            raise UsageError(f"resize={resize!r}", expected="'ir' or 'vis'")
        if ir_range is not None and not (np.isfinite(ir_range).all() and np.ptp(ir_range) > 0):
            found = f"infrared range {ir_range[0]:g}:{ir_range[1]:g}"
            raise UsageError(found, expected="two different finite numbers")
        if not 0 <= prefer_ir <= 1:
            raise UsageError(f"a share of {prefer_ir:g} for one picture", expected="0 to 1")
        self.engine = load_engine(model, threads=threads, runtime=runtime)
        self.resize, self.ir_range = resize, ir_range
        self.prefer_ir = prefer_ir
        self.max_memory = default_max_memory(self.engine) if max_memory is None else max_memory

    def fuse(self, pair: ImagePair) -> FusedImage:
        """Fuse one pair.

        Returns:
            A picture with the size, depth, transparency and metadata of the visible one, in
            colour if the visible one is.

        Raises:
            PairMismatch: The sizes differ and `resize` was not given.
            BadValues: Float values are outside [0, 1], or the method gave NaN.
            MemoryLimit: The method can't work within `max_memory`.
        """
        ir, vis = self._same_size(pair)
        read_ir, ir_notes = self._infrared_reader(ir)
        _check_unit_range(vis, remedy="Scale the visible picture to 0..1 first.")
        notes = [*ir.notes, *vis.notes, *ir_notes]
        if np.array_equal(ir.pixels, vis.pixels):
            notes.append("infrared and visible are the same picture")
        started = time.perf_counter()
        fused = self._fuse_tiles(read_ir, vis)
        return FusedImage(
            pixels=fused,
            alpha=vis.alpha,
            metadata=_fitting(vis, fused),
            name=vis.name,
            format=vis.format,
            notes=tuple(notes),
            model=self.engine.spec.name,
            seconds=time.perf_counter() - started,
        )

    def _same_size(self, pair: ImagePair) -> tuple[Picture, Picture]:
        ir, vis = pair.ir, pair.vis
        if ir.size == vis.size:
            return ir, vis
        if self.resize == "ir":
            return _resized(ir, vis.size), vis
        if self.resize == "vis":
            return ir, _resized(vis, ir.size)
        raise PairMismatch(
            f"infrared is {_size(ir)}, visible ({vis.name}) is {_size(vis)}",
            file=ir.name,
            expected="two pictures of one size, registered to each other",
            remedy="Where both show the same field of view, --resize ir (resize='ir') brings "
            "the infrared picture to the size of the visible one.",
        )

    def _infrared_reader(
        self, ir: Picture
    ) -> tuple[Callable[[tuple[slice, slice]], Float], list[str]]:
        """Return a function from a window to gray infrared in [0, 1], and notes for the user."""
        notes = []
        if ir.is_colour and not _is_gray(ir.pixels):
            notes.append(
                f"{ir.name}: infrared in false colour; its luma is used, which is not temperature"
            )
        low, high = self._infrared_range(ir, notes)

        def read(window: tuple[slice, slice]) -> Float:
            values = ir.pixels[window].astype(np.float32)
            gray = color.luma(values) if values.ndim == 3 else values
            if (low, high) == (0.0, 1.0):
                return gray
            gray -= np.float32(low)
            gray /= np.float32(high - low)
            return gray if self.ir_range is None else np.clip(gray, 0, 1, out=gray)

        return read, notes

    def _infrared_range(self, ir: Picture, notes: list[str]) -> tuple[float, float]:
        if self.ir_range is not None:
            return self.ir_range
        least, most = float(ir.pixels.min()), float(ir.pixels.max())
        remedy = f"Say which values are black and white, e.g. --ir-range {least:g}:{most:g}."
        _check_unit_range(ir, remedy=remedy)
        white = SCALES[ir.pixels.dtype]
        if ir.pixels.dtype == np.uint16 and 0 < most - least < _NARROW * white:
            notes.append(
                f"{ir.name}: 16-bit infrared uses only {least:g} to {most:g} of 0 to 65535 and "
                f"will hardly show; --ir-range {least:g}:{most:g} spreads it"
            )
        return 0.0, white

    def _fuse_tiles(self, read_ir: Callable[[tuple[slice, slice]], Float], vis: Picture) -> Pixels:
        spec = self.engine.spec
        height, width = vis.size
        colour = vis.is_colour or spec.output == "rgb"
        needed = height * width * (3 if colour else 1) * vis.pixels.itemsize
        per_pixel = spec.bytes_per_pixel + _PIPELINE_BYTES_PER_PIXEL
        room = max(self.max_memory - needed, 0) // per_pixel
        if spec.tile is None:
            cut = None if height * width > room else [_whole(height, width)]
        else:
            cut = geometry.tiles(height, width, spec.tile, min(room, _WINDOW_PIXELS))
        if cut is None:
            limit = f"the limit of {self.max_memory / 1e6:.0f} MB"
            enough = f"--max-memory {_enough(self.engine, height, width, needed)}MB"
            if spec.tile is None:
                found = f"{spec.name} needs {width}x{height} as a whole, which exceeds {limit}"
                remedy = f"Allow more ({enough}), or choose a method that works in tiles."
            else:
                found = f"a tile of {width}x{height} for {spec.name} exceeds {limit}"
                remedy = f"Allow more: {enough}."
            raise MemoryLimit(found, file=vis.name, remedy=remedy)
        result = np.empty((height, width, 3) if colour else (height, width), vis.pixels.dtype)
        for tile in cut:
            window = self._fuse_window(read_ir(tile.window), vis.pixels[tile.window], vis.name)
            _store(window[tile.core_in_window], result[tile.core])
        return result

    def _fuse_window(self, ir: Float, vis_pixels: Pixels, name: str) -> Float:
        """Fuse float windows; returns RGB where the visible picture or the engine is colour."""
        spec = self.engine.spec
        vis = vis_pixels.astype(np.float32)
        if vis_pixels.dtype != np.float32:
            vis *= np.float32(1 / SCALES[vis_pixels.dtype])
        luma = color.luma(vis) if vis.ndim == 3 else vis
        shown = luma
        if spec.visible == "rgb":
            shown = vis if vis.ndim == 3 else np.stack([vis, vis, vis], axis=-1)
        height, width = luma.shape
        size = geometry.padded_size(height, width, spec.size)
        fused = self.engine.fuse(geometry.pad_to(ir, *size), geometry.pad_to(shown, *size))
        fused = fused[:height, :width]
        if not cv2.checkRange(fused)[0]:
            raise BadValues(
                f"method {spec.name} gave NaN or infinite values",
                file=name,
                remedy="The model file is damaged or unfit for this picture; try another method.",
            )
        if self.prefer_ir != 0.5:
            fused = self._towards_one(fused, ir, luma if fused.ndim == 2 else shown)
        if vis.ndim == 3 and fused.ndim == 2:
            return color.with_luma(vis, luma, fused)
        return fused

    def _towards_one(self, fused: Float, ir: Float, vis: Float) -> Float:
        """Blend a result with one of its sources, as `prefer_ir` says."""
        share = np.float32(abs(2 * self.prefer_ir - 1))
        if self.prefer_ir > 0.5:
            source = ir if fused.ndim == 2 else ir[..., None]
        else:
            source = vis if fused.ndim == vis.ndim else vis[..., None]
        return fused + share * (source - fused)


def default_max_memory(engine: Engine) -> int:
    """Return the bytes that a pair may take above its inputs where the user sets no limit."""
    return max(_TILED_MEMORY, 0 if engine.spec.tile else total_memory() // 2)


def _store(values: Float, into: Pixels) -> None:
    """Clamp to [0, 1] and round (half to even) into the depth of the result."""
    if into.dtype == np.float32:
        np.clip(values, 0, 1, out=into)
    else:
        scaled = values * np.float32(SCALES[into.dtype])
        np.clip(scaled, 0, SCALES[into.dtype], out=scaled)
        into[...] = np.rint(scaled, out=scaled)


def _whole(height: int, width: int) -> geometry.Tile:
    window = (slice(0, height), slice(0, width))
    return geometry.Tile(window, window)


def _enough(engine: Engine, height: int, width: int, result_bytes: int) -> int:
    """Return megabytes that surely suffice: the whole picture, or one generous tile of it."""
    tile = engine.spec.tile
    side = height * width if tile is None else (4 * tile.halo + 8 * tile.stride + 64) ** 2
    per_pixel = engine.spec.bytes_per_pixel + _PIPELINE_BYTES_PER_PIXEL
    return int((result_bytes + min(side, height * width) * per_pixel) / 1e6) + 1


def _is_gray(pixels: Pixels) -> bool:
    """Whether three channels hold one gray picture, but for coding noise. Strips bound memory."""
    difference = 0.0
    for start in range(0, pixels.shape[0], _STRIP_ROWS):
        strip = pixels[start : start + _STRIP_ROWS]
        green = np.ascontiguousarray(strip[..., 1])
        for channel in (0, 2):
            difference += cv2.norm(np.ascontiguousarray(strip[..., channel]), green, cv2.NORM_L1)
    mean = difference / (2 * pixels.shape[0] * pixels.shape[1] * SCALES[pixels.dtype])
    return bool(mean < _GRAY_TOLERANCE)


def _check_unit_range(picture: Picture, *, remedy: str) -> None:
    if picture.pixels.dtype != np.float32:
        return
    least, most = float(picture.pixels.min()), float(picture.pixels.max())
    if not (least >= 0 and most <= 1):  # also true for NaN, which compares false
        found = f"float values from {least:g} to {most:g}"
        raise BadValues(found, file=picture.name, expected="values in 0..1", remedy=remedy)


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    alpha = None if picture.alpha is None else geometry.resize(picture.alpha, *size)
    return Picture(
        pixels=geometry.resize(picture.pixels, *size),
        alpha=alpha,
        metadata=picture.metadata,
        name=picture.name,
        format=picture.format,
        notes=(*picture.notes, f"{picture.name}: resized from {_size(picture)}"),
    )


def _fitting(vis: Picture, fused: Pixels) -> Metadata:
    """Return the visible picture's metadata; a gray ICC profile would not fit a colour result."""
    kept = vis.metadata
    if fused.ndim == 3 and not vis.is_colour:
        return Metadata(exif=kept.exif, dpi=kept.dpi)
    return kept


def _size(picture: Picture) -> str:
    return f"{picture.size[1]}x{picture.size[0]}"
