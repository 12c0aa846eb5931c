"""Similarity losses for pictures or features: SSIM, correlation, and Gram matrices."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from imfuse.learn.losses.batches import matched
from imfuse.learn.losses.filters import Border, smoothed
from imfuse.lookup import look_up
from imfuse.metrics.windows import gaussian_taps

Dissimilarity: TypeAlias = Literal["plain", "halved"]
Over: TypeAlias = Literal["channels", "batch"]
GramNorm: TypeAlias = Literal["root", "mean-square"]

WINDOW = 11
SIGMA = 1.5
LUMINANCE = 0.01**2
"""C1 of SSIM for pictures in [0, 1]."""
CONTRAST = 0.03**2
"""C2 of SSIM for pictures in [0, 1]."""

_EPSILON = torch.finfo(torch.float32).eps


def ssim_loss(
    picture: Tensor,
    target: Tensor,
    *,
    form: Dissimilarity = "plain",
    border: Border = "reflected",
) -> Tensor:
    """Return the structural dissimilarity of two pictures, from 1 - SSIM.

    SSIM = (2 m n + C1)(2 c + C2) / ((m^2 + n^2 + C1)(s^2 + t^2 + C2)) with the means m, n, the
    variances s^2, t^2 and the covariance c in a Gaussian window of 11x11, sigma 1.5.

    Args:
        picture: Reconstructed or fused pictures.
        target: Pictures that they should resemble.
        form: `plain`: the mean of 1 - SSIM, 0 to 2 (SMFNet, below eq. 18). `halved`: of
            clamp(1 - SSIM, 0, 1) / 2, as in kornia 0.2, which CDDFuse's and SMFNet's code calls: it
            has no gradient where the structure is inverted, and its weight counts half.
        border: Border extension; `none`: only windows inside the picture.

    Raises:
        PairMismatch: The shapes differ.
        UsageError: The pictures are smaller than the window.
        UnknownName: There is no such form.

    References:
        Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
        IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861.
    """
    picture, target = matched(picture=picture, target=target)
    distance = 1 - _similarity(picture, target, border)
    forms = {"plain": distance, "halved": distance.clamp(0, 1) / 2}
    return look_up("form", form, forms).mean()


def _similarity(one: Tensor, other: Tensor, border: Border) -> Tensor:
    taps = gaussian_taps(WINDOW, SIGMA)
    m, n, square, other_square, product = (
        smoothed(x, taps, border) for x in (one, other, one * one, other * other, one * other)
    )
    luminance = (2 * m * n + LUMINANCE) / (m * m + n * n + LUMINANCE)
    spread = square - m * m + other_square - n * n + CONTRAST
    similarity: Tensor = luminance * (2 * (product - m * n) + CONTRAST) / spread
    return similarity


def correlation(one: Tensor, other: Tensor, *, over: Over = "channels") -> Tensor:
    """Return Pearson's correlation coefficient, -1 to 1, differentiable in both.

    Args:
        one: Pictures or features.
        other: The same for the other modality.
        over: `channels`: one coefficient per channel of each sample, then their mean (CDDFuse).
            `batch`: one coefficient of all values together (the code of SMFNet, PSFusion and BFFR).

    Returns:
        The coefficient; 0 for a constant channel.

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such convention.
    """
    one, other = matched(one=one, other=other)
    start = look_up("over", over, {"channels": 2, "batch": 0})
    x, y = (_centred(values.flatten(start)) for values in (one, other))
    norms = torch.linalg.vector_norm(x, dim=-1) * torch.linalg.vector_norm(y, dim=-1)
    coefficient: Tensor = ((x * y).sum(-1) / (norms + _EPSILON)).clamp(-1, 1)
    return coefficient.mean()


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(-1, keepdim=True)


def correlation_loss(
    fused: Tensor,
    ir: Tensor,
    vis: Tensor,
    *,
    over: Over = "channels",
    epsilon: float = 1e-6,
) -> Tensor:
    """Return 1 / (r(fused, ir) + r(fused, vis)); 0.5 for full correlation with both.

    Args:
        fused: Fused pictures.
        ir: Infrared sources.
        vis: Visible sources.
        over: As for `correlation`; the papers speak of two images, but their code uses the batch.
        epsilon: Constant added to the denominator, as in PSFusion's code.

    Returns:
        At least 0.5, and smaller the larger the correlations are.

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such convention.

    References:
        PSFusion, eq. 19; BFFR (arXiv 2211.12286), its regularisation with the weight 0.001.

    Departures: as printed, the loss has a pole where the sum of correlations is 0, and is negative
        beyond it, so that descent leads away from both sources. Below a sum of 0.1, where it is
        above 10, it continues along its tangent.
    """
    total = correlation(fused, ir, over=over) + correlation(fused, vis, over=over) + epsilon
    least = total.clamp(min=_LEAST_CORRELATION)
    return 1 / least + (least - total) / _LEAST_CORRELATION**2


_LEAST_CORRELATION = 0.1
"""Sum of both correlations below which the correlation loss continues along its tangent."""


def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrix `(b, c, c)`: products of all pairs of channels, divided by c h w."""
    (features,) = matched(features=features)
    rows = features.flatten(2)
    # autocast would multiply in half precision
    with torch.autocast(features.device.type, enabled=False):
        gram: Tensor = rows @ rows.transpose(1, 2) / rows[0].numel()
    return gram


def gram_error(features: Tensor, target: Tensor, *, norm: GramNorm = "root") -> Tensor:
    """Return the distance between the Gram matrices of two batches of features.

    Args:
        features: Features of reconstructed pictures. Gram matrices are only meaningful for many
            channels: that of a gray picture is just its mean square.
        target: Features of the pictures that should be reconstructed.
        norm: `root`: the square root of the summed squares, per sample (SMFNet, eq. 20).
            `mean-square`: the mean of the squares (SMFNet's code).

    Raises:
        PairMismatch: The shapes differ.
        UnknownName: There is no such norm.

    Departures: SMFNet's equation and code use the picture itself; pass features of the encoder for
        a term that has an effect.
    """
    features, target = matched(features=features, target=target)
    difference = (gram_matrix(features) - gram_matrix(target)).flatten(1)
    norms: dict[str, Tensor] = {
        "root": torch.linalg.vector_norm(difference, dim=1),
        "mean-square": difference.square(),
    }
    return look_up("norm", norm, norms).mean()
