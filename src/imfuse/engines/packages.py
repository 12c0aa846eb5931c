"""Packages of weights: imfuse itself, and installed distributions that add networks to it.

A distribution adds weights through the entry point group `imfuse.weights`. The value of the entry
point is the name of a package that holds `manifest.json` and the ONNX files it lists; no code of
that package is used. `docs/networks.md` shows how to publish one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import (
    EntryPoint,
    PackageNotFoundError,
    entry_points,
    requires,
)
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from imfuse import __version__
from imfuse.errors import WeightsError
from imfuse.types import FusionSpec

GROUP = "imfuse.weights"
MANIFEST = "manifest.json"
FORMAT = 1
"""Newest format of a manifest that this version reads."""

OURS = "imfuse"
ZOO = "imfuse-zoo"
"""Distribution with the weights of the papers' networks; the extra `zoo` installs it."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*(@[a-z0-9-]+)?$", max_length=100)]


class Entry(BaseModel):
    """One file of weights, as a manifest lists it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w@.-]*\.onnx$", max_length=200)]
    """Name of the ONNX file beside the manifest."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    spec: FusionSpec
    """Description stored in the file, so that listing it needs no opening."""
    card: dict[str, Any] | None = None
    """Card written by `imfuse train`, with the `commit` of imfuse that it ran with; None: the
    weights come from elsewhere."""


class Manifest(BaseModel):
    """The weights of a package."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Annotated[int, Field(ge=1)]
    networks: dict[Name, Entry]

    @model_validator(mode="after")
    def _refuse_other_names(self) -> "Manifest":
        for name, entry in self.networks.items():
            if entry.spec.name != name:
                raise ValueError(f"{name} is described as {entry.spec.name}")
        return self


@dataclass(frozen=True)
class WeightsPackage:
    """A distribution that holds weights.

    Attributes:
        name: Name of the distribution.
        version: Its version; empty if it states none.
        folder: Folder of the manifest and the weights; None if it was not found.
        networks: Its weights by name; none if there is a problem.
        problem: Reason why they can't be used; None if they can.
        claimed: Names that the manifest lists, usable or not.
    """

    name: str
    version: str = ""
    folder: Path | None = None
    networks: Mapping[str, Entry] = field(default_factory=dict)
    problem: WeightsError | None = None
    claimed: frozenset[str] = frozenset()


@cache
def weights_packages() -> tuple[WeightsPackage, ...]:
    """Return the installed distributions that add weights, imfuse-zoo first, then by name.

    One that can't be used has a `problem`, and never keeps the others from being used.
    """
    found = [_package(point) for point in entry_points(group=GROUP)]
    return tuple(sorted(found, key=lambda one: (one.name != ZOO, one.name)))


def _package(point: EntryPoint) -> WeightsPackage:
    """Return the package behind an entry point."""
    about = point.dist
    name = (about.name if about else None) or point.name
    version = (about.version if about else None) or ""
    folder = _folder(point.value.strip())
    if folder is None:
        lost = f"the package {point.value!r} with the weights of {name} is missing"
        return WeightsPackage(name, version, problem=WeightsError(lost, remedy=_again(name)))
    claimed = _claimed(folder / MANIFEST)
    try:
        if about is not None:
            _refuse_other_versions(name, version, about.requires or [])
        networks = read_manifest(folder / MANIFEST, _again(name)).networks
    except WeightsError as problem:
        return WeightsPackage(name, version, folder, problem=problem, claimed=claimed)
    return WeightsPackage(name, version, folder, networks, claimed=claimed)


def _again(name: str) -> str:
    return f"Update or reinstall {name}."


def _folder(module: str) -> Path | None:
    """Return the folder of a package, without running it or the packages around it."""
    first, *others = module.split(".")
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):
        return None
    places = (spec and spec.submodule_search_locations) or []
    folders = (Path(place, *others) for place in places)
    return next((folder for folder in folders if folder.is_dir()), None)


def _claimed(manifest: Path) -> frozenset[str]:
    """Return the names in a manifest that may be of another format, or damaged."""
    try:
        networks = json.loads(manifest.read_bytes())["networks"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()
    return frozenset(networks if isinstance(networks, dict) else ())


def read_manifest(path: Path, remedy: str) -> Manifest:
    """Read the list of a package's weights.

    Args:
        path: The file.
        remedy: What the user can do if it can't be read.

    Raises:
        WeightsError: The file is missing, damaged, or of a newer format.
    """
    try:
        content = json.loads(path.read_bytes())
        newest = content.get("format") if isinstance(content, dict) else None
        if isinstance(newest, int) and newest > FORMAT:
            raise WeightsError(
                f"a list of weights in format {newest}",
                file=path,
                expected=f"at most {FORMAT}",
                remedy=f"pip install -U {OURS}",
            )
        return Manifest.model_validate(content)
    except OSError as error:
        lost = f"the list of weights is missing ({error.strerror})"
        raise WeightsError(lost, file=path, remedy=remedy) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        found = f"a damaged list of weights: {where}: {first['msg']}"
        raise WeightsError(found, file=path, remedy=remedy) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise WeightsError("a damaged list of weights", file=path, remedy=remedy) from error


def _refuse_other_versions(package: str, version: str, needs: Sequence[str]) -> None:
    """Check what imfuse and a package require of each other, as pip does when it installs them."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - only with such a package
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - likewise

    sides = (
        (OURS, __version__, package, needs),
        (package, version, OURS, _requirements()),
    )
    for needed, present, by, texts in sides:
        try:
            unmet = [
                one
                for one in map(Requirement, texts)
                if canonicalize_name(one.name) == canonicalize_name(needed)
                and not one.specifier.contains(present, prereleases=True)
            ]
        except ValueError as error:
            found = f"the version or requirements of {package} can't be read ({error})"
            raise WeightsError(found, remedy=_again(package)) from error
        if unmet:
            raise WeightsError(
                f"{package} {version} does not go with {OURS} {__version__}: "
                f"{by} needs {needed}{unmet[0].specifier}",
                remedy=f"pip install -U {OURS} {package}",
            )


def _requirements() -> list[str]:
    """Return what imfuse and its extras require; nothing where it runs uninstalled."""
    try:
        return requires(OURS) or []
    except PackageNotFoundError:
        return []
