"""Locks on folders that only one process may write to; they end with the process."""

import errno
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imfuse.errors import ImfuseWarning, OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_held: set[int] = set()


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock on a folder: a file in it, which is removed at the end.

    The operating system releases the lock when the process ends, however it ends. A file left by a
    killed process locks nothing.

    Args:
        folder: The folder, which must exist.
        name: Name of the lock's file.

    Raises:
        OutputError: Another process, or another thread, holds the lock; or the file can't be
            written.
    """
    path = folder / name
    try:
        file = _open_locked(path, folder)
    except OSError as error:
        raise OutputError(
            f"the folder can't be locked ({error.strerror})",
            file=path,
            remedy="Choose a folder that you may write to.",
        ) from error
    _held.add(file)
    try:
        yield
    finally:
        if file in _held:  # not in a forked process
            _held.discard(file)
            _release(file, path)


def _open_locked(path: Path, folder: Path) -> int:
    """Return the descriptor of the locked file, which holds the number of this process."""
    while True:
        # Never follow a link, which may lead to a valuable file.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(path, flags, 0o666)
        try:
            _lock(file, folder)
            if _is_ours(file):
                os.ftruncate(file, 0)
                os.write(file, f"{os.getpid()}\n".encode())
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _is_ours(file: int) -> bool:
    """Return True if the file still has its name, which its last holder may have removed."""
    found = os.fstat(file)
    if found.st_nlink > 1 or not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EEXIST, "the lock is a link, or no file")
    return found.st_nlink == 1


def _lock(file: int, folder: Path) -> None:
    try:
        if sys.platform == "win32":
            os.lseek(file, 1 << 20, os.SEEK_SET)  # others can't read locked bytes
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            holder = os.read(file, 32).strip()
            process = f" (process {int(holder)})" if holder.isdigit() else ""
            raise OutputError(
                f"in use by another imfuse run{process}",
                file=folder,
                remedy="Wait until it ends, or choose another folder.",
            ) from error
        if error.errno not in _UNSUPPORTED:
            raise
        warnings.warn(
            f"{folder}: this file system has no locks; start no second run there",
            ImfuseWarning,
            stacklevel=4,
        )


def _release(file: int, path: Path) -> None:
    if sys.platform == "win32":  # files that are open, here or elsewhere, can't be removed
        os.close(file)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":  # only now, so that whoever has it open finds it removed
        os.close(file)


def _let_go() -> None:
    """Close the locks in a forked process: they belong to its parent, and must end with it."""
    for file in _held:
        with suppress(OSError):
            os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
