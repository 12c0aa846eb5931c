"""The weights that the authors of BFFR publish, and those that their warm start writes."""

from dataclasses import replace

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="bffr",
    home="https://github.com/wyh1210/BFFR",
    training_data="MFNet",
    marks=("fuser.conv1_vi.conv2d.weight", "fuser.fusion_block1.attn1.wq1.weight"),
    dropped=r"^(backbone|decode_head)\.",  # their segmenter, which does not fuse
    renames=(
        (r"^fuser\.", ""),
        (r"\.conv2d\.", ".conv."),
        (r"^conv1_(vi|ir)\.", r"DB_\1.head."),
        (r"^DB(\d)_(vi|ir)\.", lambda m: f"DB_{m[2]}.blocks.{int(m[1]) - 1}."),
        (r"^DB_vi\.", "visible_encoder."),
        (r"^DB_ir\.", "infrared_encoder."),
        (r"\.conv([12])\.conv\.", r".dense\1.conv."),
        (r"\.conv_down\.", ".merge.conv."),
        (r"^fusion_block(\d)\.", lambda m: f"fusion.{int(m[1]) - 1}."),
        (r"\.attn1\.", ".infrared."),
        (r"\.attn2\.", ".visible."),
        (r"\.conv_pre\.(\d)\.", r".before.\1."),
        (r"\.ffn\.(\d)\.", r".after.\1."),
        (r"\.(before|after)\.(\d)\.conv\.", r".\1.\2.0.conv."),
        (r"\.(before|after)\.(\d)\.batch_norm\.", r".\1.\2.1."),
        (r"\.wq1\.", ".query."),
        (r"\.wk1\.", ".key."),
        (r"\.wv1\.", ".value."),
        (r"\.end_proj1\.", ".project."),
        (r"\.norm1\.", ".norm."),
        (r"^DB(\d_\d)\.", r"decoder.node\1."),
        (r"^conv_out\.", "decoder.last."),
    ),
)

WARM_START = replace(
    FORMAT, marks=tuple(mark.removeprefix("fuser.") for mark in FORMAT.marks), dropped=""
)
