"""Facts about each network: its paper, cost, published weights, and scores measured here.

The cards are data beside this module, so that showing one needs no PyTorch. `benchmarks/cards.py`
writes them from the networks themselves and from benchmark results.
"""

import json
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from imfuse.lookup import look_up
from imfuse.types import FusionSpec


class Published(BaseModel):
    """Weights that a network's authors publish and that are not part of imfuse."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    home: str
    """Where they are published."""
    files: str
    """Files that they are split into; empty if there is only one."""
    licence: str
    """Terms that their authors state."""
    training_data: str
    """Data that they were trained on."""


class Score(BaseModel):
    """Mean scores of a network with its authors' weights on one set of pairs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pairs: str
    """Name and number of the pairs, such as `MSRS test (361)`."""
    protocol: str
    """How the scores were computed; see `imfuse.metrics.protocols`."""
    means: dict[str, float]
    """From metric symbol to mean."""


class NetworkCard(BaseModel):
    """Facts about one network."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    spec: FusionSpec
    good_for: str
    """Uses that it suits, and uses that it does not."""
    gmacs_256: float
    """Billions of multiply-accumulate operations for a 256x256 pair."""
    milliseconds: float | None
    """Time for a 640x480 pair with ONNX Runtime on two cores; None: not measured."""
    peak_megabytes: float | None
    """Peak memory for the same pair, not counting the inputs; None: not measured."""
    published: Published | None
    """None: nobody publishes weights that imfuse can read."""
    scores: tuple[Score, ...] = ()
    package: str = ""
    """Distribution that holds weights trained by imfuse: `imfuse` or `imfuse-zoo`; empty: none."""


@cache
def network_cards() -> dict[str, NetworkCard]:
    """Return the cards of all networks by name."""
    text = files("imfuse").joinpath("cards.json").read_text(encoding="utf-8")
    return {name: NetworkCard.model_validate(card) for name, card in json.loads(text).items()}


def find_card(name: str) -> NetworkCard:
    """Return the card of a network.

    Raises:
        UnknownName: No network has this name; the message suggests the closest ones.
    """
    return look_up("network", name, network_cards())
