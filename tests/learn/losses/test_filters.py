"""Filters against direct sums."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UsageError  # noqa: E402 - needs torch
from imfuse.learn.losses.filters import filtered, smoothed  # noqa: E402
from reference.losses import correlated  # noqa: E402


def batch(rng, height=10, width=12):
    return rng.random((2, 3, height, width))


@pytest.mark.parametrize("border", ["reflected", "repeated", "zero"])
@pytest.mark.parametrize(("down", "across"), [(3, 5), (9, 3), (5, 11), (11, 9), (1, 3)])
def test_equals_direct_sums(rng, border, down, across):
    x, column, row = batch(rng), rng.normal(size=down), rng.normal(size=across)
    found = filtered(torch.tensor(x), tuple(column), tuple(row), border)
    for sample, result in zip(x, found, strict=True):
        for plane, values in zip(sample, result, strict=True):
            expected = correlated(plane, np.outer(column, row), border)
            np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [5, 9])
def test_without_border_is_the_inside_of_any_other(rng, size):
    x, taps = torch.tensor(batch(rng)), tuple(rng.random(size))
    inside = slice(size // 2, -(size // 2))
    for border in ("reflected", "repeated", "zero"):
        whole = smoothed(x, taps, border)[..., inside, inside]
        torch.testing.assert_close(smoothed(x, taps, "none"), whole)


def test_float32_stays_near_float64(rng):
    x, taps = torch.tensor(batch(rng, 40, 30)), (1 / 17,) * 17
    precise = smoothed(x, taps, "none")
    torch.testing.assert_close(
        smoothed(x.float(), taps, "none").double(), precise, rtol=0, atol=1e-6
    )


def test_autocast_does_not_reach_the_filters(rng):
    x, taps = torch.tensor(batch(rng, 40, 30)).float(), (1 / 17,) * 17
    expected = smoothed(x, taps, "zero")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = smoothed(x, taps, "zero")
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("border", "side"), [("none", 10), ("reflected", 5)])
def test_too_small_pictures_are_refused(border, side):
    taps = (1.0,) * 11
    smoothed(torch.zeros(1, 1, side + 1, side + 1), taps, border)
    with pytest.raises(UsageError, match=f"at least {side + 1}x{side + 1}"):
        smoothed(torch.zeros(1, 1, side, side + 9), taps, border)


def test_any_size_will_do_where_the_border_allows_it():
    pixel = torch.full((1, 1, 1, 1), 0.5)
    assert smoothed(pixel, (1.0, 2.0, 1.0), "zero").item() == 2.0
    assert smoothed(pixel, (1 / 9,) * 9, "repeated").item() == pytest.approx(0.5)
    low = torch.zeros(1, 1, 2, 3)
    assert filtered(low, (1.0,) * 3, (1.0,) * 5, "reflected").shape == low.shape
    with pytest.raises(UsageError, match="at least 3x2"):
        filtered(low, (1.0,) * 5, (1.0,) * 3, "reflected")
