"""What every metric promises. No metric is named here but where the promise can't hold for it."""

import inspect
import math

import cv2
import numpy as np
import pytest

from imfuse.metrics.catalogue import METRICS, PAPER_METRICS, find_metric
from imfuse.metrics.planes import Plane, Trio
from imfuse.metrics.protocols import PROTOCOLS
from reference.pictures import pair, textured

SIZE = (181, 203)
"""Large enough for every metric, and odd."""

ARTEFACTS_ONLY = {"Nabf"}
"""Metrics that punish what was added and nothing else, so that an empty picture is perfect."""


@pytest.fixture(params=METRICS)
def metric(request):
    return METRICS[request.param]


@pytest.fixture(scope="module")
def scene():
    ir, vis = (np.rint(255 * x).astype(np.uint8) for x in pair(*SIZE, seed=3))
    fused = np.rint((ir.astype(float) + vis) / 2).astype(np.uint8)
    return fused, ir, vis


def unrelated(seed=77):
    """A dull, blurred picture of something else."""
    other = cv2.GaussianBlur(textured(*SIZE, seed), (0, 0), 8)
    return np.rint(110 + 25 * other).astype(np.uint8)


def noisy(fused):
    noise = np.random.default_rng(1).normal(0, 25, fused.shape)
    return np.clip(np.rint(fused + noise), 0, 255).astype(np.uint8)


def ways(metric):
    return {"reference": {}, **metric.kits, **metric.variants}


def test_it_tells_what_it_is(metric):
    info = metric.info
    assert METRICS[info.symbol] is metric
    assert info.title
    assert info.reference
    assert info.low is None or info.high is None or info.low < info.high
    assert (metric.compute.__doc__ or "").strip()


def test_conventions_are_named_arguments_with_our_definition_as_default(metric):
    parameters = list(inspect.signature(metric.compute).parameters.values())
    assert parameters[0].name == "trio"
    for parameter in parameters[1:]:
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty
    names = {parameter.name for parameter in parameters[1:]}
    for convention in ways(metric).values():
        assert set(convention) <= names
    assert set(metric.kits) <= set(PROTOCOLS) - {"reference"}


def test_every_way_gives_a_number_within_the_declared_bounds(metric, scene):
    for name, convention in ways(metric).items():
        value = metric(*scene, data_range=255, **convention)
        assert math.isfinite(value), name
        if not convention:
            assert metric.info.low is None or value >= metric.info.low - 1e-9
            assert metric.info.high is None or value <= metric.info.high + 1e-9


def test_a_convention_changes_something(metric, scene):
    """A named convention that changes nothing on ordinary pictures is no convention."""
    ours = metric(*scene, data_range=255)
    for convention in ways(metric).values():
        for name, value in convention.items():
            default = inspect.signature(metric.compute).parameters[name].default
            assert value != default, f"{name}={value} is the default"
    fractional = tuple(np.clip(x * 0.9 + 3.3, 0, 255) for x in scene)
    edge = tuple(np.where(x > 200, 255, np.where(x > 150, 254, x)) for x in scene)
    flat = (scene[0], scene[1], np.full_like(scene[2], 90))
    for name, convention in ways(metric).items():
        if convention:
            changed = [
                metric(*three, data_range=255, **convention) != metric(*three, data_range=255)
                for three in (scene, fractional, edge, flat)
            ]
            assert any(changed), f"{name} gives {ours} too"


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float64, 1)])
def test_depth_makes_no_difference(metric, scene, dtype, white):
    ours = metric(*scene, data_range=255)
    other = [(x.astype(np.float64) / 255 * white).astype(dtype) for x in scene]
    assert metric(*other, data_range=white) == pytest.approx(ours, rel=1e-4, abs=1e-6)


def test_exchanging_the_sources_is_as_declared(metric, scene):
    fused, ir, vis = scene
    fused = np.rint(0.7 * ir + 0.3 * vis).astype(np.uint8)
    ours, swapped = (metric(fused, *two, data_range=255) for two in ((ir, vis), (vis, ir)))
    if metric.info.symmetric:
        assert ours == pytest.approx(swapped, rel=1e-6, abs=1e-9)
    else:
        assert ours != pytest.approx(swapped, rel=1e-3)


