import math

import numpy as np
import pytest

from imfuse.metrics import exposure, structure, yang
from reference import structure as reference
from reference.trios import arrays, metric, of

CASES = [(24, 31, 0, True), (23, 17, 1, False), (11, 40, 2, True)]


@pytest.mark.parametrize("case", CASES)
def test_ssim_equals_plain_loops(case):
    *size, whole = case
    f, a, b = arrays(*size, whole=whole)
    t = of(f, a, b)
    # float32 filters where the data range is 255
    assert structure.structural_similarity(t) == pytest.approx(
        reference.ssim_sum(f, a, b), rel=2e-6
    )
    for convention, kind, divisor in (
        ({"window": "uniform", "assumed_range": 2.0}, {"uniform": True, "data_range": 2.0}, 1),
        ({"window": "uniform"}, {"uniform": True}, 1),
        ({"assumed_range": 1.0}, {"data_range": 1.0}, 1),
        (
            {"assumed_range": 1.0, "border": "replicate", "over_sources": "mean"},
            {"data_range": 1.0, "replicate": True},
            2,
        ),
    ):
        found = structure.structural_similarity(t, **convention)
        expected = reference.ssim_sum(f, a, b, **kind) / divisor
        assert found == pytest.approx(expected, rel=2e-6), convention


def test_ssim_of_weights_that_lack_something():
    f, a, b = arrays(24, 31)
    f[:, :15] = 200
    a[:, :14], b[:, :14] = 201, 197
    expected = sum(reference.ssim_of_light_weights(f, s, 1e-6, 1.0) for s in (a, b))
    t = of(f, a, b)
    found = structure.structural_similarity(t, assumed_range=1.0, missing_weight=1e-6)
    assert found == pytest.approx(expected, rel=1e-6)
    assert found != pytest.approx(structure.structural_similarity(t, assumed_range=1.0), rel=1e-4)


@pytest.mark.parametrize("shape", [(161, 166)])
def test_ms_ssim_equals_plain_loops(shape):
    f, a, b = arrays(*shape, 3)
    for convention, kind in (
        ({}, {}),
        ({"assumed_range": 1.0, "odd_sizes": "zero"}, {"data_range": 1.0, "zeros": True}),
    ):
        one = of(f, a, a)
        expected = 2 * reference.ms_ssim(f, a, **kind)
        found = structure.multi_scale_structural_similarity(one, **convention)
        assert found == pytest.approx(expected, rel=2e-6), convention
    assert structure.multi_scale_structural_similarity(of(f, a, b)) < 2


def test_mef_ssim_equals_patches_that_are_built():
    f, a, b = arrays(45, 46, 4)
    expected = reference.mef_ssim(f, a, b)
    found = structure.multi_scale_structural_similarity(of(f, a, b), definition="multi-exposure")
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_qy_equals_plain_loops(case):
    *size, whole = case
    f, a, b = arrays(*size, whole=whole)
    t = of(f, a, b)
    assert yang.yang_similarity(t) == pytest.approx(reference.qy(f, a, b), rel=1e-9)
    rows = yang.yang_similarity(t, window="gaussian-rows", assumed_range=1.0, border="zero")
    assert rows == pytest.approx(reference.qy_rows(f, a, b), rel=1e-9)


def test_qy_weighs_sources_that_are_alike():
    f, a, _ = arrays(24, 31)
    b = np.clip(a * 0.9 + 3, 0, 255).astype(np.float32)
    assert yang.yang_similarity(of(f, a, b)) == pytest.approx(reference.qy(f, a, b), rel=1e-9)


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [(structure, "K1", 0.02), (structure, "K2", 0.02), (structure, "SIGMA", 1.4)],
)
def test_wrong_constants_are_noticed_in_ssim(monkeypatch, module, name, value):
    f, a, b = arrays(24, 31)
    monkeypatch.setattr(module, name, value)
    found = structure.structural_similarity(of(f, a, b))
    assert found != pytest.approx(reference.ssim_sum(f, a, b), rel=1e-5)


@pytest.mark.parametrize(("name", "value"), [("ALIKE", 0.9), ("SIGMA", 1.4), ("K2", 0.02)])
def test_wrong_constants_are_noticed_in_qy(monkeypatch, name, value):
    f, a, _ = arrays(24, 31)
    b = np.clip(a * 0.8 + 0.2 * f, 0, 255).astype(np.float32)
    expected = reference.qy(f, a, b)
    assert yang.yang_similarity(of(f, a, b)) == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(yang, name, value)
    assert yang.yang_similarity(of(f, a, b)) != pytest.approx(expected, rel=1e-6)


def test_wrong_constants_are_noticed_in_scales(monkeypatch):
    f, a, b = arrays(170, 170, 5)
    before = structure.multi_scale_structural_similarity(of(f, a, b))
    monkeypatch.setattr(structure, "SCALE_WEIGHTS", (0.0448, 0.2856, 0.3001, 0.1333, 0.2363))
    wrong = structure.multi_scale_structural_similarity(of(f, a, b))
    assert wrong != pytest.approx(before, rel=1e-4)
    small = of(*(x[:45, :45] for x in (f, a, b)))
    expected = reference.mef_ssim(*(x[:45, :45] for x in (f, a, b)))
    monkeypatch.setattr(exposure, "MOST_POWER", 1.0)
    assert exposure.multi_exposure_similarity(small) != pytest.approx(expected, rel=1e-5)


def test_identical_and_constant_pictures():
    f, a, b = arrays(170, 170)
    values = {"SSIM": 2, "MS-SSIM": 2, "Qy": 1}
    for pictures in ((a, a, a), (np.full_like(a, 7.3),) * 3, (np.zeros_like(a),) * 3):
        for symbol, value in values.items():
            found = metric(structure, symbol).of(of(*pictures))
            assert found == pytest.approx(value, abs=1e-6), symbol
    for symbol in values:
        one = metric(structure, symbol)
        assert one.of(of(f, a, b)) == pytest.approx(one.of(of(f, b, a)), rel=1e-12)
        for kit in one.kits.values():
            for pictures in ((a, a, a), (np.full_like(a, 7.0),) * 3, (f, np.zeros_like(a), b)):
                assert math.isfinite(one.of(of(*pictures), kit)), symbol


def test_flat_regions_decide_under_vanishing_constants():
    """Why published SSIM of night pictures cluster: equal zeros count 1, one level off counts 0."""
    zeros, one = np.zeros((30, 30), np.float32), np.ones((30, 30), np.float32)
    field = metric(structure, "SSIM").kits["cddfuse"]
    assert structure.structural_similarity(of(zeros, zeros, zeros), **field) == 2
    assert structure.structural_similarity(of(zeros, one, one), **field) < 1e-3
    assert structure.structural_similarity(of(zeros, one, one)) > 1.7


def test_a_negative_scale_counts_as_none():
    f, _, _ = arrays(170, 170)
    assert structure.multi_scale_structural_similarity(of(f, 255 - f, 255 - f)) == 0


def test_too_small_pictures_have_no_value():
    f, a, b = arrays(160, 200)
    assert math.isnan(metric(structure, "MS-SSIM").of(of(f, a, b)))
    assert math.isnan(metric(structure, "SSIM").of(of(f[:10], a[:10], b[:10])))
