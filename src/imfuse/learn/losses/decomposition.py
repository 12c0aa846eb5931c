"""Decomposition loss: base features should correlate between modalities, details should not."""

from typing import Literal, NamedTuple, TypeAlias

from torch import Tensor

from imfuse.errors import UsageError
from imfuse.learn.losses.similarity import correlation

Variant: TypeAlias = Literal["paper", "release"]

DELTA = 1.01
"""Offset that keeps the divisor positive, since a correlation is at least -1."""


class Features(NamedTuple):
    """Features of one kind, `(b, c, h, w)`, of both modalities."""

    ir: Tensor
    vis: Tensor


def decomposition_loss(
    base: Features,
    detail: Features,
    *,
    interaction: Features | None = None,
    variant: Variant = "paper",
) -> Tensor:
    """Return (r(detail)^2 + r(interaction)^2) / (r(base) + 1.01).

    The loss is small if the base features of both modalities correlate and their detail features do
    not.

    Args:
        base: Features that the modalities share.
        detail: Features of each modality.
        interaction: Features from SMFNet's graph. None in its first stage and in CDDFuse, whose
            loss has no such term.
        variant: `paper`: r is the mean over channels of Pearson's coefficient, with gradients
            (also CDDFuse's release). `release`: as in SMFNet's code: r is taken over the whole
            batch, its value is **detached, so it trains nothing**, and if there is an interaction,
            the detail term counts twice instead.

    Returns:
        At least 0; up to 200 for opposite base features.

    Raises:
        PairMismatch: The features of the two modalities differ in shape.
        UsageError: There is no such variant.

    References:
        Z. Zhao et al., "CDDFuse: correlation-driven dual-branch feature decomposition", CVPR 2023;
        SMFNet (arXiv 2407.06159), eq. 26 and 27.
    """
    if variant not in ("paper", "release"):
        raise UsageError(f"variant={variant!r}", expected="one of paper, release")
    over: Literal["channels", "batch"] = "channels" if variant == "paper" else "batch"
    apart = correlation(*detail, over=over).square()
    if interaction is not None:
        second = detail if variant == "release" else interaction
        apart = apart + correlation(*second, over=over).square()
    loss: Tensor = apart / (correlation(*base, over=over) + DELTA)
    return loss if variant == "paper" else loss.detach()
