"""The refinement: known homographies come back, from probabilities alone and from pictures."""

import numpy as np
import pytest

from imfuse.align.evidence import Level, _between, offsets
from imfuse.align.mixture import basis, maximise
from imfuse.align.refine import COARSE, FINE, refine
from imfuse.align.views import View
from reference.two_cameras import SIZE, corner_error, cut, moved


def test_interpolation_keeps_quadratics():
    """Cubic convolution reproduces polynomials up to the second degree, away from the ends."""
    weights = _between(9)
    x, fine = np.arange(9.0), np.linspace(0, 8, len(weights))
    for power in (0, 1, 2):
        np.testing.assert_allclose((weights @ x**power)[3:-3], (fine**power)[3:-3], atol=1e-4)


@pytest.mark.parametrize("stray", [0, 40])
def test_parameters_come_back_from_probabilities(rng, stray):
    """Patches along edges know one direction only, and some fit elsewhere."""
    level = Level(256, 6, 11, 0.8)
    x, y = rng.uniform(-1, 1, (2, 200))
    terms = basis(x, 0.75 * y)
    truth = np.array([1.5, 0.8, -0.5, -1.2, 0.5, 0.8, 0.02, -0.02])
    wanted = terms @ truth
    places = offsets(level.reach)
    angle = rng.uniform(0, np.pi, 200)
    across = np.stack([np.cos(angle), np.sin(angle)], 1)
    wanted[:stray] = rng.uniform(-6, 6, (stray, 2))
    off = np.einsum("nc,noc->no", across, places[None] - wanted[:, None])
    chance = np.exp(-(off**2) / (2 * 0.5**2))
    chance /= chance.sum(1, keepdims=True)
    found = maximise(chance, terms, level, 256, 1)
    assert np.abs(terms[stray:] @ (found.theta - truth)).max() < 0.35
    if stray:
        assert found.follows[stray:].mean() > found.follows[:stray].mean() + 0.1


@pytest.mark.parametrize("index", range(4))
def test_a_pair_nearby_comes_back(scenes, index):
    rng = np.random.default_rng(index)
    truth = moved(rng.uniform(0.95, 1.0), rng.uniform(-3, 3), rng.uniform(-8, 8, 2))
    view = View.of(cut(scenes[index], truth, SIZE))
    fit = refine([view], view.same_view, (COARSE, *FINE))
    assert corner_error(view.whole(fit.matrix), truth, SIZE) < 2.5
    assert fit.rms < 8


def test_pairs_of_a_rig_add_up(scenes):
    truth = moved(0.96, 1.5, (5.0, -4.0))
    views = [View.of(cut(scene, truth, SIZE)) for scene in scenes]
    together = refine(views, views[0].same_view, (COARSE, *FINE))
    assert corner_error(views[0].whole(together.matrix), truth, SIZE) < 0.7


def test_roles_can_be_exchanged(scenes):
    """The picture with the smaller field of view is looked for in the other one, either way."""
    truth = moved(0.8, 1.0, (6.0, 4.0))
    view = View.of(cut(scenes[0], truth, SIZE))
    other = View(view.vis, view.ir, view.vis_scale, view.ir_scale)
    start = moved(0.82)
    forth = refine([view], start, (COARSE, *FINE)).matrix
    back = refine([other], np.linalg.inv(start), (COARSE, *FINE)).matrix
    assert corner_error(np.linalg.inv(back), forth, SIZE) < 0.2


def test_pictures_apart_give_nothing(scenes):
    view = View.of(cut(scenes[0], np.eye(3), SIZE))
    assert refine([view], moved(shift=(4000, 0)), (COARSE,)) is None
    mirrored = np.diag([-1.0, 1.0, 1.0])
    assert refine([view], mirrored, (COARSE,)) is None
    assert refine([view], np.diag([1e-9, 1e-9, 1.0]), (COARSE,)) is None
