"""The weights that the authors of SCGRFuse publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="scgrfuse",
    home="https://github.com/PuJeff/SCGRFuse",
    training_data="MSRS",
    marks=("vis_rgbd1.laplaconv.convl.weight", "conv3R.conv3d.weight"),
    renames=(
        (r"\.conv[13]d\.", ".conv."),
        (r"^xconv31\.", "shallow.0."),
        (r"^xconv32\.", "shallow.1."),
        (r"^vis_conv\.", "visible_branch.head."),
        (r"^inf_conv\.", "infrared_branch.head."),
        (r"^vis_rgbd(\d)\.", r"visible_branch.block\1."),
        (r"^inf_rgbd(\d)\.", r"infrared_branch.block\1."),
        (r"\.laplaconv\.convl\.", ".laplace."),
        (r"\.sobelconv\.conv([xy])\.", r".sobel.along_\1."),
        (r"\.(block\d)\.conv([12])\.", r".\1.shared\2."),
        (r"\.(block\d)\.conv([34])\.", lambda m: f".{m[1]}.dense{int(m[2]) - 1}."),
        (r"\.(block\d)\.conv5\.", r".\1.merge."),
        (r"\.(block\d)\.conv6\.", r".\1.strong."),
        (r"^multi\.conv(\d)\.", lambda m: f"attention.scales.{int(m[1]) // 2}.conv."),
        (r"^conv1l\.", "attention.merge."),
        (r"^spa\.conv1\.", "attention.spatial_mask.narrow."),
        (r"^spa\.conv_atten\.", "attention.spatial_mask.weigh."),
        (r"^conv3R\.", "attention.spatial."),
        (r"^cpa\.conv\.", "attention.channel_mask."),
        (r"^pfb\.conv\.", "attention.pooling_fusion.merge."),
        (r"^decode(\d)\.", lambda m: f"reconstructor.{4 - int(m[1])}."),
    ),
)
