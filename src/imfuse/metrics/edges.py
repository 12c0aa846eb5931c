"""Qabf, Labf, Nabf: edges of the sources that the fused picture keeps, loses, or makes up."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.gradient import Border, length, sobel
from imfuse.metrics.metric import PLAIN, Metric, MetricInfo
from imfuse.metrics.planes import WHITE, Plane, Trio, total_of
from imfuse.types import Float

_T = TypeVar("_T", np.float32, np.float64)


@dataclass(frozen=True)
class _Sigmoid:
    """Sigmoid that turns a similarity from 0 to 1 into perceived similarity."""

    top: float
    slope: float
    centre: float

    def inverse(self, likeness: NDArray[_T]) -> NDArray[_T]:
        """Overwrite `likeness` with top / perceived and return it, which saves two divisions."""
        likeness -= self.centre
        likeness *= -self.slope
        np.exp(likeness, out=likeness)
        likeness += 1
        return likeness


STRENGTH_2000 = _Sigmoid(0.9994, 15, 0.5)
ORIENTATION_2000 = _Sigmoid(0.9879, 22, 0.8)

STRENGTH_2005 = _Sigmoid(0.9999, 19, 0.5)
ORIENTATION_2005 = _Sigmoid(0.9995, 22, 0.5)
THRESHOLD_2005 = 2.0
"""Strength in gray levels per pixel below which an edge counts almost nothing."""
LEAST_WEIGHT_2005 = 0.001
EXPONENT_2005 = 1.5

_SOBEL = 8.0
"""Sobel derivative of a ramp of one gray level per pixel."""

_TINY = np.float32(1e-30)


class _Edges(NamedTuple):
    """Edge strength (Sobel, 8 per gray level per pixel) and orientation (-pi/2 to pi/2)."""

    strength: Float
    orientation: Float


def _edges(plane: Plane, border: Border) -> _Edges:
    x, y = sobel(plane, border)
    strength = length(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        y /= x
    # the kits' +pi/2: their y points upwards
    _put(np.full_like(y, -np.inf), x == 0, y)
    return _Edges(strength, np.arctan(y, out=y))


def _put(values: Float, where: NDArray[np.bool_], into: Float) -> None:
    """Copy the values at some pixels, several times as fast as `np.copyto`."""
    cv2.copyTo(values, where.view(np.uint8), into)


def _strength_ratio(first: Float, second: Float) -> Float:
    """Return the smaller strength over the larger one; 0 where both are 0."""
    larger = np.maximum(first, second)
    larger += _TINY
    ratio = np.minimum(first, second)
    ratio /= larger
    return ratio


def _orientation_likeness(first: Float, second: Float, *, axial: bool) -> Float:
    likeness = np.asarray(cv2.absdiff(first, second), np.float32)
    likeness *= np.float32(-2 / math.pi)
    likeness += 1
    return np.abs(likeness, out=likeness) if axial else likeness


def edge_transfer(
    trio: Trio,
    *,
    constants: Literal["2000", "2005"] = "2000",
    border: Border = "zero",
    equal_strengths: Literal["one", "strength"] = "one",
    angles: Literal["as printed", "of lines"] = "as printed",
    white: float = WHITE,
) -> float:
    """Return how much of the sources' edges the fused picture keeps, weighted by their strength.

    With Sobel's strength g and orientation a = atan(Sy / Sx) of each picture,
    G = min(gS, gF) / max(gS, gF), A = 1 - |aS - aF| / (pi / 2),
    Q_SF = 0.9994 / (1 + exp(-15 (G - 0.5))) * 0.9879 / (1 + exp(-22 (A - 0.8))),
    Q_AB/F = sum (Q_AF gA + Q_BF gB) / sum (gA + gB).

    Args:
        trio: The pictures.
        constants: `2000`: as above. `2005`: those of `artefacts`, which make Qabf, Labf and Nabf
            add up to 1; the other arguments then have no effect.
        border: How pictures are extended. `zero`: as in all kits, so that values are comparable;
            the frame is then an edge that every fused picture keeps: 4 % of the value on MSRS and
            TNO, 13 % on RoadScene (averaged pictures). `reflected`: no frame.
        equal_strengths: G where gS equals gF. `one`: as printed. `strength`: gF itself (all kits);
            this changes values little on 0..255, and by up to 8 % on 0..1.
        angles: `as printed`: as above (all kits), where gradients slightly to either side of
            vertical count as 180 degrees apart. `of lines`: A = | 1 - |aS - aF| / (pi / 2) |.
        white: The value of white, for `equal_strengths="strength"`; 255 x 255 in VIFB.

    Returns:
        0 to 0.975, for three equal pictures; higher is better. NaN where the sources have no edge
        except the frame.

    References:
        C. S. Xydeas, V. Petrovic, "Objective image fusion performance measure", Electronics Letters
        36(4), 2000, doi:10.1049/el:20000267.
    """
    if constants == "2005":
        return _of(trio, LEAST_WEIGHT_2005).kept
    if not any(source.variance for source in trio.sources):
        return math.nan
    # float32 throughout: within 2e-6 of float64 on 8-bit pictures
    fused = trio.fused.once(_edges, border)
    kept = total = 0.0
    for source in (plane.once(_edges, border) for plane in trio.sources):
        ratio = _strength_ratio(source.strength, fused.strength)
        if equal_strengths == "strength":
            strength = fused.strength if white == WHITE else fused.strength * (white / WHITE)
            _put(strength, source.strength == fused.strength, ratio)
        axial = angles == "of lines"
        likeness = _orientation_likeness(source.orientation, fused.orientation, axial=axial)
        cost = STRENGTH_2000.inverse(ratio)
        cost *= ORIENTATION_2000.inverse(likeness)
        np.divide(source.strength, cost, out=cost)
        kept += total_of(cost)
        total += total_of(source.strength)
    return STRENGTH_2000.top * ORIENTATION_2000.top * kept / total if total else math.nan


class _Balance(NamedTuple):
    """Shares of the sources' edge information; the first three add up to 1."""

    kept: float
    lost: float
    made_up: float
    made_up_twice: float


