"""The weights that the authors of SeAFusion publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="seafusion",
    home="https://github.com/Linfeng-Tang/SeAFusion",
    training_data="MSRS",
    marks=("vis_rgbd1.dense.conv1.conv.weight", "decode4.bn.weight"),
    renames=(
        (r"^vis_conv\.", "visible_branch.0."),
        (r"^inf_conv\.", "infrared_branch.0."),
        (r"^vis_rgbd(\d)", r"visible_branch.\1"),
        (r"^inf_rgbd(\d)", r"infrared_branch.\1"),
        (r"\.dense\.conv(\d)\.", r".dense\1."),
        (r"\.convdown\.", ".merge."),
        (r"\.convup\.", ".widen."),
        (r"\.sobelconv\.conv([xy])\.", r".sobel.along_\1."),
        (r"^decode4\.", "decoder.0."),
        (r"^decode3\.", "decoder.1."),
        (r"^decode2\.", "decoder.2."),
        (r"^decode1\.", "decoder.3."),
    ),
    licence="no licence stated; MIT in the collection VIF-Benchmark",
)
