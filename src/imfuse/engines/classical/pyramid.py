"""Fusion in the Laplacian pyramid."""

from imfuse.engines.base import FunctionEngine
from imfuse.engines.classical.pixelwise import average
from imfuse.ops.pyramid import analyse, synthesise
from imfuse.ops.selection import select
from imfuse.types import Float, FusionSpec, TileRule

LEVELS = 4


def laplacian(ir: Float, vis: Float) -> Float:
    """Return the fusion of two pictures in a Laplacian pyramid of four levels.

    The band-pass coefficients of larger magnitude survive (`imfuse.ops.selection.select`); the
    coarsest band is the mean of both.

    References:
        P. J. Burt, R. J. Kolczynski, "Enhanced image capture through fusion", ICCV 1993, with the
        selection rule of Li, Manjunath, Mitra 1995.
    """
    *high_ir, low_ir = analyse(ir, LEVELS)
    *high_vis, low_vis = analyse(vis, LEVELS)
    bands = [select(first, second) for first, second in zip(high_ir, high_vis, strict=True)]
    return synthesise([*bands, average(low_ir, low_vis)])


LAPLACIAN = FunctionEngine(
    FusionSpec(
        name="laplacian",
        title="Laplacian pyramid, four levels, larger detail wins",
        kind="classical",
        paper="P. J. Burt, R. J. Kolczynski, Enhanced image capture through fusion, ICCV",
        year=1993,
        tile=TileRule(halo=64, stride=16),
        symmetric=True,
        bytes_per_pixel=32,
    ),
    laplacian,
)
