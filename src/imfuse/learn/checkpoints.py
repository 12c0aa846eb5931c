"""Weights that others published: recognised by their keys, loaded without running anything."""

import json
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from imfuse.errors import WeightsError
from imfuse.io.atomic import write_atomically
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.networks import create_network

StateDict = Mapping[str, Tensor]


@dataclass(frozen=True)
class Foreign:
    """A published file format of weights.

    Attributes:
        network: Name of our network.
        marks: Keys that tell the format; all must be there.
        renames: Patterns and replacements that turn their keys into ours, in this order.
        terms: What its authors say of using the weights.
        settings: Settings of our network that these weights ask for.
    """

    network: str
    marks: tuple[str, ...]
    renames: Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
    terms: str
    settings: Mapping[str, object] = field(default_factory=dict)

    def rename(self, key: str) -> str:
        """Return our key for one of theirs."""
        for pattern, replacement in self.renames:
            key = re.sub(pattern, replacement, key)
        return key


FORMATS = (
    Foreign(
        network="seafusion",
        marks=("vis_rgbd1.dense.conv1.conv.weight", "decode4.bn.weight"),
        renames=(
            (r"^vis_conv\.", "visible_branch.0."),
            (r"^inf_conv\.", "infrared_branch.0."),
            (r"^vis_rgbd(\d)", r"visible_branch.\1"),
            (r"^inf_rgbd(\d)", r"infrared_branch.\1"),
            (r"\.dense\.conv(\d)\.", r".dense\1."),
            (r"\.convdown\.", ".merge."),
            (r"\.convup\.", ".widen."),
            (r"\.sobelconv\.conv([xy])\.", r".sobel.along_\1."),
            (r"^decode4\.", "decoder.0."),
            (r"^decode3\.", "decoder.1."),
            (r"^decode2\.", "decoder.2."),
            (r"^decode1\.", "decoder.3."),
        ),
        terms="no licence stated; MIT in the collection VIF-Benchmark",
    ),
    Foreign(
        network="densefuse",
        marks=("DB1.denseblock.0.dense_conv.conv2d.weight", "conv5.conv2d.weight"),
        renames=(
            (r"conv2d\.", "conv."),
            (r"^DB1\.denseblock\.(\d)\.dense_conv\.", r"dense.\1."),
            (r"^conv1\.", "head."),
            (r"^conv2\.", "decoder.0."),
            (r"^conv3\.", "decoder.1."),
            (r"^conv4\.", "decoder.2."),
            (r"^conv5\.", "decoder.3."),
        ),
        terms="no licence stated",
    ),
    Foreign(
        network="ifcnn",
        marks=("conv1.weight", "conv2.bn.weight", "conv3.bn.weight", "conv4.bias"),
        renames=(),
        terms="no licence stated; MIT in the collection VIF-Benchmark",
    ),
    Foreign(
        network="didfuse",
        marks=("cov1.cov1.1.weight", "cov5.cov5.0.weight"),
        renames=(
            (r"^(cov[17])\.cov\d\.([123])", lambda m: f"{m[1]}.{int(m[2]) - 1}"),
            (r"^(cov[2-6])\.cov\d\.", r"\1."),
            (r"^cov3\.", "background."),
            (r"^cov4\.", "detail."),
            (r"^cov", "conv"),
        ),
        terms="no licence stated; MIT in the collection VIF-Benchmark",
    ),
)

_WRAPPERS = ("weight", "state_dict", "model", "net", "params")
"""Keys under which training scripts put the weights beside other things."""

_REMEDY = "Known are the files that their authors publish for: "


@dataclass(frozen=True)
class Loaded:
    """A network with weights, in evaluation mode, and the terms of these weights."""

    network: FusionNetwork
    terms: str


