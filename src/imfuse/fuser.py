"""The only place where luma is split off, sizes are padded and cropped, and colour is restored."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from imfuse import __version__
from imfuse.align.frame import Framed, framed
from imfuse.align.load import find_aligner
from imfuse.align.plane import InfraredPlane
from imfuse.align.resize import resized
from imfuse.engines.load import load_engine
from imfuse.engines.scene import BLOCK, SCENE, describe, in_blocks
from imfuse.errors import BadValues, MemoryLimit, UsageError
from imfuse.falsecolour import recovered
from imfuse.infrared import Infrared, prepare_infrared
from imfuse.machine import keep_freed_memory, total_memory
from imfuse.ops import color, geometry, tone
from imfuse.ops.warps import scaling
from imfuse.options import WISHES, FuseOptions, InfraredRange
from imfuse.provenance import as_map, blended, estimated
from imfuse.readings import Recovered
from imfuse.suspicions import check_visible, notes_of_readers, notes_on, without_false_alpha
from imfuse.types import (
    SCALES,
    Aligner,
    Engine,
    Float,
    FusedImage,
    ImagePair,
    KnowingEngine,
    Mask,
    Metadata,
    Picture,
    Pixels,
    PreferringEngine,
    Registration,
    SceneEngine,
    Shares,
    SizeRule,
    TileRule,
)

_TILED_MEMORY = 1_000_000_000
"""Memory limit in bytes for one pair if the user sets none and tiles are possible."""

_BYTES_PER_PIXEL = 56
"""Float copies of a window: infrared 4, RGB 12, luma 4, fused 4, difference 4, result 28."""

_PROVENANCE_BYTES = 160
"""More of them per pixel of a window, where it is told where pixels come from."""

_BLOCKS = SizeRule(minimum=BLOCK, multiple=BLOCK)
"""Sizes that whole blocks fill."""

_WINDOW_PIXELS = 4 << 20
"""Maximum pixels of a window even if memory allows more: beyond the caches, larger is slower."""


class Fuser:
    """Fuses pairs of pictures with one method. It keeps no state: threads may share a fuser.

    Args:
        options: How to fuse: options, or just a model (a name, a path, or an engine).
        aligner: Registers the pictures of a pair; None: as the options say.
        changes: Options by name that replace those of `options`; see `FuseOptions`.

    Raises:
        UnknownName: There is no such method.
        WeightsError: The model file can't be used.
        UsageError: An option makes no sense.

    Examples:
        >>> import numpy as np
        >>> pair = ImagePair(
        ...     ir=Picture(pixels=np.full((4, 6), 90, np.uint8)),
        ...     vis=Picture(pixels=np.full((4, 6), 10, np.uint8)),
        ... )
        >>> int(Fuser("average").fuse(pair).pixels[0, 0])
        50
    """

    def __init__(
        self,
        options: FuseOptions | str | Path | Engine | None = None,
        *,
        aligner: Aligner | None = None,
        **changes: Any,
    ) -> None:
        keep_freed_memory()
        self.options = FuseOptions.of(options, **changes)
        self.engine = _preferring(load_engine(**self.options.loading()), self.options)
        self.aligner = aligner or find_aligner(self.options)
        self.max_memory = self.options.max_memory or default_max_memory(self.engine)

    def fuse(
        self,
        pair: ImagePair,
        *,
        ir_range: InfraredRange | None = None,
        registration: Registration | None = None,
        steady: Callable[[Float], Float] | None = None,
    ) -> FusedImage:
        """Fuse one pair.

        Args:
            pair: Infrared and visible.
            ir_range: Range for this pair; None: the range of the options.
            registration: Registration of this pair; None: found by the aligner.
            steady: Gets numbers that describe the scene, and returns those to go by: a session
                keeps them steady. None: each picture goes by its own.

        Returns:
            A picture with the size, depth, transparency and metadata of the visible one, in
            colour if the visible one is.

        Raises:
            PairMismatch: The sizes differ and no option says what to do about it.
            BadValues: Float values are outside [0, 1], the method gave NaN, pixels of the visible
                picture have no value, or infrared is not in the colours of the palette.
            MemoryLimit: The method can't work within `max_memory`.
        """
        started = time.perf_counter()
        notes: list[str] = []
        ir, vis = (without_false_alpha(picture, notes) for picture in (pair.ir, pair.vis))
        ir = recovered(ir, self.options)
        notes = notes_of_readers(ir, vis) + notes
        check_visible(vis)
        notes += notes_on(ir, vis)
        found = registration or self.aligner.register(ImagePair(ir=ir, vis=vis))
        wanted = ir_range or self.options.infrared_range
        infrared = prepare_infrared(ir, wanted, notes)
        frame = self._framed(vis, ir, found, notes)
        vis = frame.vis
        plane = InfraredPlane.of(infrared, ir, vis, frame.registration, notes)
        fused, provenance = self._fuse_tiles(plane, frame, steady)
        return FusedImage(
            pixels=fused,
            alpha=vis.alpha,
            metadata=_fitting(vis, fused),
            name=vis.name,
            format=vis.format,
            notes=tuple(notes),
            model=self.engine.spec.name,
            seconds=time.perf_counter() - started,
            history=self._history(found, frame, ir, infrared, _without_folders(notes, ir, vis)),
            physical=None if ir.calibration is None else plane.physical(),
            unit=None if ir.calibration is None else ir.calibration.unit,
            provenance=provenance,
        )

    def _framed(self, vis: Picture, ir: Picture, found: Registration, notes: list[str]) -> Framed:
        """Return the visible picture on the pixels of the result."""
        if found.matrix is None or found.field is not None:
            return Framed(vis, found)
        if self.options.resize != "vis" or vis.size == ir.size:
            return framed(vis, ir, found, self.options.frame)
        notes.append(f"{vis.name}: resized from {vis.extent}")
        placed = replace(found, matrix=scaling(vis.size, ir.size) @ found.matrix)
        return Framed(resized(vis, ir.size), placed)

    def _history(
        self,
        registration: Registration,
        frame: Framed,
        ir: Picture,
        infrared: Infrared,
        notes: list[str],
    ) -> dict[str, Any]:
        known = ir.calibration
        matrix, options = registration.matrix, self.options.as_dict()
        for name in ("model", "align"):  # the user's folders are nobody's business
            options[name] = options[name] and Path(options[name]).name
        return {
            "imfuse": __version__,
            "model": self.engine.spec.name,
            "weights_sha256": getattr(self.engine, "weights_sha256", None),
            "options": options,
            "ir_range": [infrared.low, infrared.high],
            "infrared": None
            if known is None
            else {
                "unit": known.unit,
                "parameters": dict(known.parameters),
                "sources": dict(known.sources),
            },
            "registration": {
                "estimator": registration.estimator,
                "confidence": registration.confidence,
                "matrix": None if matrix is None else matrix.tolist(),
                "alone": frame.alone,
            },
            "warnings": notes,
            **({"palette": ir.reading.as_dict()} if isinstance(ir, Recovered) else {}),
        }

    def _fuse_tiles(
        self, plane: InfraredPlane, frame: Framed, steady: Callable[[Float], Float] | None
    ) -> tuple[Pixels, Float | None]:
        """Return the result, and where its pixels come from if somebody asked."""
        spec, vis = self.engine.spec, frame.vis
        height, width = vis.size
        colour = vis.is_colour or spec.output == "rgb"
        needed = height * width * (3 if colour else 1) * vis.pixels.itemsize + plane.nbytes
        needed += 12 * height * width * self.options.provenance
        per_pixel = spec.bytes_per_pixel + _BYTES_PER_PIXEL
        per_pixel += _PROVENANCE_BYTES * self.options.provenance
        room = max(self.max_memory - needed, 0) // per_pixel
        if spec.tile is None:
            cut = None if height * width > room else [_whole(height, width)]
        else:
            cut = geometry.tiles(height, width, spec.tile, min(room, _WINDOW_PIXELS))
        if cut is None:
            limit = f"the limit of {self.max_memory / 1e6:.0f} MB"
            enough = _more(_enough(self.engine, height, width, needed))
            if spec.tile is None:
                found = f"{spec.name} needs {width}x{height} as a whole, which exceeds {limit}"
                remedy = f"{enough}, or choose a method that works in tiles."
            else:
                found = f"a tile of {width}x{height} for {spec.name} exceeds {limit}"
                remedy = f"{enough}."
            raise MemoryLimit(found, file=vis.name, remedy=remedy)
        engine, lift = self._adapted(plane, vis, min(room, _WINDOW_PIXELS), steady)
        result = np.empty((height, width, 3) if colour else (height, width), vis.pixels.dtype)
        told = np.empty((height, width, 3), np.float32) if self.options.provenance else None
        for tile in cut:
            ir = plane.read(tile.window)
            window, shares = self._fuse_window(engine, ir, vis.pixels[tile.window], vis.name)
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
        engine = self.engine
        looks = isinstance(engine, SceneEngine)
        height, width = vis.size
        in_parts = height * width > room
        if self.options.tone == "off" and not (looks and (steady or in_parts)):
            return engine, 0.0  # where one window is the whole, `_fuse_window` describes it
        blocks = np.empty((2, 3, -(-height // BLOCK), -(-width // BLOCK)), np.float32)
        rule = TileRule(halo=0, stride=BLOCK)
        for tile in geometry.tiles(height, width, rule, max(room, BLOCK**2)) or []:
            luma = _as_float(vis.pixels[tile.core])
            luma = color.luma(luma) if luma.ndim == 3 else luma
            where = tuple(slice(one.start // BLOCK, -(-one.stop // BLOCK)) for one in tile.core)
            for into, values in zip(blocks, (plane.read(tile.core), luma), strict=True):
                into[:, *where] = _in_blocks(values)
        numbers = np.append(describe(*blocks), np.float32(tone.log_brightness(*blocks[:, 0])))
        if steady is not None:
            numbers = steady(numbers)
        if isinstance(engine, SceneEngine):
            engine = engine.in_scene(numbers[:SCENE])
        return engine, tone.lift_for(float(numbers[SCENE]), self.options.tone)

    def _fuse_window(
        self, engine: Engine, ir: Float, vis_pixels: Pixels, name: str
    ) -> tuple[Float, Float | None]:
        """Fuse one window; return RGB if the visible picture or the engine's output is colour.

        The second result is where its pixels come from, if somebody asked.
        """
        spec = self.engine.spec
        vis = _as_float(vis_pixels)
        luma = color.luma(vis) if vis.ndim == 3 else vis
        shown = luma
        if spec.visible == "rgb":
            shown = vis if vis.ndim == 3 else np.stack([vis, vis, vis], axis=-1)
        height, width = luma.shape
        size = geometry.padded_size(height, width, spec.size)
        if max(size[0] - height, size[1] - width) > 0:
            self._check_padding(size, name)
        padded = geometry.pad_to(ir, *size), geometry.pad_to(shown, *size)
        if isinstance(engine, SceneEngine) and engine is self.engine:
            engine = engine.in_scene(describe(_in_blocks(ir), _in_blocks(luma)))
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
        if self.options.provenance:
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
        spec = self.engine.spec
        needed = size[0] * size[1] * (spec.bytes_per_pixel + _BYTES_PER_PIXEL)
        # Small pictures are fused whatever the limit, as long as they do no harm.
        if needed > max(self.max_memory, _TILED_MEMORY):
            raise MemoryLimit(
                f"{spec.name} pads the picture to {size[1]}x{size[0]}, which exceeds the limit of "
                f"{self.max_memory / 1e6:.0f} MB",
                file=name,
                remedy=f"{_more(needed // 10**6 + 1)}, or choose another method.",
            )

    @property
    def _lean(self) -> float:
        """Weight of the source that results are blended with: above 0 of infrared, below visible.

        Engines that know preferences decide for more of it by themselves, and are blended by the
        square, which hardly shows at first; so at 1 nothing else is left with them, either.
        """
        lean = 2 * self.options.prefer_ir - 1
        return lean * abs(lean) if isinstance(self.engine, PreferringEngine) else lean

    def _towards_one(self, fused: Float, ir: Float, vis: Float) -> Float:
        """Blend a result with the source that `prefer_ir` favours."""
        share = np.float32(abs(self._lean))
        if self._lean > 0:
            source = ir if fused.ndim == 2 else ir[..., None]
        else:
            source = vis if fused.ndim == vis.ndim else vis[..., None]
        return fused + share * (source - fused)


def _preferring(engine: Engine, options: FuseOptions) -> Engine:
    """Return the engine that fuses by the preference of the options.

    Raises:
        UsageError: The engine knows no such preference.
    """
    if isinstance(engine, PreferringEngine):
        return engine.preferring(options.preference)
    asked = [name for name in WISHES if name != "prefer_ir" and getattr(options, name)]
    if asked:
        raise UsageError(
            f"the wish for {', '.join(asked)} with {engine.spec.name}",
            expected="a network that knows preferences",
            remedy="Choose -m imfuse-b (model='imfuse-b'), or leave it out.",
        )
    return engine


def default_max_memory(engine: Engine) -> int:
    """Return the default memory limit of a pair, in bytes, not counting its inputs."""
    return max(_TILED_MEMORY, 0 if engine.spec.tile else total_memory() // 2)


def _as_float(pixels: Pixels) -> Float:
    values = pixels.astype(np.float32)
    if pixels.dtype != np.float32:
        values *= np.float32(1 / SCALES[pixels.dtype])
    return values


def _in_blocks(picture: Float) -> Float:
    """Return what blocks are like, of which the last ones may be filled up by mirroring."""
    height, width = picture.shape
    size = geometry.padded_size(height, width, _BLOCKS)
    return in_blocks(geometry.pad_to(picture, *size))


def _show_alone(
    pixels: Pixels, where: Mask | None, fused: Float, shares: Float | None, *, share: int = 1
) -> None:
    """Show one source where the other has nothing, and say so in the shares."""
    if where is None:
        return
    shown = _as_float(pixels[where])
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


def _without_folders(notes: list[str], *pictures: Picture) -> list[str]:
    """Strip the user's folders from the notes, as the history travels with the picture."""
    for name in {one.name for one in pictures if one.name}:
        notes = [note.replace(name, Path(name).name) for note in notes]
    return notes


def _enough(engine: Engine, height: int, width: int, result_bytes: int) -> int:
    """Return megabytes that are sure to suffice for the picture, or one generous tile of it."""
    tile = engine.spec.tile
    side = height * width if tile is None else (4 * tile.halo + 8 * tile.stride + 64) ** 2
    per_pixel = engine.spec.bytes_per_pixel + _BYTES_PER_PIXEL
    return int((result_bytes + min(side, height * width) * per_pixel) / 1e6) + 1


def _more(megabytes: int) -> str:
    return f"Allow more: --max-memory {megabytes}MB (max_memory={megabytes}_000_000)"


def _fitting(vis: Picture, fused: Pixels) -> Metadata:
    """Return the visible picture's metadata; a gray ICC profile would not fit a colour result."""
    kept = vis.metadata
    return kept if fused.ndim == 2 or vis.is_colour else Metadata(exif=kept.exif, dpi=kept.dpi)
