"""The weights that the authors of CDDFuse publish.

Their weights for medical pictures have the same names, so they can't be told apart; they need a
network with `residual="none"`.
"""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="cddfuse",
    home="https://github.com/Zhaozixiang1228/MMIF-CDDFuse",
    training_data="MSRS",
    marks=(
        "DIDF_Encoder.encoder_level1.3.ffn.dwconv.weight",
        "DetailFuseLayer.net.0.shffleconv.weight",
    ),
    renames=(
        (r"^DIDF_Encoder\.", "encoder."),
        (r"^DIDF_Decoder\.", "decoder."),
        (r"^BaseFuseLayer\.", "base_fusion."),
        (r"^DetailFuseLayer\.net\.0\.", "detail_fusion."),
        (r"\.patch_embed\.proj\.", ".embed."),
        (r"\.encoder_level1\.", ".shallow."),
        (r"\.baseFeature\.", ".base."),
        (r"\.detailFeature\.net\.", ".detail."),
        (r"^decoder\.reduce_channel\.", "decoder.0."),
        (r"^decoder\.encoder_level2\.(\d)\.", lambda m: f"decoder.{int(m[1]) + 1}."),
        (r"^decoder\.output\.0\.", "decoder.5.conv."),
        (r"^decoder\.output\.2\.", "decoder.6.conv."),
        (r"\.norm(\d)\.body\.", r".norm\1."),
        (r"\.attn\.(?:temperature|scale)$", ".attention.temperature"),
        (r"\.attn\.(?:qkv|qkv1)\.", ".attention.project_in."),
        (r"\.attn\.(?:qkv_dwconv|qkv2)\.", ".attention.spatial."),
        (r"\.attn\.(?:project_out|proj)\.", ".attention.project_out."),
        (r"\.(?:ffn|mlp)\.dwconv\.", ".feed_forward.spatial."),
        (r"\.(?:ffn|mlp)\.project_", ".feed_forward.project_"),
        (r"\.theta_(phi|rho|eta)\.bottleneckBlock\.0\.", r".\1.0."),
        (r"\.theta_(phi|rho|eta)\.bottleneckBlock\.3\.", r".\1.2."),
        (r"\.theta_(phi|rho|eta)\.bottleneckBlock\.5\.", r".\1.4."),
        (r"\.shffleconv\.", ".mix."),
    ),
)
