import math

import numpy as np
import pytest

from imfuse.metrics import edges
from reference import edge_metrics as ref
from reference.trios import alike, doubles, examples, of, trio

EXACT = 2e-6
"""Relative; Qabf is computed in float32."""

BY_SYMBOL = {m.info.symbol: m for m in edges.METRICS}


@pytest.mark.parametrize(
    ("convention", "arguments"),
    [
        ({}, {"border": "zero"}),
        ({"border": "reflected"}, {"border": "reflected"}),
        ({"border": "repeated"}, {"border": "repeated"}),
        ({"equal_strengths": "strength"}, {"border": "zero", "equal": "strength"}),
        (
            {"equal_strengths": "strength", "white": 1.0},
            {"border": "zero", "equal": "strength", "white": 1.0},
        ),
        ({"angles": "of lines"}, {"border": "zero", "lines": True}),
    ],
)
def test_qabf_equals_the_formula_pixel_by_pixel(convention, arguments):
    for t in examples():
        expected = ref.edge_transfer(*doubles(t), **arguments)
        assert edges.edge_transfer(t, **convention) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("least", [0.001, 0.0, 0.5])
def test_balance_equals_the_formula_pixel_by_pixel(least):
    for t in examples():
        kept, lost, made_up, twice = ref.balance(*doubles(t), least)
        assert edges.artefacts(t, least_weight=least) == pytest.approx(made_up, rel=EXACT)
        found = edges.artefacts(t, counted="twice", least_weight=least)
        assert found == pytest.approx(twice, rel=EXACT)
        assert edges.edge_loss(t, least_weight=least) == pytest.approx(lost, rel=EXACT)
        if least == edges.LEAST_WEIGHT_2005:
            found = edges.edge_transfer(t, constants="2005")
            assert found == pytest.approx(kept, rel=EXACT)


def test_kept_lost_and_made_up_add_up_to_one():
    for t in examples():
        parts = (
            edges.edge_transfer(t, constants="2005"),
            edges.edge_loss(t),
            edges.artefacts(t),
        )
        assert min(parts) > 0
        assert sum(parts) == pytest.approx(1, abs=1e-12)


def test_the_best_that_can_be_had_is_a_copy():
    t = alike(trio(33, 40, 4).vis.values)
    best = ref.sigmoid(1, 0.9994, 15, 0.5) * ref.sigmoid(1, 0.9879, 22, 0.8)
    assert edges.edge_transfer(t) == pytest.approx(best, rel=1e-6)
    assert edges.artefacts(t) == 0
    assert edges.artefacts(t, counted="twice") == 0
    assert edges.edge_loss(t) == pytest.approx(0, abs=1e-3)


def test_lines_have_no_direction():
    """Two gradients a little to either side of vertical are alike, though their atan differ."""
    y, x = np.mgrid[:20, :20].astype(np.float64)
    left, right = 60 + 5 * y + 0.1 * x, 60 + 5 * y - 0.1 * x
    t = of(left, right, right)
    inside = {"border": "repeated"}
    assert edges.edge_transfer(t, **inside) < 0.2
    assert edges.edge_transfer(t, angles="of lines", **inside) > 0.9


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_sources_may_be_exchanged(symbol):
    metric = BY_SYMBOL[symbol]
    for t in examples():
        other = of(*(plane.values for plane in (t.fused, t.vis, t.ir)))
        for convention in ({}, *metric.kits.values(), *metric.variants.values()):
            expected = metric.of(t, convention)
            assert metric.of(other, convention) == pytest.approx(expected, rel=1e-9)


def test_constant_pictures_give_values_or_nan_but_no_warning():
    flat, textured = np.full((9, 12), 77.0), trio(9, 12, 1).ir.values
    nothing, lost, one = alike(flat), of(flat, textured, textured), of(textured, flat, textured)
    made_up = of(textured, flat, flat)
    assert math.isnan(edges.edge_transfer(nothing))
    assert math.isnan(edges.edge_transfer(made_up))
    assert math.isnan(edges.edge_transfer(alike(np.zeros((5, 5)))))
    assert edges.edge_transfer(lost, border="reflected") < 1e-3
    assert edges.edge_transfer(one, border="reflected") > 0.97
    assert math.isnan(edges.artefacts(nothing, least_weight=0.0))
    assert math.isnan(edges.edge_loss(nothing, least_weight=0.0))
    assert edges.artefacts(lost) == 0
    assert edges.edge_loss(lost) > 0.98
    assert edges.artefacts(made_up) > 0.8
    assert math.isnan(BY_SYMBOL["Qabf"].of(alike(np.eye(2))))


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_a_blurred_fused_picture_is_worse(symbol):
    t = trio(33, 40, 2)
    f = doubles(t)[0]
    f[1:-1, 1:-1] = (f[:-2, 1:-1] + f[2:, 1:-1] + f[1:-1, :-2] + f[1:-1, 2:]) / 4
    blurred = of(f, t.ir.values, t.vis.values)
    inside = (
        {"border": "reflected"} if symbol == "Qabf" else {}
    )  # so small, the frame outweighs all
    before, after = (BY_SYMBOL[symbol].of(one, inside) for one in (t, blurred))
    if symbol == "Nabf":
        assert after < before
    else:
        better = BY_SYMBOL[symbol].info.better == "higher"
        assert (before > after) == better


SIGMOIDS = ("STRENGTH_2000", "ORIENTATION_2000", "STRENGTH_2005", "ORIENTATION_2005")


@pytest.mark.parametrize("sigmoid", SIGMOIDS)
@pytest.mark.parametrize("part", ["top", "slope", "centre"])
def test_a_wrong_sigmoid_is_noticed(monkeypatch, sigmoid, part):
    t = trio(24, 31, 0)
    if sigmoid.endswith("2000"):
        compute, right = edges.edge_transfer, ref.edge_transfer(*doubles(t), border="zero")
    else:
        compute, right = edges.edge_loss, ref.balance(*doubles(t))[1]
    assert compute(t) == pytest.approx(right, rel=EXACT)
    values = vars(getattr(edges, sigmoid)).copy()
    values[part] *= 1.002
    monkeypatch.setattr(edges, sigmoid, edges._Sigmoid(**values))
    assert compute(trio(24, 31, 0)) != pytest.approx(right, rel=EXACT)


@pytest.mark.parametrize(
    ("constant", "wrong"), [("THRESHOLD_2005", 2.1), ("EXPONENT_2005", 1.501), ("_SOBEL", 4.0)]
)
def test_a_wrong_weight_is_noticed(monkeypatch, constant, wrong):
    right = ref.balance(*doubles(trio(24, 31, 0)))[2]
    monkeypatch.setattr(edges, constant, wrong)
    assert edges.artefacts(trio(24, 31, 0)) != pytest.approx(right, rel=EXACT)


def test_a_wrong_least_weight_is_noticed():
    t = trio(24, 31, 0)
    assert edges.LEAST_WEIGHT_2005 == 0.001
    right = ref.balance(*doubles(t))[1]
    assert edges.edge_loss(t, least_weight=0.0011) != pytest.approx(right, rel=1e-9)
    assert edges.edge_loss(t, least_weight=0.01) != pytest.approx(right, rel=EXACT)


def test_each_picture_is_filtered_once(monkeypatch):
    calls = []
    true = edges.sobel
    monkeypatch.setattr(edges, "sobel", lambda *a: calls.append(a) or true(*a))
    t = trio(24, 31, 0)
    for metric in edges.METRICS:
        metric.of(t)
    assert len(calls) == 6  # with zeros outside for Qabf, reflected for Labf and Nabf
