"""The weights that the authors of EMMA publish for its fusion network."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="emma",
    home="https://github.com/Zhaozixiang1228/MMIF-EMMA",
    training_data="MSRS",
    marks=("I_en_1.GlobalFeature.attn.scale", "f_4.FFN.weight"),
    renames=(
        (r"^I_en_(\d)\.", lambda m: f"infrared_encoder.blocks.{int(m[1]) - 1}."),
        (r"^V_en_(\d)\.", lambda m: f"visible_encoder.blocks.{int(m[1]) - 1}."),
        (r"^I_down(\d)\.", lambda m: f"infrared_encoder.down.{int(m[1]) - 1}."),
        (r"^V_down(\d)\.", lambda m: f"visible_encoder.down.{int(m[1]) - 1}."),
        (r"^f_(\d)\.", lambda m: f"fusion.{int(m[1]) - 1}."),
        (r"^de_(\d)\.", lambda m: f"decoder.blocks.{int(m[1]) - 1}."),
        (r"^up(\d)\.0\.", lambda m: f"decoder.up.{int(m[1]) - 2}."),
        (r"^last\.0\.", "decoder.last."),
        (r"\.embed\.", ".embed.conv."),
        (r"\.FFN\.", ".merge.conv."),
        (r"\.LocalFeature\.Extraction\.(\d)\.conv\.0\.", r".nearby.\1.first.conv."),
        (r"\.LocalFeature\.Extraction\.(\d)\.conv\.2\.", r".nearby.\1.second.conv."),
        (r"\.GlobalFeature\.", ".everywhere."),
        (r"\.norm(\d)\.body\.", r".norm\1."),
        (r"\.attn\.scale$", ".attention.temperature"),
        (r"\.attn\.qkv1\.", ".attention.project_in."),
        (r"\.attn\.qkv2\.", ".attention.spatial."),
        (r"\.attn\.proj\.", ".attention.project_out."),
        (r"\.mlp\.dwconv\.", ".feed_forward.spatial."),
        (r"\.mlp\.project_", ".feed_forward.project_"),
    ),
)
