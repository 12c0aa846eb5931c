"""Sources as a fusion saw them: infrared within its range, and both on one grid."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from imfuse.align.resize import same_grid
from imfuse.infrared import prepare_infrared
from imfuse.io.pairs import match_folders
from imfuse.io.thermal.read import read_infrared
from imfuse.options import FuseOptions
from imfuse.ranges import shared_range
from imfuse.suspicions import without_false_alpha
from imfuse.types import ImagePair, Picture


def as_fused(pair: ImagePair, options: FuseOptions) -> ImagePair:
    """Return both sources as a fusion with these options saw them, to compare its result with.

    Args:
        pair: The sources as they were read.
        options: The options of the fusion, of which `ir_range`, `resize` and `stretch` count. With
            a range, infrared becomes gray values in [0, 1]; without, it keeps its own depth.

    Raises:
        BadValues: The infrared values need a range and have none; see
            `imfuse.infrared.prepare_infrared`.
        PairMismatch: `resize` would change proportions by more than 2 %, and `stretch` is False.
    """
    ready = replace(pair, ir=_within_range(pair.ir, options))
    return same_grid(ready, options.resize, stretch=options.stretch)


def _within_range(ir: Picture, options: FuseOptions) -> Picture:
    wanted, notes = options.infrared_range, list(ir.notes)
    infrared = prepare_infrared(without_false_alpha(ir, notes), wanted, notes)
    pixels = infrared.pixels
    if infrared.clips:
        height, width = ir.size
        pixels = infrared.read((slice(0, height), slice(0, width)))
        notes.append(f"infrared: values from {infrared.low:g} to {infrared.high:g} became 0..1")
    return replace(
        ir,
        pixels=pixels,
        alpha=None,
        nodata=infrared.missing,
        calibration=None if infrared.clips else ir.calibration,
        notes=tuple(notes),
    )


def with_shared_range(
    options: FuseOptions,
    ir: Path,
    vis: Path,
    *,
    pair_regex: str | None = None,
    pairs: Path | None = None,
    workers: int = 1,
) -> FuseOptions:
    """Return options in which percentiles have become values, those that fusing two folders takes.

    Args:
        options: The options of the fusion.
        ir: Folder of infrared pictures.
        vis: Folder of visible pictures.
        pair_regex: See `imfuse.io.pairs.match_folders`.
        pairs: CSV file that lists the pairs; see there.
        workers: Number of pictures to read at the same time.

    Raises:
        ImfuseError: The folders don't match, or their infrared pictures hold one value only.
    """
    wanted = options.infrared_range
    if wanted is None or not wanted.percent:
        return options
    matching = match_folders(ir, vis, pair_regex, pairs=pairs)
    read = partial(read_infrared, reading=options.reading, max_pixels=options.max_pixels)
    readers = (partial(read, pair.ir) for pair in matching.pairs)
    return replace(options, ir_range=shared_range(readers, wanted, workers=workers))
