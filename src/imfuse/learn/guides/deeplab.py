"""DeepLabv3+ on a MobileNetV2: the segmenter used to evaluate SCGRFuse.

L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam, "Encoder-decoder with atrous separable
convolution for semantic image segmentation", ECCV 2018, doi:10.1007/978-3-030-01234-2_49.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import MobileNetV2Config, MobileNetV2Model

from imfuse.learn.guides.base import Logits, Segmenter

_WIDTH = 256
_EARLY = 48
_RATES = (6, 12, 18)
_EARLY_BLOCKS = 2
"""Number of encoder blocks down to 1/4, where the low-level features are taken."""


class DeepLabV3Plus(Segmenter):
    """A MobileNetV2 down to 1/16, parallel dilated convolutions, and a decoder at 1/4.

    Args:
        classes: Number of classes, including background; 9 in MSRS.

    Departures: as in the program that SCGRFuse uses, the parallel convolutions and those of the
        decoder are dense, not separable. There its encoder starts with ImageNet weights; here with
        random ones, unless `adopt` loads some.
    """

    name = "deeplabv3plus"
    title = "MobileNetV2 with dilated convolutions side by side, 5.8 million parameters"
    paper = (
        "L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam, Encoder-decoder with atrous "
        "separable convolution for semantic image segmentation, ECCV 2018, "
        "doi:10.1007/978-3-030-01234-2_49"
    )
    heads = ("head.",)

    def __init__(self, *, classes: int = 9) -> None:
        super().__init__()
        self.encoder = _encoder()
        early, wide = 24, 320
        self.branches = nn.ModuleList(
            [_conv(wide, _WIDTH), *(_conv(wide, _WIDTH, 3, dilation=rate) for rate in _RATES)]
        )
        self.whole = _conv(wide, _WIDTH)
        self.join = _conv(_WIDTH * (len(self.branches) + 1), _WIDTH)
        self.early = _conv(early, _EARLY)
        self.decoder = nn.Sequential(
            _conv(_EARLY + _WIDTH, _WIDTH, 3),
            nn.Dropout(0.5),
            _conv(_WIDTH, _WIDTH, 3),
            nn.Dropout(0.1),
        )
        self.head = nn.Conv2d(_WIDTH, classes, 1)

    def segment(self, pictures: Tensor) -> Logits:
        """Segment `(b, 3, h, w)`; training needs batches of at least two for batch norm."""
        x = self.encoder.conv_stem(pictures)
        blocks = list(self.encoder.layer)
        for block in blocks[:_EARLY_BLOCKS]:
            x = block(x)
        early = self.early(x)
        for block in blocks[_EARLY_BLOCKS:]:
            x = block(x)
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        x = self.join(torch.cat([*(branch(x) for branch in self.branches), whole], 1))
        x = self.decoder(torch.cat([_resize(x, early), early], 1))
        return Logits(_resize(self.head(x), pictures), None)


def _encoder() -> MobileNetV2Model:
    # PyTorch's padding, as in the program; TensorFlow's depends on the size, which an exported #
    # file could not reproduce.
    config = MobileNetV2Config(output_stride=16, tf_padding=False)
    encoder = MobileNetV2Model(config, add_pooling_layer=False)
    # The layers after the last block classify whole pictures and are not needed.
    del encoder.conv_1x1
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            outputs = module.out_channels * math.prod(module.kernel_size)
            nn.init.normal_(module.weight, std=math.sqrt(2 / (outputs / module.groups)))
        elif isinstance(module, nn.BatchNorm2d):
            # `transformers` copies TensorFlow's momentum, which in PyTorch would mean the last
            # batch # alone.
            module.momentum, module.eps = 0.1, 1e-5
    return encoder


def _conv(inputs: int, outputs: int, kernel: int = 1, *, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)
