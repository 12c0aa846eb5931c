"""The record of a run in its output folder, so that the run can be resumed.

`imfuse-run.json` holds the settings and sources of a run. It is written when the run begins, and
again once the infrared range that the folder shares is found, which may be in a resumed run.
`imfuse-results.jsonl` gets a line for each result once the result is complete. A pair counts as
done only if its line, its result and both of its sources still agree.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from imfuse import __version__
from imfuse.engines.sections import split_section
from imfuse.errors import OutputError, printable
from imfuse.files import PairResult
from imfuse.io.atomic import write_atomically
from imfuse.io.pairs import PairFiles
from imfuse.options import InfraredRange

RUN_FILE = "imfuse-run.json"
"""Name of the file in the output folder that holds the settings of the run."""

RESULTS_FILE = "imfuse-results.jsonl"
"""Name of the file in the output folder that lists finished results, one JSON object per line."""

_LONGEST = 1 << 20
"""Maximum bytes of a run file, or of a line of results; anything longer is not ours."""

Stamp = tuple[int, int] | None
"""Size in bytes and modification time in nanoseconds; None where there is no file."""


class _Run(BaseModel):
    """Content of a run file."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    imfuse: str
    settings: dict[str, Any]
    ir_range: tuple[float, float] | None = None


class _Result(BaseModel):
    """A line of the results file."""

    model_config = ConfigDict(frozen=True)

    ir: str
    vis: str
    out: str
    suffix: str
    files: tuple[Stamp, Stamp, Stamp]
    seconds: float
    registration: dict[str, Any] | None = None
    ir_range: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()


@dataclass
class RunRecord:
    """Settings and finished results of a run.

    Attributes:
        folder: The output folder.
        settings: Everything that determines the results.
        ir_range: The infrared range that the whole folder shares; None: not known yet.
    """

    folder: Path
    settings: dict[str, Any]
    ir_range: InfraredRange | None = None
    _done: dict[tuple[str, str], _Result] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, settings: dict[str, Any], *, resume: bool) -> "RunRecord":
        """Start a record, or read the record of the run to resume.

        Raises:
            OutputError: The files can't be read or written, or the run had other settings.
        """
        record = cls(folder, settings)
        try:
            if resume and (folder / RUN_FILE).exists():
                _check_regular(folder / RUN_FILE, folder / RESULTS_FILE)
                record._read()
            else:
                record._write()
                write_atomically(folder / RESULTS_FILE, [])
        except OSError as error:
            found = f"can't read the files of the run ({error.strerror})"
            raise OutputError(
                found, file=folder, remedy="Give another folder with -o (out=)."
            ) from error
        return record

    def is_done(self, pair: PairFiles) -> bool:
        """Return True if an earlier run finished a pair, and its files have not changed since."""
        result = self._done.get(_names(pair.ir, pair.vis))
        if result is None or None in result.files:
            return False
        out = self.folder / f"{pair.vis.stem}{result.suffix}"
        return result.files == tuple(_stamp(path) for path in (pair.ir, pair.vis, out))

    def keep_range(self, found: InfraredRange) -> None:
        """Store the infrared range that the whole folder shares."""
        self.ir_range = found
        self._write()

    def add(self, result: PairResult) -> None:
        """Store a finished result. Several threads may do so at the same time."""
        # The line is appended in one write, so it can't be lost or mixed with another.
        with (self.folder / RESULTS_FILE).open("ab", buffering=0) as file:
            file.write(_line(result))

    def _write(self) -> None:
        ends = None if self.ir_range is None else (self.ir_range.low, self.ir_range.high)
        content = {"imfuse": __version__, "settings": self.settings, "ir_range": ends}
        write_atomically(self.folder / RUN_FILE, [json.dumps(content, indent=2).encode()])

    def _read(self) -> None:
        run = _read_run(self.folder / RUN_FILE)
        changed = [key for key in self.settings if run.settings.get(key) != self.settings[key]]
        if changed:
            raise OutputError(
                "the results there were made with "
                + ", ".join(f"{key}={str(run.settings.get(key))[:80]}" for key in changed),
                file=self.folder,
                expected=", ".join(f"{key}={self.settings[key]}" for key in changed),
                remedy="Resume with the same settings, or give another folder with -o (out=).",
            )
        if run.ir_range is not None and run.ir_range[0] != run.ir_range[1]:
            self.ir_range = InfraredRange(*run.ir_range)
        for result in _results(self.folder / RESULTS_FILE):
            self._done[result.ir, result.vis] = result


def sha256_of(file: object) -> str | None:
    """Return the SHA-256 of a file; None for anything else, such as a method's name."""
    path = split_section(Path(file))[0] if isinstance(file, str | Path) else None
    if path is None or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_regular(*files: Path) -> None:
    """Refuse pipes and devices, from which reading may never end.

    Raises:
        OutputError: One exists and is not a regular file.
    """
    for file in files:
        if file.exists() and not file.is_file():
            remedy = "Remove it, or give another folder with -o (out=)."
            raise OutputError("not a regular file", file=file, remedy=remedy)


def _read_run(file: Path) -> _Run:
    text = b"" if file.stat().st_size > _LONGEST else file.read_bytes()
    try:
        return _Run.model_validate_json(text)
    except ValidationError as error:
        remedy = "Delete it, or leave --resume (resume=) out, to begin anew."
        raise OutputError("unreadable run file", file=file, remedy=remedy) from error


def _results(file: Path) -> Iterator[_Result]:
    """Yield the valid lines of a results file; a killed run may leave a broken one."""
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in iter(lambda: lines.readline(_LONGEST), b""):
            try:
                yield _Result.model_validate_json(line)
            except ValidationError:
                continue


def _line(result: PairResult) -> bytes:
    ir, vis = _names(result.ir, result.vis)
    content = {
        "ir": ir,
        "vis": vis,
        "out": printable(result.out.name),
        "suffix": result.out.suffix,
        "files": [_stamp(path) for path in (result.ir, result.vis, result.out)],
        "seconds": round(result.seconds, 6),
        "registration": result.history.get("registration"),
        "ir_range": result.history.get("ir_range"),
        "warnings": [printable(note) for note in result.notes],
    }
    return json.dumps(content).encode() + b"\n"


def _names(ir: Path, vis: Path) -> tuple[str, str]:
    return printable(str(ir.absolute())), printable(str(vis.absolute()))


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
