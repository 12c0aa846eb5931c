import numpy as np
import pytest

from imfuse.engines.classical.sparse import dictionary
from imfuse.ops.sparse import fuse_patches, pursue
from reference import optimisation
from reference.pictures import pair


def unit_columns(rng, length, count):
    atoms = rng.normal(size=(length, count))
    return atoms / np.linalg.norm(atoms, axis=0)


def test_codes_equal_least_squares_at_each_step(rng):
    atoms = unit_columns(rng, 12, 40)
    signals = rng.normal(size=(30, 12)) * 10.0 ** rng.uniform(-2, 1, (30, 1))
    signals[3] = 0
    codes = pursue(signals, atoms, 0.1, 12)
    expected = [optimisation.pursue(s, atoms, 0.1) for s in signals]
    np.testing.assert_allclose(codes, expected, atol=1e-8)


def test_codes_of_real_texture_equal_least_squares():
    """To nearly 64 atoms a patch, where dependence among atoms is worst."""
    picture = pair(40, 40)[0].astype(np.float64) * 255
    signals = np.stack([picture[k : k + 8, k : k + 8].ravel() for k in range(0, 32, 4)])
    signals -= signals.mean(axis=1, keepdims=True)
    codes = pursue(signals, dictionary(), 0.1, 64)
    expected = np.stack([optimisation.pursue(s, dictionary(), 0.1) for s in signals])
    assert np.count_nonzero(codes, axis=1).max() > 40
    np.testing.assert_allclose(codes, expected, rtol=1e-6, atol=1e-6)


def test_residual_keeps_the_tolerance_and_atoms_the_limit(rng):
    atoms = unit_columns(rng, 20, 50)
    signals = rng.normal(size=(300, 20))  # more than one batch
    codes = pursue(signals, atoms, 1.0, 20)
    assert np.linalg.norm(signals - codes @ atoms.T, axis=1).max() <= 1.0 + 1e-9
    assert np.count_nonzero(pursue(signals, atoms, 0.0, 3), axis=1).max() == 3


def test_a_dictionary_that_cannot_reach_the_signal_gives_the_nearest_point(rng):
    plane = unit_columns(rng, 12, 5)
    atoms = plane @ unit_columns(rng, 5, 40)
    atoms /= np.linalg.norm(atoms, axis=0)
    signals = rng.normal(size=(9, 12))
    codes = pursue(signals, atoms, 0.0, 12)
    nearest = signals @ (plane @ np.linalg.pinv(plane)).T
    np.testing.assert_allclose(codes @ atoms.T, nearest, atol=1e-6)


def test_exact_sparse_signals_are_found(rng):
    atoms = unit_columns(rng, 30, 60)
    code = np.zeros(60)
    code[[4, 17, 51]] = [2.0, -3.0, 1.5]
    np.testing.assert_allclose(pursue((atoms @ code)[None], atoms, 1e-9, 30)[0], code, atol=1e-8)


@pytest.mark.parametrize("shape", [(8, 8), (11, 14), (7, 30), (20, 9)])
def test_fused_patches_equal_plain_loops(shape):
    first, second = pair(*shape, seed=2)
    expected = optimisation.fuse_patches(
        first.astype(np.float64), second.astype(np.float64), dictionary(), 0.1 / 255
    )
    ours = fuse_patches(first, second, dictionary(), 0.1 / 255)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_rounding_does_not_decide_between_opposite_patches():
    """A picture and its negative have codes of equal norm: their mean is flat gray."""
    picture = np.rint(pair(24, 30, seed=3)[0] * 256) / np.float32(256)  # 1 - picture is exact
    fused = fuse_patches(picture, 1 - picture, dictionary(), 0.1 / 255)
    np.testing.assert_allclose(fused, 0.5, atol=1e-6)


def test_the_shipped_dictionary():
    atoms = dictionary()
    assert atoms.shape == (64, 256)
    assert not atoms.flags.writeable
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=0), 1, atol=1e-12)
    assert np.abs(atoms.mean(axis=0)).max() < 1e-3  # learned from patches without their means
    alike = np.abs(atoms.T @ atoms) - np.eye(256)
    assert alike.max() < 0.9999  # no atom twice
