"""Named errors: every refusal says where, what was found, what was expected, and what to do."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, changes of writing direction, and lone surrogates."""

_LONGEST = 1000
"""Maximum length of each part of a message, in characters."""


def printable(name: object) -> str:
    r"""Escape every character of a name or text that is unsafe to send to a terminal.

    Control characters become `\x1b`; bytes of file names that are not UTF-8 become `\xff`.
    """
    return _UNSEEN.sub(_escaped, str(name))


def _bounded(text: str) -> str:
    """Cut a text to `_LONGEST`: some files and libraries cause messages of megabytes."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python represents a byte that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class ImfuseWarning(UserWarning):
    """Something was read or done in a way that the caller may not expect; the result is valid."""


class ImfuseError(ValueError):
    """Base of all errors that imfuse raises on purpose.

    Attributes:
        file: The file or input concerned, or None where there is none.
        found: What was found.
        expected: What would have been accepted; may be empty.
        remedy: What to do about it.
        exit_code: Exit code of the command line: 2 for wrong usage, 3 for refused input, 130 for an
            interrupted training run.
    """

    exit_code = 3

    def __init__(
        self, found: str, *, file: object = None, expected: str = "", remedy: str = ""
    ) -> None:
        self.file = None if file is None else str(file)
        self.found, self.expected, self.remedy = map(_bounded, (found, expected, remedy))
        found, expected, remedy = self.found, self.expected, self.remedy
        text = found if self.file is None else f"{_bounded(printable(self.file))}: {found}"
        if expected:
            text += f"; expected {expected}"
        text = f"{text}. {remedy}" if remedy else text
        super().__init__("\n".join(map(printable, text.split("\n"))))

    def __reduce__(self) -> tuple[object, ...]:
        """Let worker processes pass the error on (BaseException drops keyword arguments)."""
        return _rebuild, (type(self), self.found, self.file, self.expected, self.remedy)

    def as_dict(self) -> dict[str, str | None]:
        """Return the parts of the error by name, for `--json`."""
        return {
            "type": type(self).__name__,
            "file": self.file,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }


def _rebuild(
    kind: type[ImfuseError], found: str, file: str | None, expected: str, remedy: str
) -> ImfuseError:
    return kind(found, file=file, expected=expected, remedy=remedy)


class UsageError(ImfuseError):
    """The call itself makes no sense: a bad option value, or options that exclude one another."""

    exit_code = 2


class UnreadableImage(ImfuseError):
    """A picture is missing, truncated, corrupted, or not a picture at all."""


class UnsupportedImage(ImfuseError):
    """A picture can be read but is of a kind that can't be fused: animated, multi-page, ..."""


class ImageTooLarge(ImfuseError):
    """A picture's header declares more pixels than the limit allows (decompression bomb guard)."""


class BadValues(ImfuseError):
    """Pixel values are NaN, infinite, or outside the range of their type."""


class DatasetNotFound(ImfuseError):
    """A folder does not hold pictures in a known layout."""


class DownloadError(ImfuseError):
    """A file can't be downloaded from where it should be, or is not the expected file."""


class PairMismatch(ImfuseError):
    """Two pictures, or two folders, do not make a pair: sizes, names, or a file given twice."""


class NotRegistered(PairMismatch):
    """The pictures of a pair can't be laid upon each other, or not reliably enough.

    Attributes:
        reason: `too_few_matches`, `low_confidence`, `implausible_geometry`, `estimators_disagree`,
            `no_overlap`, or `rig_mismatch`.
        confidence: Probability, 0 to 1, that what was found is within 10 pixels at 640.
        matrix: What was found, as in `Registration.matrix`, as nested lists; None: nothing.
    """

    def __init__(
        self,
        found: str,
        *,
        reason: str,
        confidence: float = 0.0,
        matrix: list[list[float]] | None = None,
        file: object = None,
        expected: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(found, file=file, expected=expected, remedy=remedy)
        self.reason, self.confidence, self.matrix = reason, confidence, matrix

    def __reduce__(self) -> tuple[object, ...]:
        """Let worker processes pass the error on."""
        return _rebuild_registration, (self.as_dict(), self.confidence, self.matrix)

    def as_dict(self) -> dict[str, str | None]:
        """Return the parts of the error by name, for `--json`."""
        return {**super().as_dict(), "reason": self.reason}


def _rebuild_registration(
    parts: dict[str, str], confidence: float, matrix: list[list[float]] | None
) -> NotRegistered:
    return NotRegistered(
        parts["found"],
        reason=parts["reason"],
        confidence=confidence,
        matrix=matrix,
        **{name: parts[name] for name in ("file", "expected", "remedy")},
    )


class OutputError(ImfuseError):
    """The result can't be written to the requested place or in the requested format."""


class MemoryLimit(ImfuseError):
    """The method can't work on this picture within `max_memory`."""


class WeightsError(ImfuseError):
    """A model file is missing, corrupted, of the wrong kind, or fails its checksum."""


class TrainingDiverged(ImfuseError):
    """A loss or a gradient is not finite, or nothing is learnt any more; the last state is kept."""


class TrainingInterrupted(ImfuseError):
    """A training run was asked to stop; its state is kept, so that it can be resumed."""

    exit_code = 130


class UnknownName(UsageError):
    """A name is not known; the message suggests the closest ones.

    Args:
        kind: Kind of thing that was named, such as "method".
        name: The unknown name.
        known: All names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(names)}."
        super().__init__(f"unknown {kind} {name!r}", remedy=hint)
        self._parts = (kind, name, tuple(names))

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from this class's own arguments."""
        return UnknownName, self._parts
