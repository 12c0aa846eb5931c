"""Promises of everything that `-m` takes by name: methods, plug-ins, and networks with weights.

No method is named here: specs decide.
"""

import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imfuse.engines.load import load_engine, model_names
from imfuse.engines.scene import describe, in_blocks
from imfuse.ops.geometry import padded_size
from imfuse.types import FusionSpec, SceneEngine
from reference.pictures import pair

ENGINES = {name: load_engine(name) for name in model_names()}
"""One engine of each name for all tests here, as engines keep no state."""


def those(promise):
    """Run a test over the names whose specs make a promise."""
    return pytest.mark.parametrize("name", [n for n, e in ENGINES.items() if promise(e.spec)])


classical = those(lambda spec: spec.kind == "classical")  # networks promise no such thing
symmetric = those(lambda spec: spec.symmetric)
bounded = those(lambda spec: spec.activation != "none")
tiled = those(lambda spec: spec.tile is not None)  # others are never cut


@pytest.fixture(params=ENGINES)
def name(request):
    return request.param


@pytest.fixture
def engine(name):
    return ENGINES[name]


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
@example(height=1, width=1, seed=0)
@example(height=1, width=70, seed=0)
@pytest.mark.parametrize("name", ENGINES)
def test_any_size(name, height, width, seed):
    engine = ENGINES[name]
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


@symmetric
def test_symmetric_where_everything_ties(engine):
    """Opposite contrasts of one strength: nothing but the order could decide."""
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


@tiled
@pytest.mark.parametrize("seed", [1, 2])
def test_tiles_equal_the_whole_and_the_halo_is_needed(engine, seed):
    """Tiled equals whole within 1e-4; a method that has a halo falls short with half of it."""
    rule = engine.spec.tile
    halo = -(-rule.halo // rule.stride) * rule.stride
    height, width = 2 * halo + 3 * rule.stride + 37, 2 * halo + 2 * rule.stride + 62
    ir, vis = inputs(engine.spec, height, width, seed)
    if isinstance(engine, SceneEngine):  # it must be told of the whole, as `Fuser` does
        engine = engine.in_scene(describe(in_blocks(ir), in_blocks(vis)))
    whole = engine.fuse(ir, vis)
    rows, columns = cuts(rule.stride, ir.shape[0], halo), cuts(rule.stride, ir.shape[1], halo)
    cores = [*zip(rows, columns, strict=True), (rows[0], columns[3]), (rows[3], columns[1])]
    assert max(tile_error(engine, ir, vis, whole, halo, core) for core in cores) <= 1e-4
    if rule.halo:
        less = rule.halo // 2 // rule.stride * rule.stride
        assert max(tile_error(engine, ir, vis, whole, less, core) for core in cores) > 1e-5


@classical
def test_two_equal_pictures_give_that_picture(engine):
    ir, _ = pair(83, 101, seed=3)
    # 2e-3, half a step of 8 bits: sparse codes leave a residual of 0.1 / 255 per patch
    np.testing.assert_allclose(engine.fuse(ir, ir), ir, atol=2e-3)


@classical
@pytest.mark.parametrize("levels", [(0, 1), (0.25, 0.25), (0.8, 0.1), (0, 0), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (5, 40), (64, 48)])
def test_constants_stay_constant_and_between(engine, levels, size):
    ir, vis = (np.full(padded_size(*size, engine.spec.size), v, np.float32) for v in levels)
    fused = engine.fuse(*gray_inputs(engine.spec, ir, vis))
    assert np.ptp(fused) <= 1e-4
    assert min(levels) - 1e-4 <= fused.min() <= fused.max() <= max(levels) + 1e-4


@bounded
def test_bounded_outputs_stay_in_bounds(engine, rng):
    size = padded_size(72, 90, engine.spec.size)
    noise = [(rng.random(size) < 0.5).astype(np.float32) for _ in range(2)]
    for gray in (noise, pair(*size, seed=4), [np.zeros(size, np.float32)] * 2):
        fused = engine.fuse(*gray_inputs(engine.spec, *gray))
        assert 0 <= fused.min() <= fused.max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_textures_of_half_the_range_need_no_clamping(engine, seed):
    """Selection may overshoot at crossing edges, but by less than half of the contrast there is."""
    size = padded_size(72, 90, engine.spec.size)
    gray = [np.float32(0.25) + x / 2 for x in pair(*size, seed)]
    fused = engine.fuse(*gray_inputs(engine.spec, *gray))
    assert 0 <= fused.min() <= fused.max() <= 1


def traced_bytes_per_pixel(engine, size):
    """Return the peak of the memory that Python and NumPy give out while a picture is fused."""
    ir, vis = inputs(engine.spec, *size)
    engine.fuse(ir[:128, :128], vis[:128, :128])  # what is loaded once is not counted
    tracemalloc.start()
    try:
        fused = engine.fuse(ir, vis)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return (peak - fused.nbytes) / ir.size


def resident_bytes_per_pixel(name, height, width):
    """Return the growth of a fresh process's peak memory, which that of other libraries is in."""
    script = f"""
from pathlib import Path
import numpy as np
from imfuse.engines.load import load_engine

def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))

engine = load_engine({name!r})
channels = (3,) if engine.spec.visible == "rgb" else ()
rng = np.random.default_rng(0)
for height, width in ((64, 64), ({height}, {width})):
    ir = rng.random((height, width), np.float32)
    vis = rng.random((height, width, *channels), np.float32)
    Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
    before = memory("VmRSS")
    fused = engine.fuse(ir, vis)
print((memory("VmHWM") - before - fused.nbytes) / ir.size)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def measured_bytes_per_pixel(engine, size):
    if engine.spec.kind == "classical":
        return traced_bytes_per_pixel(engine, size)
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("only Linux can begin a peak anew")
    smaller = (side // 3 for side in size)  # networks take more for each pixel, and more time
    return resident_bytes_per_pixel(engine.spec.name, *padded_size(*smaller, engine.spec.size))


@pytest.mark.parametrize("size", [(480, 640), (301, 1025)])
def test_memory_is_as_declared(engine, size):
    """No more than declared, and not so much less that the declaration means nothing."""
    measured = measured_bytes_per_pixel(engine, size)
    assert measured <= engine.spec.bytes_per_pixel
    # Four bytes, one float, are the least that a method declares.
    assert engine.spec.bytes_per_pixel <= max(4, 4 * measured)
