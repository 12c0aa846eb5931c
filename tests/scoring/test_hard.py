"""Scores of hard pairs, on pictures whose scores are known."""

import cv2
import numpy as np
import pytest

from imfuse.scoring.hard import (
    colour_error,
    contrast,
    flicker,
    halo,
    kept_contrast,
    kept_edges,
    kept_harm,
    kept_noise,
    well_seen,
)


@pytest.fixture
def scene():
    """A bright disc on a sloping ground, and its mask."""
    y, x = np.mgrid[:480, :640].astype(np.float32)
    target = np.hypot(y - 200, x - 300) < 40
    picture = (0.2 + 0.1 * x / 640 + 0.5 * target).astype(np.float32)
    return picture, target


def test_contrast_is_that_of_target_and_ring(scene):
    picture, target = scene
    assert contrast(picture, target) == pytest.approx(0.5, abs=2e-3)
    assert contrast(1 - picture, target) == pytest.approx(-0.5, abs=2e-3)
    assert np.isnan(contrast(picture, np.ones_like(target)))


def test_kept_contrast_is_a_share_with_a_sign(scene):
    picture, target = scene
    for share in (0.0, 0.4, 1.0):
        fused = (0.3 + share * (picture - 0.3)).astype(np.float32)
        assert kept_contrast(fused, picture, target) == pytest.approx(share, abs=1e-3)
    assert kept_contrast(1 - picture, picture, target) == pytest.approx(-1, abs=1e-3)
    assert kept_contrast(3 * picture, picture, target) == 1.5
    assert np.isnan(kept_contrast(picture, 0 * picture, target))


def test_kept_edges_count_only_what_points_the_same_way(scene):
    picture, target = scene
    assert kept_edges(picture, picture, target) == pytest.approx(1, abs=1e-5)
    assert kept_edges(2 * picture, picture, target) == pytest.approx(1, abs=1e-5)
    assert kept_edges(0.3 * picture, picture, target) == pytest.approx(0.3, abs=1e-3)
    assert kept_edges(1 - picture, picture, target) == 0
    assert kept_edges(picture.T[:480, :480], picture[:, :480], target[:, :480]) < 0.2


def test_the_mean_of_two_sources_keeps_half_of_everything():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, (64, 64)).astype(np.float32)
    one, other = rng.random((2, 64, 64), np.float32)
    quiet = (one + other) / 2
    assert kept_noise((one + noise + other) / 2, quiet, noise) == pytest.approx(0.5, abs=1e-5)
    glare = np.clip(1 - np.hypot(*np.mgrid[-32:32, -32:32]) / 20, 0, 1).astype(np.float32)
    assert kept_harm((one + glare + other) / 2, quiet, glare) == pytest.approx(0.5, abs=1e-5)
    assert kept_harm(quiet, quiet, glare) == 0
    assert kept_harm(quiet - 0.3 * glare, quiet, -glare) == pytest.approx(0.3, abs=1e-5)


def test_halos_are_what_leaves_the_range_beside_strong_edges():
    edge = np.zeros((100, 120), np.float32)
    edge[:, 60:] = 0.8
    dark = np.full_like(edge, 0.1)
    assert halo(np.maximum(edge, dark), edge, dark) == 0
    assert halo((edge + dark) / 2, edge, dark) == 0
    sharpened = edge + 0.5 * (edge - cv2.GaussianBlur(edge, (0, 0), 2.0))
    ringing = halo(sharpened, edge, dark)
    twice = halo(edge + (edge - cv2.GaussianBlur(edge, (0, 0), 2.0)), edge, dark)
    assert 1 < ringing < twice
    assert halo(sharpened, dark, dark) == 0  # no strong edge in any source


def test_colour_errors_are_measured_only_where_the_visible_picture_is_good():
    rng = np.random.default_rng(1)
    vis = rng.random((60, 80, 3), np.float32) * np.float32(0.5) + np.float32(0.25)
    vis[:, :30] = 0.99  # overexposed
    target = np.zeros((60, 80), bool)
    target[20:30, 60:70] = True
    good = well_seen(vis.mean(2), target)
    assert not good[:, :20].any()
    assert not good[20:30, 60:70].any()
    assert good[50, 60]
    fused = vis.copy()
    fused[~good] = 0
    assert colour_error(fused, vis, good) == 0
    lab = cv2.cvtColor(np.float32([[[0.5, 0.5, 0.5], [0.6, 0.6, 0.6]]]), cv2.COLOR_RGB2LAB)[0]
    gray = [np.full((4, 4, 3), value, np.float32) for value in (0.5, 0.6)]
    expected = lab[1, 0] - lab[0, 0]
    assert colour_error(*gray, np.ones((4, 4), bool)) == pytest.approx(expected, abs=1e-3)
    assert np.isnan(colour_error(*gray, np.zeros((4, 4), bool)))


def test_flicker_is_change_where_nothing_changed():
    rng = np.random.default_rng(2)
    ir, vis = rng.random((2, 40, 50), np.float32)
    moved = vis.copy()
    moved[:, :10] += 0.5
    fused = (ir, ir + np.float32(0.02))
    fused[1][:, :10] += 9
    assert flicker(fused, (ir, ir), (vis, moved)) == pytest.approx(255 * 0.02, rel=1e-3)
    assert flicker((ir, ir), (ir, ir), (vis, vis)) == 0
    assert np.isnan(flicker((ir, ir), (ir, ir + 1), (vis, vis)))
