"""Download one file over HTTP: resume, verify, and rename it only once it is right."""

import hashlib
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from imfuse import __version__
from imfuse.errors import DownloadError

_PARTIAL = ".part"
_TIMEOUT_S = 30.0
_ATTEMPTS = 4
_BLOCK = 1 << 18
_LARGEST_TEXT = 1 << 26
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416


class _Broken(Exception):
    """The connection broke; the bytes received so far are kept."""


def checksum(path: Path, kind: str) -> str:
    """Return a file's checksum, with its kind in front.

    Args:
        path: The file.
        kind: `sha256`, or `git` for the id that Git gives to the content.
    """
    if kind == "sha256":
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    content = path.read_bytes()
    # Git hashes a header with the length, then the content.
    digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return f"git:{digest.hexdigest()}"


def is_right(path: Path, expected: str) -> bool:
    """Return True if a file exists and has the given checksum."""
    return path.is_file() and checksum(path, expected.partition(":")[0]) == expected


def fetch_text(address: str) -> str:
    """Return a small text from the network.

    Raises:
        DownloadError: The text can't be fetched.
    """
    try:
        with urlopen(_request(address), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - http(s) only
            content: bytes = answer.read(_LARGEST_TEXT)
            return content.decode()
    except (OSError, HTTPException, ValueError) as error:
        raise _refused(address, _reason(error)) from error


def fetch_file(address: str, target: Path, expected: str) -> int:
    """Fetch a file, continuing where an earlier attempt ended.

    Args:
        address: Web address of the file.
        target: Path of the complete file; until then, a partial file lies beside it.
        expected: Checksum of the file.

    Returns:
        Bytes received.

    Raises:
        DownloadError: The file can't be fetched, or has a wrong checksum.
        OSError: The file can't be written.
    """
    partial = target.with_name(target.name + _PARTIAL)
    received, reason = 0, ""
    for _ in range(_ATTEMPTS):
        begun = partial.stat().st_size if partial.exists() else 0
        try:
            received += _append(address, partial, begun)
        except HTTPError as error:
            reason = _reason(error)
            if error.code != _RANGE_NOT_SATISFIABLE:
                break
        except _Broken as error:
            reason = str(error)
            continue
        if is_right(partial, expected):
            partial.replace(target)
            return received
        # The partial file of an earlier attempt may belong to another file: start again.
        partial.unlink(missing_ok=True)
        if not begun:
            reason = "its checksum is wrong"
            break
    raise _refused(address, reason)


def _append(address: str, partial: Path, first: int) -> int:
    """Fetch from a byte on, and return the bytes received."""
    try:
        answer = urlopen(_request(address, first), timeout=_TIMEOUT_S)  # noqa: S310 - http(s) only
    except HTTPError:
        raise
    except (OSError, HTTPException) as error:
        raise _Broken(_reason(error)) from error
    received = 0
    with answer, partial.open("ab" if answer.status == _PARTIAL_CONTENT else "wb") as out:
        length = answer.headers.get("Content-Length")
        while block := _block(answer):
            received += out.write(block)
    if length is not None and received < int(length):
        raise _Broken(f"only {received} of {length} bytes came")
    return received


def _block(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_BLOCK)
    except (OSError, HTTPException) as error:
        raise _Broken(_reason(error)) from error


def _request(address: str, first: int = 0) -> Request:
    request = Request(address, headers={"User-Agent": f"imfuse/{__version__}"})  # noqa: S310 - ours
    if first:
        request.add_header("Range", f"bytes={first}-")
    return request


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code}"
    if isinstance(error, URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _refused(address: str, reason: str) -> DownloadError:
    return DownloadError(
        f"can't be fetched ({reason})",
        file=address,
        remedy="Run the command again; finished parts are kept.",
    )
