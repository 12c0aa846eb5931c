"""EN, SD, MI, NMI: information in the fused picture, and how much of it is from the sources."""

import math
from typing import Literal

import numpy as np

from imfuse.metrics.histograms import (
    Levels,
    bits,
    counts,
    entropy_bits,
    information_bits,
    joint_counts,
)
from imfuse.metrics.metric import PLAIN, Metric, MetricInfo
from imfuse.metrics.planes import Plane, Trio

NATS_PER_BIT = math.log(2)


def entropy(trio: Trio, *, levels: Levels = "nearest", offset: float = 0.0) -> float:
    """Return the entropy of the fused picture's gray levels.

    EN = -sum p log2(p + offset) over 256 levels, where p is the share of pixels at a level.

    Args:
        trio: The pictures; only the fused one is used.
        levels: How values become levels. `nearest`: rounded (all but VIFB). `floor`: rounded down
            (VIFB).
        offset: Constant added inside the logarithm: 0, or 1e-7 (IVIF_ZOO), which lowers the value
            by about 1e-5.

    Returns:
        Bits, 0 for a constant picture to 8; higher is better.

    References:
        J. W. Roberts, J. van Aardt, F. Ahmed, "Assessment of image fusion procedures using entropy,
        image quality, and multispectral classification", Journal of Applied Remote Sensing 2(1),
        2008, doi:10.1117/1.2945910.
    """
    if not offset:
        return entropy_bits(trio.fused, levels)
    found = counts(trio.fused, levels).astype(np.float64)
    share = found / found.sum()
    return float(-(share @ np.log2(share + offset)))


def standard_deviation(
    trio: Trio, *, divided_by: Literal["pixels", "pixels less one", "nothing"] = "pixels"
) -> float:
    """Return the standard deviation of the fused picture.

    SD = sqrt(sum (F - mean F)^2 / MN).

    Args:
        trio: The pictures; only the fused one is used.
        divided_by: Divisor of the sum of squares. `pixels`: all kits here. `pixels less
            one`: MATLAB's std2. `nothing`: the kit of NestFuse and RFN-Nest, whose values grow with
            the size of the picture.

    Returns:
        Gray levels, 0 to 127.5; higher is better.

    References:
        Y.-J. Rao, "In-fibre Bragg grating sensors", Measurement Science and Technology 8(4), 1997,
        doi:10.1088/0957-0233/8/4/002, is what the field cites.
    """
    pixels = trio.fused.values.size
    if divided_by == "pixels":
        return math.sqrt(trio.fused.variance)
    if divided_by == "nothing":
        return math.sqrt(trio.fused.variance * pixels)
    return math.sqrt(trio.fused.variance * pixels / max(pixels - 1, 1))


def mutual_information(
    trio: Trio,
    *,
    unit: Literal["bits", "nats"] = "bits",
    levels: Levels = "nearest",
    top_levels: Literal["separate", "merged"] = "separate",
) -> float:
    """Return the mutual information between the fused picture and its sources.

    MI = I(F; A) + I(F; B), I(X; Y) = H(X) + H(Y) - H(X, Y), from histograms of 256 levels and of
    256 x 256 pairs of levels.

    Args:
        trio: The pictures.
        unit: `bits`: Tang's kit, IVIF_ZOO. `nats`: CDDFuse, SMFNet, VIFB; smaller by ln 2.
        levels: How values become levels. `stretched`: each picture is stretched to 0..255 first
            (VIFB), which makes no difference to whole gray levels.
        top_levels: `merged`: the joint histogram, but not the single ones, treats 254 and 255 as
            one level (Tang's kit, by an overflow), which adds up to 0.3 %.

    Returns:
        Bits or nats, 0 to 16 bits; higher is better. A fused picture that equals one source gains
        that source's entropy, so this rewards noise.

    References:
        G. Qu, D. Zhang, P. Yan, "Information measure for performance of image fusion", Electronics
        Letters 38(7), 2002, doi:10.1049/el:20020212.
    """
    read = _information_merged if top_levels == "merged" else information_bits
    total = sum(read(trio.fused, source, levels) for source in trio.sources)
    return total * NATS_PER_BIT if unit == "nats" else total


