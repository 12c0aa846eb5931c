"""The weights of a network among whatever else a training script saved beside them."""

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from imfuse.engines.onnx_file import brief
from imfuse.errors import WeightsError

_WRAPPERS = (
    "params_ema",
    "state_dict_ema",
    "ema_state_dict",
    "model_ema",
    "ema",
    "weight",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "params",
    "generator",
    "MTAN",
)
"""Keys under which training scripts put the weights beside other things, the best first: averaged
weights (EMA) are what their authors evaluate."""

_LEFT_BY_WRAPPING = re.compile(r"(?:^|(?<=\.))(?:(?:module|_orig_mod)\.)+")
"""What training on several GPUs, or compiling, puts before the keys of a network or a part of it;
no published network has a part of such a name."""

_COUNTERS = re.compile(r"(?:^|\.)total_(?:ops|params)$")
"""Numbers of operations and parameters that the profiler thop leaves in every module."""

_TRAINING_ONLY = re.compile(r"optim|sched|scaler|discriminator|(^|_)dis($|_)|netd$", re.IGNORECASE)
"""Sections that no network for fusing has."""

_DEEPEST = 8
"""Wrappers in wrappers that are opened; honest files have up to three."""
_LONGEST = 1000
"""Characters of a name; what is named at greater length is left out."""


class StateDict(NamedTuple):
    """Weights of a file.

    Attributes:
        weights: Tensors by key.
        notes: What a user should know of how they were chosen.
    """

    weights: dict[str, Tensor]
    notes: tuple[str, ...]


def find_weights(content: object, file: Path, section: str = "") -> StateDict:
    """Return the weights in what a training script saved, under the names of its network.

    Args:
        content: What the file holds.
        file: The file, for messages.
        section: Name of the part to take; empty: averaged weights where there are some.

    Raises:
        WeightsError: There are no weights, or none of this name.
    """
    notes: list[str] = []
    named = _named(content, section) if section else None
    chosen = _unwrapped(content if named is None else named, file, notes)
    weights = _flat(chosen) if isinstance(chosen, dict) else {}
    if section and named is None:  # one of the networks whose keys stand side by side
        start = f"{section}."
        weights = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
    if weights:
        return StateDict(weights, tuple(notes))
    if section:
        names = [path for path, one in _dictionaries(content) if path and _has_own(one)][:8]
        raise WeightsError(
            f"no weights named {brief(section)}",
            file=file,
            expected=brief(f"one of {', '.join(names)}") if names else "",
            remedy="Give another name after the #, or the file alone.",
        )
    raise WeightsError(
        "no dictionary of tensors",
        file=file,
        expected="a state dict",
        remedy="Save the weights of the network (state_dict) and nothing else.",
    )


def other_section(file: Path, names: str) -> str:
    """Say how to get weights that were not chosen."""
    return f"to use others, give {brief(file.name)}#{brief(names)}"


def _unwrapped(content: object, file: Path, notes: list[str]) -> object:
    """Return the dictionary of weights inside those that training scripts put around it."""
    for _ in range(_DEEPEST):
        if not isinstance(content, dict):
            break
        found = [key for key in _WRAPPERS if _has_tensors(content.get(key))] or _only(content)
        if not found:
            break
        if len(found) > 1:
            others = " and ".join(found[1:])
            notes.append(
                f"it holds {found[0]} and {others}; {found[0]} is used "
                f"({other_section(file, found[1])})"
            )
        content = content[found[0]]
    return content


def _only(content: Mapping[object, object]) -> list[str]:
    """Return the key of the one dictionary with the weights in it, if it holds dictionaries."""
    if _has_own(content):
        return []
    found = [
        key
        for key, value in content.items()
        if isinstance(key, str) and not _TRAINING_ONLY.search(key) and _has_tensors(value)
    ]
    return found if len(found) == 1 and not _has_own(content[found[0]]) else []


def _has_own(value: object) -> bool:
    """Return whether a dictionary itself holds weights, not only a tensor that counts steps."""
    return isinstance(value, dict) and any(
        isinstance(one, Tensor) and one.ndim for one in value.values()
    )


def _has_tensors(value: object) -> bool:
    """Return whether a dictionary, or any inside it, holds a tensor."""
    return isinstance(value, dict) and any(
        isinstance(inner, Tensor) for _, one in _dictionaries(value) for inner in one.values()
    )


def _named(content: object, section: str) -> Mapping[object, object] | None:
    """Return the outermost dictionary with tensors whose path ends with a name."""
    for path, one in _dictionaries(content):
        if f".{path}".endswith(f".{section}") and _has_tensors(one):
            return one
    return None


def _dictionaries(content: object) -> Iterator[tuple[str, Mapping[object, object]]]:
    """Yield each dictionary once, with the keys that lead to it, the outermost first."""
    seen: set[int] = set()
    waiting: deque[tuple[str, object]] = deque([("", content)])
    while waiting:
        path, one = waiting.popleft()
        if not isinstance(one, dict) or id(one) in seen or len(path) > _LONGEST:
            continue
        seen.add(id(one))
        yield path, one
        for key, value in one.items():
            if isinstance(key, str) and isinstance(value, dict) and len(key) <= _LONGEST:
                waiting.append((f"{path}.{key}" if path else key, value))


def _flat(content: Mapping[object, object]) -> dict[str, Tensor]:
    """Return the weights of a file; where it holds several networks, theirs joined.

    What else training scripts store beside them (counters, states of optimisers) is left out.
    """
    flat = _tensors(content)
    seen: set[int] = set()
    for key, value in content.items():
        usable = isinstance(key, str) and len(key) <= _LONGEST and not _TRAINING_ONLY.search(key)
        if usable and isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))
            flat |= {f"{key}.{name}": tensor for name, tensor in _tensors(value).items()}
    return flat


def _tensors(content: Mapping[object, object]) -> dict[str, Tensor]:
    """Return the tensors of a dictionary, without what wrapping and profiling leave."""
    found = {
        key: value
        for key, value in content.items()
        if isinstance(key, str)
        and len(key) <= _LONGEST
        and isinstance(value, Tensor)
        and not _COUNTERS.search(key)
    }
    plain = {key: _LEFT_BY_WRAPPING.sub("", key) for key in found}
    # Keys that would become the same are left as they are.
    twice = {name for name, count in Counter(plain.values()).items() if count > 1}
    return {key if plain[key] in twice else plain[key]: value for key, value in found.items()}
