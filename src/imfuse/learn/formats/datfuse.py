"""The weights that the authors of DATFuse publish."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="datfuse",
    home="https://github.com/tthinking/DATFuse",
    training_data="",
    marks=("fem.conv.weight", "sam.body.0.weight", "basicLayer.blocks.1.attn.qkv.weight"),
    renames=(
        (r"^convolutional\.conv\.", "head.0."),
        (r"^convolutional\.bn\.", "head.1."),
        (r"^convolutional_out\.conv\.", "last."),
        (r"^fem\.conv\.", "dual_attention.conv."),
        (r"^fem\.bn\.", "dual_attention.norm."),
        (r"^cam\.fc\.", "dual_attention.channel."),
        (r"^sam\.body\.([01])\.", r"dual_attention.spatial.0.\1."),
        (r"^sam\.body\.([34])\.", lambda m: f"dual_attention.spatial.1.{int(m[1]) - 3}."),
        (r"^basicLayer\.blocks\.", "transformer."),
        (r"\.attn\.qkv\.", ".query_key_value."),
        (r"\.attn\.proj\.", ".merge."),
        (r"\.mlp\.fc1\.", ".feed_forward.0."),
        (r"\.mlp\.fc2\.", ".feed_forward.2."),
    ),
    dropped=r"^patch_embed\.|\.attn_mask$|\.relative_position_(index|bias_table)$",
)
