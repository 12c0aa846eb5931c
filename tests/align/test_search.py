"""The search: correlations equal a direct computation, and planted shifts and zooms are found."""

import numpy as np
import pytest

from imfuse.align.search import Range, _correlations, search
from imfuse.align.views import View
from reference.two_cameras import SIZE, corner_error, cut, moved


def directly(features, template, mask, x, y):
    """Return the correlation at one shift, in float64 and with loops over what overlaps."""
    fixed = (features - features.mean((0, 1))).astype(np.float64)
    mean = (template * mask[..., None]).sum((0, 1)) / mask.sum()
    moving = ((template - mean) * mask[..., None]).astype(np.float64)
    rows = range(max(0, y), min(fixed.shape[0], y + moving.shape[0]))
    columns = range(max(0, x), min(fixed.shape[1], x + moving.shape[1]))
    sums = np.zeros(4)
    for row in rows:
        for column in columns:
            a, b, m = fixed[row, column], moving[row - y, column - x], mask[row - y, column - x]
            sums += a @ b, m * (a @ a), b @ b, m
    return sums[0] / np.sqrt(sums[1] * sums[2]), sums[3]


@pytest.mark.parametrize("shift", [(0, 0), (3, 2), (-2, 4), (5, -3)])
def test_correlations_equal_a_direct_sum(rng, shift):
    features = rng.normal(size=(14, 18, 3)).astype(np.float32)
    template = rng.normal(size=(9, 11, 3)).astype(np.float32)
    mask = (rng.random((9, 11)) > 0.2).astype(np.float32)
    score, correlation = _correlations(features, template, mask, 0.1)
    x, y = shift
    expected, seen = directly(features, template, mask, x, y)
    assert correlation[y, x] == pytest.approx(expected, abs=1e-4)
    assert score[y, x] == pytest.approx(expected * np.sqrt(seen), abs=1e-3)


@pytest.mark.parametrize(("scale", "degrees", "shift"), [(0.75, 2, (30, -12)), (0.9, -2, (-9, 14))])
def test_a_rig_is_found(scenes, scale, degrees, shift):
    truth = moved(scale, degrees, shift)
    view = View.of(cut(scenes[1], truth, SIZE))
    ranges = Range(ratios=(0.75, 0.9, 1.1), turns=(-2.0, 2.0))
    best = search(view, [ranges], 4)
    assert min(corner_error(one.matrix, truth, SIZE) for one in best) < 12
    assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)


def test_the_shift_can_be_bounded(scenes):
    view = View.of(cut(scenes[0], moved(shift=(70, 0), scale=0.8), SIZE))
    bounded = search(view, [Range(ratios=(0.8,), turns=(0.0,), shift=0.05)], 3)
    middle = np.array([(SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2, 1])
    for one in bounded:
        moved_by = (one.matrix @ middle)[:2] - middle[:2]
        assert np.hypot(*moved_by) <= 0.05 * SIZE[1] + 6
