"""Segmentation losses: cross-entropies, Dice, and class weights.

Logits are `(b, k, h, w)`; labels `(b, h, w)` integers from 0 to k - 1, 255 for ignored pixels.
If all pixels are ignored, losses are 0.
"""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from imfuse.errors import BadValues, PairMismatch
from imfuse.learn.losses.batches import widened
from imfuse.lookup import look_up
from imfuse.metrics.segmentation import IGNORE

MaskForm: TypeAlias = Literal["cross-entropy", "per-channel"]

MSRS_BINARY_WEIGHTS = (1.4548, 19.8962)
"""Background and foreground weights of PSFusion's binary head in its code, by ENet's rule."""

MFNET_BINARY_WEIGHTS = (1.5121, 10.2388)
"""Background and foreground weights of GMNet (doi:10.1109/TIP.2021.3109518) on MFNet."""

MFNET_BOUNDARY_WEIGHTS = (1.4459, 23.7228)
"""Inside and boundary weights of GMNet on MFNet."""

MFNET_CLASS_WEIGHTS = (
    *(1.5105, 16.6591, 29.4238, 34.6315, 40.0845),
    *(41.4357, 47.9794, 45.3725, 44.9),
)
"""GMNet's weights for the nine classes of MFNet, unlabelled first."""


def cross_entropy(
    logits: Tensor, labels: Tensor, *, weights: Sequence[float] | None = None
) -> Tensor:
    """Return the mean of -log p(label) over the pixels that are not ignored.

    Args:
        logits: Predictions before the softmax.
        labels: True classes.
        weights: One per class; the mean is then weighted by the weights of the labels.

    Raises:
        PairMismatch: The shapes of logits and labels or the number of weights do not match.
    """
    _check(logits, labels)
    if weights is not None and len(weights) != logits.shape[1]:
        raise PairMismatch(f"{len(weights)} weights", expected=f"one of {logits.shape[1]} classes")
    of_class = widened(logits).new_tensor(weights or [1.0] * logits.shape[1])
    counted = labels != IGNORE
    weight = of_class[labels.masked_fill(~counted, 0).long()] * counted
    total: Tensor = (_per_pixel(logits, labels) * weight).sum()
    return total / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)


def hard_example_cross_entropy(
    logits: Tensor, labels: Tensor, *, threshold: float = 0.7, least: int | None = None
) -> Tensor:
    """Return the mean of -log p(label) over the hardest pixels (OHEM).

    These are the pixels whose true class gets a probability below `threshold`, but at least `least`
    pixels (or all that are not ignored, if those are fewer).

    Args:
        logits: Predictions before the softmax.
        labels: True classes.
        threshold: Probability above which a pixel is easy; 0.7 in SeAFusion and SCGRFuse, 0.75 in
            PSFusion.
        least: Minimum number of pixels to keep in the whole batch. None: the size of one sample,
            whatever the batch size: 307 200 = 480 * 640 in SeAFusion and SCGRFuse, which train on
            whole frames, and 65 536 = 256 * 256 in PSFusion, on crops.

    Raises:
        PairMismatch: The shapes do not fit.

    References:
        A. Shrivastava, A. Gupta, R. Girshick, "Training region-based object detectors with online
        hard example mining", CVPR 2016; constants from the code of SeAFusion and PSFusion.

    Departures: ignored pixels are never kept; in the published codes they are, with the loss 0, if
        there are too few hard ones. Those codes have only the fixed number, which would keep all
        pixels of any batch of small crops.
    """
    _check(logits, labels)
    if least is None:
        least = labels[0].numel()
    losses = _per_pixel(logits, labels)[labels != IGNORE]
    hard = int((losses > -math.log(threshold)).sum())
    kept = losses.topk(min(max(hard, least), losses.numel())).values
    return kept.sum() / max(kept.numel(), 1)


