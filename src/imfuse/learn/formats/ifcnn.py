"""The weights that the authors of IFCNN publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="ifcnn",
    home="https://github.com/uzeful/IFCNN",
    training_data="multi-focus pairs made from NYU-D2",
    marks=("conv1.weight", "conv2.bn.weight", "conv3.bn.weight", "conv4.bias"),
    renames=(),
    licence="no licence stated; MIT in the collection VIF-Benchmark",
)
