"""The weights that the authors of LRRNet publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="lrrnet",
    home="https://github.com/hli1221/imagefusion-LRRNet",
    training_data="KAIST",
    marks=("get_ls1.lamj", "decoder.conv_ReZx.conv2d.weight"),
    renames=(
        (r"conv2d\.", "conv."),
        (r"^get_ls1\.|^decoder\.(?=.*x\.)", "infrared_branch."),
        (r"^get_ls2\.|^decoder\.(?=.*y\.)", "visible_branch."),
        (r"\.lamj$", ".threshold"),
        (r"\.lamz$", ".decay"),
        (r"\.conv_W00\.", ".head."),
        (r"\.lrrblock(\d)\.conv_Wdz\.", r".synthesis.\1."),
        (r"\.lrrblock(\d)\.conv_Wdtz\.", r".analysis.\1."),
        (r"\.conv_ReZ[xy]\.", ".low_rank."),
        (r"\.conv_ReU[xy]\.", ".sparse."),
        (r"^decoder\.conv_ReL\.", "low_rank."),
        (r"^decoder\.conv_ReH\.", "sparse."),
    ),
)
