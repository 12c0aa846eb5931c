"""What every fusion method promises, ours or a plug-in's. No method is named here: specs decide."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfuse.ops.geometry import padded_size
from imfuse.registry import find_method, method_names
from imfuse.types import FusionSpec
from reference.pictures import pair

MAKE_ROOM = 24
"""Pixels by which pictures for tile tests exceed what a halo on both sides takes."""


@pytest.fixture(params=method_names())
def name(request):
    return request.param


@pytest.fixture
def engine(name):
    return find_method(name)


def inputs(spec, height, width, seed=0):
    """Return an infrared and a visible picture of the least size that the method takes."""
    ir, vis = pair(*padded_size(height, width, spec.size), seed)
    if spec.visible == "rgb":
        vis = np.stack([vis, vis**2, np.sqrt(vis)], axis=-1)
    return ir, vis


def gray_inputs(spec, ir, vis):
    return ir, np.stack([vis] * 3, axis=-1) if spec.visible == "rgb" else vis


def expected_shape(spec, ir):
    return (*ir.shape, 3) if spec.output == "rgb" else ir.shape


def classical_only(spec):
    if spec.kind != "classical":
        pytest.skip("a network need not keep this exactly")


def test_spec_is_consistent_and_survives_json(name, engine):
    spec = engine.spec
    assert spec.name == name
    assert spec.title
    assert spec.title == spec.title.strip()
    assert FusionSpec.model_validate_json(spec.model_dump_json()) == spec
    assert bool(spec.paper) == (spec.year is not None)
    assert spec.parameters == 0 or spec.kind == "network"


@settings(max_examples=12)
@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 99))
@pytest.mark.parametrize("name", method_names())
def test_any_size(name, height, width, seed):
    engine = find_method(name)
    ir, vis = inputs(engine.spec, height, width, seed)
    fused = engine.fuse(ir, vis)
    assert fused.shape == expected_shape(engine.spec, ir)
    assert fused.dtype == np.float32
    assert np.isfinite(fused).all()


def test_inputs_are_left_alone_and_may_be_read_only(engine):
    ir, vis = inputs(engine.spec, 45, 38)
    copies = ir.copy(), vis.copy()
    expected = engine.fuse(ir, vis)
    np.testing.assert_array_equal(ir, copies[0])
    np.testing.assert_array_equal(vis, copies[1])
    ir.flags.writeable = vis.flags.writeable = False
    fused = engine.fuse(ir, vis)
    np.testing.assert_array_equal(fused, expected)
    assert not np.shares_memory(fused, ir)
    assert not np.shares_memory(fused, vis)


def test_windows_of_larger_arrays_are_taken(engine):
    ir, vis = inputs(engine.spec, 40, 51)
    expected = engine.fuse(ir, vis)
    large = [np.full((x.shape[0] + 9, x.shape[1] + 5, *x.shape[2:]), 7, x.dtype) for x in (ir, vis)]
    for array, x in zip(large, (ir, vis), strict=True):
        array[3:-6, 2:-3] = x
    fused = engine.fuse(*(array[3:-6, 2:-3] for array in large))
    np.testing.assert_allclose(fused, expected, atol=1e-6)


def test_the_same_again_and_in_many_threads(engine):
    pairs = [inputs(engine.spec, 60, 64 + 7 * seed, seed) for seed in range(4)]
    expected = [engine.fuse(*p) for p in pairs]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda p: engine.fuse(*p), pairs * 4))
    for fused, wanted in zip(found, expected * 4, strict=True):
        np.testing.assert_array_equal(fused, wanted)


@pytest.mark.parametrize("size", [(64, 64), (121, 77)])
def test_symmetric_as_declared(engine, size):
    ir, vis = pair(*padded_size(*size, engine.spec.size), seed=6)
    difference = np.abs(
        engine.fuse(*gray_inputs(engine.spec, ir, vis))
        - engine.fuse(*gray_inputs(engine.spec, vis, ir))
    ).max()
    assert difference <= 1e-5 if engine.spec.symmetric else difference > 1e-3


def test_symmetric_where_everything_ties(engine):
    """Opposite contrasts of one strength: nothing but the order could decide."""
    if not engine.spec.symmetric:
        pytest.skip("not declared")
    ir, _ = pair(*padded_size(90, 110, engine.spec.size), seed=8)
    vis = np.float32(1) - ir
    swapped = engine.fuse(*gray_inputs(engine.spec, vis, ir))
    np.testing.assert_allclose(engine.fuse(*gray_inputs(engine.spec, ir, vis)), swapped, atol=1e-5)


def tile_error(engine, ir, vis, whole, halo, core):
    """Return how far the result of a core, fused with a halo around it, is from the whole's."""
    window = [
        slice(max(c.start - halo, 0), min(c.stop + halo, side))
        for c, side in zip(core, ir.shape, strict=True)
    ]
    part = engine.fuse(ir[tuple(window)], vis[tuple(window)])
    inside = tuple(
        slice(c.start - w.start, c.stop - w.start) for c, w in zip(core, window, strict=True)
    )
    return float(np.abs(part[inside] - whole[core]).max())


