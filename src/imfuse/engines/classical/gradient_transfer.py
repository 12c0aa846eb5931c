"""Gradient transfer fusion (GTF): infrared intensities with visible gradients."""

from imfuse.engines.base import FunctionEngine
from imfuse.ops.variation import l1_tv
from imfuse.types import Float, FusionSpec

STRENGTH = 4.0
"""Weight of the gradients (lambda)."""


def gtf(ir: Float, vis: Float) -> Float:
    """Return the gradient transfer fusion of two pictures.

    The fused x minimises `|x - ir| + 4 |grad x - grad vis|`, both in the 1-norm: with u = x - vis
    this is the total variation problem that `imfuse.ops.variation.l1_tv` solves for ir - vis.

    References:
        J. Ma, C. Chen, C. Li, J. Huang, "Infrared and visible image fusion via gradient transfer
        and total variation minimization", Information Fusion 31, 2016,
        doi:10.1016/j.inffus.2016.02.001.
    """
    fused = l1_tv(ir - vis, STRENGTH)
    fused += vis
    return fused


GTF = FunctionEngine(
    FusionSpec(
        name="gtf",
        title="Gradient transfer: infrared brightness, visible texture",
        kind="classical",
        paper=(
            "J. Ma, C. Chen, C. Li, J. Huang, Infrared and visible image fusion via gradient "
            "transfer and total variation minimization, Information Fusion"
        ),
        year=2016,
        tile=None,
        symmetric=False,
        bytes_per_pixel=40,
    ),
    gtf,
)
