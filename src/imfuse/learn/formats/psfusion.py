"""The weights that the authors of PSFusion publish."""

import re

from imfuse.learn.formats.foreign import Foreign


def _superficial(match: re.Match[str]) -> str:
    """Rename a layer of SFEB1, numbered in a row in theirs: convolution, norm, FReLU, twice."""
    block, part = divmod(int(match[1]), 3)
    return f".first.{2 * block + 1}.funnel." if part == 2 else f".first.{2 * block}.{part}."


def _in_threes(match: re.Match[str]) -> str:
    """Rename an attention layer, numbered in a row in theirs: convolution, norm, activation."""
    after_pooling = match[1] in ("Recalibrate", "global_att")
    block, part = divmod(int(match[2]) - after_pooling, 3)
    ours = {"Recalibrate": "gates", "global_att": "channel", "local_att": "spatial"}[match[1]]
    return f".{ours}.{block}.{part}."


_ENCODERS = (
    (r"^encoder_thermal_", "infrared_encoder."),
    (r"^encoder_rgb_", "visible_encoder."),
    (r"\.conv1\.SFEB1\.(\d)\.", _superficial),
    (r"\.conv1\.SFEB2\.2\.", ".second.2.funnel."),
    (r"\.conv1\.SFEB2\.", ".second."),
    (r"\.conv_frelu\.", ".0."),
    (r"\.bn_frelu\.", ".1."),
    (r"_encoder\.layer(\d)\.", lambda m: f"_encoder.layer{int(m[1]) - 2}."),
)
_FUSION = (
    (r"^(?:low|high)_fuse(\d)\.", lambda m: f"fusion.{int(m[1]) - 1}."),
    (r"\.basicconv\.", "."),
    (r"\.RGBobj1_([12])\.", lambda m: f".visible.{int(m[1]) - 1}."),
    (r"\.Infobj1_([12])\.", lambda m: f".infrared.{int(m[1]) - 1}."),
    (r"\.RGBspr\.", ".visible.2."),
    (r"\.Infspr\.", ".infrared.2."),
    (r"\.obj_fuse\.channel_agg\.", ".merge."),
    (r"\.RGBobj\.", ".visible."),
    (r"\.Infobj\.", ".infrared."),
    (r"\.down\.", ".narrow."),
    (r"\.denseblock\.", ".dense."),
    (r"\.fuse\.", ".merge."),
    (r"\.obj_fuse\.Second_reduce\.", ".merge."),
    (r"\.obj_fuse\.Q\.", ".query."),
    (r"\.RGB_K\.", ".visible_key."),
    (r"\.RGB_V\.", ".visible_value."),
    (r"\.INF_K\.", ".infrared_key."),
    (r"\.INF_V\.", ".infrared_value."),
    (r"\.gamma1$", ".visible_factor"),
    (r"\.gamma2$", ".infrared_factor"),
    (r"\.obj_fuse\.", "."),
)
_BRANCHES = (
    (r"^to_fused_seg\.(\d)\.0\.", r"gather.\1."),
    (r"^seg_decoder\.block(\d)\.", lambda m: f"perception.{int(m[1]) - 1}."),
    (r"^rec_decoder\.block(\d)\.", lambda m: f"first_restoration.dense.{int(m[1]) - 1}."),
    (r"^seg_rec_decoder\.block(\d)\.", lambda m: f"last_restoration.dense.{int(m[1]) - 1}."),
    (r"^(perception|\w+_restoration\.dense)\.(\d)\.1\.", r"\1.\2.2."),
    (r"^(perception|\w+_restoration\.dense)\.(\d)\.0\.conv\.", r"\1.\2.0."),
    (r"^(perception|\w+_restoration\.dense)\.(\d)\.0\.bn\.", r"\1.\2.1."),
    (r"^SIM1\.", "inject_third."),
    (r"^SIM2\.", "inject_second."),
    (r"^SIM3\.", "inject_semantic."),
    (r"\.mlp_gamma\.0\.", ".gamma."),
    (r"\.mlp_(shared|beta)\.", r".\1."),
    (r"^(inject_\w+)\.bn\.", r"\1.norm."),
)
_HEADS = (
    (r"^pred_fusion\.conv_block\.0\.", "fused_head."),
    (r"^pred_vi\.", "visible_head."),
    (r"^pred_ir\.", "infrared_head."),
    (r"_head\.conv_block\.0\.", "_head.head."),
    (r"_head\.mask\.conv_block\.", "_head.norm."),
    (r"_head\.mask\.", "_head."),
    (r"\.(Recalibrate|global_att|local_att)\.(\d)\.", _in_threes),
    (r"^classfier\.(\w+)\.conv\.", r"classfier.\1.0."),
    (r"^classfier\.(\w+)\.bnop\.", r"classfier.\1.1."),
    (r"^classfier\.binary_conv([12])\.", lambda m: f"semantic_heads.binary.{int(m[1]) - 1}."),
    (r"^classfier\.semantic_conv1\.", "semantic_heads.refine."),
    (r"^classfier\.semantic_conv2\.", "semantic_heads.semantic."),
    (r"^classfier\.boundary_conv([12])\.", lambda m: f"semantic_heads.idle.{int(m[1]) - 1}."),
    (r"^classfier\.boundary_conv\.([01])\.", r"semantic_heads.boundary.0.\1."),
    (r"^classfier\.boundary_conv\.3\.", "semantic_heads.boundary.1."),
)

FORMAT = Foreign(
    network="psfusion",
    home="https://github.com/Linfeng-Tang/PSFusion",
    training_data="MSRS",
    marks=("encoder_thermal_conv1.SFEB1.0.weight", "classfier.boundary_conv.3.weight"),
    renames=(*_ENCODERS, *_FUSION, *_BRANCHES, *_HEADS),
)
