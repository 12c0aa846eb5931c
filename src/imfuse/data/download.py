"""Download datasets file by file at one commit, verify them, and resume interrupted downloads.

A file is fetched under a temporary name and renamed once its checksum is right, so a file under its
own name is always complete.
"""

import json
import re
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from imfuse.data.catalogue import LAYOUTS
from imfuse.data.layouts import Layout, Origin
from imfuse.data.lists import known_names
from imfuse.data.transfer import checksum, fetch_file, fetch_text, is_right
from imfuse.errors import DownloadError, OutputError, UsageError
from imfuse.io.atomic import write_atomically

SUMS = "SHA256SUMS"
"""Name of the list of checksums of a complete download, in the format of `sha256sum -c`."""

_AT_ONCE = 6


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch.

    Attributes:
        path: Path below the dataset's root, with `/`.
        checksum: `sha256:` or `git:` (the id of a Git blob) and the digits.
    """

    path: str
    checksum: str


@dataclass(frozen=True)
class Fetched:
    """A complete and verified file.

    Attributes:
        path: Path below the dataset's root.
        sha256: SHA-256 of the file.
        bytes_fetched: Bytes received over the network; 0 if the file was there before.
    """

    path: str
    sha256: str
    bytes_fetched: int


def plan(layout: Layout, mirror: str | None = None) -> list[RemoteFile]:
    """Return the files of a dataset with their checksums.

    The checksums come from imfuse itself, from GitHub's list for the pinned commit, or from the
    mirror's own `SHA256SUMS`.

    Args:
        layout: The dataset.
        mirror: Web address of a folder that this command has filled; None: the dataset's own
            source.

    Raises:
        UsageError: The dataset can't be downloaded, or the mirror is not a web address.
        DownloadError: The list can't be fetched.
    """
    origin = _origin(layout)
    if mirror is not None and urlsplit(mirror).scheme not in ("http", "https"):
        raise UsageError(f"mirror {mirror!r}", expected="an address that begins with http")
    if origin.checksums:
        return _parse_sums("\n".join(_pairs_of_words(origin.checksums)), origin.checksums)
    if mirror is not None:
        address = f"{mirror.rstrip('/')}/{SUMS}"
        return _parse_sums(fetch_text(address), address)
    return _listed_by_github(origin)


def fetch(
    layout: Layout, files: list[RemoteFile], folder: Path, mirror: str | None = None
) -> Generator[Fetched, None, None]:
    """Fetch missing files, and yield each file once it is complete and verified.

    At the end, the checksums of all files are written to `SHA256SUMS`.

    Args:
        layout: The dataset.
        files: The result of `plan`.
        folder: Folder to write to; created if missing.
        mirror: As for `plan`.

    Raises:
        DownloadError: A file is missing at the source, can't be fetched, or has a wrong checksum.
        OutputError: The folder can't be written to.
    """
    origin = _origin(layout)
    base = mirror or f"https://raw.githubusercontent.com/{origin.repository}/{origin.commit}"
    done = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [pool.submit(_get, file, folder, base.rstrip("/")) for file in files]
        try:
            for job in jobs:
                done.append(job.result())
                yield done[-1]
        finally:
            pool.shutdown(cancel_futures=True)
    lines = (f"{one.sha256}  {one.path}\n".encode() for one in done)
    write_atomically(folder / SUMS, lines)


def _origin(layout: Layout) -> Origin:
    if layout.origin is None:
        have = ", ".join(name for name, known in LAYOUTS.items() if known.origin is not None)
        raise UsageError(
            f"{layout.name} can't be downloaded by imfuse",
            expected=f"one of: {have}",
            remedy=f"Its home is {layout.source} (terms: {layout.terms})." if layout.source else "",
        )
    return layout.origin


def _pairs_of_words(name: str) -> Iterator[str]:
    words = known_names(name)
    return (f"{a}  {b}" for a, b in zip(words[::2], words[1::2], strict=True))


def _parse_sums(text: str, where: str) -> list[RemoteFile]:
    files = []
    for line in text.splitlines():
        found = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if found is None:
            raise DownloadError(
                f"{line[:60]!r} is no line of checksums",
                file=where,
                expected="64 hexadecimal digits, two spaces, a path",
            )
        files.append(RemoteFile(_safe(found[2], where), f"sha256:{found[1]}"))
    return files


def _safe(path: str, where: str) -> str:
    """Refuse a path that leads out of the folder."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\\" in path or not parts:
        raise DownloadError(f"the path {path!r} leads elsewhere", file=where)
    return path


def _listed_by_github(origin: Origin) -> list[RemoteFile]:
    """Fetch the tree of the pinned commit: paths and blob ids."""
    address = (
        f"https://api.github.com/repos/{origin.repository}/git/trees/{origin.commit}?recursive=1"
    )
    text = fetch_text(address)
    try:
        answer = json.loads(text)
        entries = [
            (str(entry["path"]), str(entry["sha"]))
            for entry in answer["tree"]
            if entry["type"] == "blob"
        ]
        cut = bool(answer["truncated"])
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError("no list of files came back", file=address) from error
    if cut:
        raise DownloadError("the list of files is cut short", file=address)
    return [
        RemoteFile(_safe(path, address), f"git:{blob}")
        for path, blob in entries
        if PurePosixPath(path).parts[0] in origin.folders
    ]


def _get(file: RemoteFile, folder: Path, base: str) -> Fetched:
    target = folder / file.path
    try:
        received = 0
        if not is_right(target, file.checksum):
            target.parent.mkdir(parents=True, exist_ok=True)
            received = fetch_file(f"{base}/{quote(file.path)}", target, file.checksum)
        digest = checksum(target, "sha256").partition(":")[2]
        return Fetched(file.path, digest, received)
    except OSError as error:
        raise OutputError(
            f"it can't be written ({error.strerror or error})",
            file=target,
            remedy="Check permissions and free space, then run the command again.",
        ) from error
