"""Networks that have weights: those of imfuse itself, and those that installed packages add.

Each file of weights is verified by SHA-256. Their names are names of `imfuse fuse -m`.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from imfuse.cards import network_cards
from imfuse.engines.packages import MANIFEST, OURS, ZOO, Entry, read_manifest, weights_packages
from imfuse.errors import UnknownName, WeightsError
from imfuse.types import FusionSpec

_NAME = re.compile(r"[a-z0-9@-]+")


@dataclass(frozen=True)
class Shipped:
    """One file of weights.

    Attributes:
        file: The ONNX file; see `shipped_file`.
        sha256: Its checksum.
        spec: Description stored in the file, with the origin of the weights.
        card: Card written by `imfuse train`, with the `commit` of imfuse that it ran with; None:
            the weights come from elsewhere.
        package: Name of the distribution that holds the file.
    """

    file: Path
    sha256: str
    spec: FusionSpec
    card: Mapping[str, Any] | None
    package: str


def _folder() -> Path:
    """Return the folder of our weights; wheels are unpacked when they are installed."""
    return Path(str(files("imfuse") / "weights"))


def _shipped(package: str, folder: Path, entries: Mapping[str, Entry]) -> dict[str, Shipped]:
    return {
        name: Shipped(folder / entry.file, entry.sha256, entry.spec, entry.card, package)
        for name, entry in entries.items()
    }


@cache
def _ours() -> Mapping[str, Shipped]:
    """Return the networks whose weights are part of imfuse."""
    manifest = read_manifest(_folder() / MANIFEST, "Install imfuse again.")
    return _shipped(OURS, _folder(), manifest.networks)


@cache
def shipped() -> Mapping[str, Shipped]:
    """Return the networks that have weights, by name: ours, then those of installed packages.

    A package can't replace weights of another one, nor of imfuse or imfuse-zoo.
    """
    found = dict(_ours())
    for package in weights_packages():
        if package.folder is None or package.problem is not None:
            continue
        for name, one in _shipped(package.name, package.folder, package.networks).items():
            if name not in found and _home(name) in ("", package.name):
                found[name] = one
    return found


def _home(name: str) -> str:
    """Return the distribution that holds weights of this name, whether or not it is installed."""
    card = network_cards().get(name)
    return "" if card is None else card.package


def find_shipped(name: str) -> Shipped | None:
    """Return the weights with this name; None if there are none.

    Names of our own networks are found without looking at other packages.
    """
    if not _NAME.fullmatch(name):
        return None  # a path
    return _ours().get(name) or shipped().get(name)


def missing_weights(name: str) -> WeightsError | None:
    """Return the error that says how to get the weights of a network; None: there is none.

    Args:
        name: Name of a network for which `find_shipped` returns None.
    """
    network = name.partition("@")[0]
    home = _home(network)
    installed = {package.name: package for package in weights_packages()}
    for package in installed.values():
        if package.problem is not None and (name in package.claimed or package.name == home):
            return package.problem
    if network not in network_cards():
        return None
    if home == ZOO and ZOO not in installed:
        return WeightsError(
            f"the weights of the network {name} are in the package {ZOO}, which is not installed",
            remedy="pip install 'imfuse[zoo]'",
        )
    if home:
        return None if "@" in name else _outdated(name, home, installed[home].version)
    return WeightsError(
        f"the weights of the network {name} are not part of imfuse",
        remedy=f"`imfuse models info {name}` says where to get them; give the file with -m "
        "(model=).",
    )


def _outdated(name: str, home: str, version: str) -> WeightsError:
    found = f"the installed {home} {version} has no weights of the network {name}"
    return WeightsError(found, remedy=f"pip install -U {home}")


@cache
def shipped_file(name: str) -> Path:
    """Return the file of a network's weights, after checking it.

    Raises:
        UnknownName: There is no network of that name.
        WeightsError: Its weights are not installed, or the file is missing, or was changed.
    """
    known = find_shipped(name)
    if known is None:
        held = {*shipped(), *(one for one, card in network_cards().items() if card.package)}
        raise missing_weights(name) or UnknownName("network with weights", name[:80], held)
    again = f"Install {known.package} again."
    try:
        found = hashlib.sha256(known.file.read_bytes()).hexdigest()
    except OSError as error:
        lost = f"the file is missing ({error.strerror})"
        raise WeightsError(lost, file=known.file, remedy=again) from error
    if found != known.sha256:
        raise WeightsError(
            f"SHA-256 {found[:12]}...",
            file=known.file,
            expected=f"{known.sha256[:12]}...",
            remedy=f"The file was changed or damaged. {again}",
        )
    return known.file