def _information_merged(fused: Plane, source: Plane, levels: Levels) -> float:
    joint = joint_counts(fused, source, levels).copy()
    joint[-2] += joint[-1]
    joint[:, -2] += joint[:, -1]
    return entropy_bits(fused, levels) + entropy_bits(source, levels) - bits(joint[:-1, :-1])


def normalised_mutual_information(
    trio: Trio, *, divided_by: Literal["each pair", "sources"] = "each pair"
) -> float:
    """Return the mutual information as a share of the entropies, Hossny's Q_MI.

    Q_MI = 2 [I(F; A) / (H(F) + H(A)) + I(F; B) / (H(F) + H(B))]: unlike MI, it does not favour the
    source that has more entropy. The base of the logarithm cancels.

    Args:
        trio: The pictures.
        divided_by: `each pair`: as above. `sources`: 2 [I(F; A) + I(F; B)] / (H(A) + H(B))
            (IVIF_ZOO).

    Returns:
        0 to 2; higher is better. NaN where a divisor is 0.

    References:
        M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information measure for performance of
        image fusion'", Electronics Letters 44(18), 2008, doi:10.1049/el:20081754.
    """
    shared = [information_bits(trio.fused, source) for source in trio.sources]
    own = [entropy_bits(source) for source in trio.sources]
    if divided_by == "sources":
        return 2 * sum(shared) / sum(own) if sum(own) else math.nan
    whole = [entropy_bits(trio.fused) + h for h in own]
    return 2 * sum(i / h for i, h in zip(shared, whole, strict=True)) if all(whole) else math.nan


METRICS: tuple[Metric, ...] = (
    Metric(
        info=MetricInfo(
            symbol="EN",
            title="entropy",
            unit="bits",
            better="higher",
            high=8.0,
            reference="Roberts, van Aardt, Ahmed 2008, doi:10.1117/1.2945910",
        ),
        compute=entropy,
        kits={
            "tang": PLAIN,
            "cddfuse": PLAIN,
            "smfnet": PLAIN,
            "ivif-zoo": {"offset": 1e-7},
            "vifb": {"levels": "floor"},
        },
    ),
    Metric(
        info=MetricInfo(
            symbol="SD",
            title="standard deviation",
            unit="gray levels",
            better="higher",
            high=127.5,
            reference="Rao 1997, doi:10.1088/0957-0233/8/4/002",
        ),
        compute=standard_deviation,
        kits=dict.fromkeys(("tang", "cddfuse", "smfnet", "ivif-zoo", "vifb"), PLAIN),
        variants={
            "sample standard deviation (MATLAB's std2)": {"divided_by": "pixels less one"},
            "not divided by the number of pixels (NestFuse, RFN-Nest)": {"divided_by": "nothing"},
        },
    ),
    Metric(
        info=MetricInfo(
            symbol="MI",
            title="mutual information",
            unit="bits",
            better="higher",
            high=16.0,
            reference="Qu, Zhang, Yan 2002, doi:10.1049/el:20020212",
        ),
        compute=mutual_information,
        kits={
            "tang": {"top_levels": "merged"},
            "cddfuse": {"unit": "nats"},
            "smfnet": {"unit": "nats"},
            "ivif-zoo": PLAIN,
            "vifb": {"unit": "nats", "levels": "stretched"},
        },
    ),
    Metric(
        info=MetricInfo(
            symbol="NMI",
            title="normalised mutual information",
            better="higher",
            high=2.0,
            reference="Hossny, Nahavandi, Creighton 2008, doi:10.1049/el:20081754",
            undefined="the fused picture and a source, or both sources, are constant",
        ),
        compute=normalised_mutual_information,
        kits={"ivif-zoo": {"divided_by": "sources"}},
    ),
)
