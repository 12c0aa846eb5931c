"""Methods side by side on hard pairs: what one sensor hides, noise, glare, halos, colour."""

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise

import numpy as np

from imfuse.bench.hard_summary import Measured, Value, mean_of
from imfuse.bench.run import Competitor
from imfuse.data.sources import Source
from imfuse.errors import PairMismatch, UsageError
from imfuse.fuser import Fuser
from imfuse.ops.color import luma
from imfuse.options import FuseOptions, InfraredRange
from imfuse.scenes.hard import HAZARDS, HardPair, hard_pair, targets_of
from imfuse.scoring.hard import (
    colour_error,
    contrast,
    flicker,
    halo,
    kept_contrast,
    kept_edges,
    kept_harm,
    kept_noise,
    well_seen,
)
from imfuse.scoring.lighting import light_of
from imfuse.scoring.sources import as_fused
from imfuse.session import Session
from imfuse.types import SCALES, Float, ImagePair, Mask, Picture

FRAMES = 20
"""Frames of each clip that are fused to measure flicker."""


def measure_rendered(
    competitors: Sequence[Competitor], seeds: int
) -> Generator[Measured, None, None]:
    """Measure methods on rendered pairs with known harm.

    Args:
        competitors: Methods that run here.
        seeds: Number of scenes; each is harmed in all ways.

    Raises:
        UsageError: A competitor is a folder, which has no such pairs.
        ImfuseError: A method fails.
    """
    _refuse_folders(competitors, "rendered pairs")
    for seed in range(seeds):
        for hazard in HAZARDS:
            pair = hard_pair(hazard, seed=seed)
            values = {one.label: list(_of_rendered(one, pair)) for one in competitors}
            yield Measured(hazard, values)


def measure_labelled(
    competitors: Sequence[Competitor], source: Source, ir_range: InfraredRange | None
) -> Generator[Measured, None, None]:
    """Measure methods on labelled pairs, whose cars, people and bikes are the targets.

    Args:
        competitors: Methods, or folders of fused pictures.
        source: The pairs; those without labels are passed over.
        ir_range: Infrared values that become black and white.

    Raises:
        ImfuseError: A method fails, or a pair can't be read.
    """
    for entry, named in zip(source.entries, source.pairs(), strict=True):
        if not entry.labelled:
            continue
        pair, labels = named.load(), named.annotations().labels
        if labels is None:
            continue
        seen = as_fused(pair, FuseOptions(ir_range=ir_range))
        ir, vis = _values(seen.ir), _values(seen.vis)
        targets = targets_of(labels)
        values = {}
        for one in competitors:
            picture = one.fused(named.name, pair, ir_range)
            if picture.size != seen.vis.size or labels.shape != seen.vis.size:
                raise PairMismatch(
                    f"{named.name}: {picture.extent} by {one.label}, labels "
                    f"{labels.shape[1]}x{labels.shape[0]}",
                    expected=f"{seen.vis.extent}, as the visible picture",
                )
            fused = _values(picture)
            values[one.label] = list(_of_real(fused, _gray(ir), vis, targets))
        yield Measured(light_of(named.name, pair), values)


def measure_clips(
    competitors: Sequence[Competitor], source: Source, ir_range: InfraredRange | None
) -> Generator[Measured, None, None]:
    """Measure the flicker of methods on clips, of which the first frames are fused as a video.

    Args:
        competitors: Methods that run here.
        source: The clips.
        ir_range: Infrared values that become black and white.

    Raises:
        UsageError: A competitor is a folder.
        ImfuseError: A method fails, or a clip can't be read.
    """
    _refuse_folders(competitors, "clips")
    frames = [(entry.group, index) for index, entry in enumerate(source.entries) if entry.video]
    for clip, listed in groupby(frames, key=lambda one: one[0]):
        pairs = [source.pair(index) for _, index in list(listed)[:FRAMES]]
        sources = [as_fused(pair, FuseOptions(ir_range=ir_range)) for pair in pairs]
        seen = [[_gray(_values(getattr(s, name))) for s in sources] for name in ("ir", "vis")]
        values = {}
        for one in competitors:
            if one.fuser is None:
                raise AssertionError("folders were refused")
            session = Session(Fuser(one.fuser.options, ir_range=ir_range))
            fused = [_gray(_values(session.push(pair.ir, pair.vis))) for pair in pairs]
            steps = [
                flicker(*between)
                for between in zip(*(pairwise(each) for each in (fused, *seen)), strict=True)
            ]
            values[one.label] = [("flicker", mean_of(steps))]
        yield Measured(clip, values)


def _of_rendered(one: Competitor, pair: HardPair) -> Iterator[Value]:
    fuse = partial(_fused, one)
    fused = fuse(pair.ir, pair.vis)
    gray = _gray(fused)
    yield "halo", halo(gray, pair.ir, luma(pair.vis))
    if pair.hazard in {"dark", "pattern"}:
        quiet = fuse(pair.quiet_ir, pair.quiet_vis)
        of_vis = pair.harmed == "vis"
        noise = luma(pair.vis - pair.quiet_vis) if of_vis else pair.ir - pair.quiet_ir
        yield "noise", kept_noise(gray, _gray(quiet), noise)
    if pair.hazard == "pattern":  # the clean pair of a day is that with no harm but noise
        everything = np.any([np.zeros(gray.shape, bool), *pair.targets], axis=0)
        good = well_seen(luma(pair.clean_vis), everything)
        yield "colour", colour_error(_colour(quiet), pair.clean_vis, good)
        return
    if pair.hazard == "glare":
        clean = fuse(pair.clean_ir, pair.clean_vis)
        harm = luma(pair.vis) - luma(pair.clean_vis)
        yield "glare", kept_harm(gray, _gray(clean), harm)
    yield from _of_targets(gray, pair.seen, pair.targets)


def _of_real(fused: Float, ir: Float, vis: Float, targets: Sequence[Mask]) -> Iterator[Value]:
    gray, y = _gray(fused), _gray(vis)
    for target in targets:
        seen = max((ir, y), key=lambda one: abs(contrast(one, target)))
        yield from _of_targets(gray, seen, [target])
    yield "halo", halo(gray, ir, y)
    if vis.ndim == 3:
        everything = np.any([np.zeros(y.shape, bool), *targets], axis=0)
        yield "colour", colour_error(_colour(fused), vis, well_seen(y, everything))


def _of_targets(fused: Float, seen: Float, targets: Sequence[Mask]) -> Iterator[Value]:
    for target in targets:
        kept = kept_contrast(fused, seen, target)
        if np.isfinite(kept):
            yield "contrast", kept
            yield "edges", kept_edges(fused, seen, target)


def _fused(one: Competitor, ir: Float, vis: Float) -> Float:
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    return _values(one.fused("", pair))


def _refuse_folders(competitors: Sequence[Competitor], what: str) -> None:
    folders = [one.label for one in competitors if one.fuser is None]
    if folders:
        raise UsageError(
            f"the fused pictures {folders[0]} as a row for {what}",
            expected="methods alone, or labelled pairs",
        )


def _values(picture: Picture) -> Float:
    """Return the pixels of a picture in [0, 1]."""
    return picture.pixels.astype(np.float32) / np.float32(SCALES[picture.pixels.dtype])


def _gray(pixels: Float) -> Float:
    return luma(pixels) if pixels.ndim == 3 else pixels


def _colour(pixels: Float) -> Float:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
