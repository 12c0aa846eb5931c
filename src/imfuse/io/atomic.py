"""Write files atomically: to a temporary name in the same folder, then rename."""

import os
import secrets
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imfuse.errors import OutputError

_SUFFIX = ".imfuse-tmp"


def write_atomically(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Write a file so that it always has either its whole old or its whole new content.

    Args:
        path: The file; an existing one is replaced.
        parts: Parts of the content, in order.

    Raises:
        OutputError: The file can't be written. The old file, if any, is untouched.
    """
    target = Path(path)
    # A name near the limit of 255 bytes leaves no room for a suffix: use only its beginning.
    mark = f"{os.getpid()}-{secrets.token_hex(6)}"
    temporary = target.with_name(f".{target.name[:40]}.{mark}{_SUFFIX}")
    try:
        # "x" gives the permissions that the umask allows, unlike tempfile's 0600.
        with temporary.open("xb") as file:
            for part in parts:
                file.write(part)
        temporary.replace(target)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise _refusal(target, error) from error
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Bytes of file names that are not valid UTF-8 are escaped.

    Raises:
        OutputError: See `write_atomically`.
    """
    write_atomically(path, [text.encode("utf-8", "backslashreplace")])


def _refusal(target: Path, error: Exception) -> OutputError:
    folder = target.parent
    if isinstance(error, FileNotFoundError) and not folder.exists():
        found, remedy = f"the folder {folder} does not exist", "Create it first."
    elif isinstance(error, IsADirectoryError):
        found, remedy = "the output is a folder", "Give the name of a file inside it."
    elif isinstance(error, NotADirectoryError):
        found, remedy = f"{folder} is not a folder", "Choose another output folder."
    else:
        found = f"it can't be written: {getattr(error, 'strerror', None) or error}"
        remedy = "Check the folder's permissions and the free disk space, or choose another folder."
    return OutputError(found, file=target, expected="a file that can be written", remedy=remedy)


def remove_stale_temporaries(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove temporary files that killed writers left in a folder, and return their names.

    Files of processes that still run are left alone. On Windows, which can't tell, all are removed.
    """
    removed = []
    for path in sorted(Path(folder).glob(f".*{_SUFFIX}")):
        if _is_running(path.name.removesuffix(_SUFFIX).rpartition(".")[2].partition("-")[0]):
            continue
        with suppress(OSError):
            path.unlink()
            removed.append(path)
    return removed


def _is_running(process: str) -> bool:
    """Return True if a process with this number runs, as far as this user can tell."""
    if sys.platform == "win32" or not process.isdecimal() or len(process) > 9:
        return False
    try:
        os.kill(int(process), 0)  # sends no signal, but fails if none could be sent
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True
