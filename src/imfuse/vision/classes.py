"""Maps from the classes of a detector or a segmenter to those of the truth."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imfuse.errors import UnknownName, UsageError

ClassMap = Mapping[str, Sequence[str | int]]
"""Classes of the network, by name or number, that count as a class of the truth."""

_SYNONYMS = {
    "people": "person",
    "persons": "person",
    "pedestrian": "person",
    "pedestrians": "person",
    "bike": "bicycle",
    "bicyclist": "bicycle",
    "cars": "car",
    "motorbike": "motorcycle",
    "motor": "motorcycle",
    "lorry": "truck",
    "color cone": "colour cone",
}
_AMONG = {"bus": "car", "truck": "car", "van": "car"}
"""Classes that count as another one where the truth does not tell them apart."""
REST = "*"
"""Stands in a map for all classes that are not named."""


def common_name(name: str) -> str:
    """Return the usual name of a class, for comparing names of different sources."""
    plain = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
    return _SYNONYMS.get(plain, plain)


def counterparts(
    names: Sequence[str], truth: Sequence[str], given: ClassMap | None = None
) -> NDArray[np.int64]:
    """Return for each class of a network the number of the truth's class that it counts as.

    Without a map, classes of one name or of usual synonyms belong together; buses, trucks and vans
    count as cars where the truth does not tell them apart.

    Args:
        names: Names of the network's classes, by number.
        truth: Names of the truth's classes, by number.
        given: Map to use instead.

    Returns:
        `(len(names),)`, -1 for classes that count as nothing.

    Raises:
        UnknownName: The map names a class that does not exist.
        UsageError: No class of the network counts as anything.
    """
    found = np.full(len(names), -1, np.int64)
    if given is not None:
        _fill(found, names, truth, given)
    else:
        usual = [common_name(name) for name in truth]
        for number, name in enumerate(map(common_name, names)):
            wanted = name if name in usual else _AMONG.get(name)
            if wanted in usual:
                found[number] = usual.index(wanted)
    if (found < 0).all():
        raise UsageError(
            f"no class of the network ({_some(names)}) is one of the truth ({_some(truth)})",
            expected="classes of the same names, or a map",
            remedy="Give a YAML file with lines such as `car: [car, bus]` with --map (class_map=).",
        )
    return found


def with_mapped(truth: Sequence[str], given: ClassMap | None) -> list[str]:
    """Return the truth's classes, and those that a map names but the truth does not.

    For boxes, which only show the classes that occur in the chosen pictures.
    """
    return [*truth, *(name for name in given or () if _target(name, truth) is None)]


def _target(name: str, truth: Sequence[str]) -> int | None:
    """Return the number of a class of the truth by its name, a usual synonym, or its number.

    Where classes of the truth have numbers for names, as those of YOLO's files without a list of
    names, a number is a name: it would be the place among the classes that happen to occur.
    """
    if name in truth:
        return list(truth).index(name)
    usual = [common_name(one) for one in truth]
    if common_name(name) in usual:
        return usual.index(common_name(name))
    numbered = any(one.isascii() and one.isdecimal() for one in truth)
    return None if numbered else _number_of(name, len(truth))


def _fill(
    found: NDArray[np.int64], names: Sequence[str], truth: Sequence[str], given: ClassMap
) -> None:
    named: dict[int, int] = {}
    for name, classes in given.items():
        target = _target(name, truth)
        if target is None:
            raise UnknownName("class of the truth", name, truth)
        for one in classes:
            if one == REST:
                found[found < 0] = target
                continue
            index = _number_of(one, len(names))
            if index is None and one not in names:
                raise UnknownName(
                    "class of the network", str(one), [name for name in names if name]
                )
            place = names.index(str(one)) if index is None else index
            other = named.setdefault(place, target)
            if other != target:
                raise UsageError(
                    f"{names[place]} counts as {truth[other]} and as {name}",
                    expected="a map in which each class of the network counts as one class",
                    remedy="Leave it out of one line of the file given with --map (class_map=).",
                )
            found[place] = target


def _number_of(name: str | int, count: int) -> int | None:
    """Return the number of a class that is given by number; None: it is a name."""
    text = str(name)
    number = int(text) if text.isascii() and text.isdecimal() else -1
    return number if 0 <= number < count else None


def _some(names: Sequence[str]) -> str:
    shown = [name for name in names if name][:6]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")
