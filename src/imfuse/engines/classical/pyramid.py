"""Fusion in the Laplacian pyramid."""

from collections.abc import Callable

from imfuse.engines.base import FunctionEngine
from imfuse.engines.classical.pixelwise import average, maximum
from imfuse.ops.pyramid import analyse, synthesise
from imfuse.ops.selection import select
from imfuse.types import Float, FusionSpec, TileRule

LEVELS = 4


def _fuse(ir: Float, vis: Float, coarsest: Callable[[Float, Float], Float]) -> Float:
    *high_ir, low_ir = analyse(ir, LEVELS)
    *high_vis, low_vis = analyse(vis, LEVELS)
    bands = [select(first, second) for first, second in zip(high_ir, high_vis, strict=True)]
    return synthesise([*bands, coarsest(low_ir, low_vis)])


def laplacian(ir: Float, vis: Float) -> Float:
    """Return the fusion of two pictures in a Laplacian pyramid of four levels.

    The band-pass coefficients of larger magnitude survive (`imfuse.ops.selection.select`); the
    coarsest band is the mean of both.

    References:
        P. J. Burt, R. J. Kolczynski, "Enhanced image capture through fusion", ICCV 1993, with the
        selection rule of Li, Manjunath, Mitra 1995.

    Departures: where a side is odd, the detail bands are cropped before the selection instead of
    when the picture is reconstructed, which changes only the votes at the lower right edge.
    """
    return _fuse(ir, vis, average)


def laplacian_max(ir: Float, vis: Float) -> Float:
    """Return the fusion in a Laplacian pyramid whose coarsest band is the larger of both.

    Otherwise the same as `laplacian`. The mean halves a brightness that only one camera sees (a
    bright sky, a lamp-lit road, a warm body); the maximum keeps it.
    """
    return _fuse(ir, vis, maximum)


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

LAPLACIAN_MAX = FunctionEngine(
    LAPLACIAN.spec.model_copy(
        update={
            "name": "laplacian-max",
            "paper": f"after {LAPLACIAN.spec.paper}",
            "title": "Laplacian pyramid, larger detail and larger brightness win",
        }
    ),
    laplacian_max,
)
