"""Standard streams and signals as they are outside of a friendly terminal.

A stream may be closed, full, read by a program that has left, or of an encoding that lacks most
characters; and Ctrl-C comes at any time, often more than once. None of it shows a traceback.
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
"""Exit code after Ctrl-C, as shells count: 128 and the number of the signal."""

_READER_LEFT = 141
"""Exit code where the reader of a pipe has left, as shells count it for other programs."""

_AT_ONCE = 3
"""Interrupts after which nothing is waited for any more."""


class _Guarded:
    """A stream whose failures become named errors, or are passed over.

    Args:
        stream: The stream; None where it is closed.
        title: Name for messages; None: failures are passed over, as nobody could read of them.
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
            f"can't write to {self._title}: {reason}", remedy="What was written to files is whole."
        ) from error

    def _let_go(self) -> None:
        """Send the rest nowhere: Python would try to write it again at its end, and complain."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the stream's own attributes
        return getattr(self._stream, name)


@contextmanager
def guarded_streams() -> Generator[None, None, None]:
    """Replace the standard streams by ones that fail in words.

    Characters that their encoding lacks are escaped: a redirect on Windows has a few hundred.
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
    """Open what is closed of the first three: else a picture's file would become one of them."""
    with suppress(OSError):
        while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
            pass
        os.close(opened)


@contextmanager
def calm_interrupts() -> Generator[None, None, None]:
    """Let Ctrl-C end the work in order, and the third one end the process at once."""
    count = 0

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count >= _AT_ONCE:
            os._exit(INTERRUPTED)  # what is on the disk is whole at any time
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not in the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        # After an interrupt the process is about to end, and must not be disturbed in that.
        signal.signal(signal.SIGINT, signal.SIG_IGN if count else before)
