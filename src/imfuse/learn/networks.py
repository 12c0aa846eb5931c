"""Names of networks to the classes behind them, imported on demand."""

import inspect
from importlib import import_module
from typing import Any

from imfuse.errors import UnknownName, UsageError
from imfuse.learn.models.base import FusionNetwork

NETWORKS = {
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
}


def find_network(name: str) -> type[FusionNetwork]:
    """Return the class of a network.

    Raises:
        UnknownName: No network has this name; the message holds the closest ones.
    """
    try:
        module, attribute = NETWORKS[name].split(":")
    except KeyError:
        raise UnknownName("network", name, NETWORKS) from None
    network: type[FusionNetwork] = getattr(import_module(module), attribute)
    return network


def create_network(name: str, **settings: Any) -> FusionNetwork:  # noqa: ANN401 - each network's own
    """Return a network with fresh weights.

    Args:
        name: Name of the network.
        settings: Arguments of its constructor.

    Raises:
        UnknownName: No network has this name, or it has no such setting.
    """
    network = find_network(name)
    known = [p for p in inspect.signature(network).parameters if p != "self"]
    for setting in settings:
        if setting not in known:
            if not known:
                raise UsageError(f"{name} has no setting {setting!r}", expected="none")
            raise UnknownName(f"setting of {name}", setting, known)
    return network(**settings)
