"""Methods side by side on hard pairs: what one sensor hides, noise, glare, halos, colour."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise

import numpy as np

from imfuse.bench.run import Competitor
from imfuse.data.sources import Source
from imfuse.errors import UsageError
from imfuse.ops.color import luma
from imfuse.options import FuseOptions, InfraredRange
from imfuse.report.scores import Section
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

MEASURES: dict[str, tuple[str, bool]] = {
    "contrast": ("% of the contrast of targets in the sensor that shows them", True),
    "edges": ("% of their edges", True),
    "noise": ("% of the noise of one sensor that is passed on", False),
    "glare": ("% of the light of lamps in front of targets that is left", False),
    "halo": ("% of the range by which strong edges overshoot", False),
    "colour": ("difference (CIE 1976) from the visible picture where that is good", False),
    "flicker": ("gray levels from frame to frame where both sensors stand still", False),
}
"""What each measure is, and whether larger is better."""

_PERCENT = ("contrast", "edges", "noise", "glare")

Value = tuple[str, float]
"""Measure and value."""


@dataclass(frozen=True)
class Measured:
    """Values of all methods on one pair, or on one clip.

    Attributes:
        part: Part of the set that it belongs to.
        values: Values by method.
    """

    part: str
    values: Mapping[str, Sequence[Value]]


@dataclass(frozen=True)
class HardSummary:
    """Result of a benchmark on hard pairs.

    Attributes:
        labels: The methods.
        values: Values by method, measure and part of the set; NaN where nothing was measured.
        counts: Number of pairs in each part.
    """

    labels: Sequence[str]
    values: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    counts: Mapping[str, int]

    def mean(self, label: str, measure: str, part: str | None = None) -> float:
        """Return the mean of a measure over a part, or over the means of all parts."""
        parts = self.values[label].get(measure, {})
        chosen = [_mean(each) for name, each in parts.items() if part in {None, name}]
        return _mean(chosen)

    @property
    def measures(self) -> list[str]:
        """Measures that have values."""
        found = {name for one in self.values.values() for name in one}
        return [name for name in MEASURES if name in found]

    def best(self, measure: str) -> str:
        """Return the method that comes first by a measure."""
        known = [one for one in self.labels if np.isfinite(self.mean(one, measure))]
        sign = 1 if MEASURES[measure][1] else -1
        return max(known, key=lambda one: sign * self.mean(one, measure))

    def sections(self) -> list[Section]:
        """Return the tables: all measures, then those that differ by part."""
        said = "; ".join(f"{name}: {MEASURES[name][0]}" for name in self.measures)
        counts = ", ".join(f"{n} {part}" for part, n in self.counts.items())
        header = ["method", *(f"{n} {_arrow(n)}" for n in self.measures)]
        rows = [
            [label, *(_shown(name, self.mean(label, name)) for name in self.measures)]
            for label in self.labels
        ]
        whole = Section(
            title="Hard pairs", lead=f"{said}. Pairs: {counts}.", header=header, rows=rows
        )
        return [whole, *(self._by_part(n) for n in ("contrast", "noise") if n in self.measures)]

    def _by_part(self, measure: str) -> Section:
        parts = list(dict.fromkeys(p for one in self.values.values() for p in one[measure]))
        rows = [
            [label, *(_shown(measure, self.mean(label, measure, part)) for part in parts)]
            for label in self.labels
        ]
        title = f"{measure.capitalize()} {_arrow(measure)} by what is hard"
        return Section(title=title, lead="", header=["method", *parts], rows=rows)

    def table(self) -> tuple[list[str], list[list[str | float]]]:
        """Return header and rows of a table with one value a row."""
        rows: list[list[str | float]] = [
            [label, measure, part, value]
            for label, measures in self.values.items()
            for measure, parts in measures.items()
            for part, values in parts.items()
            for value in values
        ]
        return ["method", "measure", "part", "value"], rows

    def as_dict(self) -> dict[str, object]:
        """Return all means, ready for JSON."""
        return {
            "task": "hard",
            "measures": {n: {"unit": u, "larger_is_better": b} for n, (u, b) in MEASURES.items()},
            "count": dict(self.counts),
            "rows": [
                {
                    "model": label,
                    **{name: _number(self.mean(label, name)) for name in self.measures},
                    "parts": {
                        name: {part: _number(_mean(each)) for part, each in parts.items()}
                        for name, parts in self.values[label].items()
                    },
                }
                for label in self.labels
            ],
        }

    @classmethod
    def of(cls, labels: Sequence[str], measured: Iterable[Measured]) -> "HardSummary":
        """Summarise what was measured.

        Args:
            labels: The methods, in the order of the tables.
            measured: What was measured pair by pair.
        """
        values: dict[str, dict[str, dict[str, list[float]]]] = {one: {} for one in labels}
        counts: dict[str, int] = defaultdict(int)
        for one in measured:
            counts[one.part] += 1
            for label, found in one.values.items():
                for measure, value in found:
                    parts = values[label].setdefault(measure, {})
                    parts.setdefault(one.part, []).append(value)
        return cls(labels, values, dict(counts))


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
            fused = _values(one.fused(named.name, pair, ir_range))
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
            session = Session(one.fuser)
            fused = [_gray(_values(session.push(pair.ir, pair.vis))) for pair in pairs]
            steps = [
                flicker(*between)
                for between in zip(*(pairwise(each) for each in (fused, *seen)), strict=True)
            ]
            values[one.label] = [("flicker", _mean(steps))]
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


def _arrow(measure: str) -> str:
    return "↑" if MEASURES[measure][1] else "↓"


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _shown(measure: str, value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{100 * value:.1f}" if measure in _PERCENT else f"{value:.2f}"


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
