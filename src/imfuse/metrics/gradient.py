"""SF, AG, EI: sharpness of the fused picture. All ignore the sources, and noise raises them all."""

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np

from imfuse.metrics.metric import PLAIN, Metric, MetricInfo
from imfuse.metrics.planes import WHITE, Plane, Trio, total_of
from imfuse.types import Float

Border: TypeAlias = Literal["reflected", "repeated", "zero"]
"""How a picture is extended at its border: `cb|abc`, `aa|abc`, or black."""

_BORDERS = {
    "reflected": cv2.BORDER_REFLECT_101,
    "repeated": cv2.BORDER_REPLICATE,
    "zero": cv2.BORDER_CONSTANT,
}


def central_differences(plane: Plane) -> tuple[Float, Float]:
    """Return twice the derivatives to the right and downwards; one-sided at borders."""
    x = cv2.Sobel(plane.values, cv2.CV_32F, 1, 0, ksize=1, borderType=cv2.BORDER_REPLICATE)
    y = cv2.Sobel(plane.values, cv2.CV_32F, 0, 1, ksize=1, borderType=cv2.BORDER_REPLICATE)
    x[:, [0, -1]] *= 2
    y[[0, -1]] *= 2
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def sobel(plane: Plane, border: Border) -> tuple[Float, Float]:
    """Return the Sobel derivatives to the right and downwards, 8 per gray level per pixel."""
    kind = _BORDERS[border]
    x = cv2.Sobel(plane.values, cv2.CV_32F, 1, 0, ksize=3, borderType=kind)
    y = cv2.Sobel(plane.values, cv2.CV_32F, 0, 1, ksize=3, borderType=kind)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def length(x: Float, y: Float) -> Float:
    """Return sqrt(x^2 + y^2), correctly rounded.

    The last bit of cv2.magnitude depends on the position in memory, and some metrics test whether
    two strengths are equal.
    """
    squared = x * x
    squared += y * y
    return np.asarray(np.sqrt(squared, out=squared), np.float32)


def spatial_frequency(
    trio: Trio,
    *,
    mean_over: Literal["differences", "pixels"] = "differences",
    white: float = WHITE,
) -> float:
    """Return the spatial frequency of the fused picture.

    SF = sqrt(RF^2 + CF^2), with RF^2 the mean square of the first differences along the rows, and
    CF^2 along the columns.

    Args:
        trio: The pictures; only the fused one is used.
        mean_over: `differences`: their actual numbers, M(N - 1) and (M - 1)N. `pixels`: both sums
            are divided by MN (VIFB), which lowers the value by about 0.1 %.
        white: The value of white; 1 in older versions of Tang's kit.

    Returns:
        Gray levels, at least 0; higher is better.

    References:
        A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their performance", IEEE
        Transactions on Communications 43(12), 1995, doi:10.1109/26.477498; it divides by MN.
    """
    values = trio.fused.values
    total = 0.0
    for ahead, behind in ((values[:, 1:], values[:, :-1]), (values[1:], values[:-1])):
        count = ahead.size if mean_over == "differences" else values.size
        total += cv2.norm(ahead, behind, cv2.NORM_L2SQR) / count
    return math.sqrt(total) * white / WHITE


def average_gradient(
    trio: Trio,
    *,
    differences: Literal["central", "forward"] = "central",
    norm: Literal["root mean square", "euclidean"] = "root mean square",
    mean_over: Literal["intervals", "pixels"] = "intervals",
) -> float:
    """Return the average gradient of the fused picture.

    AG = sum sqrt((Fx^2 + Fy^2) / 2) / ((M - 1)(N - 1)), with central differences, one-sided at
    borders, over all MN pixels.

    Args:
        trio: The pictures; only the fused one is used.
        differences: `central`: all kits here. `forward`: from a pixel to the next, over the
            (M - 1)(N - 1) pixels with a next one in both directions, as printed in older papers.
        norm: `root mean square`: as above. `euclidean`: sqrt(Fx^2 + Fy^2) (SMFNet), larger by
            the square root of 2.
        mean_over: Divisor of the sum. `intervals`: (M - 1)(N - 1) (Tang's kit, VIFB).
            `pixels`: MN (CDDFuse, SMFNet, IVIF_ZOO), smaller by about 0.4 %.

    Returns:
        Gray levels per pixel, at least 0; higher is better.

    References:
        G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, "Detail preserved fusion of visible and infrared
        images using regional saliency extraction and multi-scale image decomposition", Optics
        Communications 341, 2015, doi:10.1016/j.optcom.2014.12.032.
    """
    values = trio.fused.values
    if differences == "central":
        x, y = central_differences(trio.fused)
        scale = 0.5
    else:
        origin = values[:-1, :-1]
        x, y, scale = values[:-1, 1:] - origin, values[1:, :-1] - origin, 1.0
    if norm == "root mean square":
        scale *= math.sqrt(0.5)
    count = values.size if mean_over == "pixels" else (values.shape[0] - 1) * (values.shape[1] - 1)
    return scale * total_of(length(x, y)) / count


def edge_intensity(trio: Trio, *, border: Border = "repeated") -> float:
    """Return the mean strength of edges in the fused picture.

    EI = mean sqrt(Sx^2 + Sy^2), with the Sobel operators not divided by 8.

    Args:
        trio: The pictures; only the fused one is used.
        border: How the picture is extended. `repeated`: VIFB and the MATLAB kits. `zero`: IVIF_ZOO,
            which counts the frame of a bright picture as an edge.

    Returns:
        Eighths of a gray level per pixel, at least 0; higher is better.

    References:
        B. Rajalingam, R. Priya, "Hybrid multimodality medical image fusion technique for feature
        enhancement in medical diagnosis", International Journal of Engineering Science Invention,
        2018, is what the field cites.
    """
    return total_of(length(*sobel(trio.fused, border))) / trio.fused.values.size


METRICS: tuple[Metric, ...] = (
    Metric(
        info=MetricInfo(
            symbol="SF",
            title="spatial frequency",
            unit="gray levels",
            better="higher",
            reference="Eskicioglu, Fisher 1995, doi:10.1109/26.477498",
            minimum=2,
        ),
        compute=spatial_frequency,
        kits={
            "tang": PLAIN,
            "cddfuse": PLAIN,
            "smfnet": PLAIN,
            "ivif-zoo": PLAIN,
            "vifb": {"mean_over": "pixels"},
        },
        variants={"of pictures on 0..1 (older versions of Tang's kit)": {"white": 1.0}},
    ),
    Metric(
        info=MetricInfo(
            symbol="AG",
            title="average gradient",
            unit="gray levels per pixel",
            better="higher",
            reference="Cui et al. 2015, doi:10.1016/j.optcom.2014.12.032",
            minimum=2,
        ),
        compute=average_gradient,
        kits={
            "tang": PLAIN,
            "cddfuse": {"mean_over": "pixels"},
            "smfnet": {"mean_over": "pixels", "norm": "euclidean"},
            "ivif-zoo": {"mean_over": "pixels"},
            "vifb": PLAIN,
        },
        variants={"forward differences": {"differences": "forward"}},
    ),
    Metric(
        info=MetricInfo(
            symbol="EI",
            title="edge intensity",
            unit="eighths of a gray level per pixel",
            better="higher",
            reference="folklore",
            minimum=2,
        ),
        compute=edge_intensity,
        kits={"ivif-zoo": {"border": "zero"}, "vifb": PLAIN},
    ),
)
