"""SCGRFuse's training: rounds of fusing and segmenting, as in SeAFusion.

SCGRFuse, "An infrared and visible image fusion network based on spatial/channel attention mechanism
and gradient aggregation residual dense blocks", EAAI 2024, doi:10.1016/j.engappai.2024.107898.
"""

from imfuse.learn.models.scgrfuse import SCGRFuse
from imfuse.learn.recipes.joint import JointRecipe


class SCGRFuseRecipe(JointRecipe):
    """Algorithm 1 of SCGRFuse; the ablations of its table 3 are settings of the network.

    Departures: as for SeAFusion.
    """

    name = "scgrfuse"
    title = "Joint low-level and high-level training with BANet"
    paper = SCGRFuse.paper
    network = "scgrfuse"
