"""Masks from labels and contrast, and the weights of the two sources derived from them.

Labels are `(b, h, w)` integers, 0 for pixels without a class and 255 for ignored pixels. Masks are
boolean, `(b, 1, h, w)`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from imfuse.errors import BadValues
from imfuse.learn.losses.batches import matched
from imfuse.learn.losses.filters import Border, smoothed
from imfuse.lookup import look_up
from imfuse.metrics.segmentation import IGNORE
from imfuse.metrics.windows import gaussian_taps

Contrast: TypeAlias = Literal["variance", "deviation"]
VisibleMask: TypeAlias = Literal["complement", "union"]

SALIENT = (1, 2, 3)
"""Car, person and bike in MSRS and MFNet, the warm classes. The papers do not name theirs."""

WINDOW = 9
SIGMA = 1.5

_FLAT = 1e-10
"""Contrasts below this are rounding: a single pixel off by one gray level causes more."""


class Masks(NamedTuple):
    """Masks of the two sources, `(b, 1, h, w)`, not necessarily complementary."""

    ir: Tensor
    vis: Tensor


class Weights(NamedTuple):
    """Weights of the two sources per pixel, `(b, 1, h, w)` float, 0 to 1."""

    ir: Tensor
    vis: Tensor


def salient_mask(labels: Tensor, *, classes: Sequence[int] = SALIENT) -> Tensor:
    """Return a mask of the pixels whose label is one of the given classes.

    Args:
        labels: Classes per pixel.
        classes: Classes that should stand out as they do in infrared.

    Raises:
        BadValues: The labels are no integers `(b, h, w)`.
    """
    _check(labels)
    wanted = torch.tensor(tuple(classes), dtype=labels.dtype, device=labels.device)
    return torch.isin(labels, wanted)[:, None]


def foreground_mask(labels: Tensor) -> Tensor:
    """Return a mask of the objects of any class, for PSFusion's binary head.

    Raises:
        BadValues: The labels are no integers `(b, h, w)`.
    """
    _check(labels)
    return ((labels != 0) & (labels != IGNORE))[:, None]


def boundary_mask(labels: Tensor, *, radius: int = 1) -> Tensor:
    """Return a mask of the boundaries between classes, for PSFusion's boundary head.

    Args:
        labels: Classes per pixel.
        radius: Distance to another class in pixels, along rows, columns and diagonals; 1 gives
            lines two pixels wide. The paper does not say how wide its lines are. Ignored pixels
            have no boundary.

    Raises:
        BadValues: The labels are no integers `(b, h, w)`.
    """
    _check(labels)
    side, ignored = 2 * radius + 1, (labels == IGNORE)[:, None]
    classes = functional.pad(labels[:, None].float(), (radius,) * 4, "replicate")
    unknown = classes == IGNORE
    most = functional.max_pool2d(classes.masked_fill(unknown, -1), side, 1)
    least = -functional.max_pool2d(-classes, side, 1)  # IGNORE is above all classes
    return (most > least) & ~ignored


def _check(labels: Tensor) -> None:
    if labels.ndim != 3 or labels.is_floating_point():
        raise BadValues(
            f"labels {tuple(labels.shape)} of {labels.dtype}", expected="integers (b, h, w)"
        )


def contrast_masks(
    ir: Tensor, vis: Tensor, *, measure: Contrast = "variance", border: Border = "reflected"
) -> Masks:
    """Return two masks: the pixels where each source has more contrast than the other.

    Both are false where contrasts are equal, as in saturated areas (PSFusion, eq. 16).

    Args:
        ir: Infrared sources `(b, 1, h, w)`.
        vis: Visible sources, likewise.
        measure: `variance`: in the 9x9 Gaussian window, sigma 1.5, around the pixel (PSFusion's
            code). `deviation`: the squared difference between the pixel and that window's mean
            (RefineFuse's description; the window is PSFusion's).
        border: Border extension; `zero` in PSFusion's code, which gives the brighter source more
            contrast along the frame.

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such measure.
    """
    ir, vis = matched(ir=ir, vis=vis)
    with torch.no_grad():
        compute = look_up("measure", measure, _CONTRASTS)
        # float64, so that flat areas come out equal in spite of rounding
        of_ir, of_vis = (
            contrast.where(contrast > _FLAT, 0)
            for contrast in (compute(source.double(), border) for source in (ir, vis))
        )
        return Masks(of_ir > of_vis, of_vis > of_ir)


def _variance(batch: Tensor, border: Border) -> Tensor:
    taps = gaussian_taps(WINDOW, SIGMA)
    return smoothed(batch * batch, taps, border) - smoothed(batch, taps, border).square()


def _deviation(batch: Tensor, border: Border) -> Tensor:
    return (batch - smoothed(batch, gaussian_taps(WINDOW, SIGMA), border)).square()


_CONTRASTS = {"variance": _variance, "deviation": _deviation}


def soft_weights(contrast: Masks, salient: Tensor) -> Weights:
    """Return sigmoid(M_ir + M_tar) and sigmoid(M_vi + 1 - M_tar).

    Neither source is ever ignored: weights are 0.5, 0.73 or 0.88.

    Args:
        contrast: Masks by `contrast_masks`.
        salient: Mask of the pixels that should stand out.

    References:
        PSFusion, eq. 17.
    """
    target = salient.float()
    return Weights(torch.sigmoid(contrast.ir + target), torch.sigmoid(contrast.vis + (1 - target)))


def hard_weights(
    contrast: Masks, salient: Tensor, *, visible: VisibleMask = "complement"
) -> Weights:
    """Return binary weights: infrared where salient or higher in contrast, visible elsewhere.

    Args:
        contrast: Masks by `contrast_masks`.
        salient: Mask of the pixels that should stand out.
        visible: `complement`: 1 minus the infrared mask (RefineFuse; PSFusion's code). `union`: all
            pixels that are not salient or where visible has more contrast. This is the literal
            reading of RefineFuse's sentence on the second mask; both sources may then claim a
            pixel.

    Raises:
        UnknownName: There is no such mask.

    References:
        RefineFuse (doi:10.1007/s44267-025-00087-w), "Loss function"; its equations are missing from
        the text we have.
    """
    ir = contrast.ir | salient
    masks = {"complement": ~ir, "union": contrast.vis | ~salient}
    return Weights(ir.float(), look_up("visible mask", visible, masks).float())