def _missing(source: _Edges, fused: _Edges) -> NDArray[np.float64]:
    """Return 1 - Q at each pixel, in float64, since it falls to 3e-4 where edges agree."""
    ratio = _strength_ratio(source.strength, fused.strength).astype(np.float64)
    likeness = _orientation_likeness(source.orientation, fused.orientation, axial=True)
    inverse = STRENGTH_2005.inverse(ratio)
    inverse *= ORIENTATION_2005.inverse(likeness.astype(np.float64))
    return 1 - math.sqrt(STRENGTH_2005.top * ORIENTATION_2005.top) / np.sqrt(inverse)


def _weight(plane: Plane, least: float) -> Float:
    strength = plane.once(_edges, "reflected").strength * np.float32(1 / _SOBEL)
    weight = strength**EXPONENT_2005
    weight[strength < np.float32(THRESHOLD_2005)] = least
    return np.asarray(weight, np.float32)


def _balance(fused: Plane, ir: Plane, vis: Plane, least: float) -> _Balance:
    found = fused.once(_edges, "reflected")
    sources = [plane.once(_edges, "reflected") for plane in (ir, vis)]
    weights = [plane.once(_weight, least) for plane in (ir, vis)]
    total = float(sum(weight.sum(dtype=np.float64) for weight in weights))
    if not total:
        return _Balance(math.nan, math.nan, math.nan, math.nan)
    missing = [_missing(source, found) for source in sources]
    weighted = missing[0] * weights[0] + missing[1] * weights[1]
    twice = (missing[0] + missing[1]) * (weights[0] + weights[1])
    stronger = found.strength > np.maximum(sources[0].strength, sources[1].strength)
    made_up = float(weighted.sum(where=stronger)) / total
    lost = float(weighted.sum(where=~stronger)) / total
    twice_made_up = float(twice.sum(where=stronger)) / total
    return _Balance(1 - lost - made_up, lost, made_up, twice_made_up)


