"""File names as keys of pairs, and hints on patterns that find the keys.

A wrong pair costs more than a missing hint. Two names therefore make a pair only if they agree in
every word and number except those that name the sensor, which must be the same in all pairs.
"""

import os.path
import re
import shlex
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path

from imfuse.errors import UsageError

_WORD = r"[^\W\d_]+"
_TOKEN = re.compile(
    r"(?P<time>(?:19|20)[0-9]{6}[-_T]?[0-9]{6}(?![0-9]))|(?P<number>[0-9]+)" + f"|(?P<word>{_WORD})"
)
_SENSOR_WORDS = frozenset(
    re.findall(
        r"\w+",
        "ir inf infra infrared lwir mwir swir nir fir t th therm thrm thermal flir r radiometric "
        "v vi vis visible visual rgb color colour co eo w wide z zoom fused fusion",
    )
)
_NUMBERED_WORDS = frozenset(["cam", "camera", "sensor", "ch", "channel", "lens"])
"""Words whose number may identify a sensor, as in `cam0` and `cam1`."""
_DEPTH = re.compile(r"(8|14|16)_?b(its?)?", re.IGNORECASE)
_MOST_LEFT = 0.1
"""Fraction of files without a partner allowed in one folder; the other one's must all have one."""
_SECONDS_APART = 5.0
_NUMBERS = (
    r"(\d+)",
    r"(\d+)\D*$",
    r"0*(\d+)\D*$",
    r"(\d+)\D+(\d+)\D*$",
    r"0*(\d+)\D+0*(\d+)\D*$",
    r"(\d{8})\d{6}\D+(\d+)",
)


@dataclass(frozen=True)
class Hint:
    """A pattern that matches the files of two folders one to one.

    Attributes:
        pattern: The regular expression.
        pairs: The names that it pairs.
    """

    pattern: str
    pairs: tuple[tuple[str, str], ...]


def one_form(name: str) -> str:
    """Return a name in the Unicode form that is used to compare names.

    Systems differ in whether they store an accented letter as one character or as two.
    """
    return unicodedata.normalize("NFC", name)


def name_key(path: Path) -> str:
    """Return a file's name without its extension, in the form that is used to compare names."""
    return one_form(path.stem)


def compile_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """Compile a pattern given by the user.

    Raises:
        UsageError: The pattern is not a regular expression.
    """
    if pattern is None:
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        reason = error if isinstance(error, re.error) else "it is too large"
        found = (
            f"--pair-regex (pair_regex=) {pattern[:80]!r} is not a regular expression ({reason})"
        )
        raise UsageError(found, remedy=r"An example is '(\d+)'.") from error


def key_of(name: str, regex: re.Pattern[str] | None, sensor: str = "ir") -> str | None:
    """Return the key of a name; None if the pattern does not match it.

    Args:
        name: A file's name, see `name_key`.
        regex: The pattern; None: the whole name is the key.
        sensor: Name of a group that must match if the pattern has it.
    """
    if regex is None:
        return name
    found = regex.search(name)
    if found is None:
        return None
    groups = found.groupdict()
    if sensor in groups and groups[sensor] is None:
        return None
    if "key" in groups:
        return groups["key"]
    sensors = {regex.groupindex.get(name) for name in ("ir", "vis", "fused")}
    parts = [g for i, g in enumerate(found.groups(), start=1) if i not in sensors and g is not None]
    return "-".join(parts) or found.group()


def find_hint(first: Sequence[str], second: Sequence[str], *, method: bool = False) -> Hint | None:
    """Return a pattern that pairs (nearly) all names, or None if no pairs are beyond doubt.

    Args:
        first: Names of the files of one folder, without extensions.
        second: Names of the files of the other folder.
        method: Whether names of the first folder may have additional words, such as the name of
            the method that fused the pictures.
    """
    for pattern in dict.fromkeys(_candidates(first, second)):
        pairs = _pairs(first, second, re.compile(pattern))
        if pairs and _beyond_doubt(pairs, first, second, method=method):
            return Hint(pattern, tuple(pairs))
    return None


def remedy(hint: Hint | None, *, lists: bool = True) -> str:
    """Return advice on how to state the pairs: by a pattern that was tried, else by a list.

    Args:
        hint: The pattern; None: none was found.
        lists: Whether the command takes lists of pairs; otherwise, files are to be renamed.
    """
    other_way = (
        "list the pairs in a CSV file with a header ir,vis, and add --pairs FILE.csv (pairs=)."
        if lists
        else "rename the files, or find what their names share with --pair-regex (pair_regex=)."
    )
    if hint is None:
        return other_way[0].upper() + other_way[1:]
    pairs, (one, other) = len(hint.pairs), hint.pairs[0]
    count = "1 pair" if pairs == 1 else f"{pairs} pairs"
    return (
        f"--pair-regex {shlex.quote(hint.pattern)} (pair_regex=) gives {count}, such as {one} with "
        f"{other}; otherwise {other_way}"
    )