def dice_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 1e-5) -> Tensor:
    """Return 1 - the mean over the classes of 2 |P and L| / (|P| + |L|), P by softmax.

    Args:
        logits: Predictions before the softmax.
        labels: True classes.
        smoothing: Constant added to numerator and denominator. A class absent from the labels costs
            about 1 / k, however little of it is predicted.

    Raises:
        PairMismatch: The shapes do not fit.

    References:
        F. Milletari et al., "V-Net", 3DV 2016, doi:10.1109/3DV.2016.79, with sums in place of
        sums of squares, like the DeepLabv3+ programs that SCGRFuse evaluates with.

    Departures: ignored pixels are left out of |P| too.
    """
    _check(logits, labels)
    counted = (labels != IGNORE)[:, None]
    predicted = widened(logits).softmax(1) * counted
    classes = torch.arange(logits.shape[1], device=labels.device)
    true = (labels[:, None] == classes[:, None, None]).to(predicted)
    both = (predicted * true).sum((0, 2, 3))
    sizes = (predicted + true).sum((0, 2, 3))
    loss: Tensor = 1 - ((2 * both + smoothing) / (sizes + smoothing)).mean()
    return loss


def mask_cross_entropy(
    logits: Tensor,
    mask: Tensor,
    *,
    weights: tuple[float, float] | None = None,
    form: MaskForm = "cross-entropy",
) -> Tensor:
    """Return the cross-entropy of a head with two classes: binary or boundary.

    Args:
        logits: `(b, 2, h, w)`: outside, inside.
        mask: `(b, 1, h, w)` boolean; see `masks.foreground_mask` and `masks.boundary_mask`.
        weights: Weights of outside and inside, such as `MSRS_BINARY_WEIGHTS` for PSFusion's binary
            head; its boundary head has none.
        form: `cross-entropy`: softmax over both channels and a weighted mean (PSFusion, section
            3.2.2; GMNet). `per-channel`: a sigmoid per channel, weights on the pixels where it
            should be 1, and a plain mean (PSFusion's code).

    Raises:
        PairMismatch: The shapes do not fit.
        UnknownName: There is no such form.
    """
    if logits.shape[1] != 2 or mask.shape != (logits.shape[0], 1, *logits.shape[2:]):
        raise PairMismatch(
            f"logits {tuple(logits.shape)} and mask {tuple(mask.shape)}",
            expected="(b, 2, h, w) and (b, 1, h, w)",
        )
    forms = {"cross-entropy": _by_softmax, "per-channel": _by_sigmoids}
    return look_up("form", form, forms)(widened(logits), mask.bool(), weights or (1.0, 1.0))


def _by_softmax(logits: Tensor, mask: Tensor, weights: tuple[float, float]) -> Tensor:
    return cross_entropy(logits, mask[:, 0].long(), weights=weights)


def _by_sigmoids(logits: Tensor, mask: Tensor, weights: tuple[float, float]) -> Tensor:
    truth = torch.cat([~mask, mask], 1).to(logits)
    weight = logits.new_tensor(weights)[:, None, None]
    return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight)


def enet_weights(counts: Sequence[int], *, offset: float = 1.02) -> tuple[float, ...]:
    """Return 1 / ln(offset + p) for each class, where p is its share of all labelled pixels.

    Args:
        counts: Labelled pixels per class over the training set.
        offset: Bounds the weights: 1.02 keeps them from 1.42 to 50.5.

    Raises:
        BadValues: A count is negative, or there is no pixel at all.

    References:
        A. Paszke et al., "ENet", arXiv 1606.02147, section 5.2.
    """
    total = sum(counts)
    if total <= 0 or min(counts) < 0:
        raise BadValues(f"counts {list(counts)}", expected="pixels per class, some above 0")
    return tuple(1 / math.log(offset + count / total) for count in counts)


def _per_pixel(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(
        widened(logits), labels.long(), ignore_index=IGNORE, reduction="none"
    )


def _check(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise PairMismatch(
            f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)}",
            expected="(b, k, h, w) and (b, h, w)",
        )
    classes = logits.shape[1]
    if bool(((labels >= classes) & (labels != IGNORE) | (labels < 0)).any()):
        found = sorted(set(labels.flatten().tolist()) - {*range(classes), IGNORE})
        raise BadValues(
            f"labels {found}",
            expected=f"0 to {classes - 1}, or {IGNORE} for ignored pixels",
            remedy="Map the labels of the data set to the classes of the network.",
        )
