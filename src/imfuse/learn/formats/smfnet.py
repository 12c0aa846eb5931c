"""The weights that the authors of SMFNet publish."""

import re

from imfuse.learn.formats.foreign import Foreign


def _transformer(match: re.Match[str]) -> str:
    """Rename a block of the base branch: theirs are in pairs, ours numbered consecutively."""
    return f"encoder.base.groups.{match[1]}.blocks.{2 * int(match[2]) + int(match[3])}."


def _bottleneck(match: re.Match[str]) -> str:
    """Rename a convolution of a bottleneck, whose numbers in theirs also count activations."""
    return f"{match[1]}.{int(match[2]) // 2}.conv."


_SECTIONS = (
    (r"^DIDF_Encoder\.", "encoder."),
    (r"^DIDF_Decoder\.", "decoder."),
    (r"^BaseFuseLayer\.reduce_channel\.", "base_fusion.idle."),
    (r"^BaseFuseLayer\.", "base_fusion."),
    (r"^DetailFuseLayer\.", "detail_fusion."),
    (r"^GraphModel\.", "reasoning."),
    (r"\.patch_embed\.proj\.", ".embed."),
)
_ENCODER = (
    (r"^encoder\.encoder_level1\.0\.", "encoder.shallow."),
    (r"^encoder\.GRDB_module\.conv\.", "encoder.detail.0."),
    (r"^encoder\.GRDB_module\.GRDB\.", "encoder.detail.1."),
    (r"^encoder\.detailFeature\.TCA\.", "encoder.detail.2."),
    (r"^encoder\.detailFeature\.layer\.", "encoder.detail.3."),
    (r"\.kv\.", ".key_value.0."),
    (r"\.kv_dwconv\.", ".key_value.1."),
    (r"\.q\.", ".query.0."),
    (r"\.q_dwconv\.", ".query.1."),
    (r"^encoder\.baseFeature\.conv_first\.", "encoder.base.embed."),
    (r"^encoder\.baseFeature\.layers\.(\d)\.residual_group\.(\d)\.(\d)\.", _transformer),
    (r"^encoder\.baseFeature\.layers\.(\d)\.conv\.", r"encoder.base.groups.\1.convs."),
    (r"^encoder\.baseFeature\.reduce_channel\.", "encoder.base.idle.0."),
    (r"^encoder\.baseFeature\.norm\.", "encoder.base.idle.1."),
    (r"^encoder\.baseFeature\.conv_after_body\.", "encoder.base.idle.2."),
    (r"^(encoder\.base\.(?:groups\.\d\.convs|idle\.2))\.([024])\.", _bottleneck),
)
_FUSION_AND_DECODER = (
    (r"^detail_fusion\.GRDB\.conv\.", "detail_fusion.0."),
    (r"^detail_fusion\.GRDB\.GRDB\.", "detail_fusion.1."),
    (r"^detail_fusion\.net\.(\d)\.", lambda m: f"detail_fusion.{int(m[1]) + 2}."),
    (r"^decoder\.encoder_level1\.0\.", "decoder.0."),
    (r"^decoder\.output\.([024])\.", lambda m: f"decoder.{int(m[1]) // 2 + 1}.conv."),
)
_GRAPH = (
    (r"^reasoning\.C_cls\.", "reasoning.both."),
    (r"^reasoning\.graph\.C_cls\.", "reasoning.idle.6."),
    (r"^reasoning\.graph\.C_cat\.0\.", "reasoning.ir_merge."),
    (r"^reasoning\.graph\.C_cat\.1\.", "reasoning.vis_merge."),
    (r"^reasoning\.graph\.C_cat\.(\d)\.", r"reasoning.idle.\1."),
    (r"^reasoning\.graph\.graph\.", "reasoning."),
    (r"\.ppm_rgb\.convs\.", ".ir_nodes."),
    (r"\.ppm_dep\.convs\.", ".vis_nodes."),
    (r"\.graph_rgb\.", ".ir_scales."),
    (r"\.graph_dep\.", ".vis_scales."),
    (r"\.C_wgt\.", ".edge."),
    (r"\.ConvGRU\.ConvGates\.", ".gate.gates."),
    (r"\.ConvGRU\.Conv_ct\.", ".gate.candidate."),
    (r"\.C_ca\.(\d)\.1\.", r".idle.\1.0."),
    (r"\.C_ca\.(\d)\.3\.", r".idle.\1.1."),
    (r"\.C_pa\.0\.", ".ir_to_vis."),
    (r"\.C_pa\.1\.", ".vis_to_ir."),
)
_BLOCKS = (
    (r"\.norm(\d)\.body\.", r".norm\1."),
    (r"\.attn\.(?:temperature|scale)$", ".attention.temperature"),
    (r"\.attn\.(?:qkv|qkv1)\.", ".attention.project_in."),
    (r"\.attn\.(?:qkv_dwconv|qkv2)\.", ".attention.spatial."),
    (r"\.attn\.(?:project_out|proj)\.", ".attention.project_out."),
    (r"\.mlp\.project_in\.", ".feed_forward.0."),
    (r"\.mlp\.project_out\.", ".feed_forward.2."),
    (r"\.(?:ffn_leff|mlp)\.linear1\.0\.", ".feed_forward.layers.0."),
    (r"\.(?:ffn_leff|mlp)\.dwconv\.0\.", ".feed_forward.layers.2."),
    (r"\.(?:ffn_leff|mlp)\.linear2\.0\.", ".feed_forward.layers.4."),
    (r"\.dense\.conv(\d)\.", r".dense\1."),
    (r"\.convdown\.", ".merge."),
    (r"\.convup\.", ".widen."),
    (r"\.sobelconv\.conv([xy])\.", r".sobel.along_\1."),
    (r"\.(?:theta_rho|r)\.bottle", ".rho.bottle"),
    (r"\.(?:theta_eta|y)\.bottle", ".eta.bottle"),
    (r"\.(?:theta_phi|f)\.bottle", ".phi.bottle"),
    (r"\.p\.bottle", ".psi.bottle"),
    (r"\.bottleneckBlock\.0\.", ".0."),
    (r"\.bottleneckBlock\.3\.", ".2."),
    (r"\.bottleneckBlock\.5\.", ".4."),
    (r"\.shffleconv\.", ".mix."),
)

FORMAT = Foreign(
    network="smfnet",
    home="https://github.com/Abraham-Einstein/SMFNet",
    training_data="MSRS",
    marks=("DIDF_Encoder.GRDB_module.conv.conv.weight", "GraphModel.C_cls.weight"),
    renames=(*_SECTIONS, *_ENCODER, *_FUSION_AND_DECODER, *_GRAPH, *_BLOCKS),
)
