"""The classical methods against slow float64 references, and on pictures with a known answer."""

import cv2
import numpy as np
import pytest

from imfuse.engines.classical.gradient_transfer import gtf
from imfuse.engines.classical.guided import gff
from imfuse.engines.classical.pixelwise import average, maximum
from imfuse.engines.classical.pyramid import laplacian
from imfuse.engines.classical.sparse import dictionary, mst_sr
from imfuse.engines.classical.wavelet import dtcwt, dwt
from reference import coefficients, dual_tree, guided, optimisation
from reference.pictures import hot_spot, pair


def doubles(arrays):
    return [a.astype(np.float64) for a in arrays]


def low_by_patches(a, b):
    return optimisation.fuse_patches(a, b, dictionary(), 0.1 / 255)


def fuse_lp_sr(a, b):
    return coefficients.fuse_laplacian(a, b, fuse_low=low_by_patches)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (33, 20), (48, 61)])
@pytest.mark.parametrize(
    ("method", "reference"),
    [
        (laplacian, coefficients.fuse_laplacian),
        (dwt, coefficients.fuse_haar),
        (dtcwt, dual_tree.fuse),
        (gff, guided.fuse),
    ],
)
def test_equals_plain_loops_in_double_precision(method, reference, shape):
    pictures = pair(*shape, seed=7)
    # 1e-4: float32 sums over four levels; the selection itself must agree everywhere
    np.testing.assert_allclose(method(*pictures), reference(*doubles(pictures)), atol=1e-4)


def test_sparse_fusion_equals_plain_loops():
    pictures = pair(150, 170, seed=7)  # its coarsest band is 10x11
    np.testing.assert_allclose(mst_sr(*pictures), fuse_lp_sr(*doubles(pictures)), atol=1e-4)


def test_sparse_codes_leave_a_tenth_of_a_gray_level():
    """A patch's residual has length 0.1 / 255, so no pixel of the coarsest band is off by more."""
    picture, _ = pair(200, 230, seed=2)
    error = np.abs(mst_sr(picture, picture) - picture).max()
    assert 1e-6 < error < 0.1 / 255


def test_sparse_fusion_of_small_pictures_is_the_laplacian_one():
    """Below 113 pixels the coarsest band holds no 8x8 patch, and the mean of both remains."""
    pictures = pair(100, 112, seed=1)
    np.testing.assert_allclose(mst_sr(*pictures), laplacian(*pictures), atol=1e-6)


def test_average_and_maximum(rng):
    ir, vis = rng.random((9, 7), np.float32), rng.random((9, 7), np.float32)
    np.testing.assert_allclose(average(ir, vis), (ir + vis) / 2, atol=1e-7)
    np.testing.assert_array_equal(maximum(ir, vis), np.where(ir > vis, ir, vis))


@pytest.mark.parametrize("seed", range(2))
def test_gradient_transfer_lowers_its_objective_below_the_obvious_pictures(seed):
    ir, vis = pair(60, 75, seed)

    def objective(x):
        return optimisation.transfer_objective(x, ir, vis)

    ours = objective(gtf(ir, vis))
    assert ours < 0.9 * min(objective(x) for x in (ir, vis, average(ir, vis), maximum(ir, vis)))


def test_gradient_transfer_is_near_the_minimum():
    ir, vis = pair(24, 24, seed=5)
    best = optimisation.transfer(ir, vis)
    lowest = optimisation.transfer_objective(best, ir, vis)
    assert optimisation.transfer_objective(gtf(ir, vis), ir, vis) < 1.06 * lowest


@pytest.mark.parametrize(("radius", "remains"), [(7, False), (9.5, True)])
def test_gradient_transfer_keeps_hot_discs_of_radius_above_8(radius, remains):
    """A disc on even ground survives where radius / 2 exceeds the weight of the gradients, 4."""
    y, x = np.mgrid[:96, :96]
    ir = (np.hypot(x - 48, y - 48) < radius).astype(np.float32)
    fused = gtf(ir, np.zeros_like(ir))
    assert (fused[48, 48] > 0.5) == remains


def contrast(picture, disc):
    return picture[disc].mean() - picture[~disc].mean()


@pytest.mark.parametrize("method", [laplacian, dwt, dtcwt, gff, gtf, mst_sr])
def test_a_hot_target_and_the_visible_texture_both_remain(method):
    ir, vis, disc = hot_spot(192, 256)
    fused = method(ir, vis)
    assert contrast(fused, disc) > 0.35 * contrast(ir, disc)
    away = cv2.dilate(disc.astype(np.uint8), np.ones((31, 31), np.uint8)) == 0
    detail = [x - cv2.blur(x, (13, 13)) for x in (fused, vis)]
    assert np.corrcoef(detail[0][away], detail[1][away])[0, 1] > 0.95
    assert detail[0][away].std() > 0.8 * detail[1][away].std()


@pytest.mark.parametrize("method", [average, maximum, laplacian, dwt, dtcwt, gff])
def test_turning_the_pictures_turns_the_result(method):
    ir, vis = pair(70, 93, seed=3)
    turned = method(np.ascontiguousarray(ir.T), np.ascontiguousarray(vis.T)).T
    # The two orders of rows and columns round differently, and near ties may then fall either way
    difference = np.abs(turned - method(ir, vis))
    assert np.quantile(difference, 0.99) < 1e-4


@pytest.mark.parametrize("method", [laplacian, dtcwt, gff, gtf])
def test_more_detail_than_the_average(method):
    """What selection is for: averaging halves the contrast that only one picture has."""
    ir, vis = pair(120, 160, seed=11)
    sharpness = [cv2.Laplacian(x, cv2.CV_32F).std() for x in (method(ir, vis), average(ir, vis))]
    assert sharpness[0] > 1.2 * sharpness[1]
