"""BANet: the segmenter that guides SeAFusion and SCGRFuse.

C. Peng, T. Tian, C. Chen, X. Guo, J. Ma, "Bilateral attention decoder: A lightweight decoder for
real-time semantic segmentation", Neural Networks 137, 2021, doi:10.1016/j.neunet.2021.01.021.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.learn.blocks.resnet import ResidualStage
from imfuse.learn.guides.base import Logits, Segmenter
from imfuse.learn.guides.imagenet import EfficientNetLite

_WIDTH = 128

Encoder = Literal["resnet-18", "efficientnet-lite0"]
"""Name of an encoder."""


class GatedSegmenter(Segmenter):
    """An encoder with BANet's decoder.

    Args:
        encoder: Returns features at 1/8, 1/16 and 1/32.
        widths: Channels of these features.
        classes: Number of classes, including background.
    """

    heads = ("main_head.", "auxiliary_head.")

    def __init__(self, encoder: nn.Module, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        at8, at16, at32 = widths
        self.refine8 = _Refinement(at8)
        self.refine16 = _Refinement(at16)
        self.refine32 = _Refinement(at32)
        self.from32 = _conv(_WIDTH, _WIDTH, 3)
        self.from16 = _conv(_WIDTH, _WIDTH, 3)
        self.join16 = _conv(2 * _WIDTH, _WIDTH)
        self.join8 = _conv(2 * _WIDTH, _WIDTH)
        self.gate16 = _gate(_WIDTH)
        self.gate8 = _gate(_WIDTH)
        self.merge = _conv(_WIDTH, _WIDTH)
        self.main_head = _head(_WIDTH, classes)
        self.auxiliary_head = _head(64, classes)

    def segment(self, pictures: Tensor) -> Logits:
        """Segment `(b, 3, h, w)`; in training, sides must be at least 33 pixels for batch norm."""
        at8, at16, at32 = self.encoder(pictures)
        refined8, refined16, refined32 = (
            self.refine8(at8),
            self.refine16(at16),
            self.refine32(at32),
        )
        coarse = self.from32(_resize(refined32, at16))
        middle = self.join16(torch.cat([coarse, refined16], 1))
        middle = self.gate16(_resize(refined32, at8)) * _resize(middle, at8)
        fine = self.from16(_resize(refined16, at8))
        fine = self.join8(torch.cat([fine, refined8], 1))
        merged = self.merge(fine * self.gate8(middle))
        return Logits(
            *(
                functional.interpolate(
                    logits, pictures.shape[2:], mode="bilinear", align_corners=True
                )
                for logits in (self.main_head(merged), self.auxiliary_head(refined16))
            )
        )


class BANet(GatedSegmenter):
    """A ResNet-18 with a gated decoder that joins features at 1/32, 1/16 and 1/8.

    Args:
        classes: Number of classes, including background; 9 in MSRS.
        encoder: `resnet-18`, as published, or `efficientnet-lite0`, which needs the extra
            `imagenet`.
        pretrained: Whether `efficientnet-lite0` starts with ImageNet weights.

    Raises:
        UsageError: The extra `imagenet` is missing.

    Departures: this follows the code that SeAFusion and SCGRFuse publish, where it is called
        BiSeNet. There its encoder starts with ImageNet weights; here with random ones, unless
        `adopt` loads some.
    """

    name = "banet"
    title = "ResNet-18 with a decoder of gates, 12.9 million parameters"
    paper = (
        "C. Peng, T. Tian, C. Chen, X. Guo, J. Ma, Bilateral attention decoder: A lightweight "
        "decoder for real-time semantic segmentation, Neural Networks 137, 2021, "
        "doi:10.1016/j.neunet.2021.01.021"
    )

    def __init__(
        self,
        *,
        classes: int = 9,
        encoder: Encoder = "resnet-18",
        pretrained: bool = True,
    ) -> None:
        made = make_encoder(encoder, pretrained=pretrained)
        super().__init__(made, made.widths, classes)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights: our own, or those of a published ResNet-18 for the encoder.

        Raises:
            RuntimeError: They belong to another network.
        """
        if "conv1.weight" in weights:
            whole = {key: value for key, value in weights.items() if not key.startswith("fc.")}
            self.encoder.load_state_dict(whole)
        else:
            super().adopt(weights)


def make_encoder(name: Encoder, *, pretrained: bool) -> "ResNet18 | EfficientNetLite":
    """Return an encoder.

    Args:
        name: Its name.
        pretrained: Whether `efficientnet-lite0` starts with ImageNet weights.

    Raises:
        UsageError: The extra `imagenet` is missing.
    """
    return ResNet18() if name == "resnet-18" else EfficientNetLite(pretrained=pretrained)


class ResNet18(nn.Module):
    """The convolutions of a ResNet-18, with the parameter names of its published weights."""

    widths = (128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = ResidualStage(64, 64, 2)
        self.layer2 = ResidualStage(64, 128, 2, stride=2)
        self.layer3 = ResidualStage(128, 256, 2, stride=2)
        self.layer4 = ResidualStage(256, 512, 2, stride=2)

    def advance(self, level: int, x: Tensor) -> Tensor:
        """Return the features of a level, from those of the level before.

        Args:
            level: 0, 1 or 2, for 1/8, 1/16 and 1/32.
            x: Pictures `(b, 3, h, w)` for level 0; otherwise features.
        """
        if level == 0:
            x = self.layer1(functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, padding=1))
        features: Tensor = (self.layer2, self.layer3, self.layer4)[level](x)
        return features

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return 128, 256 and 512 channels at 1/8, 1/16 and 1/32 of `(b, 3, h, w)`."""
        at8 = self.advance(0, x)
        at16 = self.advance(1, at8)
        return at8, at16, self.advance(2, at16)


class _Refinement(nn.Module):
    """A 3x3 convolution to 128 channels, each with a gate that depends on the whole picture."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = _conv(inputs, _WIDTH, 3)
        self.gate = _gate(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        refined: Tensor = x * self.gate(x.mean((2, 3), keepdim=True))
        return refined


def _conv(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, a=1)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01))


def _gate(channels: int) -> nn.Sequential:
    conv = nn.Conv2d(channels, channels, 1, bias=False)
    nn.init.kaiming_normal_(conv.weight, a=1)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.Sigmoid())


def _head(inner: int, classes: int) -> nn.Sequential:
    last = nn.Conv2d(inner, classes, 1, bias=False)
    nn.init.kaiming_normal_(last.weight, a=1)
    return nn.Sequential(_conv(_WIDTH, inner, 3), last)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear")
