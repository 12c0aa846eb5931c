"""Scores of a network on held-out pairs, for the card of its weights."""

from collections.abc import Callable

import numpy as np
import torch

from imfuse.data.sample import gray, quantised
from imfuse.data.sources import Source
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.recipes.fusing import fuse_sample
from imfuse.metrics.catalogue import find_metric

SYMBOLS = ("EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf", "SSIM")


def score(
    network: FusionNetwork,
    source: Source,
    device: torch.device,
    *,
    most: int,
    tell: Callable[[str], object] = lambda _: None,
) -> dict[str, float]:
    """Return mean scores of 8-bit gray pictures over a source's pairs (protocol reference).

    Args:
        network: The network, in evaluation mode.
        source: The pairs.
        device: The network's device.
        most: Largest number of pairs to score, spread evenly over the source.
        tell: Called with a short progress message before each pair.
    """
    count = min(most, len(source))
    rows = []
    for i in range(count):
        tell(f"scoring held-out pair {i + 1} of {count}")
        sample = source.read(i * len(source) // count)
        fused = fuse_sample(network, sample, device)
        looks = [gray(quantised(p)) for p in (fused, sample.ir, sample.vis)]
        rows.append([find_metric(symbol)(*looks, data_range=255) for symbol in SYMBOLS])
    means = np.mean(np.array(rows, np.float64), axis=0)
    return {symbol: round(float(mean), 4) for symbol, mean in zip(SYMBOLS, means, strict=True)}