def cuts(stride, side, halo):
    """Return cores along one side: first, inner, one ending just inside, and last."""
    at = [k * stride for k in (0, -(-(halo + 1) // stride), (side - 1) // stride)]
    middle = at[1]
    return [
        slice(0, middle),
        slice(middle, min(middle + 2 * stride, side)),
        slice(middle, side),
        slice(at[2], side),
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_tiles_equal_the_whole_and_the_halo_is_needed(engine, seed):
    """Tiled equals whole within 1e-4; with half the halo, a method that has one falls short."""
    rule = engine.spec.tile
    if rule is None:
        pytest.skip("the result depends on the whole picture, which then is never cut")
    halo = -(-rule.halo // rule.stride) * rule.stride
    height, width = 2 * halo + 3 * rule.stride + 37, 2 * halo + 2 * rule.stride + 62
    ir, vis = inputs(engine.spec, height, width, seed)
    whole = engine.fuse(ir, vis)
    rows, columns = cuts(rule.stride, ir.shape[0], halo), cuts(rule.stride, ir.shape[1], halo)
    cores = [*zip(rows, columns, strict=True), (rows[0], columns[3]), (rows[3], columns[1])]
    assert max(tile_error(engine, ir, vis, whole, halo, core) for core in cores) <= 1e-4
    if rule.halo:
        less = rule.halo // 2 // rule.stride * rule.stride
        assert max(tile_error(engine, ir, vis, whole, less, core) for core in cores) > 1e-5


def test_two_equal_pictures_give_that_picture(engine):
    classical_only(engine.spec)
    ir, _ = pair(83, 101, seed=3)
    # 2e-3, half a step of 8 bits: sparse codes leave a residual of 0.1 / 255 per patch
    np.testing.assert_allclose(engine.fuse(ir, ir), ir, atol=2e-3)


@pytest.mark.parametrize("levels", [(0, 1), (0.25, 0.25), (0.8, 0.1), (0, 0), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (5, 40), (64, 48)])
def test_constants_stay_constant_and_between(engine, levels, size):
    classical_only(engine.spec)
    ir, vis = (np.full(padded_size(*size, engine.spec.size), v, np.float32) for v in levels)
    fused = engine.fuse(*gray_inputs(engine.spec, ir, vis))
    assert np.ptp(fused) <= 1e-4
    assert min(levels) - 1e-4 <= fused.min() <= fused.max() <= max(levels) + 1e-4


def test_values_stay_sane(engine, rng):
    """Selection may overshoot at crossing edges, but never by a whole range."""
    size = padded_size(72, 90, engine.spec.size)
    noise = [(rng.random(size) < 0.5).astype(np.float32) for _ in range(2)]
    for gray in (noise, pair(*noise[0].shape, seed=4)):
        fused = engine.fuse(*gray_inputs(engine.spec, *gray))
        bounds = (-1, 2) if engine.spec.activation == "none" else (-1e-6, 1 + 1e-6)
        assert bounds[0] <= fused.min() <= fused.max() <= bounds[1]


@pytest.mark.parametrize("size", [(480, 640), (301, 1025)])
def test_memory_is_as_declared(engine, size):
    ir, vis = inputs(engine.spec, *size)
    engine.fuse(ir[:128, :128], vis[:128, :128])  # what is loaded once is not counted
    tracemalloc.start()
    try:
        fused = engine.fuse(ir, vis)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (peak - fused.nbytes) / ir.size <= engine.spec.bytes_per_pixel


def test_the_memory_test_can_fail(engine):
    """Methods that declare much use it: a declaration is at most four times what is measured."""
    ir, vis = inputs(engine.spec, 480, 640)
    tracemalloc.start()
    try:
        fused = engine.fuse(ir, vis)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if engine.spec.kind == "classical" and engine.spec.bytes_per_pixel > 4:
        assert engine.spec.bytes_per_pixel < 4 * (peak - fused.nbytes) / ir.size
