"""Named sets of conventions: ours, and those of the public evaluation kits.

How a kit computes a metric is recorded with the metric (`Metric.kits`); this module says how the
kit prepares the pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from imfuse.lookup import look_up
from imfuse.metrics.catalogue import METRICS
from imfuse.metrics.metric import PLAIN, Convention

Channel: TypeAlias = Literal["y", "gray", "rgb-mean"]
"""Channel of colour pictures that is compared.

`y`: BT.601 luma, not rounded. `gray`: luma rounded to 256 levels as in the protocol's kit.
`rgb-mean`: the average of the metric over R, G and B (a gray picture is used for all three).
"""

CHANNELS: tuple[Channel, ...] = ("y", "gray", "rgb-mean")

Rounding: TypeAlias = Literal["float32", "pillow", "matlab"]
"""Conversion to 256 gray levels: cv2 on floats, Pillow's `L`, or MATLAB's rgb2gray."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named set of conventions.

    Attributes:
        name: Name on the command line.
        title: One line for humans.
        channel: Channel of colour pictures that is compared by default.
        rounding: Rounding of its `gray`.
        source: Location of the kit, and the parts of it that were read.
        remark: Remark for readers of its numbers.
    """

    name: str
    title: str
    channel: Channel
    rounding: Rounding
    source: str
    remark: str

    @property
    def conventions(self) -> Mapping[str, Convention]:
        """Conventions by symbol, for the metrics that the protocol has, in table order."""
        if self.name == "reference":
            return dict.fromkeys(METRICS, PLAIN)
        return {
            symbol: metric.kits[self.name]
            for symbol, metric in METRICS.items()
            if self.name in metric.kits
        }


_ALL = (
    Protocol(
        name="reference",
        title="the definitions that imfuse stands behind",
        channel="y",
        rounding="float32",
        source="docs/metrics.md",
        remark="Each metric as its paper defines it, on 0..255, with correct constants.",
    ),
    Protocol(
        name="tang",
        title="Tang's MATLAB kit (SCGRFuse, PSFusion; SeAFusion and most papers after it)",
        channel="gray",
        rounding="matlab",
        source="github.com/Linfeng-Tang/Evaluation-for-Image-Fusion",
        remark="MI in bits with a joint histogram that merges levels 254 and 255; MSE on 0..1; "
        "PSNR 48.13 dB too high; SSIM with constants that vanish.",
    ),
    Protocol(
        name="cddfuse",
        title="the Evaluator of CDDFuse (RefineFuse's SSIM; EMMA and others)",
        channel="gray",
        rounding="float32",
        source="github.com/Zhaozixiang1228/MMIF-CDDFuse, utils/Evaluator.py",
        remark="MI in nats; PSNR with the fused picture's maximum as peak; SSIM 7x7 with a data "
        "range of 2 on 0..255; its function VIFF is the sum that we call VIF.",
    ),
    Protocol(
        name="smfnet",
        title="SMFNet's copy of CDDFuse's Evaluator",
        channel="gray",
        rounding="float32",
        source="the code beside SMFNet (Information Fusion 2024)",
        remark="As cddfuse, but AG is larger by the square root of 2.",
    ),
    Protocol(
        name="ivif-zoo",
        title="the PyTorch evaluator of IVIF_ZOO",
        channel="gray",
        rounding="pillow",
        source="github.com/RollingPlain/IVIF_ZOO, Metric/",
        remark="VIF with padding and an off-centre window (5 to 7 % higher); MSE on 0..1; PSNR "
        "48.13 dB too high; SSIM and MS-SSIM of values scaled by 255 twice.",
    ),
    Protocol(
        name="vifb",
        title="the visible and infrared benchmark VIFB",
        channel="rgb-mean",
        rounding="matlab",
        source="github.com/xingchenzhang/VIFB, metrics/",
        remark="Per colour channel, then averaged; MI in nats of pictures stretched to 0..255; "
        "RMSE and PSNR are built on the norm of the difference over the number of pixels. SF of "
        "colour pictures runs across the channels there, which is not done here.",
    ),
)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def find_protocol(name: str) -> Protocol:
    """Return the protocol with this name.

    Raises:
        UnknownName: There is none; the message suggests the closest ones.
    """
    return look_up("protocol", name, PROTOCOLS)
