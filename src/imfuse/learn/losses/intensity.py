"""Intensity losses: differences between the fused picture and a target from both sources."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from imfuse.learn.losses.batches import matched
from imfuse.learn.losses.filters import smoothed
from imfuse.lookup import look_up
from imfuse.metrics.windows import uniform_taps

PixelError: TypeAlias = Literal["absolute", "windows"]

WINDOW = 9
"""Side in pixels of the window of PSFusion's released intensity loss."""


def absolute_error(picture: Tensor, target: Tensor) -> Tensor:
    """Return the mean of |picture - target|."""
    picture, target = matched(picture=picture, target=target)
    return (picture - target).abs().mean()


def squared_error(picture: Tensor, target: Tensor) -> Tensor:
    """Return the mean of (picture - target)^2, CDDFuse's reconstruction loss."""
    picture, target = matched(picture=picture, target=target)
    return (picture - target).square().mean()


def maximum_intensity(fused: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Return the mean of |fused - max(ir, vis)|; 0 where the fused picture is the brighter source.

    References:
        SeAFusion (doi:10.1016/j.inffus.2021.12.004), and after it SCGRFuse, CDDFuse, SMFNet
        (eq. 29), the ablation "Max" of BFFR and setting B of RefineFuse.
    """
    fused, ir, vis = matched(fused=fused, ir=ir, vis=vis)
    return absolute_error(fused, torch.maximum(ir, vis))


def average_intensity(fused: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Return the mean of |fused - (ir + vis) / 2|.

    References:
        Warm start of BFFR (arXiv 2211.12286).
    """
    fused, ir, vis = matched(fused=fused, ir=ir, vis=vis)
    return absolute_error(fused, (ir + vis) / 2)


def both_intensities(fused: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Return the mean of |fused - ir| plus the mean of |fused - vis|.

    All values between the two sources are equally good.

    References:
        PSFusion, eq. 23 (its ablation without masks); also used as RefineFuse's "conventional
        intensity loss" (setting A), whose equation is missing from the text we have.
    """
    return absolute_error(fused, ir) + absolute_error(fused, vis)


def weighted_intensity(
    fused: Tensor,
    ir: Tensor,
    vis: Tensor,
    *,
    ir_weight: Tensor,
    vis_weight: Tensor,
    error: PixelError = "absolute",
) -> Tensor:
    """Return mean(ir_weight * E(fused, ir)) + mean(vis_weight * E(fused, vis)).

    Args:
        fused: Fused pictures.
        ir: Infrared sources.
        vis: Visible sources.
        ir_weight: Weight of the infrared source per pixel, at least 0; see `masks`.
        vis_weight: Likewise for the visible source.
        error: E. `absolute`: |fused - source| (PSFusion, eq. 17; RefineFuse [1]). `windows`: the
            mean squared difference in the 9x9 window around the pixel, with zero padding
            (PSFusion's release).

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such error.

    Departures: [1] the norm is missing from the text of RefineFuse we have; it is taken from
        PSFusion, on which that loss is based.
    """
    fused, ir, vis, ir_weight, vis_weight = matched(
        fused=fused, ir=ir, vis=vis, ir_weight=ir_weight, vis_weight=vis_weight
    )
    measure = look_up("error", error, {"absolute": _absolute, "windows": _windows})
    return (ir_weight * measure(fused - ir) + vis_weight * measure(fused - vis)).mean()


def _absolute(difference: Tensor) -> Tensor:
    return difference.abs()


def _windows(difference: Tensor) -> Tensor:
    return smoothed(difference.square(), uniform_taps(WINDOW), "zero")
