from pathlib import Path

import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st

from imfuse.ops.wavelets import DualTree, analyse, synthesise
from ops.golden.make_dual_tree import SIZE, picture
from reference import dual_tree
from reference.pictures import textured

ORDER_OF_PACKAGE = [0, 5, 1, 4, 2, 3]
"""Ours are horizontal, diagonal, vertical pairs; the package's go by angle, 15 to 165 degrees."""


def test_coefficients_equal_those_of_the_package_dtcwt():
    tree = analyse(picture().astype(np.float32), 4)
    with np.load(Path(__file__).parent / "golden" / "dual_tree.npz") as golden:
        np.testing.assert_allclose(tree.low, golden["low"], atol=2e-6)
        for level, bands in enumerate(tree.bands):
            expected = golden[f"band{level}"][ORDER_OF_PACKAGE]
            np.testing.assert_allclose(bands, expected, atol=2e-6)
    assert tree.size == SIZE


@pytest.mark.parametrize("shape", [(1, 1), (3, 20), (16, 16), (37, 50)])
def test_coefficients_equal_dense_matrices(rng, shape):
    values = rng.random(shape, np.float32)
    tree = analyse(values, 4)
    low, bands = dual_tree.analyse(values.astype(np.float64))
    # sums grow eightfold towards the coarsest level, and so does their rounding
    np.testing.assert_allclose(tree.low, low, atol=5e-6)
    for ours, theirs in zip(tree.bands, bands, strict=True):
        np.testing.assert_allclose(ours, np.stack(theirs), atol=5e-6)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 5))
def test_synthesis_undoes_analysis(height, width, levels):
    values = textured(height, width, 9)
    np.testing.assert_allclose(synthesise(analyse(values, levels)), values, atol=2e-6)


def test_synthesis_equals_the_inverse_matrices(rng):
    """Also for coefficients that no picture has, as fusion makes them."""
    tree = analyse(np.zeros((32, 48), np.float32), 3)
    low = rng.normal(size=tree.low.shape).astype(np.float32)
    bands = [
        (rng.normal(size=(2, *b.shape)) * [[[[1]]], [[[1j]]]]).sum(axis=0).astype(np.complex64)
        for b in tree.bands
    ]
    expected = dual_tree.synthesise(low.astype(np.float64), [list(b) for b in bands], tree.size)
    np.testing.assert_allclose(synthesise(DualTree(low, bands, tree.size)), expected, atol=5e-6)


def shift_variation(energies):
    """Return by how much of its mean an energy varies while the picture moves."""
    return np.std(energies) / np.mean(energies)


def test_energy_hardly_depends_on_where_things_are_unlike_haar():
    """What the dual tree is for: Haar's energy at level 3 varies several times as much."""
    ours, haar = [], []
    for shift in range(8):
        step = np.zeros((64, 64), np.float32)
        step[:, 24 + shift :] = 1
        bands = analyse(step, 3).bands[2]
        ours.append(np.sum(np.abs(bands) ** 2))
        details = pywt.wavedec2(step, "db1", "periodization", level=3)[1]
        haar.append(sum(np.sum(d**2) for d in details))
    assert shift_variation(ours) < 0.2
    assert shift_variation(haar) > 3 * shift_variation(ours)


def test_the_two_bands_of_a_kind_tell_rising_from_falling_edges():
    y, x = np.mgrid[:64, :64]
    rising = analyse(np.sin(0.9 * (x - y)).astype(np.float32), 2).bands[1][2:4]
    falling = analyse(np.sin(0.9 * (x + y)).astype(np.float32), 2).bands[1][2:4]
    energy = [[np.sum(np.abs(b[4:-4, 4:-4]) ** 2) for b in bands] for bands in (rising, falling)]
    assert max(energy[0]) > 20 * min(energy[0])
    assert max(energy[1]) > 20 * min(energy[1])
    assert np.argmax(energy[0]) != np.argmax(energy[1])
