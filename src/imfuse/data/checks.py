"""Check that a dataset is complete and sound: counts, sizes, labels, duplicates, leaks."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping
from functools import partial

import numpy as np

from imfuse.data.boxes import outside
from imfuse.data.entries import Entry
from imfuse.data.findings import Examined, Finding, Report
from imfuse.data.folders import SPLIT_FOLDERS
from imfuse.data.lags import sketch, slipped, watched
from imfuse.data.offsets import Edges, displaced, find_offset
from imfuse.data.registered import look
from imfuse.data.sample import IGNORED, Sample, gray
from imfuse.data.sources import Source
from imfuse.errors import BadValues, ImfuseError, PairMismatch
from imfuse.jobs import run_jobs
from imfuse.machine import available_cores
from imfuse.types import ImagePair, Pixels

_LINED_UP = 48
"""Number of pairs of a dataset whose offset is checked."""


def examine(source: Source, *, classes: int = 0) -> Generator[Examined, None, None]:
    """Read every sample of a source, on all cores, and yield observations on each, in order.

    Args:
        source: The source to read.
        classes: Number of classes that labels may have; 0: that of the dataset, or any if unknown.
    """
    classes = classes or len(source.layout.classes)
    indices = range(len(source))
    sampled = frozenset(np.linspace(0, len(source) - 1, _LINED_UP).astype(int).tolist())
    near = watched(len(source))
    work = partial(_examine, source, classes=classes, sampled=sampled, near=near)
    for outcome in run_jobs(indices, (work,), workers=_cores(source), ordered=True):
        if outcome.error is not None:
            raise outcome.error
        yield outcome.value


def check_readable(source: Source) -> list[tuple[str, ImfuseError]]:
    """Decode every file of a source, on all cores, to find broken files before long work begins.

    Only the first and the last frame of clips are decoded.

    Args:
        source: The source to read.

    Returns:
        The names of the samples that can't be read, with the reason, in the source's order.
    """
    outcomes = run_jobs(range(len(source)), (source.check,), workers=_cores(source), ordered=True)
    return [
        (source.entries[outcome.item].name, outcome.error)
        for outcome in outcomes
        if outcome.error is not None
    ]


def _cores(source: Source) -> int:
    """Return the number of samples to read at once; video frames are only cheap in order."""
    return 1 if source.video else available_cores()


def report(source: Source, examined: list[Examined]) -> Report:
    """Summarise the observations on the samples of one source.

    Args:
        source: The source that was examined.
        examined: The results of `examine`.
    """
    layout = source.layout
    splits = Counter(entry.split for entry in source.entries)
    sizes = Counter(seen.size for seen in examined if seen.size is not None)
    findings = [
        *(Finding("unmatched", str(path), message) for path, message in source.unmatched),
        *_counts(splits, layout.counts),
        *(finding for seen in examined for finding in seen.findings),
        *_odd_sizes(examined, layout.size),
        *_repeated(examined),
        *_swapped(examined),
        *_displaced(examined),
        *_slipped(examined),
    ]
    return Report(
        layout=layout.name,
        title=layout.title,
        pairs=dict(splits),
        official=dict(layout.counts),
        sizes={f"{width}x{height}": n for (height, width), n in sizes.most_common()},
        labelled=sum(entry.labelled for entry in source.entries),
        boxed=sum(seen.boxes is not None for seen in examined),
        boxes=dict(Counter(name for seen in examined for name in seen.boxes or ())),
        terms=layout.terms,
        unsure=tuple(
            seen.entry.name for seen in examined if seen.standing and not seen.standing.sure
        ),
        findings=tuple(findings),
    )


def _examine(
    source: Source, index: int, *, classes: int, sampled: frozenset[int], near: frozenset[int]
) -> Examined:
    entry = source.entries[index]
    try:
        sample = source.load(index)
        swapped = _is_gray(sample.vis) and not _is_gray(source.pair(index).ir.pixels)
    except PairMismatch as error:
        seen = _sketch(source.pair(index)) if index in near else None
        return Examined(entry, sketch=seen, findings=(Finding("size", entry.name, error.found),))
    except BadValues as error:
        return Examined(entry, findings=(Finding("values", entry.name, str(error)),))
    except ImfuseError as error:
        return Examined(entry, findings=(Finding("unreadable", entry.name, str(error)),))
    findings = []
    luma = gray(sample.vis)
    if np.array_equal(sample.ir, luma):
        message = "infrared and visible picture are the same"
        findings.append(Finding("identical", entry.name, message))
    searched = not source.layout.medical
    standing = look(sample) if searched and index in sampled else None
    if standing is not None and standing.message:
        findings.append(Finding("off", entry.name, standing.message))
    return Examined(
        entry,
        sample.size,
        digests=(_digest(sample.ir), _digest(sample.vis)),
        boxes=None if sample.boxes is None else sample.boxes.of_each(),
        swapped=swapped,
        offset=find_offset(sample.ir, luma) if index in sampled else None,
        sketch=sketch(sample.ir, luma) if index in near else None,
        standing=standing,
        findings=(*findings, *_labels(sample, classes), *_boxes(sample)),
    )


def _is_gray(pixels: Pixels) -> bool:
    return pixels.ndim == 2 or bool((pixels == pixels[..., :1]).all())


def _boxes(sample: Sample) -> list[Finding]:
    wrong = [] if sample.boxes is None else outside(sample.boxes, sample.size)
    if sample.boxes is None or not wrong:
        return []
    height, width = sample.size
    edges = ", ".join(f"{value:g}" for value in sample.boxes.xyxy[wrong[0]])
    message = (
        f"{len(wrong)} of {len(sample.boxes)} boxes are empty or not inside the picture of "
        f"{width}x{height}: {sample.boxes.of_each()[wrong[0]]} {edges}"
    )
    return [Finding("boxes", sample.name, message)]


def _swapped(examined: list[Examined]) -> list[Finding]:
    names = [seen.entry.name for seen in examined if seen.swapped]
    if not names:
        return []
    if 2 * len(names) <= len(examined):
        message = "infrared is coloured and visible gray; this pair may be swapped"
        return [Finding("swapped", name, message) for name in names]
    message = (
        f"in {len(names)} of {len(examined)} pairs the infrared picture is coloured and the "
        "visible one gray; the folders may be swapped"
    )
    return [Finding("swapped", "all", message)]


def _displaced(examined: list[Examined]) -> list[Finding]:
    message = displaced([seen.offset for seen in examined if seen.offset is not None])
    return [Finding("offset", "all", message)] if message else []


def _sketch(pair: ImagePair) -> tuple[Edges, Edges]:
    """Return the edges of a pair whose sizes differ, perhaps because its partner slipped."""
    return sketch(gray(pair.ir.pixels), gray(pair.vis.pixels))


def _slipped(examined: list[Examined]) -> list[Finding]:
    sketches = {i: seen.sketch for i, seen in enumerate(examined) if seen.sketch is not None}
    message = slipped(sketches)
    return [Finding("pairing", "all", message)] if message else []


def _labels(sample: Sample, classes: int) -> list[Finding]:
    if sample.labels is None or not classes:
        return []
    counts = np.bincount(sample.labels.ravel(), minlength=256)
    wrong = [int(v) for v in np.flatnonzero(counts[classes:IGNORED]) + classes]
    if not wrong:
        return []
    pixels = int(counts[wrong].sum())
    values = ", ".join(str(value) for value in wrong[:5])
    message = f"{pixels} pixels with labels outside 0..{classes - 1} and 255: {values}"
    return [Finding("labels", sample.name, message)]


def _digest(pixels: Pixels) -> bytes | None:
    if pixels.min() == pixels.max():
        return None
    head = f"{pixels.shape}{pixels.dtype}".encode()
    return hashlib.blake2b(head + np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()


def _counts(splits: Counter[str], official: Mapping[str, int]) -> list[Finding]:
    by_split = {split: n for split, n in official.items() if split in SPLIT_FOLDERS}
    if by_split:
        # A folder may hold only one split; count only those that are there.
        return [
            Finding("count", split, f"{splits[split]} pairs; the official split has {n}")
            for split, n in by_split.items()
            if splits[split] and splits[split] != n
        ]
    total = splits.total()
    if not official or total in official.values():
        return []
    known = " or ".join(str(n) for n in sorted(official.values()))
    return [Finding("count", "all", f"{total} pairs; the published count is {known}")]


def _odd_sizes(examined: list[Examined], official: tuple[int, int] | None) -> list[Finding]:
    if official is None:
        return []
    wanted = f"{official[1]}x{official[0]}"
    return [
        Finding("size", seen.entry.name, f"{seen.size[1]}x{seen.size[0]}; the set's are {wanted}")
        for seen in examined
        if seen.size is not None and seen.size != official
    ]


def _repeated(examined: list[Examined]) -> list[Finding]:
    """Find repeated pictures, except among frames of one clip, whose scene may stand still."""
    findings = []
    for sensor, title in enumerate(("infrared", "visible")):
        same: defaultdict[bytes, list[Entry]] = defaultdict(list)
        for seen in examined:
            digest = seen.digests[sensor]
            if digest is not None:
                same[digest].append(seen.entry)
        findings += [found for entries in same.values() for found in _compared(entries, title)]
    return findings


def _compared(entries: list[Entry], title: str) -> list[Finding]:
    first, *others = entries
    findings = []
    for other in others:
        if other.split != first.split:
            message = f"the {title} picture of {first.name} ({first.split or 'no split'}) again"
            findings.append(Finding("leak", f"{other.name} ({other.split or 'no split'})", message))
        elif other.group != first.group:
            message = f"the {title} picture of {first.name} again"
            findings.append(Finding("repeated", other.name, message))
    return findings
