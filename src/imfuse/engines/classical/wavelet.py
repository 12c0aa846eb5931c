"""Fusion of wavelet coefficients: discrete (Haar), and dual-tree complex."""

import pywt

from imfuse.engines.base import FunctionEngine
from imfuse.engines.classical.pixelwise import average
from imfuse.ops import wavelets
from imfuse.ops.selection import select
from imfuse.types import Float, FusionSpec, TileRule

LEVELS = 4


def dwt(ir: Float, vis: Float) -> Float:
    """Return the fusion of two pictures in the Haar wavelet transform (db1) of four levels.

    In each of the three detail bands of a level the coefficient of larger magnitude survives
    (`imfuse.ops.selection.select`); the coarsest approximation is the mean of both. The transform
    is periodised; with two taps this only means that an odd size is extended by repeating its last
    row or column.

    References:
        H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the wavelet
        transform", Graphical Models and Image Processing 57(3), 1995.
    """
    low_ir, low_vis, details, sizes = ir, vis, [], []
    for _ in range(LEVELS):
        sizes.append(low_ir.shape)
        low_ir, high_ir = pywt.dwt2(low_ir, "db1", "periodization")
        low_vis, high_vis = pywt.dwt2(low_vis, "db1", "periodization")
        details.append(tuple(map(select, high_ir, high_vis)))
    fused = average(low_ir, low_vis)
    for detail, (height, width) in zip(reversed(details), reversed(sizes), strict=True):
        fused = pywt.idwt2((fused, detail), "db1", "periodization")[:height, :width]
    return fused


DWT = FunctionEngine(
    FusionSpec(
        name="dwt",
        title="Discrete wavelet transform (Haar), four levels, larger detail wins",
        kind="classical",
        paper=(
            "H. Li, B. S. Manjunath, S. K. Mitra, Multisensor image fusion using the wavelet "
            "transform, Graphical Models and Image Processing"
        ),
        year=1995,
        tile=TileRule(halo=32, stride=16),
        symmetric=True,
        bytes_per_pixel=16,
    ),
    dwt,
)


def dtcwt(ir: Float, vis: Float) -> Float:
    """Return the fusion of two pictures in the dual-tree complex wavelet transform, four levels.

    In each of the six orientations of a level the coefficient of larger magnitude survives
    (`imfuse.ops.selection.select`); the coarsest low-pass picture is the mean of both.

    References:
        J. J. Lewis, R. J. O'Callaghan, S. G. Nikolov, D. R. Bull, N. Canagarajah, "Pixel- and
        region-based image fusion with complex wavelets", Information Fusion 8(2), 2007,
        doi:10.1016/j.inffus.2005.09.006.
    """
    trees = wavelets.analyse(ir, LEVELS), wavelets.analyse(vis, LEVELS)
    for of_ir, of_vis in zip(trees[0].bands, trees[1].bands, strict=True):
        for k, (first, second) in enumerate(zip(of_ir, of_vis, strict=True)):
            of_ir[k] = select(first, second)
    low = average(trees[0].low, trees[1].low)
    return wavelets.synthesise(wavelets.DualTree(low, trees[0].bands, trees[0].size))


DTCWT = FunctionEngine(
    FusionSpec(
        name="dtcwt",
        title="Dual-tree complex wavelet transform, four levels, larger detail wins",
        kind="classical",
        paper=(
            "J. J. Lewis, R. J. O'Callaghan, S. G. Nikolov, D. R. Bull, N. Canagarajah, Pixel- "
            "and region-based image fusion with complex wavelets, Information Fusion"
        ),
        year=2007,
        tile=TileRule(halo=160, stride=16),
        symmetric=True,
        bytes_per_pixel=72,
    ),
    dtcwt,
)
