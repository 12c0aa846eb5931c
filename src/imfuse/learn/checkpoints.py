"""Published weights: recognised by their keys, and loaded without running any code."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from imfuse.engines.onnx_file import brief
from imfuse.engines.sections import split_section
from imfuse.errors import ImfuseError, WeightsError
from imfuse.foreign import foreign_file
from imfuse.io.atomic import write_atomically
from imfuse.learn.formats import (
    bffr,
    cddfuse,
    datfuse,
    densefuse,
    didfuse,
    emma,
    ifcnn,
    lrrnet,
    psfusion,
    rfn_nest,
    scgrfuse,
    seafusion,
    smfnet,
    swinfusion,
    u2fusion,
)
from imfuse.learn.formats.foreign import Foreign
from imfuse.learn.models.base import FusionNetwork, Origin
from imfuse.learn.networks import create_network, create_stored_network
from imfuse.learn.onnx_file import read_onnx
from imfuse.learn.state_dicts import other_section
from imfuse.learn.torch_file import read_torch_file

StateDict = Mapping[str, Tensor]


FORMATS: tuple[Foreign, ...] = (
    seafusion.FORMAT,
    densefuse.FORMAT,
    ifcnn.FORMAT,
    didfuse.FORMAT,
    rfn_nest.FORMAT,
    u2fusion.FORMAT,
    lrrnet.FORMAT,
    cddfuse.FORMAT,
    smfnet.FORMAT,
    scgrfuse.FORMAT,
    psfusion.FORMAT,
    bffr.FORMAT,
    bffr.WARM_START,
    swinfusion.FORMAT,
    emma.FORMAT,
    datfuse.FORMAT,
)
"""All known formats; the first one whose marks are all present is used."""

_LONGEST = 160
"""Largest number of characters of a difference in messages; PyTorch may name every key."""


@dataclass(frozen=True)
class Loaded:
    """A network with weights, in evaluation mode.

    Attributes:
        network: The network.
        origin: Where these weights come from.
        settings: Settings that the network was built with.
        notes: Remarks for the user on how the weights were found in their file.
    """

    network: FusionNetwork
    origin: Origin
    settings: Mapping[str, object]
    notes: tuple[str, ...] = ()


def load_foreign(*paths: Path, settings: Mapping[str, object] | None = None) -> Loaded:
    """Return a network with published weights, ready to fuse.

    Nothing in the files is executed: PyTorch's restricted loader refuses everything but tensors
    and plain containers.

    Args:
        paths: The file, or the files over which the authors spread the weights. `FILE#NAME` takes
            one of several state dicts in it.
        settings: Settings of the network besides those that the format requires.

    Raises:
        UnknownName: The network has no such setting.
        WeightsError: A file is missing or damaged, holds anything but weights, has no known format,
            or its weights do not fit the network.
    """
    weights: dict[str, Tensor] = {}
    notes: list[str] = []
    for path in paths:
        read = read_torch_file(*split_section(path))
        weights |= read.weights
        notes += read.notes
    known, prefix = _recognise(weights, split_section(paths[0])[0], notes)
    if known is None:
        raise _unknown(weights, paths[0])
    weights = {key[len(prefix) :]: v for key, v in weights.items() if key.startswith(prefix)}
    settings = {**known.settings, **(settings or {})}
    network = create_network(known.network, **settings)
    renamed = {ours: value for key, value in weights.items() if (ours := known.rename(key))}
    surplus = [key for key in renamed if key not in network.state_dict()]
    if surplus:
        some = brief(", ".join(surplus[:3]))
        notes.append(
            f"{len(surplus)} weights that {known.network} does not have are left out ({some})"
        )
        renamed = {key: value for key, value in renamed.items() if key not in surplus}
    try:
        _fill(network, renamed, paths[0])
    except RuntimeError as error:
        raise WeightsError(
            f"weights that do not fit {known.network} ({first_difference(error)})",
            file=paths[0],
            remedy="The file is incomplete, or of another version of the network.",
        ) from error
    origin = Origin(licence=known.licence, training_data=known.training_data)
    return Loaded(network.eval(), origin, settings, tuple(notes))


def _fill(network: FusionNetwork, weights: StateDict, file: Path) -> None:
    """Give a network its weights.

    Raises:
        WeightsError: They are integers (PyTorch would take them for the values), or not finite.
        RuntimeError: They do not fit the network.
    """
    floats = {key for key, value in network.state_dict().items() if value.is_floating_point()}
    for key, value in weights.items():
        if key in floats and not value.is_floating_point():
            raise WeightsError(
                f"{brief(key)} holds {str(value.dtype).removeprefix('torch.')} values",
                file=file,
                expected="weights as floating-point numbers",
                remedy="Quantised weights can't be used; ask for those that were quantised.",
            )
    network.load_state_dict(weights)
    if not all(value.isfinite().all() for value in network.state_dict().values()):
        raise WeightsError(
            "some weights are NaN or infinite",
            file=file,
            remedy="The training diverged, or the file is damaged: take an earlier checkpoint.",
        )


def first_difference(error: RuntimeError) -> str:
    """Return the first difference between weights and a network that PyTorch names, shortened."""
    lines = str(error).splitlines()
    line = lines[min(1, len(lines) - 1)].strip()
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rpartition(',')[0]}, ..."


def recognise(weights: StateDict) -> Foreign | None:
    """Return the format that the keys belong to; None if it is unknown."""
    return next((one for one in FORMATS if all(mark in weights for mark in one.marks)), None)


def _recognise(weights: StateDict, file: Path, notes: list[str]) -> tuple[Foreign | None, str]:
    """Return the format of weights, and the prefix of all its keys."""
    known = recognise(weights)
    if known is not None:
        return known, ""
    for one in FORMATS:
        first, *others = (f".{mark}" for mark in one.marks)
        found = [key.removesuffix(first[1:]) for key in weights if key.endswith(first)]
        prefixes = [p for p in found if all(p + mark[1:] in weights for mark in others)]
        if prefixes:
            # Their authors evaluate the averaged weights (EMA).
            prefixes.sort(key=lambda p: ("ema" not in p.lower(), len(p), p))
            beside = ""
            if len(prefixes) > 1:
                other = other_section(file, prefixes[1].rstrip("."))
                beside = f", not {brief(', '.join(prefixes[1:4]))} ({other})"
            notes.append(f"the weights under {brief(prefixes[0])} are used{beside}")
            return one, prefixes[0]
    return None, ""


def _unknown(weights: StateDict, file: Path) -> WeightsError:
    """Return the error for weights of no known format, or for only a part of a network's files."""
    some = brief(", ".join(list(weights)[:3]))
    part = next((f for f in FORMATS if f.files and any(mark in weights for mark in f.marks)), None)
    if part is not None:
        return WeightsError(
            f"only a part of the weights of {part.network} ({some}, ...)",
            file=file,
            expected=f"all files of this network: {part.files}",
            remedy="Give them together: imfuse convert FILE FILE OUT.safetensors.",
        )
    return WeightsError(
        f"weights of no known network ({some}, ...)",
        file=file,
        remedy="Known are the files that their authors publish for "
        + ", ".join(sorted({one.network for one in FORMATS}))
        + ".",
    )


