"""Guided filter fusion (GFF) of a base and a detail layer."""

import cv2
import numpy as np

from imfuse.engines.base import FunctionEngine
from imfuse.ops.filters import guided_filter
from imfuse.ops.selection import ROUNDING
from imfuse.types import Float, FusionSpec, TileRule

BASE_SIDE = 31
"""Window of the average that computes the base layer."""
SALIENCY_SIDE, SALIENCY_SIGMA = 11, 5.0
BASE_RADIUS, BASE_EPSILON = 45, 0.3
DETAIL_RADIUS, DETAIL_EPSILON = 7, 1e-6


def gff(ir: Float, vis: Float) -> Float:
    """Return the guided filter fusion of two pictures.

    Each picture is split into a base layer (31x31 average) and a detail layer (the rest). The
    picture with the stronger smoothed Laplacian wins a pixel; the map of winners, smoothed by
    guided filters along the edges of the sources, weights the base layers (wide window, strong
    smoothing) and the detail layers (small window, hardly any).

    References:
        S. Li, X. Kang, J. Hu, "Image fusion with guided filtering", IEEE Transactions on Image
        Processing 22(7), 2013, doi:10.1109/TIP.2013.2244222.

    Departures: pixels where both saliencies are equal are shared, so that swapping the sources
    changes nothing (the paper has no rule). Smoothed weights are clamped to [0, 1] before they are
    normalised, since the fit of a window may leave that range.
    """
    won = _winners(_saliency(ir), _saliency(vis))
    base_ir, base_vis = _base(ir), _base(vis)
    fused = _mix(base_ir, base_vis, _weight(ir, vis, won, BASE_RADIUS, BASE_EPSILON))
    np.subtract(ir, base_ir, out=base_ir)
    np.subtract(vis, base_vis, out=base_vis)
    fused += _mix(base_ir, base_vis, _weight(ir, vis, won, DETAIL_RADIUS, DETAIL_EPSILON))
    return fused


def _base(picture: Float) -> Float:
    size = (BASE_SIDE, BASE_SIDE)
    return np.asarray(cv2.blur(picture, size, borderType=cv2.BORDER_REPLICATE), np.float32)


def _saliency(picture: Float) -> Float:
    """Return the Gaussian-smoothed magnitude of the 4-neighbour Laplacian (equations 3 and 4)."""
    edges = cv2.Laplacian(picture, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    size = (SALIENCY_SIDE, SALIENCY_SIDE)
    smooth = cv2.GaussianBlur(np.abs(edges), size, SALIENCY_SIGMA, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, np.float32)


def _winners(ir: Float, vis: Float) -> Float:
    """Return 1 where the infrared saliency is larger, 0 where the visible one is, 1/2 at ties."""
    lead = ir - vis
    won = np.add(lead > ROUNDING, lead >= -ROUNDING, dtype=np.float32)
    won *= 0.5
    return won


def _weight(ir: Float, vis: Float, won: Float, radius: int, epsilon: float) -> Float:
    """Return the normalised weight of the infrared layer (equations 6 and 7).

    The map of visible winners is 1 - won, and the guided filter is linear and keeps constants, so
    the visible weight is one minus the filtered `won`.
    """
    weight = np.clip(guided_filter(ir, won, radius, epsilon), 0, 1)
    other = np.clip(1 - guided_filter(vis, won, radius, epsilon), 0, 1)
    tiny = np.float32(1e-6)  # shares a pixel to which both filters give no weight
    weight += tiny
    other += weight + tiny
    weight /= other
    return weight


def _mix(first: Float, second: Float, weight: Float) -> Float:
    weight *= first - second
    weight += second
    return weight


GFF = FunctionEngine(
    FusionSpec(
        name="gff",
        title="Guided filter fusion of a base and a detail layer",
        kind="classical",
        paper=(
            "S. Li, X. Kang, J. Hu, Image fusion with guided filtering, "
            "IEEE Transactions on Image Processing"
        ),
        year=2013,
        tile=TileRule(halo=112),
        symmetric=True,
        bytes_per_pixel=72,
    ),
    gff,
)
