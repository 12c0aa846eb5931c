"""ONNX files of fusion networks: compare them with a network, or read a network from them."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor

from imfuse.engines.bands import BandsEngine
from imfuse.engines.load import open_onnx
from imfuse.errors import WeightsError
from imfuse.learn.models.bands import BandSelection
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.networks import create_stored_network
from imfuse.learn.storage import stored_weights
from imfuse.types import Engine, FusionSpec

SETTINGS_KEY = "imfuse.settings"
"""Metadata key that holds the settings that a network was built with, as JSON."""

PREFIX = "network."
"""Prefix of the names of a network's weights."""

TOLERANCE = 1e-4
"""Largest allowed difference of a fused value between PyTorch and ONNX Runtime."""

_REMEDY = "Export it again with imfuse, or give the file of weights that it was exported from."

_COMPARED = ((3, 4), (9, 6))
"""Sizes for comparing, in multiples of the network's unit, all different."""


class Contents(NamedTuple):
    """Contents of an ONNX file of a fusion network.

    Attributes:
        network: The network, with its weights, in evaluation mode.
        settings: Settings that the network was built with.
        spec: Description stored in the file.
    """

    network: FusionNetwork
    settings: dict[str, object]
    spec: FusionSpec


def read_onnx(path: Path) -> Contents:
    """Return the network of an ONNX file that imfuse has written.

    Before the network is returned, its output is compared with the file's on the same pictures, so
    no weight can be missing or misplaced. Parts that fusing does not need, such as heads used only
    in training, are not in the file and get random weights.

    Raises:
        WeightsError: The file is missing, damaged, written by another program or an earlier
            version, or the network's output differs from the file's.
        UnknownName: This version has no such network, or no such setting.
    """
    engine = open_onnx(path, optimise=False)
    model = onnx.load(path)
    properties = {one.key: one.value for one in model.metadata_props}
    try:
        settings = dict(json.loads(properties[SETTINGS_KEY]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            "an ONNX file that does not say how its network was built", file=path, remedy=_REMEDY
        ) from error
    values = sum(math.prod(stored.dims) for stored in model.graph.initializer)
    name = engine.spec.name.partition("@")[
        0
    ]  # NETWORK@VARIANT, where a network has several weights
    network = create_stored_network(name, settings, values, path).eval()
    weights = network.state_dict()
    for stored, found in stored_weights(model.graph):
        name = stored.removeprefix(PREFIX)
        if name in weights and found.shape == tuple(weights[name].shape):
            weights[name].copy_(torch.from_numpy(found))
    if isinstance(network, BandSelection) and isinstance(engine, BandsEngine):
        weights["sharpness"].copy_(torch.tensor(engine.rule.sharpness))
    difference = largest_difference(network, engine)
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"the network read from it gives other results, by {difference:.2g}",
            file=path,
            expected=f"at most {TOLERANCE:g}",
            remedy=_REMEDY,
        )
    return Contents(network, settings, engine.spec)


def largest_difference(network: FusionNetwork, engine: Engine) -> float:
    """Return the largest difference between the outputs of both, over two sizes.

    Args:
        network: The network, in evaluation mode.
        engine: The engine that runs the file.
    """
    return max(_difference(network, engine, times) for times in _COMPARED)


def pictures_for(network: FusionNetwork, times: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return noise as infrared and visible picture.

    Args:
        network: The network to make them for.
        times: Height and width, in multiples of the network's unit.
    """
    generator = torch.Generator().manual_seed(sum(times))
    size = _size(network, times)
    channels = 3 if network.visible == "rgb" else 1
    ir = torch.rand(1, 1, *size, generator=generator)
    return ir, torch.rand(1, channels, *size, generator=generator)


def _size(network: FusionNetwork, times: tuple[int, int]) -> tuple[int, int]:
    """Return an allowed height and width, odd if the network accepts odd ones."""
    rule = network.size
    steps = max(1, -(-rule.minimum // rule.multiple))
    scale = 3 if rule.multiple == 1 else 1
    height, width = ((steps + scale * t) * rule.multiple for t in times)
    return height, width


def _difference(network: FusionNetwork, engine: Engine, times: tuple[int, int]) -> float:
    ir, vis = pictures_for(network, times)
    with torch.inference_mode():
        expected = network.fuse(ir, vis)[0].numpy()
    shown = vis[0, 0] if vis.shape[1] == 1 else vis[0].permute(1, 2, 0)
    found = engine.fuse(ir[0, 0].numpy(), np.ascontiguousarray(shown.numpy()))
    found = found[None] if found.ndim == 2 else found.transpose(2, 0, 1)
    return float(np.abs(found - expected).max())
