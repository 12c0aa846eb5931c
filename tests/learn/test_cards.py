"""The cards say what the networks are; `benchmarks/cards.py` writes them."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from imfuse.cards import find_card, network_cards  # noqa: E402 - after the skip
from imfuse.errors import UnknownName  # noqa: E402
from imfuse.learn.checkpoints import FORMATS  # noqa: E402
from imfuse.learn.networks import NETWORKS  # noqa: E402

ROOT = Path(__file__).parents[2]


def test_the_cards_are_up_to_date():
    command = [sys.executable, str(ROOT / "benchmarks" / "cards.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_network_has_a_card_that_tells_something():
    assert list(network_cards()) == list(NETWORKS)
    readable = {one.network for one in FORMATS}
    for name, card in network_cards().items():
        assert card.spec.name == name
        assert len(card.good_for) > 40
        assert (card.published is not None) == (name in readable)
        for score in card.scores:
            assert score.means.keys() >= {"EN", "SD", "SF", "VIF", "Qabf", "SSIM"}


def test_unknown_names_bring_the_closest():
    with pytest.raises(UnknownName, match="Did you mean cddfuse"):
        find_card("cdfuse")
