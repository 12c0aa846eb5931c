"""Lovasz-Softmax: a differentiable loss for intersection over union."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from imfuse.errors import PairMismatch
from imfuse.learn.losses.batches import matched, widened
from imfuse.lookup import look_up
from imfuse.metrics.segmentation import IGNORE

Classes: TypeAlias = Literal["present", "all"]


def lovasz_softmax(
    probabilities: Tensor, labels: Tensor, *, classes: Classes = "present"
) -> Tensor:
    """Return the Lovasz extension of 1 - IoU, averaged over the classes.

    Per class, errors (1 - p where the label is the class, else p) are sorted in descending order
    and weighted by the growth of 1 - IoU when the pixels so far are wrong; if all p are 0 or 1, the
    loss equals 1 - IoU.

    Args:
        probabilities: `(b, k, h, w)`, 0 to 1, after the softmax.
        labels: `(b, h, w)` integers from 0 to k - 1, 255 for ignored pixels.
        classes: `present`: average over the classes in the batch's labels; `all`: include absent
            classes, whose loss is the largest probability that they get.

    Returns:
        0 to 1; 0 if all pixels are ignored.

    Raises:
        PairMismatch: The shapes do not match.
        UnknownName: `classes` has no such choice.

    References:
        M. Berman, A. Rannen Triki, M. B. Blaschko, "The Lovasz-Softmax loss", CVPR 2018,
        algorithm 1; SMFNet (arXiv 2407.06159), eq. 21 to 25.
    """
    if labels.shape != (probabilities.shape[0], *probabilities.shape[2:]):
        raise PairMismatch(
            f"probabilities {tuple(probabilities.shape)} and labels {tuple(labels.shape)}",
            expected="(b, k, h, w) and (b, h, w)",
        )
    predicted = widened(probabilities).transpose(0, 1).flatten(1)[:, labels.flatten() != IGNORE]
    flat = labels.flatten()[labels.flatten() != IGNORE]
    if not flat.numel():
        return predicted.sum()
    true = flat == torch.arange(len(predicted), device=flat.device)[:, None]
    losses = _extension((true.to(predicted) - predicted).abs(), true)
    counted = look_up("classes", classes, {"present": true.any(1), "all": true.new_ones(len(true))})
    return losses[counted].mean()


def _extension(errors: Tensor, true: Tensor) -> Tensor:
    """Return one loss per row."""
    errors, order = errors.sort(1, descending=True)
    # float64: between pixels, 1 - IoU changes by less than float32 can resolve
    right = true.gather(1, order).double()
    total = right.sum(1, keepdim=True)
    loss = 1 - (total - right.cumsum(1)) / (total + (1 - right).cumsum(1))
    growth = torch.diff(loss, dim=1, prepend=torch.zeros_like(total))
    return (errors * growth.to(errors)).sum(1)


def lovasz_of_pictures(picture: Tensor, target: Tensor) -> Tensor:
    """Return Lovasz-Softmax of gray pictures, treated as two classes: dark and bright.

    A pixel is bright where the target is above its own mean; the picture's value is the probability
    of bright, and one minus the value that of dark.

    Args:
        picture: Reconstructed pictures `(b, 1, h, w)` in [0, 1].
        target: Pictures to reconstruct.

    Raises:
        PairMismatch: The shapes differ, or there is more than one channel.

    References:
        The semantic loss of SMFNet (arXiv 2407.06159), eq. 23.

    Departures: the paper does not say how pictures become classes, and in its code the softmax of
    one channel is 1 everywhere, so that it trains nothing. This interpretation does train. Its
    minimum is not at the target but at a black-and-white picture.
    """
    picture, target = matched(picture=picture, target=target)
    if picture.shape[1] != 1:
        raise PairMismatch(f"{picture.shape[1]} channels", expected="gray pictures (b, 1, h, w)")
    bright = target > target.mean((2, 3), keepdim=True)
    return lovasz_softmax(torch.cat([1 - picture, picture], 1), bright[:, 0].long())
