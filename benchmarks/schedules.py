"""Pixels that trained a fusion network, and those of the papers' schedules on their own pairs.

Steps say little, since crops and batches differ, and plans shrink with the number of pairs. So
trainings are compared by pixels: steps x batch size x height x width, over all stages that train
the fusion network.
"""

from collections.abc import Mapping
from typing import Any

MSRS_PAIRS = 1083
MSRS_FRAME = 480 * 640
"""Pixels of a whole picture, which networks are trained on where a recipe does not crop."""

PAPERS = {
    # Four rounds of ten epochs; the network is made anew for each round, and whole frames train it.
    "scgrfuse": 4 * 10 * MSRS_PAIRS * MSRS_FRAME,
    "seafusion": 4 * 10 * MSRS_PAIRS * MSRS_FRAME,
    "psfusion": 2500 * MSRS_PAIRS * 256**2,
    # Stride 200 cuts six patches from a picture, less those of little contrast.
    "smfnet": 120 * 6 * MSRS_PAIRS * 128**2,
    # The warm start ends after 20,000 steps of 2 crops; then 160,000 of 4.
    "bffr": (20_000 * 2 + 160_000 * 4) * 240 * 320,
    "refinefuse": 300 * MSRS_PAIRS * 256**2,
}
"""Pixels of each paper's schedule."""

_OTHERS = ("segment", "settle")
"""First words of stages that train a segmenter, or only update the statistics of norms."""

_SETTINGS = {
    "warm start": ("warm_start.batch", "warm_start.crop"),
    "finish": ("batch", "settle_crop"),
    "guidance": ("guidance.batch", "guidance.crop"),
}
"""Names of a stage's batch size and crop in the settings, where they are not `batch` and `crop`."""


def pixels_of(card: Mapping[str, Any]) -> int:
    """Return the pixels that trained the fusion network in a run, given its card."""
    total = 0
    for stage in card["stages"]:
        name = str(stage["name"])
        if name.startswith(_OTHERS):
            continue
        batch, crop = _SETTINGS.get(name, ("batch", "crop"))
        size = _setting(card["settings"], crop) or card["settings"].get("crop")
        pixels = size[0] * size[1] if size else MSRS_FRAME
        total += stage["steps"] * _setting(card["settings"], batch) * pixels
    return total


def _setting(settings: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - numbers and sizes
    found: Any = settings
    for part in name.split("."):
        found = found.get(part)
    return found


def share_of_paper(network: str, training: Mapping[str, Any]) -> str:
    """Return the pixels of a training as a percentage of the paper's, in words.

    Args:
        network: Name of the network.
        training: Its training, with `pixels` and, if it began with other weights, `begun_pixels`.
    """
    if network not in PAPERS:
        return "-"
    known = training["pixels"] + (training.get("begun_pixels") or 0)
    complete = not training.get("begun_steps") or training.get("begun_pixels") is not None
    return f"{'' if complete else 'at least '}{100 * known / PAPERS[network]:.2g}%"
