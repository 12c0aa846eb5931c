"""Stretching against its formula."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.blocks.stretch import stretched  # noqa: E402 - needs torch


def test_each_picture_has_its_own_extremes():
    pictures = torch.tensor([[[[2.0, 4.0], [6.0, 10.0]]], [[[-1.0, 0.0], [0.5, 1.0]]]])
    expected = torch.tensor([[[[0.0, 0.25], [0.5, 1.0]]], [[[0.0, 0.5], [0.75, 1.0]]]])
    torch.testing.assert_close(stretched(pictures), expected, atol=1e-5, rtol=0)


def test_a_picture_of_one_value_becomes_zero():
    assert stretched(torch.full((1, 3, 4, 5), 0.7)).abs().max() == 0
