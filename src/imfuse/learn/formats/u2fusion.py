"""Weights of a PyTorch port of U2Fusion, whose files also hold the VGG-16 of its loss."""

from imfuse.learn.formats.foreign import Foreign

FORMAT = Foreign(
    network="u2fusion",
    home="https://github.com/yyl-lalala/U2Fusion-pytorch",
    training_data="not stated",
    marks=("generator.encoder.dense5.weight", "generator.decoder.conv4.weight"),
    renames=(
        (r"^generator\.encoder\.conv1\.", "head.conv."),
        (r"^generator\.encoder\.dense(\d)\.", lambda m: f"dense.{int(m[1]) - 1}.conv."),
        (r"^generator\.decoder\.conv(\d)\.", lambda m: f"decoder.{int(m[1]) - 1}.conv."),
    ),
    dropped=r"^vgg\.",
)
