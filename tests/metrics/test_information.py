import math

import numpy as np
import pytest

from imfuse.metrics import dependence, histograms, information
from reference import histogram_metrics as ref
from reference.trios import alike, doubles, examples, of, trio

BY_SYMBOL = {m.info.symbol: m for m in (*information.METRICS, *dependence.METRICS)}
EXACT = 1e-9


def symbols(trio, levels=ref.nearest):
    return [levels(picture) for picture in doubles(trio)]


def shared(read, fused, ir, vis):
    return read(fused, ir) + read(fused, vis)


@pytest.mark.parametrize(
    ("symbol", "convention", "expected"),
    [
        ("EN", {}, lambda t: ref.entropy(symbols(t)[0])),
        ("EN", {"levels": "floor"}, lambda t: ref.entropy(symbols(t, ref.floor)[0])),
        ("EN", {"offset": 1e-7}, lambda t: ref.entropy(symbols(t)[0], 1e-7)),
        ("SD", {}, lambda t: np.std(doubles(t)[0])),
        ("SD", {"divided_by": "pixels less one"}, lambda t: np.std(doubles(t)[0], ddof=1)),
        (
            "SD",
            {"divided_by": "nothing"},
            lambda t: math.sqrt(((doubles(t)[0] - doubles(t)[0].mean()) ** 2).sum()),
        ),
        ("MI", {}, lambda t: shared(ref.mutual_information, *symbols(t))),
        (
            "MI",
            {"unit": "nats"},
            lambda t: math.log(2) * shared(ref.mutual_information, *symbols(t)),
        ),
        (
            "MI",
            {"levels": "stretched"},
            lambda t: shared(ref.mutual_information, *symbols(t, ref.stretched)),
        ),
        (
            "MI",
            {"top_levels": "merged"},
            lambda t: shared(ref.mutual_information_merged, *symbols(t)),
        ),
        ("NMI", {}, lambda t: ref.hossny(*symbols(t))),
        ("NMI", {"divided_by": "sources"}, lambda t: ref.by_sources(*symbols(t))),
        ("CE", {}, lambda t: ref.cross_entropy(*symbols(t), 0.5)),
        ("CE", {"empty_levels": "left out"}, lambda t: ref.cross_entropy(*symbols(t), 0.0)),
        ("QNCIE", {}, lambda t: ref.nonlinear_correlation(*symbols(t))),
        (
            "QNCIE",
            {"correlation": "linear"},
            lambda t: ref.linear_correlation(*(p.ravel() for p in doubles(t))),
        ),
        ("TE", {}, lambda t: ref.tsallis_information(*symbols(t), 1.85)),
        ("TE", {"q": 0.43137}, lambda t: ref.tsallis_information(*symbols(t), 0.43137)),
        ("TE", {"q": 1.0}, lambda t: shared(ref.mutual_information, *symbols(t))),
        (
            "TE",
            {"measure": "entropies"},
            lambda t: np.dot([-1, 1, 1], [ref.tsallis_entropy(s, 1.85) for s in symbols(t)]),
        ),
        (
            "TE",
            {"measure": "entropies", "q": 1.0},
            lambda t: np.dot([-1, 1, 1], [ref.entropy(s) for s in symbols(t)]),
        ),
    ],
)
def test_equals_the_formula_symbol_by_symbol(symbol, convention, expected):
    for t in examples():
        assert BY_SYMBOL[symbol].of(t, convention) == pytest.approx(expected(t), rel=EXACT)


def test_sigmoid_cross_entropy_equals_the_formula_pixel_by_pixel(rng):
    """2e-5: near 1, a float32 sigmoid may fall one step of 6e-8 aside."""
    for shape in ((9, 14), (21, 8)):
        fused, ir, vis = rng.uniform(0, 14, (3, *shape))
        t = of(fused, ir, vis)
        found = dependence.cross_entropy(t, compares="sigmoids")
        assert found == pytest.approx(ref.sigmoid_cross_entropy(*doubles(t)), rel=2e-5)


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_sources_may_be_exchanged(symbol):
    for t in examples():
        other = of(*(plane.values for plane in (t.fused, t.vis, t.ir)))
        for convention in ({}, *BY_SYMBOL[symbol].kits.values()):
            expected = BY_SYMBOL[symbol].of(t, convention)
            assert BY_SYMBOL[symbol].of(other, convention) == pytest.approx(expected, rel=1e-9)


def test_one_picture_thrice():
    t = alike(trio(31, 26, 3).fused.values)
    h = information.entropy(t)
    assert information.mutual_information(t) == pytest.approx(2 * h)
    assert information.normalised_mutual_information(t) == pytest.approx(2)
    assert dependence.cross_entropy(t) == pytest.approx(0, abs=1e-12)
    assert dependence.nonlinear_correlation(t, correlation="linear") == pytest.approx(1)
    assert dependence.tsallis_information(t, measure="entropies", q=1) == pytest.approx(h)


