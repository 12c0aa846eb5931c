"""The weights that the authors of IFCNN publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="ifcnn",
    marks=("conv1.weight", "conv2.bn.weight", "conv3.bn.weight", "conv4.bias"),
    renames=(),
    terms="no licence stated; MIT in the collection VIF-Benchmark",
)