def edge_loss(trio: Trio, *, least_weight: float = LEAST_WEIGHT_2005) -> float:
    """Return the share of the sources' edge information that is lost, Labf.

    L = sum r [(1 - Q_AF) wA + (1 - Q_BF) wB] / sum (wA + wB), with r = 1 where the fused edge is no
    stronger than the stronger source edge, and Q and w as for `artefacts`.

    Args:
        trio: The pictures.
        least_weight: As for `artefacts`.

    Returns:
        0 to 1; lower is better. NaN as for `artefacts`.

    References:
        V. Petrovic, C. Xydeas, "Objective image fusion performance characterisation", ICCV 2005,
        doi:10.1109/ICCV.2005.175.
    """
    return _of(trio, least_weight).lost


def artefacts(
    trio: Trio,
    *,
    counted: Literal["by source", "twice"] = "by source",
    least_weight: float = LEAST_WEIGHT_2005,
) -> float:
    """Return the share of edge information that no source has, Nabf.

    N = sum n [(1 - Q_AF) wA + (1 - Q_BF) wB] / sum (wA + wB), with n = 1 where the fused edge is
    stronger than both source edges. With strength g by Sobel / 8 and orientation as for
    `edge_transfer` (angles of lines, pictures reflected at borders),
    Q = sqrt(0.9999 / (1 + exp(-19 (G - 0.5))) * 0.9995 / (1 + exp(-22 (A - 0.5)))) and G = 0 where
    either strength is 0; w = g^1.5 where g is at least 2 gray levels per pixel, else 0.001.

    Args:
        trio: The pictures.
        counted: `by source`: as above, by Kumar, so that kept, lost and made-up information add up
            to 1. `twice`: sum n (2 - Q_AF - Q_BF)(wA + wB) / sum (wA + wB), by Petrovic and Xydeas.
        least_weight: Weight of edges weaker than 2 gray levels per pixel; 0 in IVIF_ZOO.

    Returns:
        0 to 1; lower is better. NaN where `least_weight` is 0 and no edge is strong enough.

    References:
        B. K. Shreyamsha Kumar, "Multifocus and multispectral image fusion based on pixel
        significance using discrete cosine harmonic wavelet transform", Signal, Image and Video
        Processing 7(6), 2013, doi:10.1007/s11760-012-0361-x.
        V. Petrovic, C. Xydeas, "Objective image fusion performance characterisation", ICCV 2005,
        doi:10.1109/ICCV.2005.175.
    """
    balance = _of(trio, least_weight)
    return balance.made_up_twice if counted == "twice" else balance.made_up


def _of(trio: Trio, least_weight: float) -> _Balance:
    return trio.fused.once(_balance, trio.ir, trio.vis, least_weight)


_TOO_WEAK = "no source has an edge of the strength that the convention asks for"
_BY_KITS = {"equal_strengths": "strength"}

METRICS: tuple[Metric, ...] = (
    Metric(
        info=MetricInfo(
            symbol="Qabf",
            title="edge information kept",
            better="higher",
            high=1.0,
            reference="Xydeas, Petrovic 2000, doi:10.1049/el:20000267",
            minimum=3,
            undefined="neither source has an edge",
        ),
        compute=edge_transfer,
        kits=dict.fromkeys(("tang", "cddfuse", "smfnet", "ivif-zoo"), _BY_KITS)
        | {"vifb": {**_BY_KITS, "white": WHITE * WHITE}},
        variants={
            "without the frame": {"border": "reflected"},
            "angles between lines": {"angles": "of lines"},
            "what Labf and Nabf leave of 1 (Petrovic, Xydeas 2005)": {"constants": "2005"},
        },
    ),
    Metric(
        info=MetricInfo(
            symbol="Labf",
            title="edge information lost",
            better="lower",
            high=1.0,
            reference="Petrovic, Xydeas 2005, doi:10.1109/ICCV.2005.175",
            minimum=3,
            undefined=_TOO_WEAK,
        ),
        compute=edge_loss,
    ),
    Metric(
        info=MetricInfo(
            symbol="Nabf",
            title="edge information made up",
            better="lower",
            high=1.0,
            reference="Shreyamsha Kumar 2013, doi:10.1007/s11760-012-0361-x",
            minimum=3,
            undefined=_TOO_WEAK,
        ),
        compute=artefacts,
        kits={"tang": PLAIN, "ivif-zoo": {"least_weight": 0.0}},
        variants={"as Petrovic and Xydeas print it": {"counted": "twice"}},
    ),
)