_NETWORK, _SETTINGS, _ORIGIN = "imfuse.network", "imfuse.settings", "imfuse.origin"
"""Keys of the metadata of our own files."""


def save_weights(
    out: Path, network: FusionNetwork, *, settings: Mapping[str, object], origin: Origin
) -> None:
    """Write a network's weights as safetensors, with everything needed to rebuild the network.

    Args:
        out: File to write, ending in `.safetensors`.
        network: The network.
        settings: The settings that it was built with.
        origin: Where the weights come from.

    Raises:
        OutputError: The file can't be written.
    """
    metadata = {
        _NETWORK: network.name,
        _SETTINGS: json.dumps(dict(settings), sort_keys=True),
        _ORIGIN: json.dumps(asdict(origin)),
    }
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    write_atomically(out, _in_order(safetensors.torch.save(tensors, metadata)))


def _in_order(content: bytes) -> tuple[bytes, bytes]:
    """Return a safetensors file in two parts, with its metadata sorted.

    safetensors writes them in any order, so files of the same weights would differ in checksum.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of eight
    return len(text).to_bytes(8, "little") + text, content[8 + length :]


def load_weights(path: Path) -> Loaded:
    """Return the network in a file of weights: ours (`.safetensors`, `.onnx`), or a published one.

    Raises:
        WeightsError: See `load_foreign` and `read_onnx`.
        UnknownName: Our file names a network that this version does not have.
    """
    if path.suffix == ".onnx":
        network, settings, spec = read_onnx(path)
        origin = Origin(
            licence=spec.licence,
            training_data=spec.training_data,
            training_terms=spec.training_terms,
            steps=spec.training_steps,
        )
        return Loaded(network, origin, settings)
    if path.suffix != ".safetensors":
        return load_foreign(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        settings = json.loads(metadata[_SETTINGS])
        origin = Origin(**json.loads(metadata[_ORIGIN]))
        values = sum(one.numel() for one in weights.values())
        network = create_stored_network(metadata[_NETWORK], settings, values, path)
        _fill(network, weights, path)
    except ImfuseError:
        raise
    except (OSError, safetensors.SafetensorError) as error:
        plain = (
            f"no readable safetensors file ({brief(error)})",
            "Check the path, or write it again.",
        )
        found, remedy = foreign_file(path) or plain
        raise WeightsError(found, file=path, remedy=remedy) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            "a safetensors file without a network of imfuse",
            file=path,
            remedy="Write it with `imfuse convert` or `imfuse train`.",
        ) from error
    except RuntimeError as error:
        found = f"weights that do not fit the network ({first_difference(error)})"
        raise WeightsError(found, file=path, remedy="Write the file again.") from error
    return Loaded(network.eval(), origin, settings)
