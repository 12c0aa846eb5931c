"""Intensity losses against their formulas."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UnknownName  # noqa: E402 - needs torch
from imfuse.learn.losses import intensity  # noqa: E402
from reference.losses import window_error  # noqa: E402


@pytest.fixture
def three(rng):
    return [torch.tensor(x) for x in rng.random((3, 2, 1, 10, 12))]


def test_equal_their_formulas(three):
    f, a, b = (x.numpy() for x in three)
    expected = {
        intensity.maximum_intensity: abs(f - np.maximum(a, b)).mean(),
        intensity.average_intensity: abs(f - (a + b) / 2).mean(),
        intensity.both_intensities: abs(f - a).mean() + abs(f - b).mean(),
    }
    for loss, value in expected.items():
        assert loss(*three).item() == pytest.approx(value, rel=1e-12)
    assert intensity.absolute_error(*three[:2]).item() == pytest.approx(abs(f - a).mean())
    assert intensity.squared_error(*three[:2]).item() == pytest.approx(((f - a) ** 2).mean())


def test_the_target_itself_costs_nothing(three):
    _, a, b = three
    assert intensity.maximum_intensity(torch.maximum(a, b), a, b) == 0
    assert intensity.average_intensity((a + b) / 2, a, b) == 0
    assert intensity.both_intensities(a, a, a) == 0
    assert intensity.both_intensities(a, a, b) > 0


def test_weights_choose_the_source(three):
    f, a, b = three
    one, none = torch.ones_like(f), torch.zeros_like(f)
    for error in ("absolute", "windows"):
        found = intensity.weighted_intensity(f, f, b, ir_weight=one, vis_weight=none, error=error)
        assert found == 0
        found = intensity.weighted_intensity(f, a, f, ir_weight=one, vis_weight=none, error=error)
        assert found > 0.01


@pytest.mark.parametrize("error", ["absolute", "windows"])
def test_weighted_intensity_equals_its_formula(three, rng, error):
    weights = rng.random((2, 2, 1, 10, 12))
    found = intensity.weighted_intensity(
        *three,
        ir_weight=torch.tensor(weights[0]),
        vis_weight=torch.tensor(weights[1]),
        error=error,
    )
    total = 0.0
    f = three[0].numpy()
    for source, weight in zip(three[1:], weights, strict=True):
        for one, other, w in zip(f, source.numpy(), weight, strict=True):
            difference = one[0] - other[0]
            e = window_error(one[0], other[0]) if error == "windows" else abs(difference)
            total += (w[0] * e).mean() / 2
    assert found.item() == pytest.approx(total, rel=1e-12)


def test_unknown_error_is_refused(three):
    with pytest.raises(UnknownName, match="windows"):
        intensity.weighted_intensity(
            *three, ir_weight=three[0], vis_weight=three[0], error="window"
        )