def load_foreign(*paths: Path) -> Loaded:
    """Return a network with published weights, ready to fuse.

    Nothing in the files is executed: PyTorch's restricted loader refuses everything but tensors
    and plain containers.

    Args:
        paths: The file, or the files over which the authors spread the weights.

    Raises:
        WeightsError: A file is missing, damaged, holds something else than weights, is of no known
            format, or its weights do not fit the network.
    """
    weights: dict[str, Tensor] = {}
    for path in paths:
        weights |= _read(path)
    known = recognise(weights)
    if known is None:
        some = ", ".join(list(weights)[:3])
        raise WeightsError(
            f"weights of no known network ({some}, ...)",
            file=paths[0],
            remedy=_REMEDY + ", ".join(sorted({one.network for one in FORMATS})) + ".",
        )
    network = create_network(known.network, **known.settings)
    renamed = {known.rename(key): value for key, value in weights.items()}
    try:
        network.load_state_dict(renamed)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise WeightsError(
            f"weights that do not fit {known.network} ({lines[min(1, len(lines) - 1)].strip()})",
            file=paths[0],
            remedy="The file is incomplete, or of another version of the network."
            + (" Give all files that belong together." if len(paths) == 1 else ""),
        ) from error
    return Loaded(network.eval(), known.terms)


def recognise(weights: StateDict) -> Foreign | None:
    """Return the format that the keys belong to, None if it is not known."""
    return next((one for one in FORMATS if all(mark in weights for mark in one.marks)), None)


_PICKLE, _ZIP = b"\x80", b"PK"
"""First bytes of the files that `torch.save` writes."""


def _load(path: Path) -> object:
    """Run PyTorch's restricted loader, which builds tensors and plain containers only."""
    return torch.load(path, map_location="cpu", weights_only=True)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file:
            head = file.read(2)
        content = _load(path) if head.startswith((_PICKLE, _ZIP)) else None
    except OSError as error:
        found = f"can't read the file ({error.strerror})"
        raise WeightsError(found, file=path, remedy="Check the path.") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "it is damaged, or holds more than weights, which could run any program when loaded",
            file=path,
            expected="tensors in plain dictionaries",
            remedy="Don't load it; ask its authors for the plain weights (state_dict).",
        ) from error
    except Exception as error:
        found = f"no file of weights, or a damaged one ({type(error).__name__})"
        raise WeightsError(found, file=path, remedy="Download it again.") from error
    if content is None:
        remedy = "Download it again, or check the path."
        raise WeightsError("no file that PyTorch wrote", file=path, remedy=remedy)
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(
            "no dictionary of tensors",
            file=path,
            expected="a state dict",
            remedy="Save the weights of the network (state_dict) and nothing else.",
        )
    return {str(key).removeprefix("module."): value for key, value in content.items()}


_NETWORK, _SETTINGS, _TERMS = "imfuse.network", "imfuse.settings", "imfuse.terms"
"""Keys of the metadata of our own files."""


def save_weights(
    out: Path, network: FusionNetwork, *, settings: Mapping[str, object], terms: str
) -> None:
    """Write a network's weights as safetensors, with what it takes to build it again.

    Args:
        out: File to write, ending in `.safetensors`.
        network: The network.
        settings: The settings that it was built with.
        terms: Terms of the weights.

    Raises:
        OutputError: The file can't be written.
    """
    metadata = {
        _NETWORK: network.name,
        _SETTINGS: json.dumps(dict(settings), sort_keys=True),
        _TERMS: terms,
    }
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    write_atomically(out, [safetensors.torch.save(tensors, metadata)])


def load_weights(path: Path) -> Loaded:
    """Return the network of a file of weights: ours (`.safetensors`), or a published one.

    Raises:
        WeightsError: See `load_foreign`.
        UnknownName: Our file names a network that this version does not have.
    """
    if path.suffix != ".safetensors":
        return load_foreign(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        settings = json.loads(metadata[_SETTINGS])
        network = create_network(metadata[_NETWORK], **settings)
        network.load_state_dict(weights)
    except (OSError, safetensors.SafetensorError) as error:
        found = f"no readable safetensors file ({error})"
        raise WeightsError(found, file=path, remedy="Check the path, or write it again.") from error
    except (KeyError, json.JSONDecodeError) as error:
        raise WeightsError(
            "a safetensors file without a network of imfuse",
            file=path,
            remedy="Write it with `imfuse convert` or `imfuse train`.",
        ) from error
    except RuntimeError as error:
        found = f"weights that do not fit the network ({str(error).splitlines()[0]})"
        raise WeightsError(found, file=path, remedy="Write the file again.") from error
    return Loaded(network.eval(), metadata.get(_TERMS, ""))
