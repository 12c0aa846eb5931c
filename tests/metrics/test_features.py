import math

import numpy as np
import pytest

from imfuse.metrics import features
from imfuse.metrics.planes import Plane
from reference import feature_metrics as ref
from reference.trios import alike, doubles, of, trio

(FMI,) = features.METRICS
EXACT = 1e-9
SECOND = {"equal_windows": "of the first source"}


def small_trios():
    yield trio(12, 15, 0)
    yield trio(11, 9, 1, whole=False)


@pytest.mark.parametrize("feature", sorted(ref.FEATURES))
def test_features_equal_their_formulas(feature):
    for t in small_trios():
        found = features._FEATURES[feature](t.vis)
        np.testing.assert_allclose(found, ref.FEATURES[feature](doubles(t)[2]), atol=1e-9)


@pytest.mark.parametrize("feature", sorted(ref.FEATURES.keys() - {"wavelet"}))
@pytest.mark.parametrize("raw_second", [True, False])
def test_equals_the_formula_window_by_window(feature, raw_second):
    """Wavelets have thousands of windows on the smallest picture; they are read like the others."""
    tolerance = 1e-7 if feature == "dct" else EXACT
    for t in small_trios():
        expected = ref.feature_mutual_information(*doubles(t), feature, raw_second)
        convention = {"feature": feature} | ({} if raw_second else SECOND)
        assert FMI.of(t, convention) == pytest.approx(expected, rel=tolerance)


def test_default_is_the_gradient():
    t = trio(12, 15, 0)
    assert FMI.of(t) == FMI.of(t, {"feature": "gradient"})


@pytest.mark.parametrize("feature", sorted(ref.FEATURES))
def test_a_copy_has_all(feature):
    t = alike(trio(14, 17, 2).vis.values)
    assert FMI.of(t, {"feature": feature}) == 1
    assert FMI.of(t, {"feature": feature} | SECOND) == 1


def test_sources_may_be_exchanged():
    for t in small_trios():
        other = of(*(plane.values for plane in (t.fused, t.vis, t.ir)))
        for feature in ref.FEATURES:
            found = FMI.of(other, {"feature": feature})
            assert found == pytest.approx(FMI.of(t, {"feature": feature}), rel=1e-12)


def test_authors_count_featureless_windows_of_the_second_source_as_nothing():
    step = np.zeros((9, 30))
    step[:, 8:] = 200
    flat = np.full_like(step, 50)
    lost_first, lost_second = of(flat, step, flat), of(flat, flat, step)
    edges = {"feature": "edge"}
    assert FMI.of(lost_first, edges) == FMI.of(lost_second, edges)
    assert FMI.of(lost_first, edges | SECOND) < FMI.of(lost_first, edges) - 0.04
    assert FMI.of(lost_second, edges | SECOND) == FMI.of(lost_second, edges)


def test_constant_and_tiny_pictures_give_values_but_no_warning():
    textured = trio(8, 9, 1).ir.values
    flat = np.full_like(textured, 9)
    assert FMI.of(of(flat, textured, textured), {"feature": "pixel"}) == pytest.approx(0, abs=1e-12)
    assert FMI.of(of(textured, flat, textured), {"feature": "pixel"}) == pytest.approx(0.5)
    for feature in ref.FEATURES:
        assert FMI.of(alike(flat), {"feature": feature}) == 1
        assert math.isfinite(FMI.of(of(flat, textured, flat), {"feature": feature}))
    assert math.isfinite(FMI.of(trio(3, 3, 1)))
    assert math.isnan(FMI.of(trio(2, 9, 1)))


def test_blocks_do_not_matter(monkeypatch):
    whole = FMI.of(trio(24, 31, 0))
    for windows in (1, 29, 100):
        monkeypatch.setattr(features, "_BLOCK", windows)
        assert FMI.of(trio(24, 31, 0)) == pytest.approx(whole, rel=1e-12)


def test_a_blurred_fused_picture_is_worse():
    t = trio(24, 31, 2)
    f = doubles(t)[0]
    f[1:-1, 1:-1] = (f[:-2, 1:-1] + f[2:, 1:-1] + f[1:-1, :-2] + f[1:-1, 2:]) / 4
    for feature in ("gradient", "pixel"):
        convention = {"feature": feature}
        assert FMI.of(of(f, t.ir.values, t.vis.values), convention) < FMI.of(t, convention)


def test_wrong_constants_are_noticed(monkeypatch):
    t = trio(12, 15, 0)
    expected = ref.feature_mutual_information(*doubles(t), "gradient")
    monkeypatch.setattr(features, "SIDE", 2)
    assert FMI.of(trio(12, 15, 0)) != pytest.approx(expected, rel=EXACT)
    monkeypatch.setattr(features, "EDGE_FACTOR", 2.0)
    assert (features._edge(Plane(t.vis.values)) != ref.edge(doubles(t)[2])).any()
