"""Standard streams and signals, made robust outside of a friendly terminal.

A stream may be closed, full, read by a program that has ended, or in an encoding that lacks most
characters; and Ctrl-C comes at any time, often more than once. None of this shows a traceback.
"""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from imfuse.errors import OutputError

INTERRUPTED = 130
"""Exit code after Ctrl-C, by the convention of shells: 128 plus the number of the signal."""

_READER_LEFT = 141
"""Exit code if the reader of a pipe has ended, as shells report it for other programs."""

_AT_ONCE = 3
"""Number of interrupts at which the process ends without waiting for anything."""


class _Guarded:
    """A stream whose failures become named errors, or are ignored.

    Args:
        stream: The stream; None if it is closed.
        title: Name for messages; None: failures are ignored, as nobody could read about them.
    """

    def __init__(self, stream: Any, title: str | None) -> None:  # noqa: ANN401 - whatever stands there
        self._stream, self._title = stream, title

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text))
        except (OSError, ValueError, AttributeError) as error:
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._let_go()
        if self._title is None:
            return
        if isinstance(error, BrokenPipeError):
            raise SystemExit(_READER_LEFT) from None
        reason = getattr(error, "strerror", None) or "it is closed"
        raise OutputError(
            f"can't write to {self._title}: {reason}", remedy="Files already written are complete."
        ) from error

    def _let_go(self) -> None:
        """Discard the rest: Python would try to write it again on exit, and complain."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the stream's own attributes
        return getattr(self._stream, name)


@contextmanager
def guarded_streams() -> Generator[None, None, None]:
    """Replace the standard streams by ones whose failures are named errors.

    Characters that their encoding lacks are escaped; a redirect on Windows has only a few hundred.
    """
    _fill_descriptors()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = _Guarded(sys.stdout, "standard output"), _Guarded(sys.stderr, None)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _fill_descriptors() -> None:
    """Open any closed one of the first three descriptors, lest a picture's file become it."""
    with suppress(OSError):
        while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
            pass
        os.close(opened)


@contextmanager
def calm_interrupts() -> Generator[None, None, None]:
    """Let Ctrl-C end the work cleanly, and the third one end the process at once."""
    count = 0

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count >= _AT_ONCE:
            os._exit(INTERRUPTED)  # files on disk are complete at any time
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not in the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        # After an interrupt the process is about to end, and must not be interrupted again.
        signal.signal(signal.SIGINT, signal.SIG_IGN if count else before)
