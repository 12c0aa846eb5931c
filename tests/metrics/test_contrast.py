import math

import numpy as np
import pytest

from imfuse.metrics import contrast
from reference import contrast as reference
from reference.trios import arrays, metric, of

CASES = [(24, 31, 0, True), (33, 40, 1, False)]


def bright(*case, **kind):
    """Return pictures without very dark places, where the ratio of two means has no bounds."""
    return [np.clip(x, 0, 255) * np.float32(0.7) + 60 for x in arrays(*case, **kind)]


@pytest.mark.parametrize("case", CASES)
def test_qcb_equals_plain_loops(case):
    *size, whole = case
    f, a, b = bright(*size, whole=whole)
    t = of(f, a, b)
    one = metric(contrast, "Qcb")
    assert one.of(t) == pytest.approx(reference.qcb(f, a, b), rel=1e-7)
    pictures = [reference.stretched(x, rounded=True) for x in (f, a, b)]
    expected = reference.qcb(*pictures, each_side=True, zeros=True)
    assert one.of(t, one.kits["vifb"]) == pytest.approx(expected, rel=1e-6)
    pictures = [reference.stretched(x, rounded=False) for x in (f, a, b)]
    expected = reference.qcb(*pictures, 30.0, each_side=True, zeros=True, floor=1e-10)
    assert one.of(t, one.kits["ivif-zoo"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_qcv_equals_plain_loops(case):
    *size, whole = case
    f, a, b = arrays(*size, whole=whole)
    t = of(f, a, b)
    one = metric(contrast, "Qcv")
    assert one.of(t) == pytest.approx(reference.qcv(f, a, b), rel=1e-9)
    pictures = [reference.stretched(x, rounded=True) for x in (f, a, b)]
    expected = reference.qcv(*pictures, part=0.144, each_side=True, zeros=True)
    assert one.of(t, one.kits["vifb"]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WIDE", 16.0), ("NARROW", 1.4), ("DEPTH", 0.8), ("CENTRE", 2.1), ("STEADY", 1e-3)],
)
def test_wrong_constants_are_noticed_in_qcb(monkeypatch, name, value):
    f, a, b = bright(24, 31)
    expected = reference.qcb(f, a, b)
    monkeypatch.setattr(contrast, name, value)
    assert contrast.chen_blum(of(f, a, b)) != pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "value"), [("BLOCK", 8), ("SALIENCE_POWER", 4), ("PEAK_PART", 0.144)]
)
def test_wrong_constants_are_noticed_in_qcv(monkeypatch, name, value):
    f, a, b = arrays(24, 31)
    expected = reference.qcv(f, a, b)
    monkeypatch.setattr(contrast, name, value)
    assert contrast.chen_varshney(of(f, a, b)) != pytest.approx(expected, rel=1e-3)


def test_identical_pictures_and_exchanged_sources():
    f, a, b = bright(40, 41)
    assert contrast.chen_blum(of(a, a, a)) == pytest.approx(1, abs=1e-9)
    assert contrast.chen_varshney(of(a, a, a)) == 0
    for one in contrast.METRICS:
        assert one.of(of(f, a, b)) == pytest.approx(one.of(of(f, b, a)), rel=1e-9)
    assert contrast.chen_varshney(of(f, a, b)) < contrast.chen_varshney(of(255 - f, a, b))


def test_degenerate_pictures_give_a_number_or_none_and_no_warning():
    f, a, b = arrays(40, 41)
    black, flat = np.zeros_like(a), np.full_like(a, 100.0)
    for one in contrast.METRICS:
        for convention in ({}, *one.kits.values()):
            for pictures in (
                (black, black, black),
                (flat, flat, flat),
                (f, black, b),
                (flat, a, b),
                (black, a, flat),
            ):
                assert not math.isinf(one.of(of(*pictures), convention))
    assert math.isnan(contrast.chen_varshney(of(f, flat, black)))


def test_tiny_pictures_have_values():
    f, a, b = bright(3, 5)
    for one in contrast.METRICS:
        for convention in ({}, *one.kits.values()):
            assert math.isfinite(one.of(of(f, a, b), convention))
