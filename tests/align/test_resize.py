"""Registrations: which sizes fit, and that a warp moves what it should to where it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.align.resize import PixelOnPixel, SameView
from imfuse.engines.base import FunctionEngine
from imfuse.errors import PairMismatch
from imfuse.fuser import Fuser
from imfuse.ops.warps import beyond, positions, scaling
from imfuse.types import FusionSpec, ImagePair, Picture, Registration, TileRule

IR_ONLY = FunctionEngine(
    FusionSpec(name="t", title="t", kind="classical", tile=TileRule(halo=0)), lambda ir, vis: ir + 0
)


def pair(ir_size, vis_size):
    return ImagePair(
        ir=Picture(pixels=np.zeros(ir_size, np.uint8), name="ir"),
        vis=Picture(pixels=np.zeros(vis_size, np.uint8), name="vis"),
    )


class Fixed:
    def __init__(self, registration):
        self.registration = registration

    def register(self, pair):
        return self.registration


@pytest.mark.parametrize(
    ("ir", "vis"),
    [((480, 640), (1080, 1920)), ((640, 480), (480, 640)), ((512, 640), (480, 640))],
)
def test_other_proportions_are_refused_unless_stretching_is_asked_for(ir, vis):
    with pytest.raises(PairMismatch, match="proportions differ.*Crop the .*--stretch"):
        SameView().register(pair(ir, vis))
    for resize in ("ir", "vis"):
        with pytest.raises(PairMismatch, match="proportions differ"):
            Fuser("max", resize=resize).fuse(pair(ir, vis))
        fused = Fuser("max", resize=resize, stretch=True).fuse(pair(ir, vis))
        assert fused.size == (vis if resize == "ir" else ir)


def test_the_size_to_crop_to_fits():
    with pytest.raises(PairMismatch, match=r"Crop the visible picture .*to 1440x1080"):
        SameView().register(pair((480, 640), (1080, 1920)))
    with pytest.raises(PairMismatch, match=r"Crop the infrared picture .*to 600x480"):
        SameView().register(pair((480, 640), (1024, 1280)))
    SameView().register(pair((480, 640), (1080, 1440)))


@pytest.mark.parametrize(
    ("ir", "vis"),
    [((480, 640), (960, 1280)), ((512, 640), (1024, 1270)), ((7, 9), (62, 80)), ((3, 5), (3, 5))],
)
def test_the_same_field_of_view_up_to_rounding_is_taken(ir, vis):
    assert SameView().register(pair(ir, vis)).estimator in {"none", "resize"}


def test_without_an_aligner_sizes_must_agree():
    with pytest.raises(PairMismatch, match="--resize ir"):
        PixelOnPixel().register(pair((4, 4), (4, 5)))


@given(*[st.integers(1, 300)] * 4)
def test_scaling_maps_corners_onto_corners(height, width, new_height, new_width):
    matrix = scaling((height, width), (new_height, new_width))
    corners = np.array([[-0.5, -0.5, 1], [width - 0.5, height - 0.5, 1]]).T
    expected = [[-0.5, new_width - 0.5], [-0.5, new_height - 0.5]]
    np.testing.assert_allclose((matrix @ corners)[:2], expected, atol=1e-9)


def blob(size, x, y):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 40).astype(np.float32)


def test_a_warp_puts_infrared_where_the_matrix_says_and_shows_the_visible_elsewhere():
    angle = np.deg2rad(7)
    matrix = np.array(
        [
            [1.8 * np.cos(angle), -1.8 * np.sin(angle), 30],
            [1.8 * np.sin(angle), 1.8 * np.cos(angle), 12],
            [2e-4, -1e-4, 1],
        ]
    )
    ir, vis = blob((60, 80), 33, 27), np.full((150, 200), 0.25, np.float32)
    target = matrix @ [33, 27, 1]
    x, y = target[:2] / target[2]
    registration = Registration(matrix=matrix, estimator="rig", confidence=0.9)
    couple = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    fused = Fuser(IR_ONLY, aligner=Fixed(registration)).fuse(couple)
    rows, columns = np.mgrid[:150, :200]
    near = np.hypot(columns - x, rows - y) < 12
    weights = np.where(near, fused.pixels, 0)
    assert np.sum(columns * weights) / weights.sum() == pytest.approx(x, abs=0.1)
    assert np.sum(rows * weights) / weights.sum() == pytest.approx(y, abs=0.1)
    outside = beyond(positions(matrix, (slice(0, 150), slice(0, 200))), (60, 80))
    assert 0.1 < outside.mean() < 0.9
    assert np.all(fused.pixels[outside] == 0.25)
    assert fused.history["registration"]["estimator"] == "rig"
    tiled = Fuser(IR_ONLY, aligner=Fixed(registration), max_memory=500_000).fuse(couple)
    assert np.abs(tiled.pixels - fused.pixels).max() < 1e-5


def test_a_dense_field_is_followed_and_masked_pixels_show_the_visible():
    ir = blob((40, 50), 20, 20)
    vis = np.full((40, 50), 0.5, np.float32)
    y, x = np.mgrid[:40, :50].astype(np.float32)
    field = np.stack([x - 3, y + 2], axis=-1)
    outside = np.zeros((40, 50), bool)
    outside[:, :10] = True
    registration = Registration(field=field, outside=outside, estimator="auto", confidence=0.8)
    couple = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    fused = Fuser(IR_ONLY, aligner=Fixed(registration)).fuse(couple).pixels
    np.testing.assert_allclose(fused[:35, 10:], ir[2:37, 7:-3], atol=1e-6)
    assert np.all(fused[:, :10] == 0.5)
    assert np.all(fused[38:] == 0.5)


def test_a_matrix_counts_whoever_found_it():
    shift = np.array([[1.0, 0, 5], [0, 1, -3], [0, 0, 1]])
    ir, vis = blob((40, 50), 20, 20), np.zeros((40, 50), np.float32)
    couple = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    fused = Fuser(IR_ONLY, aligner=Fixed(Registration(matrix=shift))).fuse(couple).pixels
    np.testing.assert_allclose(fused[:34, 8:], ir[3:37, 3:-5], atol=1e-6)
    assert np.all(fused[:, :5] == 0)


def test_a_matrix_is_followed_onto_the_infrared_grid_too():
    """The matrix leads to visible pixels; the result has the infrared picture's."""
    matrix = scaling((40, 50), (80, 100))
    matrix[0, 2] += 6
    ir, vis = blob((40, 50), 20, 20), np.zeros((80, 100), np.float32)
    couple = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    registration = Registration(matrix=matrix, estimator="rig")
    fused = Fuser(IR_ONLY, aligner=Fixed(registration), resize="vis").fuse(couple).pixels
    assert fused.shape == (40, 50)
    np.testing.assert_allclose(fused[:, 6:], ir[:, 3:-3], atol=1e-5)
