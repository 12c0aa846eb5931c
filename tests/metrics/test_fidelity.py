import math

import numpy as np
import pytest

from imfuse.metrics import fidelity
from reference import fidelity as reference
from reference.trios import arrays, metric, of

CASES = [(41, 46, 0, True), (45, 41, 1, False)]


@pytest.mark.parametrize("case", CASES)
def test_vif_equals_plain_loops(case):
    *size, whole = case
    f, a, b = arrays(*size, whole=whole)
    t = of(f, a, b)
    expected = reference.vif(a, f) + reference.vif(b, f)
    # 2e-5: float32 filters
    assert fidelity.visual_information_fidelity(t) == pytest.approx(expected, rel=2e-5)
    mean = fidelity.visual_information_fidelity(t, over_sources="mean")
    assert mean == pytest.approx(expected / 2, rel=2e-5)
    noise = 2 * 255.0**2
    unit = reference.vif(a / 255, f / 255) + reference.vif(b / 255, f / 255)
    found = fidelity.visual_information_fidelity(t, noise_variance=noise)
    assert found == pytest.approx(unit, rel=2e-5)


def test_vif_of_a_lopsided_window_between_zeros_equals_plain_loops():
    f, a, b = arrays(41, 44)
    expected = sum(reference.vif(s, f, lopsided=True) for s in (a, b))
    found = fidelity.visual_information_fidelity(of(f, a, b), bell="lopsided", border="zero")
    assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_viff_equals_plain_loops(case):
    *size, whole = case
    f, a, b = arrays(*size, whole=whole)
    found = fidelity.visual_information_fidelity_for_fusion(of(f, a, b))
    assert found == pytest.approx(reference.viff(f, a, b), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "value"), [("SIGMA_PART", 0.19), ("SIZES", (17, 9, 7, 3)), ("SIZES", (9, 9, 5, 3))]
)
def test_wrong_constants_are_noticed_in_vif(monkeypatch, name, value):
    f, a, b = arrays(52, 52)
    expected = reference.vif(a, f) + reference.vif(b, f)
    monkeypatch.setattr(fidelity, name, value)
    found = fidelity.visual_information_fidelity(of(f, a, b))
    assert found != pytest.approx(expected, rel=1e-3)


def test_wrong_noise_is_noticed():
    f, a, b = arrays(41, 41)
    expected = reference.vif(a, f) + reference.vif(b, f)
    found = fidelity.visual_information_fidelity(of(f, a, b), noise_variance=2.1)
    assert found != pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "value"), [("FUSION_NOISE", 300.0), ("SCALE_WEIGHTS", (0.4, 0.1, 0.1, 0.4))]
)
def test_wrong_constants_are_noticed_in_viff(monkeypatch, name, value):
    f, a, b = arrays(41, 46)
    expected = reference.viff(f, a, b)
    monkeypatch.setattr(fidelity, name, value)
    found = fidelity.visual_information_fidelity_for_fusion(of(f, a, b))
    assert found != pytest.approx(expected, rel=1e-4)


def test_identical_pictures_keep_all():
    f, a, b = arrays(60, 61)
    assert fidelity.visual_information_fidelity(of(a, a, a)) == pytest.approx(2, abs=1e-5)
    assert fidelity.visual_information_fidelity_for_fusion(of(a, a, a)) == pytest.approx(1)
    for one in fidelity.METRICS:
        for fused in (f, 255 - a):
            assert one.of(of(fused, a, b)) == pytest.approx(one.of(of(fused, b, a)), rel=1e-12)


def test_contrast_that_is_raised_counts_more_than_the_source():
    _, a, _ = arrays(60, 61)
    a = a / 2 + 50
    assert fidelity.visual_information_fidelity(of(1.3 * (a - 50) + 40, a, a)) > 2
    assert fidelity.visual_information_fidelity(of(0.5 * a, a, a)) < 2
    negative = fidelity.visual_information_fidelity(of(255 - a, a, a))
    assert negative == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 77.0, 200.3, 255.0])
def test_constant_pictures(level):
    f, a, b = arrays(60, 61)
    flat = np.full_like(f, level)
    vif = metric(fidelity, "VIF")
    assert math.isnan(vif.of(of(f, flat, b)))
    assert math.isnan(vif.of(of(flat, flat, flat)))
    kept = vif.of(of(f, flat, b), vif.kits["cddfuse"])
    assert kept == pytest.approx(1 + reference.vif(b, f), rel=2e-5)
    assert vif.of(of(flat, a, b)) == pytest.approx(0, abs=1e-6)
    assert math.isfinite(metric(fidelity, "VIFF").of(of(f, flat, b)))


def test_large_dark_areas_stay_within_float32(monkeypatch):
    """Night pictures: in half the picture, noise of one level on black."""
    f, a, b = arrays(96, 80, 6)
    rng = np.random.default_rng(6)
    for x in (f, a, b):
        x[:48] = rng.integers(0, 2, (48, 80)) * (rng.random((48, 80)) < 0.02)
    fast = fidelity.visual_information_fidelity(of(f, a, b))
    window = fidelity._window
    monkeypatch.setattr(fidelity, "_window", lambda *a, **k: window(*a, precise=True))
    assert fast == pytest.approx(fidelity.visual_information_fidelity(of(f, a, b)), rel=6e-5)


def test_too_small_pictures_have_no_value():
    f, a, b = arrays(41, 41)
    for one in fidelity.METRICS:
        assert math.isfinite(one.of(of(f, a, b)))
        assert math.isnan(one.of(of(f[:40], a[:40], b[:40])))
