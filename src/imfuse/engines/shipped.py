"""Networks whose weights are part of imfuse: trained here, each with a card, verified by SHA-256.

`weights/manifest.json` lists them. A name in it is a name of `imfuse fuse -m`.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from imfuse.errors import WeightsError
from imfuse.lookup import look_up

MANIFEST = "manifest.json"


class Shipped(BaseModel):
    """One file of weights."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    """Name of the ONNX file beside the manifest."""
    sha256: str
    origin: dict[str, str | int | None]
    """Origin stated in the file: `licence`, `training_data` (all of it), `training_terms` and
    `training_steps`."""
    card: dict[str, Any]
    """Card written by `imfuse train`, with the `commit` of imfuse that it ran with."""


def _folder() -> Path:
    """Return the folder of the weights; wheels are unpacked when they are installed."""
    return Path(str(files("imfuse") / "weights"))


@cache
def shipped() -> Mapping[str, Shipped]:
    """Return the networks whose weights are part of imfuse, by name."""
    text = (_folder() / MANIFEST).read_bytes()
    return TypeAdapter(dict[str, Shipped]).validate_json(text)


@cache
def shipped_file(name: str) -> Path:
    """Return the file of a network's weights, after checking it.

    Raises:
        UnknownName: No weights of that name are part of imfuse.
        WeightsError: The file is missing, or was changed.
    """
    known = look_up("network with weights", name, shipped())
    path = _folder() / known.file
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        lost = f"the file is missing ({error.strerror})"
        raise WeightsError(lost, file=path, remedy="Install imfuse again.") from error
    if found != known.sha256:
        raise WeightsError(
            f"SHA-256 {found[:12]}...",
            file=path,
            expected=f"{known.sha256[:12]}...",
            remedy="The file was changed or damaged. Install imfuse again.",
        )
    return path
