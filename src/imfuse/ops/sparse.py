"""Sparse codes over a dictionary by orthogonal matching pursuit, and fusion of patches by them."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from imfuse.types import Float

Double = NDArray[np.float64]

PATCH = 8
STEP = 2

_BATCH = 128
"""Number of signals coded at once; it keeps the working memory to about 10 MB."""

_TIE = 1e-6
"""Relative difference below which two activities count as equal; rounding must not decide."""

_SPENT = 1e-10
"""Smallest component that an atom must add to those already taken; less is rounding."""


def pursue(signals: Double, dictionary: Double, tolerance: float, atoms: int) -> Double:
    """Return sparse codes of signals by orthogonal matching pursuit, all signals in lockstep.

    Each step takes the atom that correlates best with the residual of a signal, and projects the
    signal onto all atoms taken so far. The projections are kept as an orthonormal basis
    (Gram-Schmidt in double precision); the codes follow from it by back substitution.

    Args:
        signals: `(n, d)`, one signal per row.
        dictionary: `(d, k)`, atoms of unit length as columns.
        tolerance: A signal is done when the length of its residual is at most this.
        atoms: Maximum number of atoms to take, at most d.

    Returns:
        `(n, k)` codes, zero for atoms not taken.

    References:
        Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, "Orthogonal matching pursuit", Asilomar 1993.
    """
    codes = np.zeros((len(signals), dictionary.shape[1]))
    wanting = np.flatnonzero(_lengths(signals) > tolerance)
    for start in range(0, len(wanting), _BATCH):
        batch = wanting[start : start + _BATCH]
        codes[batch] = _pursue_batch(signals[batch], dictionary, tolerance, atoms)
    return codes


def _pursue_batch(rest: Double, dictionary: Double, tolerance: float, atoms: int) -> Double:
    count, length = rest.shape
    basis = np.empty((count, atoms, length))
    triangle = np.zeros((count, atoms, atoms))
    projection = np.zeros((count, atoms))
    taken = np.zeros((count, atoms), np.intp)
    for step in range(atoms):
        left = _lengths(rest) > tolerance
        if not left.any():
            atoms = step
            break
        correlation = np.abs(rest @ dictionary)
        np.put_along_axis(correlation, taken[:, :step], -1.0, axis=1)
        taken[:, step] = correlation.argmax(axis=1)
        atom = dictionary.T[taken[:, step]]
        known = basis[:, :step]
        shared = np.matmul(known, atom[..., None])
        atom -= np.matmul(shared.swapaxes(1, 2), known)[:, 0]
        norm = _lengths(atom)
        useful = left & (norm > _SPENT)
        norm[~useful] = 1
        atom /= norm[:, None]
        part = np.einsum("nd,nd->n", atom, rest) * useful  # 0: finished signals stay finished
        rest -= part[:, None] * atom
        basis[:, step], projection[:, step] = atom, part
        triangle[:, :step, step], triangle[:, step, step] = shared[..., 0], norm
    for step in reversed(range(atoms)):
        projection[:, step] /= triangle[:, step, step]
        projection[:, :step] -= triangle[:, :step, step] * projection[:, step, None]
    codes = np.zeros((count, dictionary.shape[1]))
    np.put_along_axis(codes, taken[:, :atoms], projection[:, :atoms], axis=1)
    return codes


def _lengths(rows: Double) -> Double:
    lengths: Double = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return lengths


def fuse_patches(first: Float, second: Float, dictionary: Double, tolerance: float) -> Float:
    """Return the fusion of two pictures by sparse codes of their overlapping patches.

    Patches of 8x8, two pixels apart, are coded after their mean is subtracted. In each pair the
    code with the larger 1-norm gives the fused patch, and the mean of that source is added back.
    Overlapping patches are averaged; pixels that no patch covers (a last odd row or column,
    pictures below 8x8) are the mean of both.

    Args:
        first: One picture.
        second: The other, of the same size.
        dictionary: `(64, k)`, atoms of unit length as columns.
        tolerance: Length of the residual at which a patch is done, in units of the pictures.

    References:
        B. Yang, S. Li, "Multifocus image fusion and restoration with sparse representation", IEEE
        Transactions on Instrumentation and Measurement 59(4), 2010.

    Departures: where both 1-norms are equal the fused patch is the mean of both, so that swapping
        the pictures changes nothing.
    """
    total, cover = np.zeros(first.shape), np.zeros(first.shape)
    if min(first.shape) >= PATCH:
        patches = [sliding_window_view(x, (PATCH, PATCH))[::STEP, ::STEP] for x in (first, second)]
        rows, columns = patches[0].shape[:2]
        together = max(1, _BATCH // (2 * columns))
        for row in range(0, rows, together):
            some = slice(row, min(row + together, rows))
            fused = _fused(patches[0][some], patches[1][some], dictionary, tolerance)
            for y, x in np.ndindex(PATCH, PATCH):
                places = (
                    slice(some.start * STEP + y, some.stop * STEP + y, STEP),
                    slice(x, columns * STEP + x, STEP),
                )
                total[places] += fused[:, :, y, x]
                cover[places] += 1
    alone = cover == 0
    total[alone] = (first[alone] + second[alone]) / 2
    cover[alone] = 1
    return (total / cover).astype(np.float32)


def _fused(first: Float, second: Float, dictionary: Double, tolerance: float) -> Double:
    """Return the fused patches of two arrays of patches `(rows, columns, 8, 8)`."""
    signals = np.concatenate(
        [patches.reshape(-1, PATCH * PATCH).astype(np.float64) for patches in (first, second)]
    )
    means = signals.mean(axis=1, keepdims=True)
    signals -= means
    codes = pursue(signals, dictionary, tolerance, PATCH * PATCH)
    restored = np.split(codes @ dictionary.T + means, 2)
    activity = np.split(np.abs(codes).sum(axis=1), 2)
    lead = activity[0] - activity[1]
    slack = _TIE * np.maximum(*activity)
    weight = (np.add(lead > slack, lead >= -slack, dtype=np.float64) / 2)[:, None]
    fused: Double = weight * restored[0] + (1 - weight) * restored[1]
    return fused.reshape(first.shape)
