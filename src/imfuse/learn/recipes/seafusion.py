"""SeAFusion's training: rounds of fusing and segmenting.

L. Tang, J. Yuan, J. Ma, "Image fusion in the loop of high-level vision tasks: A semantic-aware
real-time infrared and visible image fusion network", Information Fusion 82, 2022,
doi:10.1016/j.inffus.2021.12.004.
"""

from imfuse.learn.models.seafusion import SeAFusion
from imfuse.learn.recipes.joint import JointRecipe


class SeAFusionRecipe(JointRecipe):
    """Algorithm 1 of SeAFusion.

    Departures: the segmenter begins with random weights, as no ResNet-18 with ImageNet weights is
    available; fused pictures are stretched one by one (`release`), where the published program
    stretches whole batches as it exports them; the segmenter's samples are resized by factors from
    a continuous range, where the program chooses one of six. Sobel kernels are trained, as in that
    program, unless `network.trainable_operators=false`.
    """

    name = "seafusion"
    title = "Joint low-level and high-level training with BANet"
    paper = SeAFusion.paper
    network = "seafusion"
    network_departure = (
        "Sobel kernels are trained, as in the published code, unless "
        "network.trainable_operators=false."
    )