def test_transposing_makes_hardly_a_difference(metric, scene):
    """Blocks and decimation start at the upper left, which transposing keeps.

    2 %: orientations of edges are from -90 to 90 degrees, and transposing moves where they jump.
    """
    ours = metric(*scene, data_range=255)
    turned = metric(*(x.T.copy() for x in scene), data_range=255)
    assert turned == pytest.approx(ours, rel=2e-2, abs=1e-4)


def test_a_worse_picture_scores_worse(metric, scene):
    fused, ir, vis = scene
    bad = noisy(fused) if metric.info.symbol in ARTEFACTS_ONLY else unrelated()
    good, worse = (metric(one, ir, vis, data_range=255) for one in (fused, bad))
    assert good > worse if metric.info.better == "higher" else good < worse


FLAT = [(0, 0, 0), (255, 255, 255), (90, 90, 90), (10, 200, 30), (0, 255, 128)]


@pytest.mark.parametrize("levels", FLAT)
def test_constant_pictures_give_a_value_or_a_reason(metric, levels):
    flat = [np.full(SIZE, level, np.uint8) for level in levels]
    for name, convention in ways(metric).items():
        value = metric(*flat, data_range=255, **convention)
        assert math.isfinite(value) or (math.isnan(value) and metric.info.undefined), name


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_constant_picture_gives_a_value_or_a_reason(metric, scene, which):
    three = list(scene)
    three[which] = np.full(SIZE, 90, np.uint8)
    for name, convention in ways(metric).items():
        value = metric(*three, data_range=255, **convention)
        assert math.isfinite(value) or (math.isnan(value) and metric.info.undefined), name


def test_sizes_from_the_declared_minimum(metric):
    least = metric.info.minimum
    for height, width in ((least, least), (least, least + 7), (least + 4, least)):
        height, width = max(height, 4), max(width, 4)  # noqa: PLW2901 - single pixels are flat
        three = [np.rint(255 * textured(height, width, seed)).astype(np.uint8) for seed in range(3)]
        value = metric(*three, data_range=255)
        assert math.isfinite(value) or metric.info.undefined
    if least > 1:
        small = [x[: least - 1] for x in three]
        assert math.isnan(metric(*small, data_range=255))
        assert f"{least}x{least}" in metric.why_undefined((least - 1, least))


def test_single_pixels_are_survived(metric):
    value = metric(*(np.full((1, 1), v, np.uint8) for v in (3, 4, 9)), data_range=255)
    assert not math.isnan(value) or metric.why_undefined((1, 1))


def test_planes_are_left_alone_and_give_the_same_again(metric, scene):
    planes = [Plane(x.astype(np.float32)) for x in scene]
    for plane in planes:
        plane.values.flags.writeable = False
    first = metric.compute(Trio(*planes))
    assert metric.compute(Trio(*planes)) == first
    assert metric(*scene, data_range=255) == pytest.approx(first, rel=1e-9)
    for plane, x in zip(planes, scene, strict=True):
        np.testing.assert_array_equal(plane.values, x)


def test_what_a_plane_remembers_does_not_leak_into_other_trios(metric, scene):
    """Sources are shared between the fused pictures of a benchmark."""
    fused, ir, vis = (Plane(x.astype(np.float32)) for x in scene)
    metric.of(Trio(fused, ir, vis))
    other = Plane(unrelated().astype(np.float32))
    for three in ((other, ir, vis), (fused, vis, ir), (ir, fused, vis), (fused, other, vis)):
        fresh = Trio(*(Plane(plane.values) for plane in three))
        assert metric.of(Trio(*three)) == pytest.approx(metric.of(fresh), rel=1e-9, nan_ok=True)


def test_symbols_are_found_in_any_spelling():
    for symbol in METRICS:
        assert find_metric(symbol.lower().replace("-", "_")) is METRICS[symbol]
    assert set(PAPER_METRICS) <= set(METRICS)
