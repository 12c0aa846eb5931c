"""Fuse two folders: decoding, fusing and encoding overlap, and an interrupted run can go on.

A pair's result appears under its name only when it is whole, so what lies in the output folder is
the record of what is done. `imfuse-run.json` beside it, written when a run begins and left alone
when it is resumed, says with which method and settings; results older than it are of another run.
"""

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imfuse import __version__
from imfuse.engines.load import Runtime, load_engine
from imfuse.errors import ImfuseError, OutputError, PairMismatch, UsageError
from imfuse.fuser import Fuser, default_max_memory
from imfuse.io.atomic import remove_stale_temporaries, write_atomically
from imfuse.io.images import MAX_PIXELS, SUFFIXES, read_image, write_image
from imfuse.io.pairs import Matching, PairFiles, check_distinct, match_folders
from imfuse.jobs import run_jobs
from imfuse.machine import available_cores
from imfuse.types import FusedImage, ImagePair

RUN_FILE = "imfuse-run.json"
"""Name of the file in the output folder that holds the settings of the run."""


@dataclass(frozen=True, kw_only=True)
class FolderJob:
    """What to fuse, how, and where to.

    Attributes:
        ir: Folder of infrared pictures.
        vis: Folder of visible pictures.
        out: Folder for the results; made if missing. A result is named after its visible picture.
        model: Name of a method or path of an `.onnx` file; None: the default method.
        suffix: Ending of the results, such as `.png`; None: `.png`, or `.tif` for float pictures.
        pair_regex: See `imfuse.io.pairs.match_folders`.
        resize: See `imfuse.Fuser`.
        ir_range: See `imfuse.Fuser`.
        prefer_ir: See `imfuse.Fuser`.
        workers: Pairs that are fused at one time.
        resume: Skip pairs whose result is there already and not older than their sources.
        max_memory: Bytes above the inputs for all workers together; None: as `imfuse.Fuser` says.
        max_pixels: Pictures with more pixels are refused.
        quality: Quality of JPEG results, 1 to 100.
        runtime: See `imfuse.Fuser`.
    """

    ir: Path
    vis: Path
    out: Path
    model: str | Path | None = None
    suffix: str | None = None
    pair_regex: str | None = None
    resize: Literal["ir", "vis"] | None = None
    ir_range: tuple[float, float] | None = None
    prefer_ir: float = 0.5
    workers: int = 1
    resume: bool = False
    max_memory: int | None = None
    max_pixels: int = MAX_PIXELS
    quality: int = 95
    runtime: Runtime = "onnxruntime"

    def settings(self, model: str) -> dict[str, object]:
        """Return what decides the results, for the run file and for `resume` to compare."""
        is_file = self.model is not None and Path(self.model).is_file()
        content = Path(str(self.model)).read_bytes() if is_file else b""
        return {
            "model": model,
            "model_sha256": hashlib.sha256(content).hexdigest() if is_file else None,
            "runtime": self.runtime,
            "suffix": self.suffix,
            "resize": self.resize,
            "ir_range": None if self.ir_range is None else list(self.ir_range),
            "prefer_ir": self.prefer_ir,
            "quality": self.quality,
        }


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """What became of one pair: a written file, or the error that prevented it."""

    ir: Path
    vis: Path
    out: Path
    model: str
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: ImfuseError | None = None


