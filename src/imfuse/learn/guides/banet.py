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


class BANet(Segmenter):
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
    heads = ("main_head.", "auxiliary_head.")

    def __init__(
        self,
        *,
        classes: int = 9,
        encoder: Literal["resnet-18", "efficientnet-lite0"] = "resnet-18",
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.encoder: _Encoder | EfficientNetLite = (
            _Encoder() if encoder == "resnet-18" else EfficientNetLite(pretrained=pretrained)
        )
        at8, at16, at32 = self.encoder.widths
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


class _Encoder(nn.Module):
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

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return 128, 256 and 512 channels at 1/8, 1/16 and 1/32 of `(b, 3, h, w)`."""
        x = functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, padding=1)
        at8 = self.layer2(self.layer1(x))
        at16 = self.layer3(at8)
        return at8, at16, self.layer4(at16)


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