def _candidates(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Yield patterns to try, the most readable ones first."""
    yield from _NUMBERS
    before = _either(_shared_start(first), _shared_start(second))
    after = _either(*(_shared_start([n[::-1] for n in names])[::-1] for names in (first, second)))
    yield f"^(.+){after}$"
    yield f"^{before}(.+)$"
    yield f"^{before}(.+){after}$"
    for one, other in product(_sensor_words(first), _sensor_words(second)):
        yield f"^(.*){_either(one, other)}(.*)$"


def _shared_start(names: Sequence[str]) -> str:
    """Return the whole words and numbers that all names begin with, but never a whole name."""
    shared = os.path.commonprefix(list(names))  # noqa: RUF071 - characters are meant
    while shared and any(_goes_on(shared, name) for name in names):
        shared = shared[:-1]
    return shared


def _goes_on(shared: str, name: str) -> bool:
    """Return True if a start is the whole name, or ends inside a word or number of it."""
    if len(name) == len(shared):
        return True
    last, following = shared[-1], name[len(shared)]
    return (last.isdigit() and following.isdigit()) or (last.isalpha() and following.isalpha())


def _either(one: str, other: str) -> str:
    return re.escape(one) if one == other else f"(?:{re.escape(one)}|{re.escape(other)})"


def _sensor_words(names: Sequence[str]) -> list[str]:
    """Return the words for a sensor that occur in every name."""
    words = Counter(word for name in names for word in set(re.findall(_WORD, name)))
    every = sorted(word for word, count in words.items() if count == len(names))
    return [word for word in every if word.casefold() in _SENSOR_WORDS]


def _pairs(
    first: Sequence[str], second: Sequence[str], regex: re.Pattern[str]
) -> list[tuple[str, str]]:
    """Return the names that a pattern pairs; none if two names of a folder have the same key."""
    keyed: list[Mapping[str, str]] = []
    for names in (first, second):
        keys = [(value, name) for name in names if (value := key_of(name, regex)) is not None]
        if len(dict(keys)) < len(keys):
            return []
        keyed.append(dict(keys))
    return [(name, keyed[1][value]) for value, name in keyed[0].items() if value in keyed[1]]


def _beyond_doubt(
    pairs: Sequence[tuple[str, str]], first: Sequence[str], second: Sequence[str], *, method: bool
) -> bool:
    fewer, more = sorted((len(first), len(second)))
    if len(pairs) < fewer or more - fewer > max(1, _MOST_LEFT * more):
        return False
    differences = {_difference(*pair, method=method) for pair in pairs}
    return len(differences) == 1 and None not in differences and _in_time(pairs, second)


def _difference(one: str, other: str, *, method: bool) -> tuple[str, ...] | None:
    """Return the words that only one of two names has; None if the scenes may be different."""
    tokens = [_tokens(name) for name in (one, other)]
    words = [Counter(text for kind, text in some if kind == "word") for some in tokens]
    surplus = words[0] - words[1], words[1] - words[0]
    times = [[text for kind, text in some if kind == "time"] for some in tokens]
    shared = [
        [
            text
            for kind, text in some
            if text not in own and (kind != "time" or times[0] == times[1])
        ]
        for some, own in zip(tokens, surplus, strict=True)
    ]
    if shared[0] != shared[1] or not shared[0]:
        return None
    strange = [word for word in surplus[1] if word not in _SENSOR_WORDS]
    if not method:
        strange += [word for word in surplus[0] if word not in _SENSOR_WORDS]
    numbered = any(text.isdigit() for text in shared[0])
    if any(len(word) > 1 or not numbered for word in strange):
        return None
    return (*sorted(surplus[0]), "", *sorted(surplus[1]))


def _tokens(name: str) -> list[tuple[str, str]]:
    """Return the words, numbers and times of a name, without numbers that describe a sensor."""
    tokens: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(_DEPTH.sub("", name)):
        kind, text = match.lastgroup or "", match[0].casefold()
        if kind == "number":
            if len(text) == 1 and tokens and tokens[-1][1] in _NUMBERED_WORDS:
                continue
            text = str(int(text))
        elif kind == "time":
            text = re.sub(r"\D", "", text)
        tokens.append((kind, text))
    return tokens


def _in_time(pairs: Sequence[tuple[str, str]], second: Sequence[str]) -> bool:
    """Return True if no name with a time has another candidate that is nearer in time."""
    known = sorted(time for name in second if (time := _seconds(name)) is not None)
    for one, other in pairs:
        here, there = _seconds(one), _seconds(other)
        if here is None or there is None:
            continue
        place = bisect(known, here)
        nearest = min(abs(here - time) for time in known[max(place - 1, 0) : place + 1])
        if not nearest == abs(here - there) <= _SECONDS_APART:
            return False
    return True


def _seconds(name: str) -> float | None:
    """Return the time in a name, in seconds; None if it has none."""
    texts = [text for kind, text in _tokens(name) if kind == "time"]
    try:
        told = datetime.strptime(texts[0], "%Y%m%d%H%M%S")
    except (IndexError, ValueError):
        return None
    return (told - datetime(1970, 1, 1)).total_seconds()
