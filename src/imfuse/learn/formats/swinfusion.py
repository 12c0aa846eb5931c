"""The weights that the authors of SwinFusion publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="swinfusion",
    home="https://github.com/Linfeng-Tang/SwinFusion",
    training_data="MSRS",
    marks=("conv_first1_A.weight", "layers_Fusion.0.residual_group_A.blocks.0.norm1.weight"),
    renames=(
        (r"^conv_first1_A\.", "shallow.0.conv."),
        (r"^conv_first2_A\.", "shallow.1.conv."),
        (r"^patch_embed\.norm\.", "norm."),
        (r"^layers_Ex_A\.0\.residual_group\.blocks\.", "infrared_stage.layers."),
        (r"^layers_Ex_B\.0\.residual_group\.blocks\.", "visible_stage.layers."),
        (r"^layers_Re\.0\.residual_group\.blocks\.", "fused_stage.layers."),
        (r"^norm_Ex_A\.", "infrared_stage.norm."),
        (r"^norm_Ex_B\.", "visible_stage.norm."),
        (r"^norm_Re\.", "fused_stage.norm."),
        (r"^norm_Fusion_A\.", "infrared_norm."),
        (r"^norm_Fusion_B\.", "visible_norm."),
        (r"^layers_Fusion\.(\d)\.residual_group_A\.blocks\.", r"fusion.\1.infrared."),
        (r"^layers_Fusion\.(\d)\.residual_group_B\.blocks\.", r"fusion.\1.visible."),
        (
            r"^layers_Fusion\.(\d)\.residual_group\.blocks\.(\d)\.(\w+)_A\.",
            r"fusion.\1.cross_infrared.\2.\3.",
        ),
        (
            r"^layers_Fusion\.(\d)\.residual_group\.blocks\.(\d)\.(\w+)_B\.",
            r"fusion.\1.cross_visible.\2.\3.",
        ),
        (r"\.attn\.", ".attention."),
        (r"\.relative_position_bias_table$", ".position_bias"),
        (r"\.qkv\.", ".query_key_value."),
        (r"\.q\.", ".query."),
        (r"\.kv\.", ".key_value."),
        (r"\.proj\.", ".merge."),
        (r"\.mlp\.fc1\.", ".feed_forward.0."),
        (r"\.mlp\.fc2\.", ".feed_forward.2."),
        (r"^conv_after_body_Fusion\.", "merge.conv."),
        (r"^conv_last1\.", "reconstruction.0.conv."),
        (r"^conv_last2\.", "reconstruction.1.conv."),
        (r"^conv_last3\.", "reconstruction.2.conv."),
    ),
    dropped=r"^conv_first\d_B\.|\.attn_mask$|\.relative_position_index$",
)
