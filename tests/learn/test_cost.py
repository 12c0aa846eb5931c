"""Counted operations against the field's tables and against a sum by hand."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.cost import count_macs  # noqa: E402 - needs torch
from imfuse.learn.networks import create_network  # noqa: E402


@pytest.mark.parametrize(("name", "giga"), [("seafusion", 10.88), ("densefuse", 5.82)])
def test_published_counts_at_256(name, giga):
    """RefineFuse, table 11. That counter adds biases and activations: 0.5 % for SeAFusion."""
    assert count_macs(create_network(name)) / 1e9 == pytest.approx(giga, rel=0.01)


def test_by_hand():
    """IFCNN: per pixel 7*7*3*64 + 9*64*64 for each picture, and 9*64*64 + 64*3 once."""
    per_pixel = 2 * (49 * 3 * 64 + 9 * 64 * 64) + 9 * 64 * 64 + 64 * 3
    assert count_macs(create_network("ifcnn"), 10, 12) == 120 * per_pixel
