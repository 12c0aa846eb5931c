"""Network classes by name, imported on demand."""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import torch

from imfuse.errors import WeightsError
from imfuse.learn.blocks.building import build
from imfuse.learn.models.base import FusionNetwork
from imfuse.lookup import import_target, look_up

NETWORKS = {
    "imfuse-b": "imfuse.learn.models.bands:ImfuseB",
    "imfuse-s": "imfuse.learn.models.bands:ImfuseS",
    "scgrfuse": "imfuse.learn.models.scgrfuse:SCGRFuse",
    "psfusion": "imfuse.learn.models.psfusion:PSFusion",
    "smfnet": "imfuse.learn.models.smfnet:SMFNet",
    "bffr": "imfuse.learn.models.bffr:BFFR",
    "refinefuse": "imfuse.learn.models.refinefuse:RefineFuse",
    "seafusion": "imfuse.learn.models.seafusion:SeAFusion",
    "densefuse": "imfuse.learn.models.densefuse:DenseFuse",
    "ifcnn": "imfuse.learn.models.ifcnn:IFCNN",
    "didfuse": "imfuse.learn.models.didfuse:DIDFuse",
    "cddfuse": "imfuse.learn.models.cddfuse:CDDFuse",
    "swinfusion": "imfuse.learn.models.swinfusion:SwinFusion",
    "emma": "imfuse.learn.models.emma:EMMA",
    "datfuse": "imfuse.learn.models.datfuse:DATFuse",
    "rfn-nest": "imfuse.learn.models.rfn_nest:RFNNest",
    "u2fusion": "imfuse.learn.models.u2fusion:U2Fusion",
    "lrrnet": "imfuse.learn.models.lrrnet:LRRNet",
    "sdnet": "imfuse.learn.models.sdnet:SDNet",
}


def find_network(name: str) -> type[FusionNetwork]:
    """Return the class of a network.

    Raises:
        UnknownName: No network has this name; the message holds the closest ones.
    """
    network: type[FusionNetwork] = import_target(look_up("network", name, NETWORKS))
    return network


def complete_settings(name: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a network, completed with defaults.

    Raises:
        UnknownName: No network has this name.
    """
    parameters = signature(find_network(name)).parameters.values()
    return {one.name: settings.get(one.name, one.default) for one in parameters}


def create_network(name: str, **settings: Any) -> FusionNetwork:
    """Return a network with random weights.

    Args:
        name: Name of the network.
        settings: Arguments of its constructor.

    Raises:
        UnknownName: No network has this name, or it has no such setting.
        UsageError: A setting has the wrong type or a value that is not allowed.
    """
    return build(find_network(name), name, settings)


_LARGEST_SETTING = 10_000
"""Largest number allowed in the settings of a file; no network has so many layers."""
_SPARE = 1_000_000
"""Values that a network may have on top of twice those of its file, for training-only parts."""


def create_stored_network(
    name: str, settings: Mapping[str, Any], values: int, file: Path
) -> FusionNetwork:
    """Build the network that a file describes, unless it is far larger than the file.

    Args:
        name: Name of the network.
        settings: Arguments of its constructor.
        values: Number of values that the file holds.
        file: The file, for messages.

    Raises:
        UnknownName: No network has this name, or it has no such setting.
        UsageError: A setting is of another type, or none of the values that it may have.
        WeightsError: The network would be far larger than the file.
    """
    remedy = "The file was changed or damaged. Write it again."
    for key, value in settings.items():
        if isinstance(value, int) and abs(value) > _LARGEST_SETTING:
            raise WeightsError(f"the setting {key[:40]}={value:.0e}", file=file, remedy=remedy)
    with torch.device("meta"):  # takes no memory
        size = sum(one.numel() for one in create_network(name, **settings).state_dict().values())
    if size > 2 * values + _SPARE:
        raise WeightsError(
            f"settings of a network with {size:,} values in a file of {values:,}",
            file=file,
            remedy=remedy,
        )
    return create_network(name, **settings)
