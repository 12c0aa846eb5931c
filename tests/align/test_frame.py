"""Pixels of the result: which they are, what one camera alone sees, what both share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imfuse.align.frame import framed, largest_rectangle, shared
from imfuse.align.plane import InfraredPlane, _Onto
from imfuse.engines.base import FunctionEngine
from imfuse.errors import NotRegistered, UsageError
from imfuse.fuser import Fuser
from imfuse.infrared import prepare_infrared
from imfuse.ops.warps import beyond, positions, warp
from imfuse.options import FuseOptions
from imfuse.types import FusionSpec, ImagePair, Picture, Registration, TileRule

SPEC = FusionSpec(name="t", title="t", kind="classical", tile=TileRule(halo=0))
VIS_ONLY = FunctionEngine(SPEC, lambda ir, vis: vis + 0)


class Fixed:
    def __init__(self, matrix):
        self.matrix = np.asarray(matrix, np.float64)

    def register(self, pair):
        return Registration(matrix=self.matrix, estimator="auto", confidence=0.9)


def fuse(pair, matrix, frame, engine=VIS_ONLY, **options):
    options = FuseOptions(model=engine, align="auto", frame=frame, **options)
    return Fuser(options, aligner=Fixed(matrix)).fuse(pair)


@pytest.fixture
def pair(rng):
    return ImagePair(
        ir=Picture(pixels=rng.integers(0, 256, (40, 60), dtype=np.uint8), name="ir"),
        vis=Picture(pixels=rng.integers(0, 256, (50, 80, 3), dtype=np.uint8), name="vis"),
    )


def shift(x, y):
    return [[1, 0, x], [0, 1, y], [0, 0, 1]]


def test_the_infrared_frame_shows_infrared_where_nothing_else_shows(pair):
    """Infrared begins 10 columns left of the visible picture, and 5 rows above it."""
    fused = fuse(pair, shift(-10, -5), "ir", provenance=True)
    assert fused.size == pair.ir.size
    np.testing.assert_array_equal(fused.pixels[5:, 10:], pair.vis.pixels[:35, :50])
    for channel in range(3):
        np.testing.assert_array_equal(fused.pixels[:5, :, channel], pair.ir.pixels[:5])
        np.testing.assert_array_equal(fused.pixels[:, :10, channel], pair.ir.pixels[:, :10])
    assert (fused.provenance[:5] == (1, 0, 0)).all()
    alone = 1 - 35 * 50 / (40 * 60)
    assert fused.history["registration"]["alone"] == pytest.approx(alone, abs=1e-4)


def test_the_overlap_is_what_both_see(pair):
    fused = fuse(pair, shift(30, 20), "overlap")
    np.testing.assert_array_equal(fused.pixels, pair.vis.pixels[20:50, 30:80])
    assert fused.history["registration"]["alone"] == 0


def test_the_visible_frame_keeps_the_visible_picture(pair):
    fused = fuse(pair, shift(30, 20), "vis", FunctionEngine(SPEC, lambda ir, vis: ir + 0))
    assert fused.size == pair.vis.size
    np.testing.assert_array_equal(fused.pixels[:20], pair.vis.pixels[:20])
    assert fused.history["registration"]["alone"] == pytest.approx(1 - 30 * 50 / 4000, abs=1e-4)


def test_transparency_goes_along(pair):
    alpha = np.full((50, 80), 255, np.uint8)
    alpha[:, 40:] = 0
    vis = Picture(pixels=pair.vis.pixels, alpha=alpha)
    fused = fuse(ImagePair(ir=pair.ir, vis=vis), shift(0, 0), "ir")
    np.testing.assert_array_equal(fused.alpha, alpha[:40, :60])
    fused = fuse(ImagePair(ir=pair.ir, vis=vis), shift(30, 20), "overlap")
    np.testing.assert_array_equal(fused.alpha, alpha[20:, 30:])


def test_a_finer_visible_picture_is_averaged(rng):
    """Infrared pixels of 4 by 4 visible ones show about their mean, not one of them."""
    fine = rng.integers(0, 256, (160, 240), dtype=np.uint8)
    pair = ImagePair(ir=Picture(pixels=np.zeros((40, 60), np.uint8)), vis=Picture(pixels=fine))
    fused = fuse(pair, [[4, 0, 1.5], [0, 4, 1.5], [0, 0, 1]], "ir").pixels.astype(float)
    means = fine.reshape(40, 4, 60, 4).mean((1, 3))
    assert np.abs(fused - means).max() <= 1


@pytest.mark.parametrize("frame", ["vis", "ir", "overlap"])
def test_no_overlap_is_refused(pair, frame):
    with pytest.raises(NotRegistered) as refusal:
        fuse(pair, shift(500, 0), frame)
    assert refusal.value.reason == "no_overlap"


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_largest_rectangle_is_the_largest(seen):
    rows, columns = largest_rectangle(seen)
    assert seen[rows, columns].all()
    found = (rows.stop - rows.start) * (columns.stop - columns.start)
    height, width = seen.shape
    best = max(
        (
            (b - a) * (d - c)
            for a in range(height)
            for b in range(a + 1, height + 1)
            for c in range(width)
            for d in range(c + 1, width + 1)
            if seen[a:b, c:d].all()
        ),
        default=0,
    )
    assert found == best


def test_the_largest_rectangle_of_a_large_picture():
    seen = np.zeros((2000, 3000), bool)
    seen[101:1903, 57:2900] = True
    rows, columns = largest_rectangle(seen)
    assert seen[rows, columns].all()
    assert (rows.stop - rows.start) * (columns.stop - columns.start) > 0.98 * 1802 * 2843


HOMOGRAPHY = np.array([[2.1, 0.15, 20], [-0.1, 1.9, 14], [4e-4, -2e-4, 1]])


def test_the_shared_area_is_that_of_pixels():
    at = positions(HOMOGRAPHY, (slice(0, 300), slice(0, 400)))
    counted = (~beyond(at, (100, 120))).mean()
    assert shared(HOMOGRAPHY, (100, 120), (300, 400)) == pytest.approx(counted, abs=2e-3)
    assert shared(np.eye(3), (30, 40), (30, 40)) == 1
    behind = np.array([[1, 0, 0], [0, 1, 0], [0.05, 0, -1.0]])
    assert shared(behind, (100, 120), (300, 400)) == 0


@pytest.mark.parametrize(
    "matrix", [HOMOGRAPHY, np.eye(3), np.array([[0.4, 0, 3.2], [0, 0.4, -1.3], [0, 0, 1]])]
)
def test_windows_are_warped_as_positions_say(rng, matrix):
    """The quick way for matrices against the general one; it rounds positions to 1/32 pixel."""
    values = np.cumsum(rng.normal(size=(100, 120)), axis=1).astype(np.float32)
    values /= np.abs(values).max()
    onto = _Onto(Registration(matrix=matrix), (100, 120), (300, 400))
    window = slice(40, 260), slice(10, 390)
    at = positions(matrix, window)
    hidden = onto.beyond(window)
    expected = beyond(at, (100, 120))
    assert hidden is not None
    edge = np.abs(hidden.astype(int) - expected).mean()
    assert edge < 2e-3
    inside = ~(hidden | expected)
    np.testing.assert_allclose(
        onto.warp(values, window)[inside], warp(values, at)[inside], atol=0.02
    )


def test_pixels_behind_the_horizon_show_no_infrared(rng):
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, 1.0]])
    tilted = np.linalg.inv(np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, -1.0]]))
    ir = Picture(pixels=rng.integers(0, 256, (40, 60), dtype=np.uint8))
    for one in (matrix, tilted):
        vis = Picture(pixels=np.zeros((80, 200), np.uint8))
        infrared = prepare_infrared(ir, None, [])
        plane = InfraredPlane.of(infrared, ir, vis, Registration(matrix=one), [])
        window = slice(0, 80), slice(0, 200)
        at = positions(one, window)
        hidden = plane.hidden(window)
        expected = beyond(at, (40, 60))
        assert (np.zeros_like(expected) if hidden is None else hidden)[expected].mean() > 0.98


def test_options_that_exclude_one_another_are_refused():
    with pytest.raises(UsageError, match="frame='ir' with resize='ir'"):
        FuseOptions(frame="ir", resize="ir")
    with pytest.raises(UsageError, match="one of vis, ir, overlap"):
        FuseOptions(align="auto", frame="both")
    with pytest.raises(UsageError, match="rig file that ends in .json"):
        FuseOptions(align="yes")
    with pytest.raises(UsageError, match="resize='ir' with align='auto'"):
        FuseOptions(align="auto", resize="ir")


def test_framed_says_what_one_camera_alone_shows():
    ir, vis = (Picture(pixels=np.zeros(size, np.uint8)) for size in ((50, 50), (100, 100)))
    found = framed(vis, ir, Registration(matrix=np.eye(3)), "vis")
    assert found.alone == 0.75


def test_no_seam_shows_where_infrared_ends():
    """From white to black within three hundredths of the side (447), not at once."""
    ir, vis = np.full((400, 500), 255, np.uint8), np.zeros((600, 800, 3), np.uint8)
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    ir_only = FunctionEngine(SPEC, lambda ir, vis: ir + 0)
    fused = fuse(pair, shift(100, 80), "vis", ir_only, provenance=True)
    row = fused.pixels[300, :, 0].astype(int)
    assert (row[:100] == 0).all()
    assert (row[118:582] == 255).all()
    assert (row[600:] == 0).all()
    assert np.abs(np.diff(row)).max() <= 24
    shares = fused.provenance[300, 103:112]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (np.diff(shares[:, 0]) > 0).all()


def test_nothing_fades_where_infrared_covers_all():
    ir, vis = np.full((400, 500), 255, np.uint8), np.zeros((300, 400, 3), np.uint8)
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    ir_only = FunctionEngine(SPEC, lambda ir, vis: ir + 0)
    assert (fuse(pair, shift(-20, -30), "vis", ir_only).pixels == 255).all()
