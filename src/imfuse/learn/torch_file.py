"""Files written by `torch.save`, possibly untrusted: read without running code, within limits."""

import pickle
import pickletools
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import torch

from imfuse.engines.onnx_file import brief
from imfuse.errors import WeightsError
from imfuse.foreign import foreign_file
from imfuse.learn.state_dicts import StateDict, find_weights

_PICKLE, _ZIP = b"\x80", b"PK"
"""First bytes of the files that `torch.save` writes."""

_MOST_PICKLED = 4_000_000
"""Largest size in bytes of the description of the tensors; honest ones take some 200 a tensor."""
_DEEPEST = 100
"""Largest depth of nested tuples. A deeply nested dictionary key would overflow Python's stack;
honest files have a depth of some ten."""
_HEAVIEST = 20_000
"""Largest number of values in a tuple, counting those of nested tuples each time they occur. A
tuple that holds another one twice, which holds another one twice, and so on, takes few bytes, but
hashing it as a dictionary's key would take for ever."""
_LEGACY_PICKLES = 5
"""Number of pickles at the start of files written by PyTorch before 1.6."""
_SMALL = 64_000_000
"""Size in bytes that every file may unpack to; beyond it, up to four times the size on disk."""


class _Size(NamedTuple):
    """Size of a pickled value: depth of nested tuples, and number of values in all of them."""

    depth: int
    weight: int


_FLAT = _Size(0, 1)


def read_torch_file(path: Path, section: str = "") -> StateDict:
    """Return the weights of a file that PyTorch wrote.

    PyTorch's restricted loader builds only tensors and plain containers, and nothing much larger
    than the file is unpacked.

    Args:
        path: The file.
        section: Name of the part of it to take; empty: the best one.

    Raises:
        WeightsError: The file is missing, damaged, unpacks to too much, or holds anything but
            weights.
    """
    try:
        with path.open("rb") as file:
            head = file.read(2)
        if head.startswith(_ZIP):
            check_archive(path)
        elif head.startswith(_PICKLE):
            with path.open("rb") as file:
                for _ in range(_LEGACY_PICKLES):
                    _check_pickle(file, path)
        known = head.startswith((_PICKLE, _ZIP))
        content = torch.load(path, map_location="cpu", weights_only=True) if known else None
    except WeightsError:
        raise
    except OSError as error:
        found = f"can't read the file ({error.strerror})"
        raise WeightsError(found, file=path, remedy="Check the path.") from error
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        asked = f" (it asks for {brief(named[1], 80)})" if named else ""
        raise WeightsError(
            "it is damaged, or holds more than weights, which could run any program when "
            f"loaded{asked}",
            file=path,
            expected="tensors in plain dictionaries",
            remedy="Don't load it; ask its authors for the plain weights (state_dict).",
        ) from error
    except Exception as error:
        found = f"no file of weights, or a damaged one ({type(error).__name__})"
        raise WeightsError(found, file=path, remedy="Download it again.") from error
    if content is None:
        plain = "no file that PyTorch wrote", "Download it again, or check the path."
        found, remedy = foreign_file(path) or plain
        raise WeightsError(found, file=path, remedy=remedy)
    return find_weights(content, path, section)


def check_archive(path: Path) -> None:
    """Refuse a file that takes far more memory or time to load than its size explains.

    Raises:
        WeightsError: Its parts unpack to much more, or what describes its tensors grows.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            on_disk, unpacked = path.stat().st_size, sum(part.file_size for part in parts)
            if unpacked > max(_SMALL, 4 * on_disk):
                raise WeightsError(
                    f"its {on_disk / 1e6:.3g} MB unpack to {unpacked / 1e6:,.0f} MB",
                    file=path,
                    expected="weights as torch.save writes them",
                    remedy="Don't load it; PyTorch compresses nothing.",
                )
            for part in parts:
                if part.filename.endswith("data.pkl"):
                    with archive.open(part) as file:
                        _check_pickle(file, path)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        return  # PyTorch says what is wrong with it


def _check_pickle(file: IO[bytes], path: Path) -> None:
    """Refuse a pickle that takes much time or memory to load; read up to its end."""
    begin = file.tell()
    stack: list[_Size] = []  # sizes of the values on the unpickler's stack
    marks: list[int] = []
    memo: dict[int, _Size] = {}
    try:
        for operation, argument, _ in pickletools.genops(file):
            name = operation.name
            if file.tell() - begin > _MOST_PICKLED:
                raise _too_much(
                    path, f"more than {_MOST_PICKLED // 10**6} MB that describe tensors"
                )
            if name == "GLOBAL" and str(argument).endswith(" bytearray"):
                raise _too_much(path, "a bytearray, which may be of any size")
            if name == "MARK":
                marks.append(len(stack))
            elif "PUT" in name or name == "MEMOIZE":
                memo[len(memo) if argument is None else int(argument)] = stack[-1]
            elif "GET" in name:
                stack.append(memo.get(int(argument or 0), _FLAT))
            else:
                size = _left_by(operation, stack, marks, path)
                stack.extend([size] * len(operation.stack_after))
    except (ValueError, IndexError) as error:
        if isinstance(error, WeightsError):
            raise
        # A damaged pickle: PyTorch says what is wrong with it.


def _left_by(
    operation: pickletools.OpcodeInfo, stack: list[_Size], marks: list[int], path: Path
) -> _Size:
    """Pop the operands of an operation from the stack, and return the size of its result."""
    taken = _taken(operation.stack_before, stack, marks)
    is_tuple = operation.name.startswith("TUPLE")
    depth = max((one.depth for one in taken), default=0) + is_tuple
    if depth > _DEEPEST:
        raise _too_much(path, f"more than {_DEEPEST} tuples in one another")
    # A call may make a torch.Size, which is also a tuple. No other type of key can grow.
    weight = 1 + sum(one.weight for one in taken) if is_tuple or operation.name == "REDUCE" else 1
    if weight > _HEAVIEST:
        raise _too_much(path, f"more than {_HEAVIEST} values in one tuple")
    return _Size(depth, weight)


def _taken(before: Sequence[object], stack: list[_Size], marks: list[int]) -> list[_Size]:
    """Pop the operands of an operation from the stack, and return them."""
    count = len(before)
    if pickletools.markobject in before:
        below = list(before).index(pickletools.markobject)
        count = len(stack) - (marks.pop() - below)
    taken = stack[len(stack) - count :] if count else []
    del stack[len(stack) - len(taken) :]
    return taken


def _too_much(path: Path, found: str) -> WeightsError:
    remedy = "Save the weights of the network (state_dict) and nothing else."
    return WeightsError(found, file=path, expected="a state dict", remedy=remedy)
