import math

import numpy as np
import pytest

from imfuse.metrics import gradient
from reference import edge_metrics as ref
from reference.trios import alike, doubles, examples, of, trio

EXACT = 5e-7
"""Relative; fractions of gray levels are subtracted in float32."""

BY_SYMBOL = {m.info.symbol: m for m in gradient.METRICS}


@pytest.mark.parametrize(
    ("symbol", "convention", "expected"),
    [
        ("SF", {}, lambda f: ref.spatial_frequency(f, "differences")),
        ("SF", {"mean_over": "pixels"}, lambda f: ref.spatial_frequency(f, "pixels")),
        ("SF", {"white": 1.0}, lambda f: ref.spatial_frequency(f / 255, "differences")),
        ("AG", {}, ref.average_gradient),
        ("AG", {"mean_over": "pixels"}, lambda f: ref.average_gradient(f, over="pixels")),
        ("AG", {"norm": "euclidean"}, lambda f: ref.average_gradient(f, half=False)),
        ("AG", {"differences": "forward"}, lambda f: ref.average_gradient(f, "forward")),
        ("EI", {}, lambda f: ref.edge_intensity(f, "repeated")),
        ("EI", {"border": "zero"}, lambda f: ref.edge_intensity(f, "zero")),
        ("EI", {"border": "reflected"}, lambda f: ref.edge_intensity(f, "reflected")),
    ],
)
def test_equals_the_formula_pixel_by_pixel(symbol, convention, expected):
    for t in examples():
        found = BY_SYMBOL[symbol].of(t, convention)
        assert found == pytest.approx(expected(doubles(t)[0]), rel=EXACT)


def test_smfnets_average_gradient_is_cddfuses_times_the_square_root_of_two():
    t = trio(24, 31, 2)
    kits = BY_SYMBOL["AG"].kits
    cddfuse, smfnet = (BY_SYMBOL["AG"].of(t, kits[name]) for name in ("cddfuse", "smfnet"))
    assert smfnet == pytest.approx(math.sqrt(2) * cddfuse)
    assert cddfuse == pytest.approx(BY_SYMBOL["AG"].of(t) * 23 * 30 / (24 * 31))


def test_a_ramp_has_known_values():
    ramp = alike(np.arange(20.0) * 3 + np.zeros((11, 1)))
    assert gradient.spatial_frequency(ramp) == pytest.approx(3)
    pixels = gradient.average_gradient(ramp, norm="euclidean", mean_over="pixels")
    assert pixels == pytest.approx(3)
    inside = 8 * 3 * 18 / 20
    ends = 4 * 3 * 2 / 20
    assert gradient.edge_intensity(ramp) == pytest.approx(inside + ends)
    assert gradient.edge_intensity(ramp, border="reflected") == pytest.approx(inside)


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_only_the_fused_picture_counts(symbol):
    a, b = trio(24, 31, 0), trio(24, 31, 1)
    mixed = of(a.fused.values, b.ir.values, b.vis.values)
    assert BY_SYMBOL[symbol].of(a) == BY_SYMBOL[symbol].of(mixed)


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_constant_and_tiny_pictures(symbol):
    assert BY_SYMBOL[symbol].of(alike(np.full((9, 7), 33.3))) == 0
    assert math.isnan(BY_SYMBOL[symbol].of(alike(np.zeros((1, 5)))))
    assert BY_SYMBOL[symbol].of(alike(np.diag([0.0, 255.0]))) > 0


def test_two_pixels_across_have_one_sided_differences():
    picture = np.array([[10.0, 20, 40], [10, 50, 45]])
    assert gradient.average_gradient(alike(picture)) == pytest.approx(
        ref.average_gradient(picture), rel=EXACT
    )


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_conventions_differ_more_than_the_tolerance(symbol):
    t = trio(24, 31, 0)
    metric = BY_SYMBOL[symbol]
    plain = metric.of(t)
    others = [c for c in (*metric.kits.values(), *metric.variants.values()) if c]
    assert others
    for convention in others:
        assert metric.of(t, convention) != pytest.approx(plain, rel=1e-4)


def test_a_wrong_white_is_noticed(monkeypatch):
    expected = ref.spatial_frequency(doubles(trio(24, 31, 0))[0] / 255, "differences")
    monkeypatch.setattr(gradient, "WHITE", 256.0)
    found = gradient.spatial_frequency(trio(24, 31, 0), white=1.0)
    assert found != pytest.approx(expected, rel=EXACT)


def test_wrong_operators_are_noticed(monkeypatch):
    """Scharr's operator for Sobel's; a forward difference for the central one."""
    f = doubles(trio(24, 31, 0))[0]
    right = ref.edge_intensity(f, "repeated"), ref.average_gradient(f)
    true = gradient.cv2.Sobel

    def wrong(values, depth, dx, dy, ksize, borderType):  # noqa: N803 - OpenCV's name
        return true(values, depth, dx, dy, ksize=-1 if ksize == 3 else 3, borderType=borderType)

    monkeypatch.setattr(gradient.cv2, "Sobel", wrong)
    assert gradient.edge_intensity(trio(24, 31, 0)) != pytest.approx(right[0], rel=EXACT)
    assert gradient.average_gradient(trio(24, 31, 0)) != pytest.approx(right[1], rel=EXACT)


def test_length_is_correctly_rounded(rng):
    x, y = rng.integers(-1020, 1020, (2, 97, 131)).astype(np.float32)
    exact = np.sqrt(x.astype(np.float64) ** 2 + y.astype(np.float64) ** 2)
    np.testing.assert_array_equal(gradient.length(x, y), exact.astype(np.float32))
