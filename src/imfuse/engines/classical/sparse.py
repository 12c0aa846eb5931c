"""Fusion in the Laplacian pyramid whose coarsest band is fused by sparse representation."""

from functools import cache
from importlib.resources import files

import numpy as np

from imfuse.engines.base import FunctionEngine
from imfuse.engines.classical.pyramid import LEVELS
from imfuse.ops.pyramid import analyse, synthesise
from imfuse.ops.selection import select
from imfuse.ops.sparse import Double, fuse_patches
from imfuse.types import Float, FusionSpec, TileRule

TOLERANCE = 0.1 / 255
"""Residual at which a patch is done: 0.1 on the paper's scale of 0 to 255."""


@cache
def dictionary() -> Double:
    """Return the shipped dictionary, 256 atoms of 8x8 pixels as columns of `(64, 256)`.

    `benchmarks/learn_dictionary.py` learned it from synthetic textures, so that it contains
    nobody's pictures.
    """
    with (files("imfuse") / "weights" / "mst_sr_dictionary.npy").open("rb") as file:
        atoms = np.load(file, allow_pickle=False).astype(np.float64)
    atoms /= np.linalg.norm(atoms, axis=0)  # unit length in double precision as well
    atoms.flags.writeable = False  # shared by all callers
    return np.asarray(atoms)


def mst_sr(ir: Float, vis: Float) -> Float:
    """Return the fusion of two pictures in a Laplacian pyramid with a sparsely coded coarsest band.

    The four band-pass levels keep the coefficients of larger magnitude
    (`imfuse.ops.selection.select`); the coarsest band is fused by
    `imfuse.ops.sparse.fuse_patches`.

    References:
        Y. Liu, S. Liu, Z. Wang, "A general framework for image fusion based on multi-scale
        transform and sparse representation", Information Fusion 24, 2015,
        doi:10.1016/j.inffus.2014.09.004 (its LP-SR).

    Departures: the dictionary is ours, since the authors' has no licence; the result is not rounded
    to 8 bits.
    """
    *high_ir, low_ir = analyse(ir, LEVELS)
    *high_vis, low_vis = analyse(vis, LEVELS)
    bands = [select(first, second) for first, second in zip(high_ir, high_vis, strict=True)]
    return synthesise([*bands, fuse_patches(low_ir, low_vis, dictionary(), TOLERANCE)])


MST_SR = FunctionEngine(
    FusionSpec(
        name="mst-sr",
        title="Laplacian pyramid with a sparsely coded coarsest band (LP-SR)",
        kind="classical",
        paper=(
            "Y. Liu, S. Liu, Z. Wang, A general framework for image fusion based on multi-scale "
            "transform and sparse representation, Information Fusion"
        ),
        year=2015,
        tile=TileRule(halo=160, stride=32),
        symmetric=True,
        bytes_per_pixel=48,
        training_data="textures drawn by benchmarks/learn_dictionary.py",
        training_terms="ours",
    ),
    mst_sr,
)