def test_known_values():
    ramp = np.arange(256.0).repeat(4).reshape(32, 32)
    assert information.entropy(alike(ramp)) == pytest.approx(8)
    half = np.where(np.arange(32) < 16, 0.0, 255.0) * np.ones((10, 1))
    assert information.entropy(alike(half)) == pytest.approx(1)
    assert information.standard_deviation(alike(half)) == pytest.approx(127.5)
    lines = np.where(np.arange(10) < 5, 0, 255.0)[:, None] * np.ones((1, 32))
    t = of(half, lines, np.zeros_like(half))
    assert information.mutual_information(t) == pytest.approx(0, abs=1e-12)
    assert dependence.nonlinear_correlation(t) == pytest.approx(1 - math.log(3, 256))
    assert dependence.tsallis_information(t) == pytest.approx(0, abs=1e-12)


def test_constant_pictures_give_values_or_nan_but_no_warning():
    textured = trio(9, 12, 1).ir.values
    flat = np.full_like(textured, textured[0, 0])
    all_flat, fused_flat = alike(flat), of(flat, textured, textured)
    for t in (all_flat, fused_flat):
        assert information.entropy(t) == 0
        assert information.standard_deviation(t) == 0
        assert information.mutual_information(t, levels="stretched") == 0
        assert dependence.tsallis_information(t) == pytest.approx(0, abs=1e-12)
        assert math.isnan(dependence.nonlinear_correlation(t, correlation="linear"))
    assert math.isnan(information.normalised_mutual_information(all_flat))
    assert math.isnan(information.normalised_mutual_information(all_flat, divided_by="sources"))
    assert information.normalised_mutual_information(fused_flat) == 0
    assert dependence.cross_entropy(all_flat) == 0
    assert dependence.cross_entropy(fused_flat) > 1
    assert dependence.cross_entropy(fused_flat, empty_levels="left out") < 0
    single = of(*np.zeros((3, 1, 1)))
    assert information.standard_deviation(single, divided_by="pixels less one") == 0


def test_values_that_float_division_left_just_below_a_level_belong_to_it():
    picture = np.arange(256, dtype=np.float32).reshape(16, 16) / np.float32(255)
    t = information.Trio.of(picture, picture, picture, data_range=1)
    assert information.entropy(t, levels="floor") == pytest.approx(8)


def test_stretching_does_not_matter_to_whole_levels():
    t = trio(24, 31, 5)
    plain = information.mutual_information(t)
    assert information.mutual_information(t, levels="stretched") == pytest.approx(plain, rel=1e-12)


def test_merging_the_top_levels_raises_the_information():
    t = of(*np.rint(np.random.default_rng(1).uniform(245, 255, (3, 30, 30))))
    plain = information.mutual_information(t)
    assert information.mutual_information(t, top_levels="merged") > 1.01 * plain


@pytest.mark.parametrize(
    ("module", "constant", "wrong", "symbol", "convention"),
    [
        (information, "NATS_PER_BIT", 0.7, "MI", {"unit": "nats"}),
        (dependence, "HALF_COUNT", 0.51, "CE", {}),
        (dependence, "SIGMOID_MARGIN", 2e-7, "CE", {"compares": "sigmoids"}),
        (dependence, "LEVELS", 255, "QNCIE", {}),
    ],
)
def test_a_wrong_constant_is_noticed(monkeypatch, module, constant, wrong, symbol, convention):
    right = BY_SYMBOL[symbol].of(trio(24, 31, 0), convention)
    monkeypatch.setattr(module, constant, wrong)
    found = BY_SYMBOL[symbol].of(trio(24, 31, 0), convention)
    assert found != pytest.approx(right, rel=2e-5)


def test_wrong_orders_and_offsets_are_noticed():
    t = trio(24, 31, 0)
    expected = ref.tsallis_information(*symbols(t), 1.85)
    assert dependence.TSALLIS_ORDER == 1.85
    assert dependence.tsallis_information(t, q=1.8501) != pytest.approx(expected, rel=EXACT)
    expected = ref.entropy(symbols(t)[0], 1e-7)
    assert information.entropy(t, offset=2e-7) != pytest.approx(expected, rel=EXACT)
    assert information.standard_deviation(t) != pytest.approx(np.std(doubles(t)[0], ddof=1))


def test_the_sources_histograms_are_counted_once(monkeypatch):
    t = trio(24, 31, 0)
    information.mutual_information(t)
    calls = []
    monkeypatch.setattr(
        histograms.cv2, "calcHist", lambda *a: calls.append(a) or np.ones(a[3], np.float32)
    )
    information.mutual_information(t)
    information.normalised_mutual_information(t)
    dependence.tsallis_information(t)
    assert not calls
