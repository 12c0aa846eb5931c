"""Fuse two folders: stages of different pairs overlap, and an interrupted run can be resumed."""

import weakref
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from imfuse.errors import ImfuseError, OutputError, PairMismatch, UsageError
from imfuse.falsecolour import recovered
from imfuse.files import PairResult, check_keeping, read_sources, write_fused, write_provenance
from imfuse.fuser import Fuser
from imfuse.infrared import as_one_of_many
from imfuse.io.atomic import remove_stale_temporaries
from imfuse.io.images import SUFFIXES
from imfuse.io.locks import locked
from imfuse.io.outputs import identities, refuse_source
from imfuse.io.pairs import Matching, PairFiles, match_folders, pairs_inside
from imfuse.io.thermal.read import read_infrared
from imfuse.jobs import run_jobs
from imfuse.machine import available_cores
from imfuse.options import FuseOptions, InfraredRange
from imfuse.ranges import shared_range
from imfuse.runs import RunRecord, sha256_of
from imfuse.tiles import default_max_memory
from imfuse.types import Engine, FusedImage, ImagePair, Picture, Registration

_LOCK = ".imfuse-lock"
_MOST_WORKERS = 1024
_WITHOUT_EFFECT = ("max_memory", "max_pixels", "threads")
"""Options that do not change the results."""


