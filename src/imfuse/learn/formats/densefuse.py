"""The weights that the authors of DenseFuse publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="densefuse",
    home="https://github.com/hli1221/densefuse-pytorch",
    training_data="MS-COCO",
    marks=("DB1.denseblock.0.dense_conv.conv2d.weight", "conv5.conv2d.weight"),
    renames=(
        (r"conv2d\.", "conv."),
        (r"^DB1\.denseblock\.(\d)\.dense_conv\.", r"dense.\1."),
        (r"^conv1\.", "head."),
        (r"^conv2\.", "decoder.0."),
        (r"^conv3\.", "decoder.1."),
        (r"^conv4\.", "decoder.2."),
        (r"^conv5\.", "decoder.3."),
    ),
)