@dataclass(frozen=True)
class FolderRun:
    """A folder job that has been checked and can be run once.

    Attributes:
        matching: What matching the two folders gave.
        skipped: Pairs that an earlier run finished.
        pending: Pairs still to do.
        finished: Results so far; complete also when the iteration was broken off and closed.
    """

    job: FolderJob
    fuser: Fuser
    matching: Matching
    skipped: tuple[PairFiles, ...]
    pending: tuple[PairFiles, ...]
    finished: list[PairResult] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many results a whole run gives."""
        return len(self.pending) + len(self.matching.ambiguous)

    def __iter__(self) -> Generator[PairResult, None, None]:
        """Fuse the pending pairs and yield each result as it gets ready, in no fixed order."""
        for _, explanation in self.matching.ambiguous:
            error = PairMismatch(
                explanation,
                expected="one infrared and one visible picture per key",
                remedy="Take the surplus files out, or tell them apart with --pair-regex.",
            )
            yield self._finish(PairFiles("", self.job.ir, self.job.vis), error)
        stages = (self._decode, self._fuse, self._encode)
        for outcome in run_jobs(self.pending, stages, workers=self.job.workers):
            yield self._finish(outcome.item, outcome.error or outcome.value)

    def _decode(self, pair: PairFiles) -> tuple[PairFiles, ImagePair]:
        check_distinct(pair.ir, pair.vis)
        read = [read_image(path, max_pixels=self.job.max_pixels) for path in (pair.ir, pair.vis)]
        return pair, ImagePair(ir=read[0], vis=read[1])

    def _fuse(self, decoded: tuple[PairFiles, ImagePair]) -> tuple[PairFiles, FusedImage]:
        return decoded[0], self.fuser.fuse(decoded[1])

    def _encode(self, fused: tuple[PairFiles, FusedImage]) -> PairResult:
        pair, picture = fused
        out = self._output_of(pair, default_suffix(picture))
        lost = write_image(out, picture, quality=self.job.quality)
        return PairResult(
            ir=pair.ir,
            vis=pair.vis,
            out=out,
            model=picture.model,
            seconds=picture.seconds,
            notes=(*picture.notes, *lost),
        )

    def _finish(self, pair: PairFiles, outcome: PairResult | ImfuseError) -> PairResult:
        if isinstance(outcome, PairResult):
            result = outcome
        else:
            result = PairResult(
                ir=pair.ir,
                vis=pair.vis,
                out=self._output_of(pair, ".png"),
                model=self.fuser.engine.spec.name,
                error=outcome,
            )
        self.finished.append(result)
        return result

    def _output_of(self, pair: PairFiles, suffix: str) -> Path:
        return self.job.out / f"{pair.vis.stem}{self.job.suffix or suffix}"


def prepare(job: FolderJob) -> FolderRun:
    """Check a folder job, match its pictures, and make the output folder.

    Raises:
        UsageError: An option makes no sense.
        PairMismatch: No names match.
        UnreadableImage: A folder is missing or empty.
        OutputError: The output folder is an input folder, can't be written, or holds a run with
            other settings (when resuming).
    """
    if job.workers < 1:
        raise UsageError(f"--workers {job.workers}", expected="a whole number from 1")
    if job.suffix is not None and job.suffix.lower() not in SUFFIXES:
        known = " ".join(SUFFIXES)
        raise UsageError(f"results can't be written as {job.suffix!r}", expected=f"one of {known}")
    matching = match_folders(job.ir, job.vis, job.pair_regex)
    threads = max(1, available_cores() // job.workers)
    engine = load_engine(job.model, threads=threads, runtime=job.runtime)
    max_memory = default_max_memory(engine) if job.max_memory is None else job.max_memory
    fuser = Fuser(
        engine,
        resize=job.resize,
        ir_range=job.ir_range,
        prefer_ir=job.prefer_ir,
        max_memory=max_memory // job.workers,
    )
    _prepare_output(job, fuser.engine.spec.name)
    done = {pair.key for pair in matching.pairs if job.resume and _is_done(job, pair)}
    return FolderRun(
        job=job,
        fuser=fuser,
        matching=matching,
        skipped=tuple(pair for pair in matching.pairs if pair.key in done),
        pending=tuple(pair for pair in matching.pairs if pair.key not in done),
    )


def _prepare_output(job: FolderJob, model: str) -> None:
    for source in (job.ir, job.vis):
        if job.out.exists() and job.out.samefile(source):
            raise OutputError(
                "the output folder is an input folder",
                file=job.out,
                expected="a folder of its own",
                remedy="Results would replace their sources. Give another folder with -o.",
            )
    try:
        job.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"can't make the output folder ({error.strerror})"
        raise OutputError(found, file=job.out, remedy="Give another folder with -o.") from error
    run_file, settings = job.out / RUN_FILE, job.settings(model)
    if job.resume and run_file.exists():
        _check_same_settings(run_file, settings)
    else:
        text = json.dumps({"imfuse": __version__, "settings": settings}, indent=2)
        write_atomically(run_file, [text.encode()])
    remove_stale_temporaries(job.out)


def _check_same_settings(run_file: Path, settings: dict[str, object]) -> None:
    try:
        earlier = json.loads(run_file.read_text())["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "Delete it, or leave --resume out, to begin anew."
        raise OutputError("unreadable run file", file=run_file, remedy=remedy) from error
    if earlier != settings:
        changed = [key for key in settings if earlier.get(key) != settings[key]]
        raise OutputError(
            "the results there were made with "
            + ", ".join(f"{key}={earlier.get(key)}" for key in changed),
            file=run_file.parent,
            expected=", ".join(f"{key}={settings[key]}" for key in changed),
            remedy="Resume with the same settings, or give another folder with -o.",
        )


def _is_done(job: FolderJob, pair: PairFiles) -> bool:
    """Whether a result of this run exists that is not older than its sources."""
    newest = max(file.stat().st_mtime_ns for file in (pair.ir, pair.vis, job.out / RUN_FILE))
    results = [
        job.out / f"{pair.vis.stem}{ending}"
        for ending in ([job.suffix] if job.suffix else [".png", ".tif"])
    ]
    return any(out.exists() and out.stat().st_mtime_ns >= newest for out in results)


def default_suffix(picture: FusedImage) -> str:
    """Return the ending of results where the user names none: lossless, and it holds the depth."""
    return ".tif" if picture.pixels.dtype.kind == "f" else ".png"