@dataclass(frozen=True, kw_only=True)
class FolderJob:
    """A folder run: the pairs, the options, and the output folder.

    Attributes:
        ir: Folder of infrared pictures.
        vis: Folder of visible pictures; None: each infrared file holds both.
        out: Folder for the results; made if missing. A result is named after its visible picture.
        options: How to fuse. `max_memory` is for all workers together.
        suffix: File extension of the results; None: `.png`, or `.tif` for float pictures.
        pair_regex: See `imfuse.io.pairs.match_folders`.
        pairs: CSV file that lists the pairs; see `imfuse.io.pairs.match_folders`.
        workers: Number of pairs to fuse at a time.
        resume: Skip pairs that an earlier run finished.
        provenance: Folder for maps of where pixels come from, named like the results; made if
            missing. The options must ask for them. None: none.
    """

    ir: Path
    vis: Path | None
    out: Path
    options: FuseOptions = field(default_factory=FuseOptions)
    suffix: str | None = None
    pair_regex: str | None = None
    pairs: Path | None = None
    workers: int = 1
    resume: bool = False
    provenance: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the sources."""
        return (self.ir,) if self.vis is None else (self.ir, self.vis)

    def settings(self, engine: Engine) -> dict[str, Any]:
        """Return all that determines the results, for the run file and for `resume` to compare."""
        options = self.options.as_dict() | {"model": engine.spec.name}
        return {
            **{name: value for name, value in options.items() if name not in _WITHOUT_EFFECT},
            "model_sha256": sha256_of(self.options.model),
            "suffix": self.suffix,
            "ir": str(self.ir.resolve()),
            "vis": None if self.vis is None else str(self.vis.resolve()),
            "pair_regex": self.pair_regex,
            "pairs_sha256": sha256_of(self.pairs),
        }


@dataclass(frozen=True, eq=False)
class FolderRun:
    """A folder job that has been checked and can be run once. It locks its output folder.

    Attributes:
        job: What to fuse.
        fuser: The method.
        matching: The pairs of the two folders.
        record: Record of the run in the output folder.
        skipped: Pairs that an earlier run finished.
        pending: Pairs still to do.
        finished: Results so far; up to date even if the iteration was stopped early and closed.
    """

    job: FolderJob
    fuser: Fuser
    matching: Matching
    record: RunRecord
    skipped: tuple[PairFiles, ...]
    pending: tuple[PairFiles, ...]
    finished: list[PairResult] = field(default_factory=list)
    _lock: ExitStack = field(default_factory=ExitStack, repr=False)

    def __post_init__(self) -> None:
        """Release the lock if a run is discarded without being iterated."""
        weakref.finalize(self, self._lock.close)

    @property
    def total(self) -> int:
        """Number of results of a complete run."""
        return len(self.pending) + len(self.matching.ambiguous)

    @property
    def needs_range(self) -> bool:
        """True if all infrared pictures are read first, to find their shared range."""
        wanted = self.fuser.options.infrared_range
        return wanted is not None and wanted.percent and self.record.ir_range is None

    def __iter__(self) -> Generator[PairResult, None, None]:
        """Fuse the pending pairs and yield each result as it is ready, in no fixed order."""
        with self._lock:
            for _, explanation in self.matching.ambiguous:
                error = PairMismatch(
                    explanation,
                    expected="one infrared and one visible picture per key",
                    remedy="Take the surplus files out, or tell them apart with "
                    "--pair-regex (pair_regex=).",
                )
                yield self._failed(PairFiles("", self.job.ir, self.job.folders[-1]), error)
            ir_range = self._shared_range()
            sources = identities(
                path for pair in self.matching.pairs for path in (pair.ir, pair.vis)
            )

            def fuse(decoded: _Decoded) -> tuple[PairFiles, FusedImage]:
                pair, pictures, placed = decoded
                # What each camera showed would give each frame a range of its own.
                pictures = replace(pictures, ir=as_one_of_many(pictures.ir))
                return pair, self.fuser.fuse(pictures, ir_range=ir_range, registration=placed)

            def encode(fused: tuple[PairFiles, FusedImage]) -> PairResult:
                pair, picture = fused
                out = self._output_of(pair, default_suffix(picture, self.job.options))
                refuse_source(out, sources)
                if self.job.provenance is not None:
                    told = self.job.provenance / f"{pair.vis.stem}.png"
                    refuse_source(told, sources)
                    write_provenance(picture, told)
                result = write_fused(picture, pair.ir, pair.vis, out, self.job.options)
                # Here, not where the results are collected: an interrupt may come in between.
                self.record.add(result)
                self.finished.append(result)
                return result

            stages = (self._decode, fuse, encode)
            with closing(run_jobs(self.pending, stages, workers=self.job.workers)) as outcomes:
                for outcome in outcomes:
                    if outcome.error is not None:
                        yield self._failed(outcome.item, outcome.error)
                    else:
                        yield outcome.value

    def _decode(self, pair: PairFiles) -> "_Decoded":
        vis = None if self.job.vis is None else pair.vis
        return pair, *read_sources(pair.ir, vis, self.job.options)

    def _failed(self, pair: PairFiles, error: ImfuseError) -> PairResult:
        result = PairResult(
            ir=pair.ir,
            vis=pair.vis,
            out=self._output_of(pair, ".png"),
            model=self.fuser.engine.spec.name,
            error=error,
        )
        self.finished.append(result)
        return result

    def _output_of(self, pair: PairFiles, suffix: str) -> Path:
        return self.job.out / f"{pair.vis.stem}{self.job.suffix or suffix}"

    def _infrared(self, path: Path) -> Picture:
        options = self.job.options
        found = read_infrared(path, reading=options.reading, max_pixels=options.max_pixels)
        return recovered(found, options)

    def _shared_range(self) -> InfraredRange | None:
        """Return the values of percentiles over the whole folder, so that frames are comparable."""
        wanted = self.fuser.options.infrared_range
        if wanted is None or not wanted.percent:
            return None
        if self.record.ir_range is not None:
            return self.record.ir_range
        readers = (partial(self._infrared, pair.ir) for pair in self.matching.pairs)
        found = shared_range(readers, wanted, workers=self.job.workers, file=self.job.ir)
        self.record.keep_range(found)
        return found


def prepare(job: FolderJob) -> FolderRun:
    """Check a folder job, match its pictures, and make and lock the output folder.

    Raises:
        UsageError: An option makes no sense.
        PairMismatch: No names match, or two results would have one name.
        UnreadableImage: A folder is missing or empty.
        OutputError: The output folder is an input folder, can't be written, is in use by another
            run, or holds a run with other settings (when resuming).
    """
    if not 1 <= job.workers <= _MOST_WORKERS:
        expected = f"a whole number from 1 to {_MOST_WORKERS}"
        raise UsageError(f"--workers (workers=) {job.workers}", expected=expected)
    if job.suffix is not None and job.suffix.lower() not in SUFFIXES:
        known = " ".join(SUFFIXES)
        raise UsageError(f"results can't be written as {job.suffix!r}", expected=f"one of {known}")
    if job.suffix is not None:
        check_keeping(job.out / f"result{job.suffix}", job.options)
    matching = _matching(job)
    _refuse_equal_names(matching)
    fuser = _shared_fuser(job)
    _make_output(job.out, job.folders, _OUT)
    if job.provenance is not None:
        _make_output(job.provenance, (*job.folders, job.out), _MAPS)
    with ExitStack() as lock:
        lock.enter_context(locked(job.out, _LOCK))
        remove_stale_temporaries(job.out)
        record = RunRecord.open(job.out, job.settings(fuser.engine), resume=job.resume)
        done = {pair.key for pair in matching.pairs if record.is_done(pair)}
        return FolderRun(
            job=job,
            fuser=fuser,
            matching=matching,
            record=record,
            skipped=tuple(pair for pair in matching.pairs if pair.key in done),
            pending=tuple(pair for pair in matching.pairs if pair.key not in done),
            _lock=lock.pop_all(),
        )


_Decoded: TypeAlias = tuple[PairFiles, ImagePair, Registration | None]
"""A pair, and how its pictures lie on each other if their file says so."""


def _matching(job: FolderJob) -> Matching:
    if job.vis is not None:
        return match_folders(job.ir, job.vis, job.pair_regex, pairs=job.pairs)
    if job.pair_regex is not None or job.pairs is not None:
        option = "--pairs (pairs=)" if job.pair_regex is None else "--pair-regex (pair_regex=)"
        raise UsageError(f"{option} with one folder", expected="two folders with this option")
    return pairs_inside(job.ir)


def default_suffix(picture: FusedImage, options: FuseOptions) -> str:
    """Return the default file extension of a result: a lossless format that keeps everything."""
    return ".tif" if picture.pixels.dtype.kind == "f" or options.keep_temperature else ".png"


def _shared_fuser(job: FolderJob) -> Fuser:
    """Return a fuser whose cores and memory the workers share."""
    threads = job.options.threads or max(1, available_cores() // job.workers)
    fuser = Fuser(job.options, threads=threads)
    limit = job.options.max_memory or default_max_memory(fuser.engine)
    return Fuser(replace(job.options, model=fuser.engine, max_memory=max(1, limit // job.workers)))


def _refuse_equal_names(matching: Matching) -> None:
    first: dict[str, PairFiles] = {}
    for pair in matching.pairs:
        other = first.setdefault(pair.vis.stem, pair)
        if other is not pair:
            raise PairMismatch(
                f"two results would be named {pair.vis.stem}",
                file=pair.vis,
                expected="visible pictures with names of their own",
                remedy=f"The other one is {other.vis}. Rename one, or fuse them separately.",
            )


_OUT, _MAPS = "-o (out=)", "--provenance (provenance=)"
"""How folders for results and for maps are given."""


def _make_output(out: Path, others: Iterable[Path], option: str) -> None:
    """Make a folder for pictures, which must be none of the others."""
    for other in others:
        if out.exists() and other.exists() and out.samefile(other):
            raise OutputError(
                "the output folder is an input folder"
                if option == _OUT
                else "a folder with other pictures",
                file=out,
                expected="a folder of its own",
                remedy=f"Pictures would be replaced. Give another folder with {option}.",
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        found = f"can't make the output folder ({reason})"
        remedy = f"Give another folder with {option}."
        raise OutputError(found, file=out, remedy=remedy) from error
