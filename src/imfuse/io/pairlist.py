"""CSV files that list pairs, for folders whose file names can't be matched."""

import csv
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imfuse.errors import PairMismatch, UnreadableImage, printable

_HEADER = "a header line ir,vis or ir,vis,fused"
_EXAMPLE = "Paths are absolute, or relative to the folder of their column."
_LARGEST = 64 * 2**20


@dataclass(frozen=True)
class ListedPair:
    """One row of a list of pairs.

    Attributes:
        line: Line number, from 1.
        ir: Infrared file.
        vis: Visible file.
        fused: Fused file, or None if the list has no such column.
    """

    line: int
    ir: Path
    vis: Path
    fused: Path | None = None


def read_pair_list(file: Path, ir: Path, vis: Path, fused: Path | None = None) -> list[ListedPair]:
    """Read a CSV file with the columns `ir`, `vis` and, if there are fused pictures, `fused`.

    Commas, semicolons or tabs separate the columns, which may come in any order, with others.
    Empty lines are skipped.

    Args:
        file: The CSV file.
        ir: Folder that infrared paths are relative to.
        vis: Folder that visible paths are relative to.
        fused: Folder that fused paths are relative to; None: the column is not read.

    Returns:
        The rows in order; each file occurs once.

    Raises:
        UnreadableImage: The list can't be read.
        PairMismatch: The header lacks a column, a row is incomplete, a file is missing or occurs
            twice, or two visible pictures have the same name; the message has the line number.
    """
    rows = _rows(file)
    _, header = next(rows, (0, []))
    names = [cell.strip().casefold() for cell in header]
    for column in ("ir", "vis"):
        if names.count(column) != 1:
            raise _refusal(file, 1, f"{names.count(column)} columns named {column}", _HEADER)
    folders = {"ir": ir, "vis": vis}
    if fused is not None and "fused" in names:
        folders["fused"] = fused
    pairs, seen = [], dict[tuple[str, Path], int]()
    for line, cells in rows:
        found = {}
        for column, folder in folders.items():
            where = names.index(column)
            text = cells[where].strip() if where < len(cells) else ""
            if not text:
                raise _refusal(file, line, f"no file in the column {column}", "a path in each cell")
            found[column] = _existing(file, line, folder / text)
            earlier = seen.setdefault((column, found[column].resolve()), line)
            if earlier != line:
                again = f"{found[column].name} stands on line {earlier} already"
                raise _refusal(file, line, again, f"each {column} file once")
        pairs.append(ListedPair(line, **found))
    if not pairs:
        raise _refusal(file, 1, "no pairs below the header", "one pair per line")
    _check_names(file, pairs)
    return pairs


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row that is not empty."""
    try:
        if file.stat().st_size > _LARGEST:
            raise _refusal(file, 1, "over 64 MiB", "a list of pairs")
        data = file.read_bytes()
    except OSError as error:
        found = f"can't read the list of pairs ({error.strerror})"
        raise UnreadableImage(found, file=file, remedy="Check the path.") from error
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # as spreadsheets write "Unicode text"
    # Names that are not UTF-8 are kept as the system gives them.
    text = data.decode("utf-16", "replace") if wide else data.decode("utf-8-sig", "surrogateescape")
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    before = 0
    try:
        for row in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row):
                yield line, row
    except csv.Error as error:
        raise _refusal(file, reader.line_num, f"no CSV ({error})", _HEADER) from error


def _existing(file: Path, line: int, path: Path) -> Path:
    """Return the file at a path, even if its name is stored in another Unicode form."""
    forms = [path, *(Path(unicodedata.normalize(form, str(path))) for form in ("NFC", "NFD"))]
    for form in forms:
        try:
            if form.is_file():
                return form
        except (OSError, ValueError):  # too long for a name, or with a null character
            continue
    raise _refusal(file, line, f"there is no file {printable(path)[:300]}", "a picture file")


def _check_names(file: Path, pairs: list[ListedPair]) -> None:
    """Refuse two pairs whose results would have the same name."""
    lines: dict[str, int] = {}
    for pair in pairs:
        earlier = lines.setdefault(unicodedata.normalize("NFC", pair.vis.stem), pair.line)
        if earlier != pair.line:
            found = f"the visible picture is named {pair.vis.stem}, like that of line {earlier}"
            expected = "different names, because results are named after visible pictures"
            raise _refusal(file, pair.line, found, expected)


def _refusal(file: Path, line: int, found: str, expected: str) -> PairMismatch:
    return PairMismatch(f"line {line}: {found}", file=file, expected=expected, remedy=_EXAMPLE)
