"""Fuse one pair: check it, register it, fuse its pixels, and tell how that was done."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from imfuse import __version__
from imfuse.align.frame import Framed, framed
from imfuse.align.load import find_aligner
from imfuse.align.plane import InfraredPlane
from imfuse.align.resize import resized
from imfuse.engines.load import load_engine
from imfuse.errors import UsageError
from imfuse.falsecolour import recovered
from imfuse.infrared import Infrared, prepare_infrared
from imfuse.machine import keep_freed_memory
from imfuse.ops.warps import scaling
from imfuse.options import WISHES, FuseOptions, InfraredRange
from imfuse.readings import Recovered
from imfuse.suspicions import check_visible, notes_of_readers, notes_on, without_false_alpha
from imfuse.tiles import TiledFuser, default_max_memory
from imfuse.types import (
    Aligner,
    Engine,
    Float,
    FusedImage,
    ImagePair,
    Metadata,
    Picture,
    Pixels,
    PreferringEngine,
    Registration,
)


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
        self._tiled = TiledFuser(self.engine, self.options, self.max_memory)

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
        fused, provenance = self._tiled.fuse(plane, frame, steady)
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
        if found.field is not None:
            return framed(vis, ir, found, self.options.frame)
        if found.matrix is None:
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


def _without_folders(notes: list[str], *pictures: Picture) -> list[str]:
    """Strip the user's folders from the notes, as the history travels with the picture."""
    for name in {one.name for one in pictures if one.name}:
        notes = [note.replace(name, Path(name).name) for note in notes]
    return notes


def _fitting(vis: Picture, fused: Pixels) -> Metadata:
    """Return the visible picture's metadata; a gray ICC profile would not fit a colour result."""
    kept = vis.metadata
    return kept if fused.ndim == 2 or vis.is_colour else Metadata(exif=kept.exif, dpi=kept.dpi)
