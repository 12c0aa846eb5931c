"""Whether a set is whole and sound: counts, sizes, labels, pictures that occur twice, leaks."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np

from imfuse.data.folders import SPLIT_FOLDERS
from imfuse.data.sample import IGNORED, Sample, gray
from imfuse.data.sources import Entry, Source
from imfuse.errors import ImfuseError, PairMismatch
from imfuse.jobs import run_jobs
from imfuse.machine import available_cores
from imfuse.types import Pixels


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a set.

    Attributes:
        kind: `count`, `size`, `unmatched`, `unreadable`, `labels`, `identical` (infrared and
            visible picture are the same), `repeated` (a picture occurs twice in one split), or
            `leak` (it occurs in training and in test or validation).
        where: The pair, file or split concerned.
        message: What is wrong with it.
    """

    kind: str
    where: str
    message: str


@dataclass(frozen=True)
class Examined:
    """What was seen of one sample.

    Attributes:
        entry: The sample.
        size: Height and width, or None where it can't be read.
        digests: Hash of the infrared and of the visible pixels; None for pictures of one value,
            which say nothing.
        findings: What is wrong with the sample by itself.
    """

    entry: Entry
    size: tuple[int, int] | None = None
    digests: tuple[bytes | None, bytes | None] = (None, None)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        layout: Name of the layout.
        title: What the set is.
        pairs: Pairs by split; the key is empty for pairs without one.
        official: Published counts by split, or by subset where there are no splits.
        sizes: Pairs by size, as `640x480` (width x height), the most frequent first.
        labelled: Pairs with labels.
        terms: What the source says of the set's use.
        findings: What is wrong, in the order of checking.
    """

    layout: str
    title: str
    pairs: dict[str, int]
    official: dict[str, int]
    sizes: dict[str, int]
    labelled: int
    terms: str
    findings: tuple[Finding, ...] = field(default=())

    def as_dict(self) -> dict[str, object]:
        """Return the report for `--json`, with `ok`: whether nothing was found."""
        return {"ok": not self.findings, **asdict(self)}


def examine(source: Source, *, classes: int = 0) -> Generator[Examined, None, None]:
    """Read every sample of a source, on all cores, and yield what was seen of it, in order.

    Args:
        source: What to read.
        classes: How many classes labels may have; 0: as many as the set has, or any where it does
            not say.
    """
    classes = classes or len(source.layout.classes)
    work = partial(_examine, source, classes=classes)
    indices = range(len(source))
    for outcome in run_jobs(indices, (work,), workers=_cores(source), ordered=True):
        if outcome.error is not None:
            raise outcome.error
        yield outcome.value


def check_readable(source: Source) -> list[tuple[str, ImfuseError]]:
    """Decode every file of a source, on all cores, before work that it would stop half-way.

    Of clips, only the first and the last frame are decoded.

    Args:
        source: What to read.

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
    """Return how many samples to read at once; frames of video are cheap in their order only."""
    return 1 if source.video else available_cores()


def report(source: Source, examined: list[Examined]) -> Report:
    """Sum up what was seen of the samples of one source.

    Args:
        source: What was examined.
        examined: Everything that `examine` yielded.
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
    ]
    return Report(
        layout=layout.name,
        title=layout.title,
        pairs=dict(splits),
        official=dict(layout.counts),
        sizes={f"{width}x{height}": n for (height, width), n in sizes.most_common()},
        labelled=sum(entry.labelled for entry in source.entries),
        terms=layout.terms,
        findings=tuple(findings),
    )


def _examine(source: Source, index: int, *, classes: int) -> Examined:
    entry = source.entries[index]
    try:
        sample = source.load(index)
    except PairMismatch as error:
        return Examined(entry, findings=(Finding("size", entry.name, error.found),))
    except ImfuseError as error:
        return Examined(entry, findings=(Finding("unreadable", entry.name, str(error)),))
    findings = []
    if np.array_equal(sample.ir, gray(sample.vis)):
        message = "infrared and visible picture are the same"
        findings.append(Finding("identical", entry.name, message))
    findings += _labels(sample, classes)
    digests = (_digest(sample.ir), _digest(sample.vis))
    return Examined(entry, sample.size, digests, tuple(findings))


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
        # A folder may hold one split alone; only what is there is counted.
        return [
            Finding("count", split, f"{splits[split]} pairs; the official split has {n}")
            for split, n in by_split.items()
            if splits[split] and splits[split] != n
        ]
    total = splits.total()
    if not official or total in official.values():
        return []
    known = " or ".join(str(n) for n in sorted(official.values()))
    return [Finding("count", "all", f"{total} pairs; published are {known}")]


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
    """Return pictures that occur again, but for frames of one clip, which may stand still."""
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
