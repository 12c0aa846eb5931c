"""A segmenter of unfused pairs: two encoders whose features are fused, the alternative to pictures.

J. Zhang, H. Liu, K. Yang, X. Hu, R. Liu, R. Stiefelhagen, "CMX: Cross-modal fusion for RGB-X
semantic segmentation with transformers", IEEE T-ITS 24(12), 2023, doi:10.1109/TITS.2023.3300537.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from imfuse.learn.guides.banet import Encoder, GatedSegmenter, make_encoder

_SHARE = 0.5
"""CMX's lambda_C and lambda_S: weight of each kind of rectification."""


class TwoEncoders(GatedSegmenter):
    """An encoder for each sensor and BANet's decoder; features are joined at each level.

    Args:
        classes: Number of classes, including background; 9 in MSRS.
        encoder: Both encoders: `efficientnet-lite0`, which needs the extra `imagenet`, or
            `resnet-18`.
        pretrained: Whether `efficientnet-lite0` starts with ImageNet weights.
        exchange: `none`: the encoders are joined by the decoder only; `cmx`: at each level, the
            features of each are rectified by those of the other before they go on.

    Raises:
        UsageError: The extra `imagenet` is missing.

    Departures: from CMX it takes the rectification (CM-FRM). The features are joined by
        concatenation and a 1x1 convolution, without the cross-attention before it (FFM), and there
        are three levels, not four.
    """

    name = "two-encoders"
    title = "Two light encoders on the unfused pair, with a decoder of gates"
    paper = (
        "J. Zhang, H. Liu, K. Yang, X. Hu, R. Liu, R. Stiefelhagen, CMX: Cross-modal fusion for "
        "RGB-X semantic segmentation with transformers, IEEE T-ITS 24(12), 2023, "
        "doi:10.1109/TITS.2023.3300537"
    )
    channels = 4

    def __init__(
        self,
        *,
        classes: int = 9,
        encoder: Encoder = "efficientnet-lite0",
        pretrained: bool = True,
        exchange: Literal["none", "cmx"] = "none",
    ) -> None:
        pair = _Pair(encoder, pretrained=pretrained, exchange=exchange == "cmx")
        super().__init__(pair, pair.widths, classes)


class _Pair(nn.Module):
    """Two encoders, whose features are joined at each level."""

    def __init__(self, encoder: Encoder, *, pretrained: bool, exchange: bool) -> None:
        super().__init__()
        self.visible = make_encoder(encoder, pretrained=pretrained)
        self.infrared = make_encoder(encoder, pretrained=pretrained)
        self.widths = self.visible.widths
        self.exchange = nn.ModuleList(
            Rectification(width) if exchange else nn.Identity() for width in self.widths
        )
        self.join = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in self.widths)

    def forward(self, pairs: Tensor) -> list[Tensor]:
        """Return joined features at 1/8, 1/16 and 1/32 of `(b, 4, h, w)`, infrared last."""
        visible, infrared = pairs[:, :3], pairs[:, 3:].expand(-1, 3, -1, -1)
        features = []
        for level, (exchange, join) in enumerate(zip(self.exchange, self.join, strict=True)):
            visible = self.visible.advance(level, visible)
            infrared = self.infrared.advance(level, infrared)
            both = exchange(torch.cat([visible, infrared], 1))
            visible, infrared = both.chunk(2, 1)
            features.append(join(both))
        return features


class Rectification(nn.Module):
    """CMX's rectification of the features of two sensors by one another (CM-FRM).

    To each it adds the other, weighted by channel and by pixel, as in
    F_1 + lambda_C W_2^C F_2 + lambda_S W_2^S F_2, and likewise for F_2. A perceptron gets the
    weights of channels from means and maxima of both over the picture, two 1x1 convolutions get
    those of pixels from both; all are sigmoids.

    Args:
        width: Channels of the features of one sensor.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        both = 2 * width
        self.by_channel = nn.Sequential(
            nn.Conv2d(2 * both, 2 * both, 1), nn.ReLU(), nn.Conv2d(2 * both, both, 1), nn.Sigmoid()
        )
        self.by_pixel = nn.Sequential(
            nn.Conv2d(both, width, 1), nn.ReLU(), nn.Conv2d(width, 2, 1), nn.Sigmoid()
        )

    def forward(self, both: Tensor) -> Tensor:
        """Return both features, rectified; `(b, 2 width, h, w)` in and out."""
        pooled = torch.cat([both.mean((2, 3), keepdim=True), both.amax((2, 3), keepdim=True)], 1)
        first, second = both.chunk(2, 1)
        channel = self.by_channel(pooled).chunk(2, 1)
        pixel = self.by_pixel(both).chunk(2, 1)
        to_first = _SHARE * (channel[1] + pixel[1]) * second
        to_second = _SHARE * (channel[0] + pixel[0]) * first
        return both + torch.cat([to_first, to_second], 1)
