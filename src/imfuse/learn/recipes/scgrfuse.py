"""SCGRFuse's training: rounds of fusing and segmenting, as in SeAFusion.

SCGRFuse, "An infrared and visible image fusion network based on spatial/channel attention mechanism
and gradient aggregation residual dense blocks", EAAI 2024, doi:10.1016/j.engappai.2024.107898.
"""

from imfuse.learn.models.scgrfuse import SCGRFuse
from imfuse.learn.recipes.joint import JointRecipe
from imfuse.learn.recipes.recipe import CODE_NETWORK


class SCGRFuseRecipe(JointRecipe):
    """Algorithm 1 of SCGRFuse.

    Rows of tables 5 and 6: w/o GRXDB is `network.gradient_blocks=false`, w/o SCAM
    `network.attention=false`.

    Departures: as for SeAFusion; the network is that of the code, whose Sobel and Laplacian kernels
    are trained, unless `network.variant=paper`.
    """

    name = "scgrfuse"
    title = "Joint low-level and high-level training with BANet"
    paper = SCGRFuse.paper
    network = "scgrfuse"
    network_departure = CODE_NETWORK
