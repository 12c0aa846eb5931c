import math

import numpy as np
import pytest

from imfuse.metrics import similarity
from reference import similarity as reference
from reference.trios import arrays, metric, of

CASES = [(24, 31, 0, True), (23, 17, 1, False), (40, 48, 2, True), (1, 9, 3, False)]
UNIT = {"scale": "unit"}


@pytest.mark.parametrize("case", CASES)
def test_all_equal_sums_over_single_pixels(case):
    *size, whole = case
    f, a, b = arrays(*size, whole=whole)
    mse, vifb = reference.mse(f, a, b), reference.rmse_vifb(f, a, b)
    expected = {
        ("CC", ()): reference.cc(f, a, b),
        ("SCD", ()): reference.scd(f, a, b),
        ("MSE", ()): mse,
        ("MSE", ("unit",)): reference.mse(f, a, b, 255.0),
        ("RMSE", ()): math.sqrt(mse),
        ("RMSE", ("norm-over-pixels",)): vifb,
        ("PSNR", ()): reference.psnr(mse, 255),
        ("PSNR", ("unit",)): reference.psnr(mse, 255) + 20 * math.log10(255),
        ("PSNR", ("fused-maximum",)): reference.psnr(mse, float(f.max())),
        ("PSNR", ("norm-over-pixels",)): reference.psnr(vifb, 255),
    }
    names = {"unit": "scale", "norm-over-pixels": "error", "fused-maximum": "peak"}
    for (symbol, values), value in expected.items():
        convention = {names[v]: v for v in values}
        found = metric(similarity, symbol).of(of(f, a, b), convention)
        assert found == pytest.approx(value, rel=1e-9), (symbol, values)


def test_a_wrong_reference_would_be_noticed():
    f, a, b = arrays(24, 31)
    found = metric(similarity, "SCD").of(of(f, a, b))
    assert found != pytest.approx(reference.scd(f, b, a + b), rel=1e-3)
    assert found != pytest.approx(2 * reference.cc(f, a, b), rel=1e-3)


def test_wrong_white_is_noticed(monkeypatch):
    f, a, b = arrays(24, 31)
    expected = reference.psnr(reference.mse(f, a, b), 255)
    monkeypatch.setattr(similarity, "WHITE", 256.0)
    assert similarity.peak_signal_to_noise(of(f, a, b)) != pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("symbol", ["CC", "SCD", "MSE", "RMSE", "PSNR"])
def test_sources_may_be_exchanged(symbol):
    f, a, b = arrays(24, 31)
    one = metric(similarity, symbol)
    assert one.of(of(f, a, b)) == pytest.approx(one.of(of(f, b, a)), rel=1e-12)


def test_identical_pictures():
    f, a, _ = arrays(24, 31)
    same = of(a, a, a)
    assert similarity.correlation(same) == pytest.approx(1, abs=1e-12)
    assert similarity.mean_squared_error(same) == 0
    assert math.isnan(similarity.peak_signal_to_noise(same))
    assert math.isnan(similarity.sum_of_correlations_of_differences(same))
    assert similarity.correlation(of(f, f, 255 - f)) == pytest.approx(0, abs=1e-12)


def test_the_sum_of_the_sources_has_the_best_scd():
    _, a, b = arrays(24, 31)
    found = similarity.sum_of_correlations_of_differences(of(a / 2 + b / 2, a / 2, b / 2))
    assert found == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.1, 200.0, 255.0])
def test_constant_pictures_correlate_with_nothing(level):
    f, a, b = arrays(24, 31)
    flat = np.full_like(f, level)
    for pictures in ((flat, a, b), (f, flat, b), (f, a, flat)):
        assert math.isnan(similarity.correlation(of(*pictures)))
    assert math.isnan(similarity.sum_of_correlations_of_differences(of(f, flat, b)))
    # brighter by a constant: the difference to that source is constant
    dim = np.clip(f, 0, 200) * np.float32(0.7)
    brighter = dim + np.float32(31.3)
    assert math.isnan(similarity.sum_of_correlations_of_differences(of(brighter, a, dim)))


def test_black_fused_picture_has_no_peak():
    _, a, b = arrays(24, 31)
    black = of(np.zeros_like(a), a, b)
    assert math.isnan(similarity.peak_signal_to_noise(black, peak="fused-maximum"))
    assert similarity.peak_signal_to_noise(black) > 0
