"""The weights that the authors of RFN-Nest publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="rfn-nest",
    home="https://github.com/hli1221/imagefusion-rfn-nest",
    training_data="MS-COCO and KAIST",
    marks=("conv_out.conv2d.weight", "fusion_block1.conv_fusion.conv2d.weight"),
    renames=(
        (r"conv2d\.", "conv."),
        (r"^conv0\.", "head."),
        (r"^DB(\d)_0\.denseblock\.", lambda m: f"encoder.{int(m[1]) - 1}."),
        (r"^DB(\d_\d)\.denseblock\.", r"decoder.node\1."),
        (r"^fusion_block(\d)\.", lambda m: f"fusion.{int(m[1]) - 1}."),
        (r"\.conv_fusion\.", ".shortcut."),
        (r"\.conv_ir\.", ".infrared."),
        (r"\.conv_vi\.", ".visible."),
        (r"\.bottelblock\.", ".merge."),
        (r"^conv_out\.", "last."),
    ),
    files="auto-encoder and residual fusion networks",
)
