"""Gradient losses, for the sharpness of a fused picture.

The Sobel and Laplacian operators are not normalised and use zero padding, unless a convention says
otherwise.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from imfuse.learn.losses.batches import matched
from imfuse.learn.losses.filters import Border, filtered
from imfuse.lookup import look_up

Magnitude: TypeAlias = Literal["sobel", "sobel-apart", "laplacian"]
Operator: TypeAlias = Literal["sobel", "sobel-apart", "laplacian", "spatial", "second-order"]

SMOOTHING = (1.0, 2.0, 1.0)
"""Sobel weights along an edge."""
DIFFERENCE = (-1.0, 0.0, 1.0)
"""Sobel weights across an edge, to the right and downwards."""

_CURVATURE = (1.0, -2.0, 1.0)

_WIDE_SMOOTHING = (1.0, 4.0, 6.0, 4.0, 1.0)
_WIDE_DIFFERENCE = (-1.0, -2.0, 0.0, 2.0, 1.0)
_WIDE_CURVATURE = (-1.0, 0.0, 2.0, 0.0, -1.0)
_SECOND_ORDER = (
    (_WIDE_SMOOTHING, _WIDE_CURVATURE, 64),
    (_WIDE_DIFFERENCE, _WIDE_DIFFERENCE, 36),
    (_WIDE_CURVATURE, _WIDE_SMOOTHING, 64),
)
"""Column, row, and the sum of the absolute values of their products."""


def sobel(batch: Tensor, border: Border) -> tuple[Tensor, Tensor]:
    """Return the Sobel derivatives to the right and downwards, 8 for a ramp of 1 per pixel."""
    return (
        filtered(batch, SMOOTHING, DIFFERENCE, border),
        filtered(batch, DIFFERENCE, SMOOTHING, border),
    )


def sobel_magnitude(batch: Tensor) -> Tensor:
    """Return |gx| + |gy| of the Sobel operators, in the shape of the batch."""
    (batch,) = matched(batch=batch)
    x, y = sobel(batch, "zero")
    return x.abs() + y.abs()


def maximum_gradient(
    fused: Tensor, ir: Tensor, vis: Tensor, *, operator: Magnitude = "sobel"
) -> Tensor:
    """Return the mean of | |grad fused| - max(|grad ir|, |grad vis|) |.

    Args:
        fused: Fused pictures.
        ir: Infrared sources.
        vis: Visible sources.
        operator: `sobel`: |gx| + |gy|. `sobel-apart`: the sum of the loss of |gx| and that of
            |gy|, each with its own maximum (PSFusion's release). `laplacian`: the magnitude of the
            four-neighbour Laplacian, the other operator of SCGRFuse's blocks.

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such operator.

    References:
        SeAFusion (doi:10.1016/j.inffus.2021.12.004), SCGRFuse, PSFusion (eq. 18), SMFNet
        (eq. 30), RefineFuse.

    Departures: SMFNet prints the fused picture's gradient without magnitude bars; its code has
        them.
    """
    fused, ir, vis = matched(fused=fused, ir=ir, vis=vis)
    maps = look_up("operator", operator, _MAGNITUDES)
    total = fused.new_zeros(())
    for of_fused, of_ir, of_vis in zip(maps(fused), maps(ir), maps(vis), strict=True):
        total = total + (of_fused - torch.maximum(of_ir, of_vis)).abs().mean()
    return total


def gradient_error(picture: Tensor, target: Tensor, *, operator: Operator = "sobel") -> Tensor:
    """Return the mean absolute difference between two pictures' gradients, for reconstructions.

    Args:
        picture: Reconstructed pictures.
        target: Pictures to reconstruct.
        operator: As for `maximum_gradient`, or: `spatial`: signed gx and gy of the Sobel operators
            divided by 8, with repeated edge pixels, mean over both (CDDFuse's and SMFNet's "spatial
            gradient", kornia's). `second-order`: |gxx| + |gxy| + |gyy| of the 5x5 second-order
            operators, each divided by the sum of its absolute weights, with repeated edge pixels
            (scene fidelity in PSFusion's release).

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such operator.

    References:
        PSFusion, eq. 21 (`sobel`); SMFNet, eq. 17 (`spatial`) and 18 (`sobel`); Z. Zhao et al.,
        CDDFuse, CVPR 2023 (`spatial`).
    """
    picture, target = matched(picture=picture, target=target)
    maps = look_up("operator", operator, _MAGNITUDES | _OTHERS)
    total = picture.new_zeros(())
    for one, other in zip(maps(picture), maps(target), strict=True):
        total = total + (one - other).abs().mean()
    return total


def _joint(batch: Tensor) -> tuple[Tensor, ...]:
    return (sobel_magnitude(batch),)


def _apart(batch: Tensor) -> tuple[Tensor, ...]:
    return tuple(component.abs() for component in sobel(batch, "zero"))


def _laplacian(batch: Tensor) -> tuple[Tensor, ...]:
    across = filtered(batch, (1.0,), _CURVATURE, "zero")
    return ((across + filtered(batch, _CURVATURE, (1.0,), "zero")).abs(),)


def _spatial(batch: Tensor) -> tuple[Tensor, ...]:
    return (torch.cat(sobel(batch, "repeated"), 1) / 8,)


def _second_order(batch: Tensor) -> tuple[Tensor, ...]:
    total = torch.zeros_like(batch)
    for down, across, scale in _SECOND_ORDER:
        total = total + filtered(batch, down, across, "repeated").abs() / scale
    return (total,)


_MAGNITUDES: dict[str, Callable[[Tensor], tuple[Tensor, ...]]] = {
    "sobel": _joint,
    "sobel-apart": _apart,
    "laplacian": _laplacian,
}
_OTHERS: dict[str, Callable[[Tensor], tuple[Tensor, ...]]] = {
    "spatial": _spatial,
    "second-order": _second_order,
}
