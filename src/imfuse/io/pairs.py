"""Match infrared and visible pictures in two folders by name."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imfuse.errors import PairMismatch, UnreadableImage, UsageError, printable
from imfuse.io.images import SUFFIXES
from imfuse.io.naming import Hint, compile_pattern, find_hint, key_of, name_key, remedy
from imfuse.io.pairlist import read_pair_list
from imfuse.io.thermal.thermogram import THERMAL_SUFFIXES


@dataclass(frozen=True)
class PairFiles:
    """The two files of one pair and their common key."""

    key: str
    ir: Path
    vis: Path


@dataclass(frozen=True)
class Matching:
    """Result of matching two folders.

    Attributes:
        pairs: Matched files, in the order of their keys.
        ir_only: Infrared pictures without a visible one.
        vis_only: Visible pictures without an infrared one.
        ambiguous: Keys that several files of one folder share, each with an explanation.
    """

    pairs: tuple[PairFiles, ...]
    ir_only: tuple[Path, ...]
    vis_only: tuple[Path, ...]
    ambiguous: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TripleFiles:
    """The files of one pair and of its fused picture, and their common key."""

    key: str
    fused: Path
    ir: Path
    vis: Path


@dataclass(frozen=True)
class TripleMatching:
    """Result of matching a folder of fused pictures with the folders of their sources.

    Attributes:
        triples: Matched files, in the order of their keys.
        fused_only: Fused pictures without a pair of sources.
        not_fused: Keys of pairs that have no fused picture.
        unpaired: Sources without a partner.
        ambiguous: Keys that several files of one folder share, each with an explanation.
    """

    triples: tuple[TripleFiles, ...]
    fused_only: tuple[Path, ...]
    not_fused: tuple[str, ...]
    unpaired: tuple[Path, ...]
    ambiguous: tuple[tuple[str, str], ...]


def check_distinct(ir: Path, vis: Path) -> None:
    """Refuse a pair whose two files are the same (also through a link).

    Raises:
        PairMismatch: The same file was given twice.
    """
    if ir.exists() and vis.exists() and ir.samefile(vis):
        raise PairMismatch(
            "the same file is given as infrared and as visible",
            file=ir,
            expected="two pictures from two sensors",
            remedy="Infrared comes first. Give a thermal file that holds both only once.",
        )


def list_images(folder: Path, *, thermal: bool = False) -> list[Path]:
    """Return the sorted picture files of a folder, without hidden files and sub-folders.

    With `thermal`, files of thermal cameras count that are no pictures for other programs.

    Raises:
        UnreadableImage: The folder is missing, unreadable, or holds no picture.
    """
    endings = (*SUFFIXES, *(THERMAL_SUFFIXES if thermal else ()))
    try:
        there = [path for path in folder.iterdir() if not path.name.startswith(".")]
        files = sorted(p for p in there if p.suffix.lower() in endings and p.is_file())
    except OSError as error:
        found = f"can't list the folder ({error.strerror})"
        raise UnreadableImage(found, file=folder, remedy="Check the path.") from error
    if not files:
        kinds = (p.suffix.lower() or "without a suffix" for p in sorted(there) if p.is_file())
        others = Counter(kinds)
        some = ", ".join(f"{count} {ending}" for ending, count in others.most_common(3))
        raise UnreadableImage(
            f"no pictures in this folder, only {some}" if some else "no pictures in this folder",
            file=folder,
            expected=f"files ending in {' '.join(endings)}",
            remedy="Sub-folders are not searched: give the folder that holds the files.",
        )
    return files


def pairs_inside(folder: Path) -> Matching:
    """Return the files of a folder, each of which shall hold both pictures of a pair.

    Raises:
        UnreadableImage: The folder is missing or holds no pictures.
    """
    files = list_images(folder, thermal=True)
    return Matching(tuple(PairFiles(name_key(file), file, file) for file in files), (), (), ())


def match_folders(
    ir: Path, vis: Path, pattern: str | None = None, *, pairs: Path | None = None
) -> Matching:
    r"""Match the pictures of two folders.

    Without a pattern, files with equal names except for the extension make a pair. A pattern is
    searched in each name without its extension, and the text matched by its group `key` must be
    equal (without such a group, that of all groups together; without groups, the whole match).
    Names that it doesn't match have no partner. If all files lie in one folder, groups named `ir`
    and `vis` distinguish the two sensors, and one of them must match:
    `(?P<key>\d+)_((?P<ir>ir)|(?P<vis>rgb))`.

    Args:
        ir: Folder of infrared pictures.
        vis: Folder of visible pictures.
        pattern: A regular expression, see above.
        pairs: CSV file that lists the pairs instead (see `read_pair_list`). Pairs then keep its
            order, their keys are the names of the visible pictures, and files that it does not
            list are silently left out.

    Raises:
        UnreadableImage: A folder is missing or holds no pictures, or the list can't be read.
        UsageError: The pattern is not a regular expression, the same folder is given twice without
            groups for the sensors, or both a pattern and a list are given.
        PairMismatch: No two files match, or the list has an error.
    """
    if pairs is not None:
        _refuse_both(pattern)
        listed = read_pair_list(pairs, ir, vis)
        return Matching(
            tuple(PairFiles(name_key(row.vis), row.ir, row.vis) for row in listed), (), (), ()
        )
    regex = compile_pattern(pattern)
    one_folder = ir.exists() and vis.exists() and ir.samefile(vis)
    if one_folder and (regex is None or not {"ir", "vis"} <= set(regex.groupindex)):
        raise UsageError(
            "the infrared and the visible folder are the same",
            file=ir,
            expected="two folders, or a --pair-regex (pair_regex=) with groups named ir and vis",
            remedy=r"For 07_ir.png and 07_rgb.png: --pair-regex (pair_regex=) "
            r"'(?P<key>\d+)_((?P<ir>ir)|(?P<vis>rgb))'",
        )
    ir_files, vis_files = list_images(ir, thermal=True), list_images(vis)
    ir_keys, ir_left = _by_key(ir_files, regex, "ir")
    vis_keys, vis_left = _by_key(vis_files, regex, "vis")
    matching = _join(ir_keys, vis_keys, () if one_folder else (ir_left, vis_left))
    if not matching.pairs and not matching.ambiguous:
        raise PairMismatch(
            f"no names match between {ir} ({ir_files[0].name}, ...) and "
            f"{vis} ({vis_files[0].name}, ...)",
            expected="equal names except for the extension"
            if regex is None
            else f"names in which {pattern!r} finds the same key",
            remedy=_of_case(ir_keys, vis_keys)
            or remedy(find_hint(_names(ir_files), _names(vis_files))),
        )
    return matching


def match_triples(
    fused: Path, ir: Path, vis: Path, pattern: str | None = None, *, pairs: Path | None = None
) -> TripleMatching:
    """Match fused pictures with their sources, by the rules of `match_folders`.

    A pattern may have a group `fused`, besides `ir` and `vis`, to distinguish the three. A list of
    pairs may have a column `fused`; without it, fused pictures are named after visible ones.

    Raises:
        UnreadableImage: A folder is missing or holds no pictures, or the list can't be read.
        UsageError: See `match_folders`.
        PairMismatch: No pair of sources matches, none of the fused pictures belongs to one, or the
            list has an error.
    """
    if pairs is not None:
        _refuse_both(pattern)
        listed = read_pair_list(pairs, ir, vis, fused)
        told = tuple(
            TripleFiles(name_key(row.vis), row.fused, row.ir, row.vis)
            for row in listed
            if row.fused is not None
        )
        if told:
            return TripleMatching(told, (), (), (), ())
    sources = match_folders(ir, vis, pattern, pairs=pairs)
    files = list_images(fused)
    keys, left = _by_key(files, compile_pattern(pattern), "fused")
    triples, ambiguous = [], list(sources.ambiguous)
    for pair in sources.pairs:
        of_pair = keys.pop(pair.key, [])
        if len(of_pair) == 1:
            triples.append(TripleFiles(pair.key, of_pair[0], pair.ir, pair.vis))
        elif of_pair:
            names = ", ".join(printable(path.name) for path in of_pair)
            ambiguous.append((pair.key, f"several files share the key {pair.key!r}: {names}"))
    if not triples and not ambiguous:
        raise PairMismatch(
            f"no fused picture in {fused} ({files[0].name}, ...) is named after a pair "
            f"({sources.pairs[0].key}, ...)",
            expected="equal names except for the extension",
            remedy=remedy(_hint_for_fused(files, sources)),
        )
    used = {path for pair in sources.pairs for path in (pair.ir, pair.vis)}
    surplus = [*left, *(path for paths in keys.values() for path in paths)]
    scored = {triple.key for triple in triples} | {key for key, _ in ambiguous}
    return TripleMatching(
        triples=tuple(triples),
        fused_only=tuple(sorted(path for path in surplus if path not in used)),
        not_fused=tuple(pair.key for pair in sources.pairs if pair.key not in scored),
        unpaired=(*sources.ir_only, *sources.vis_only),
        ambiguous=tuple(ambiguous),
    )


def _hint_for_fused(files: Sequence[Path], sources: Matching) -> Hint | None:
    """Return a pattern that matches the fused pictures and still gives the pairs of sources."""
    ir, vis = ([name_key(getattr(p, which)) for p in sources.pairs] for which in ("ir", "vis"))
    hint = find_hint(_names(files), vis, method=True)
    if hint is None:
        return None
    regex = re.compile(hint.pattern)
    keys = [[key_of(name, regex) for name in names] for names in (ir, vis)]
    return hint if keys[0] == keys[1] else None


def _names(files: Sequence[Path]) -> list[str]:
    return [name_key(path) for path in files]


def _refuse_both(pattern: str | None) -> None:
    if pattern is not None:
        found = "both --pairs and --pair-regex (pairs=, pair_regex=) are given"
        raise UsageError(found, expected="one of them", remedy="Leave one out.")


def _of_case(ir_keys: Iterable[str], vis_keys: Iterable[str]) -> str:
    """Return a remedy for names that differ in upper and lower case only; empty for others."""
    alike = {key.casefold() for key in ir_keys} & {key.casefold() for key in vis_keys}
    if not alike:
        return ""
    return (
        "They differ in upper and lower case only: rename them, or list the pairs with --pairs "
        "(pairs=)."
    )


def _by_key(
    files: Sequence[Path], regex: re.Pattern[str] | None, sensor: str
) -> tuple[dict[str, list[Path]], list[Path]]:
    keys: defaultdict[str, list[Path]] = defaultdict(list)
    left = []
    for path in files:
        key = key_of(name_key(path), regex, sensor)
        if key is None:
            left.append(path)
        else:
            keys[key].append(path)
    return keys, left


def _join(
    ir: dict[str, list[Path]],
    vis: dict[str, list[Path]],
    left: tuple[list[Path], list[Path]] | tuple[()],
) -> Matching:
    pairs, ambiguous = [], []
    for key in sorted(ir.keys() & vis.keys()):
        if len(ir[key]) == len(vis[key]) == 1:
            pairs.append(PairFiles(key, ir[key][0], vis[key][0]))
        else:
            files = ", ".join(printable(path.name) for path in [*ir[key], *vis[key]])
            ambiguous.append((key, f"several files share the key {key!r}: {files}"))
    ir_left, vis_left = left or ([], [])
    return Matching(
        pairs=tuple(pairs),
        ir_only=tuple(sorted([*ir_left, *(p for k in ir.keys() - vis.keys() for p in ir[k])])),
        vis_only=tuple(sorted([*vis_left, *(p for k in vis.keys() - ir.keys() for p in vis[k])])),
        ambiguous=tuple(ambiguous),
    )
